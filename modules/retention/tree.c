/* SPDX-License-Identifier: MIT
 * This file makes the mailboxes of the tree, and removes empty ones; see tree.h.
 */
#include "tree.h"

#include <satchel/mailbox_name.h>
#include <string.h>

/* Opens mailbox @stored, which is made if it is missing. */
static SatchelStorageMailbox *
hold (SatchelStorage *storage, const SatchelAccess *access, const char *stored, GError **error)
{
  Retention *self = storage->self;
  g_autoptr (GError) local = NULL;
  SatchelStorageMailbox *mailbox = satchel_storage_hold_mailbox (storage, access, stored, &local);
  if (mailbox == NULL && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_clear_error (&local);
      if (satchel_storage_create (storage, access, stored, 0, &local))
        mailbox = satchel_storage_hold_mailbox (storage, access, stored, &local);
    }
  if (mailbox == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (mailbox);
  if (snapshot->state.n_messages == 0)
    g_atomic_int_inc (&self->names_changed); /* it is not shown while it is empty */
  return mailbox;
}

/* Says whether an error is due to the name, and not to the machine. */
static gboolean
is_of_name (const GError *error)
{
  return error->domain == SATCHEL_ERROR
         && (error->code == SATCHEL_ERROR_INVALID || error->code == SATCHEL_ERROR_CANNOT
             || error->code == SATCHEL_ERROR_LIMIT);
}

SatchelStorageMailbox *
retention_tree_hold (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                     gboolean *ret_has_name, GError **error)
{
  g_autofree char *stored = g_strconcat (RETENTION_STORED "/", name, NULL);
  g_autoptr (GError) local = NULL;
  *ret_has_name = FALSE;
  if (strlen (stored) <= SATCHEL_MAILBOX_NAME_BYTES && strcmp (stored, RETENTION_SHARED) != 0)
    {
      SatchelStorageMailbox *mailbox = hold (storage, access, stored, &local);
      *ret_has_name = mailbox != NULL;
      if (mailbox != NULL)
        return mailbox;
      if (!is_of_name (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
    }
  return hold (storage, access, RETENTION_SHARED, error);
}

/* ---- removal of empty mailboxes ---- */

typedef struct Removal
{
  const SatchelAccess *access;
  const char *stored;
} Removal;

static gboolean
remove_empty (SatchelStorage *storage, gpointer data, GError **error)
{
  const Removal *removal = data;
  SatchelMailboxState state = { 0 };
  if (!satchel_storage_status (storage, removal->access, removal->stored, &state, error))
    return FALSE;
  return state.n_messages > 0 || satchel_storage_remove (storage, removal->access, removal->stored, error);
}

gboolean
retention_tree_remove_empty (SatchelStorage *storage, const SatchelAccess *access, const char *stored,
                             GError **error)
{
  Retention *self = storage->self;
  Removal removal = { access, stored };
  gboolean ok = satchel_storage_run_in_turn (storage, remove_empty, &removal, error);
  retention_books_changed (&self->books, NULL);
  return ok;
}
