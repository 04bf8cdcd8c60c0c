/* SPDX-License-Identifier: MIT
 * Finds mailboxes of a store by their ids, whatever they are called by now.  One thread.
 */
#pragma once
#include <satchel/storage.h>

typedef struct SpamMailboxes SpamMailboxes;
SpamMailboxes *spam_mailboxes_new (SatchelStore *store); /* @store: borrowed */
void spam_mailboxes_free (SpamMailboxes *mailboxes);
/* Returns the mailbox, borrowed from @mailboxes; NULL: there is none.  [blocks] */
SatchelMailbox *spam_mailboxes_find (SpamMailboxes *mailboxes, const guint8 id[16]);
