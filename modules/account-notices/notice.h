/* SPDX-License-Identifier: MIT
 * Declares a notice: what happened to the account of a user, kept until mail about it has been delivered.
 */
#pragma once
#include <satchel/account_event.h>

/* So many bytes are kept of each text that a client or an administrator chose. */
#define NOTICE_TEXT_BYTES 128u
#define NOTICE_USER_BYTES 320u

typedef struct Notice
{
  guint64 id;
  guint kind; /* SatchelAccountEventKind */
  char *user, *network, *service, *client, *label;
  gint64 time_s;
  /* The members below are in memory only. */
  guint n_tries;
  gint64 due_ms;
  gboolean is_sent; /* the mail of the notice is being delivered */
} Notice;

#define NOTICE_KINDS 6u /* one more than the highest kind */

/* Makes a notice, whose texts become valid UTF-8 of one line and bounded length. NULL means that there can be
 * no such user. */
Notice *notice_new (const SatchelAccountEvent *event);
void notice_free (Notice *notice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Notice, notice_free)
/* Returns the name of a kind, such as "factor-added"; NULL if there is no such kind. */
const char *notice_kind_name (guint kind);
/* Returns the kind of that name; 0 if there is none. */
guint notice_kind_find (const char *name);

/* These write a notice as a record of the file, and read it back. NULL means that @record is none. */
char *notice_record (const Notice *notice);
Notice *notice_parse (const char *record);
