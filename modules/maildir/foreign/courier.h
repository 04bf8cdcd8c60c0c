/* SPDX-License-Identifier: MIT
 * Declares Courier's files of a mailbox, which are read when a Maildir is taken over, and kept up to date
 * beside ours.
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdMailbox MdMailbox;

#define MD_COURIER_UIDS "courierimapuiddb"
#define MD_COURIER_POP3 "courierpop3dsizelist"
#define MD_COURIER_KEYWORDS "courierimapkeywords"

/* Writes Courier's keywords as letters into the names of the files, before the first scan.
 * @is_first: Satchel sees the mailbox for the first time. */
gboolean md_courier_take_keywords (MdMailbox *mb, gboolean is_first, GError **error);
/* Notes a change of ours: Courier's files are out of date from then on, so the file that marks them as
 * current is removed. */
gboolean md_courier_changed (MdMailbox *mb, GError **error);
/* Returns unique ids that Courier's POP3 server told: base of the file's name to "P" and the id. The caller
 * unrefs it. */
GHashTable *md_courier_unique_ids (MdMailbox *mb, GError **error);
/* Says whether Courier has no list of this mailbox. */
gboolean md_courier_lacks (const MdMailbox *mb);
/* Writes Courier's files if the mailbox changed. */
void md_courier_write (MdMailbox *mb);
