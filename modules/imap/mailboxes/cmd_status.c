/* SPDX-License-Identifier: MIT
 * Implements STATUS (RFC 3501 6.3.10) with SIZE (RFC 8438), DELETED (RFC 9051 6.3.11), APPENDLIMIT (RFC
 * 7889), MAILBOXID (RFC 8474 4.3), HIGHESTMODSEQ (RFC 7162 3.1.7) and DELETED-STORAGE (RFC 9208 4.1.4).
 */
#include "messages/objectid.h"
#include "mailboxes/status.h"

#include <satchel/attributes.h>

#define BATCH 128u

static guint32
count_recent (const SatchelSnapshot *snapshot)
{
  guint32 index;
  satchel_snapshot_find (snapshot, snapshot->state.first_recent_uid, &index);
  return snapshot->state.n_messages - index;
}

/* Adds the sizes of @n messages whose sizes storage does not know yet.  A message that has gone adds none. */
static gboolean
add_sizes (SatchelMailbox *mailbox, const guint32 *uids, guint n, guint64 *size_bytes, GError **error)
{
  GBytes *attributes[BATCH] = { NULL };
  gboolean ok = satchel_mailbox_attributes (mailbox, uids, n, attributes, NULL, error);
  for (guint i = 0; i < n; i++)
    if (attributes[i] != NULL)
      {
        *size_bytes += satchel_attributes_size (attributes[i]);
        g_bytes_unref (attributes[i]);
      }
  return ok;
}

/* Adds up the bytes that EXPUNGE would free (RFC 9208 4.1.4). */
static gboolean
sum_deleted (SatchelMailbox *mailbox, const SatchelSnapshot *snapshot, guint64 *ret_bytes, GError **error)
{
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  SatchelUsage usage;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    for (guint row = 0; row < snapshot->chunks[c]->n; row++)
      if ((snapshot->chunks[c]->flags[row] & SATCHEL_FLAG_DELETED) != 0)
        satchel_uid_set_add (&uids, snapshot->chunks[c]->uid[row], snapshot->chunks[c]->uid[row]);
  if (!satchel_mailbox_usage (mailbox, &uids, &usage, error))
    return FALSE;
  *ret_bytes = usage.bytes;
  return TRUE;
}

/* SIZE may never be less than the sum of RFC822.SIZE (RFC 8438 3), so sizes that are unknown are found out.
 */
static ImapStep
sum_sizes (ImapSession *session, SatchelMailbox *mailbox, const SatchelSnapshot *snapshot, gboolean may_block,
           guint64 *size_bytes, GError **error)
{
  guint32 uids[BATCH];
  guint n = 0;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    for (guint row = 0; row < snapshot->chunks[c]->n; row++)
      {
        if (snapshot->chunks[c]->size[row] != SATCHEL_SIZE_UNKNOWN)
          continue;
        if (!may_block)
          return IMAP_STEP_BLOCK;
        uids[n++] = snapshot->chunks[c]->uid[row];
        if (n < BATCH)
          continue;
        n = 0;
        if (imap_session_is_cancelled (session) || !add_sizes (mailbox, uids, BATCH, size_bytes, error))
          return IMAP_STEP_DONE;
      }
  if (n > 0)
    add_sizes (mailbox, uids, n, size_bytes, error);
  return IMAP_STEP_DONE;
}

/* Fills in what a snapshot says of a mailbox that is open.  BLOCK: ask again in a job; an error is in
 * *error. */
static ImapStep
look_in (ImapSession *session, SatchelMailbox *mailbox, guint items, gboolean may_block,
         ImapMailboxStatus *status, GError **error)
{
  if (!satchel_mailbox_check_rights (mailbox, SATCHEL_RIGHT_READ, error))
    return IMAP_STEP_DONE;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  status->state = snapshot->state;
  status->n_recent = count_recent (snapshot);
  status->size_bytes = snapshot->state.size_bytes;
  if ((items & IMAP_STATUS_SIZE)
      && sum_sizes (session, mailbox, snapshot, may_block, &status->size_bytes, error) == IMAP_STEP_BLOCK)
    return IMAP_STEP_BLOCK;
  if (*error != NULL || !(items & IMAP_STATUS_DELETED_STORAGE) || snapshot->state.n_deleted == 0)
    return IMAP_STEP_DONE;
  if (!may_block)
    return IMAP_STEP_BLOCK;
  (void) sum_deleted (mailbox, snapshot, &status->deleted_bytes, error);
  return IMAP_STEP_DONE;
}

/* Says whether messages have to be looked at, since only they show whether all sizes are known. */
static gboolean
asks_for_sizes (const SatchelMailboxState *state, guint items)
{
  return ((items & IMAP_STATUS_SIZE) && state->n_messages > 0)
         || ((items & IMAP_STATUS_DELETED_STORAGE) && state->n_deleted > 0);
}

/* Fills in what the store knows of a mailbox that nobody has open.  [blocks] */
static gboolean
look_at (ImapSession *session, const char *name, ImapMailboxStatus *status, GError **error)
{
  if (!satchel_store_status (session->store, name, &status->state, error))
    return FALSE;
  guint32 n_new = status->state.uidnext - MIN (status->state.first_recent_uid, status->state.uidnext);
  status->n_recent = MIN (n_new, status->state.n_messages);
  return TRUE;
}

ImapStep
imap_status_look (ImapSession *session, const char *name, guint items, gboolean may_block,
                  ImapMailboxStatus *ret_status, GError **error)
{
  if (items & IMAP_STATUS_HIGHESTMODSEQ)
    imap_session_enable (session, IMAP_ENABLED_CONDSTORE);
  ImapMailboxStatus status = { 0 };
  g_autoptr (GError) local = NULL;
  g_autoptr (SatchelMailbox) mailbox = satchel_store_peek_mailbox (session->store, name);
  if (mailbox == NULL && !may_block)
    return IMAP_STEP_BLOCK;
  if (mailbox == NULL && look_at (session, name, &status, &local) && asks_for_sizes (&status.state, items))
    mailbox = satchel_store_open_mailbox (session->store, name, &local);
  if (mailbox != NULL && look_in (session, mailbox, items, may_block, &status, &local) == IMAP_STEP_BLOCK)
    return IMAP_STEP_BLOCK;
  if (local != NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  else
    *ret_status = status;
  return IMAP_STEP_DONE;
}

void
imap_status_write (ImapSession *session, const char *client_name, guint items,
                   const ImapMailboxStatus *status)
{
  const SatchelMailboxState *state = &status->state;
  const struct
  {
    guint item;
    const char *name;
    guint64 value;
  } values[] = {
    { IMAP_STATUS_MESSAGES, "MESSAGES", state->n_messages },
    { IMAP_STATUS_RECENT, "RECENT", status->n_recent },
    { IMAP_STATUS_UIDNEXT, "UIDNEXT", state->uidnext },
    { IMAP_STATUS_UIDVALIDITY, "UIDVALIDITY", state->uidvalidity },
    { IMAP_STATUS_UNSEEN, "UNSEEN", state->n_unseen },
    { IMAP_STATUS_DELETED, "DELETED", state->n_deleted },
    { IMAP_STATUS_HIGHESTMODSEQ, "HIGHESTMODSEQ", state->highestmodseq },
    { IMAP_STATUS_SIZE, "SIZE", status->size_bytes },
    { IMAP_STATUS_DELETED_STORAGE, "DELETED-STORAGE", status->deleted_bytes },
    { IMAP_STATUS_APPENDLIMIT, "APPENDLIMIT", imap_append_limit (&session->settings) },
  };
  ImapWriter *writer = &session->writer;
  const char *separator = " (";
  imap_write (writer, "* STATUS ");
  imap_write_mailbox (writer, client_name);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    if (items & values[i].item)
      {
        imap_write (writer, separator);
        imap_write (writer, values[i].name);
        imap_write (writer, " ");
        imap_write_number (writer, values[i].value);
        separator = " ";
      }
  if (items & IMAP_STATUS_MAILBOXID)
    {
      char id[IMAP_OBJECTID_SIZE];
      imap_mailbox_id (state->mailbox_id, id);
      imap_write_format (writer, "%sMAILBOXID (%s)", separator, id);
    }
  imap_write (writer, ")\r\n");
}

ImapStep
imap_run_status (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapStatusArguments *arguments = command->arguments;
  g_autofree char *name = imap_name_to_internal (session, arguments->name, &error);
  if (name == NULL)
    return imap_command_error (session, command, error);
  ImapMailboxStatus status;
  if (imap_status_look (session, name, arguments->items, may_block, &status, &error) == IMAP_STEP_BLOCK)
    return IMAP_STEP_BLOCK;
  if (error != NULL)
    return imap_command_error (session, command, error);
  g_autofree char *client_name = imap_name_to_client (session, name);
  imap_status_write (session, client_name, arguments->items, &status);
  return imap_command_ok (command, "STATUS completed.");
}
