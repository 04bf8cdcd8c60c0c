/* SPDX-License-Identifier: MIT
 * Writes the numbers of a mailbox for STATUS, and for LIST ... RETURN (STATUS ...) (RFC 5819).
 */
#pragma once
#include "imap_session.h"

typedef struct ImapMailboxStatus
{
  SatchelMailboxState state;
  guint32 n_recent;
  guint64 size_bytes;    /* only if SIZE was asked for */
  guint64 deleted_bytes; /* only if DELETED-STORAGE was asked for */
} ImapMailboxStatus;

/* Looks at mailbox @name (of storage).  DONE: @ret is filled, or @error is set; BLOCK: it has to be called in
 * a job. */
ImapStep imap_status_look (ImapSession *session, const char *name, guint items, gboolean may_block,
                           ImapMailboxStatus *ret_status, GError **error);
/* Writes "* STATUS ...".  @client_name: as clients see it, UTF-8. */
void imap_status_write (ImapSession *session, const char *client_name, guint items,
                        const ImapMailboxStatus *status);
