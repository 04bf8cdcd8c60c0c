/* SPDX-License-Identifier: MIT
 * Declares names of message files: what they say, and how ours are made. Pure functions.
 */
#pragma once
#include <satchel/storage.h>
#include <sys/stat.h>

#define MD_NAME_MAX 255u
#define MD_UID_MAX 4294000000u
#define MD_EMAIL_ID_FIELD 26u

/* A file name holds these facts; lengths count from its start. */
typedef struct MdName
{
  guint base_len;                  /* up to ":2," or the end */
  guint id_len;                    /* up to the first ',' */
  gboolean has_uid;                /* the name has U=, so Satchel made it, for some mailbox */
  guint32 uidvalidity, uid, times; /* `times`: the content was exchanged so often */
  gboolean has_size, has_wire, has_length, has_date, is_raw; /* has_wire: and W= can be true */
  gboolean is_odd;            /* the sizes contradict each other, or are no numbers */
  guint64 size, wire, length; /* S=, W=, D= */
  gint64 date;                /* T=; without it the leading number if has_uid */
  gboolean has_flags;         /* the name has ":2," */
  guint32 flags;
  guint32 letters; /* a bit for each keyword letter */
} MdName;

/* Satchel makes a file name of these parts. */
typedef struct MdNameParts
{
  const char *prefix; /* see md_name_id */
  guint64 size;
  guint64 wire;   /* SATCHEL_SIZE_UNKNOWN: left out */
  guint64 length; /* left out if it equals `wire` */
  gint64 date;
  gboolean is_raw;
  guint32 uidvalidity, uid, times; /* `times` 0: left out */
} MdNameParts;

void md_name_parse (const char *name, gsize len, MdName *ret);
/* Compares the sizes in a name with the file.  FALSE means that S= is not the size of the file, so that W=
 * says nothing either. */
gboolean md_name_fits (const char *name, gsize len, const struct stat *st);
/* Reads a decimal number, perhaps after "-", that ends at @end. FALSE means that it is none, or too big. */
gboolean md_parse_signed (const char *p, const char *end, gint64 *ret);
/* Appends "PREFIX,S=..,W=..,U=V.UID[.TIMES]" to @out. FALSE means that it would be too long for a file. */
gboolean md_name_build (GString *out, const MdNameParts *parts);
/* Appends ":2,FLAGS". @unknown: letters of md_name_unknown to keep, or NULL. */
void md_name_append_flags (GString *out, guint32 flags, guint32 letters, const char *unknown);
/* Appends the base name without our fields. Copies keep it, and the email id is made from it. */
void md_name_id (const char *name, gsize base_len, GString *out);
/* Finds the email id (RFC 8474): field E, or a hash of md_name_id. */
void md_name_email_id (const char *name, gsize base_len, guint8 ret_id[16]);
/* Makes ",E=ID", to be appended to a prefix, of which it is a part from then on. */
void md_name_make_email_id (const guint8 id[16], char ret_field[MD_EMAIL_ID_FIELD]);
/* Appends the letters after ":2," that mean nothing to us and stay when we rename the file. */
void md_name_unknown (const char *name, gsize len, guint32 known_letters, GString *out);
