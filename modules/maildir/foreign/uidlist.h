/* SPDX-License-Identifier: MIT
 * Declares `dovecot-uidlist`: the UIDs of files whose names do not say them. How the file is read, and how a
 * line is made.
 */
#pragma once
#include <satchel/storage.h>

#define MD_UIDLIST_FILE "dovecot-uidlist"

typedef struct MdUidlistLine
{
  guint32 uid;
  guint32 base_len;
  const char *base;   /* the file's name without flags; points into `data` */
  gint64 date;        /* SATCHEL_DATE_UNKNOWN: the line has none */
  const char *fields; /* between UID and ':'; points into `data` */
  guint32 fields_len;
  gboolean is_checked; /* Satchel wrote the line: it has a checksum, and that is right */
} MdUidlistLine;

typedef struct MdUidlist
{
  GByteArray *data;
  GArray *lines; /* MdUidlistLine, ascending by uid */
  guint32 *buckets;
  guint mask, version;
  guint32 uidvalidity, uidnext; /* from the header; 0: it has none */
  char guid[33];                /* from the header; "": it has none */
  gboolean is_damaged;          /* lines were skipped since they are malformed */
  gboolean is_unsorted;
} MdUidlist;

/* One message gives one line of the list. */
typedef struct MdListed
{
  guint32 uid, len;
  const char *base;
  gint64 date;
  const char *fields; /* fields of another server, "P... G..."; its C and T are left out */
  gsize fields_len;
} MdListed;

/* Reads the lines that count under @uidvalidity; 0: that of the header. A file that is missing is an empty
 * list. NULL: the file cannot be read just now. */
MdUidlist *md_uidlist_load (int dirfd, const char *file, guint32 uidvalidity, GError **error);
void md_uidlist_free (MdUidlist *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MdUidlist, md_uidlist_free)
const MdUidlistLine *md_uidlist_find (const MdUidlist *list, const char *base, guint len);
/* Finds a line by its base name.  @hash is satchel_keyed_hash of @base. */
const MdUidlistLine *md_uidlist_find_hashed (const MdUidlist *list, guint64 hash, const char *base,
                                             guint len);
/* Returns the value of the first field @key, without a NUL at its end; NULL means that the line has no such
 * field. */
const char *md_uidlist_field (const MdUidlistLine *line, char key, gsize *ret_len);
/* Says whether any line saves a POP3 unique id. */
gboolean md_uidlist_has_unique_ids (const MdUidlist *list);
/* Appends a line to @out.  @unique_id NULL: the unique id is that in `fields`, if any. */
void md_uidlist_line (GString *out, guint32 uidvalidity, const MdListed *file, const char *unique_id);
