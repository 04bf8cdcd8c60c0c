/* SPDX-License-Identifier: MIT
 * Says what an import and an export share: whose mail, which files, how far it is, and what went wrong so
 * far.
 */
#pragma once
#include <satchel/admin.h>

#include "core/session/transfer/files.h"

typedef struct SatchelTransfer
{
  SatchelAdminCall *call;
  const char *user;
  SatchelStore *store;
  SatchelFiles *files;
  gboolean is_dry, is_alone;
  guint64 bytes_per_s; /* 0: there is no limit */
  guint n_mailboxes;
  guint64 n_messages; /* messages that were found */
  guint64 n_done;     /* messages that this run has imported or exported */
  guint64 n_known;    /* messages that an earlier run had done */
  guint64 n_failed, n_problems;
  guint64 n_bytes;          /* bytes of the messages of this run */
  guint64 position, length; /* progress in bytes; `length` 0: not known */
  gint64 began_us, slept_us;
} SatchelTransfer;

/* Opens the user's store, with an access of @cause, and the files if they are needed.  INUSE: another import
 * or export of the user is at work. */
gboolean satchel_transfer_begin (SatchelTransfer *transfer, SatchelAdminCall *call, SatchelCause cause,
                                 gboolean needs_files, GError **error);
void satchel_transfer_clear (SatchelTransfer *transfer);
/* Reports progress.  CANCELLED: the command was cancelled.  UNAVAILABLE: the user's mail is being moved. */
gboolean satchel_transfer_step (SatchelTransfer *transfer, GError **error);
/* Reports progress, and sleeps as long as the rate asks for. */
gboolean satchel_transfer_keep_rate (SatchelTransfer *transfer, guint64 n_bytes, GError **error);
/* Reports a problem with one message, file or mailbox; the others go on.  @offset is in the file, or
 * G_MAXUINT64.  Takes @error over. */
void satchel_transfer_problem (SatchelTransfer *transfer, const char *file, guint64 offset, GError *error);
/* Says whether the error means that the administrator, or the lent files, have gone. */
gboolean satchel_transfer_is_end (const GError *error);
/* Says whether the error concerns more than one message, so that going on makes no sense. */
gboolean satchel_transfer_is_fatal (const GError *error);
/* Tells what was done, and fails if something went wrong.  @state: in a word or two. */
gboolean satchel_transfer_end (SatchelTransfer *transfer, const char *state, GError **error);
