/* SPDX-License-Identifier: MIT
 * Declares object ids of mailboxes and messages as clients see them (RFC 8474 4, 5).
 */
#pragma once
#include <satchel/store.h>

#define IMAP_OBJECTID_SIZE 34 /* a letter, 32 lower-case hex digits, a NUL */

/* Writes "F" and the id of a mailbox (RFC 8474 4). */
void imap_mailbox_id (const guint8 id[16], char ret_id[IMAP_OBJECTID_SIZE]);
/* Writes "M" and the store's email id.  Errors: GONE, IO.  [blocks] */
gboolean imap_email_id (SatchelMailbox *mailbox, guint32 uid, char ret_id[IMAP_OBJECTID_SIZE],
                        GError **error);
/* Writes "T" and a hash of the conversation's first message id: that of References, else of In-Reply-To, else
 * the message's own; without any the email id.  @attributes are those of the message.  [blocks] */
gboolean imap_thread_id (SatchelMailbox *mailbox, guint32 uid, GBytes *attributes,
                         char ret_id[IMAP_OBJECTID_SIZE], GError **error);
