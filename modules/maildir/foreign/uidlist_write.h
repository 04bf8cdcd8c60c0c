/* SPDX-License-Identifier: MIT
 * Writes the UID list of a mailbox.
 */
#pragma once
#include "foreign/uidlist.h"

typedef struct MdMailbox MdMailbox;

/* Says whether the list names files of ours as well, because the other server may come back. */
gboolean md_uidlist_has_ours (const MdMailbox *mb);
/* Appends the line of @file, with its unique id where the format would make another. */
void md_uidlist_add (const MdMailbox *mb, const MdListed *file, GString *out);
/* Appends the lines of all known messages, with what @old says of them, and of @arrivals (MdListed, or NULL).
 */
void md_uidlist_everything (const MdMailbox *mb, const MdUidlist *old, const GArray *arrivals, GString *out);
/* A change of the file is made of lines. */
typedef struct MdUidlistChange
{
  const GString *lines;
  gboolean is_whole;   /* the lines are all that there are, so the file is replaced */
  gboolean is_durable; /* the file is synced */
  guint32 uidnext;     /* UIDNEXT for the header */
  const char *guid;    /* GUID for the header; "": the mailbox id */
} MdUidlistChange;
gboolean md_uidlist_write (MdMailbox *mb, const MdUidlistChange *change, GError **error);
/* Appends, durably, lines of our own files that have unique ids of their own. */
gboolean md_uidlist_add_saved (MdMailbox *mb, const GString *lines, GError **error);
/* Lists our own files where the other server may come back. A failure is logged and fails no operation. */
void md_uidlist_add_ours (MdMailbox *mb);
