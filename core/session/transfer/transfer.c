/* SPDX-License-Identifier: MIT
 * Keeps what an import and an export share.
 */
#include "config.h"

#include "core/session/transfer/transfer.h"

#include "core/session/admin/alone.h"
#include "core/storage/store/store_open.h"

#define NAP_US (100 * 1000)
/* More are counted only. */
#define PROBLEMS_SHOWN 1000u

gboolean
satchel_transfer_begin (SatchelTransfer *transfer, SatchelAdminCall *call, SatchelCause cause,
                        gboolean needs_files, GError **error)
{
  transfer->call = call;
  transfer->user = satchel_admin_access (call)->owner;
  transfer->began_us = g_get_monotonic_time ();
  transfer->is_alone = satchel_admin_be_alone ("transfer", transfer->user);
  if (!transfer->is_alone)
    return satchel_error_set (error, SATCHEL_ERROR_INUSE,
                              "an import or export of %s is at work; interrupt it first, or wait",
                              transfer->user);
  if (needs_files && (transfer->files = satchel_files_new (call, error)) == NULL)
    return FALSE;
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  if (store == NULL)
    return FALSE;
  const SatchelAccess *admin = satchel_admin_access (call);
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = cause,
                                                                            .owner = admin->owner,
                                                                            .service = admin->service,
                                                                            .session_id = admin->session_id,
                                                                            .peer = admin->peer,
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  transfer->store = satchel_store_with_access (store, access);
  return TRUE;
}

void
satchel_transfer_clear (SatchelTransfer *transfer)
{
  if (transfer->is_alone)
    satchel_admin_end_alone ("transfer", transfer->user);
  g_clear_pointer (&transfer->files, satchel_files_free);
  g_clear_pointer (&transfer->store, satchel_store_unref);
}

gboolean
satchel_transfer_step (SatchelTransfer *transfer, GError **error)
{
  char what[96];
  const gint64 ran_s = (g_get_monotonic_time () - transfer->began_us) / G_USEC_PER_SEC;
  const guint64 left = transfer->length > transfer->position ? transfer->length - transfer->position : 0;
  if (ran_s > 1 && transfer->position > 0 && left > 0)
    g_snprintf (what, sizeof what, "%" G_GUINT64_FORMAT " messages, %" G_GUINT64_FORMAT " s left, bytes",
                transfer->n_messages,
                (guint64) ((double) left * (double) ran_s / (double) transfer->position));
  else
    g_snprintf (what, sizeof what, "%" G_GUINT64_FORMAT " messages, bytes", transfer->n_messages);
  if (satchel_store_is_released (transfer->store))
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "the user's mail is being moved; run the command again");
  if (satchel_admin_is_cancelled (transfer->call)
      || !satchel_admin_progress (transfer->call, transfer->position, transfer->length, what))
    return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
  return TRUE;
}

gboolean
satchel_transfer_keep_rate (SatchelTransfer *transfer, guint64 n_bytes, GError **error)
{
  const gint64 now_us = g_get_monotonic_time ();
  if (transfer->bytes_per_s == 0)
    return satchel_transfer_step (transfer, error);
  const double wanted_us = (double) n_bytes * G_USEC_PER_SEC / (double) transfer->bytes_per_s;
  transfer->slept_us = MAX (transfer->slept_us, now_us) + (gint64) MIN (wanted_us, G_MAXINT32);
  for (gint64 left_us = transfer->slept_us - now_us; left_us > 0;
       left_us = transfer->slept_us - g_get_monotonic_time ())
    {
      g_usleep ((gulong) MIN (left_us, NAP_US));
      if (!satchel_transfer_step (transfer, error))
        return FALSE;
    }
  return satchel_transfer_step (transfer, error);
}

void
satchel_transfer_problem (SatchelTransfer *transfer, const char *file, guint64 offset, GError *error)
{
  g_autoptr (GError) owned = error;
  g_autofree char *valid = g_utf8_make_valid (*file != '\0' ? file : "the file", -1);
  const SatchelAdminField fields[] = { SATCHEL_ADMIN_TEXT ("problem", owned->message),
                                       SATCHEL_ADMIN_TEXT ("file", valid),
                                       SATCHEL_ADMIN_NUMBER ("offset", (gint64) offset) };
  if (transfer->n_problems++ < PROBLEMS_SHOWN)
    (void) satchel_admin_fields (transfer->call, fields, offset != G_MAXUINT64 ? 3 : 2);
}

gboolean
satchel_transfer_is_end (const GError *error)
{
  return g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED)
         || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
}

gboolean
satchel_transfer_is_fatal (const GError *error)
{
  if (error->domain != SATCHEL_ERROR)
    return TRUE;
  switch ((SatchelErrorCode) error->code)
    {
    case SATCHEL_ERROR_LIMIT:
    case SATCHEL_ERROR_CANNOT:
    case SATCHEL_ERROR_LOCKED:
    case SATCHEL_ERROR_GONE:
    case SATCHEL_ERROR_INVALID:
    case SATCHEL_ERROR_BADCHARSET:
      return FALSE;
    case SATCHEL_ERROR_FAILED:
    case SATCHEL_ERROR_NONEXISTENT:
    case SATCHEL_ERROR_ALREADYEXISTS:
    case SATCHEL_ERROR_OVERQUOTA:
    case SATCHEL_ERROR_NOPERM:
    case SATCHEL_ERROR_INUSE:
    case SATCHEL_ERROR_UNAVAILABLE:
    case SATCHEL_ERROR_CORRUPT:
    case SATCHEL_ERROR_IO:
    case SATCHEL_ERROR_TIMEOUT:
    case SATCHEL_ERROR_CANCELLED:
    case SATCHEL_ERROR_NOSPACE:
    case SATCHEL_ERROR_ACCESS:
    case SATCHEL_ERROR_RESOURCES:
      return TRUE;
    }
  return TRUE;
}

gboolean
satchel_transfer_end (SatchelTransfer *transfer, const char *state, GError **error)
{
  if (!satchel_admin_record (
          transfer->call, SATCHEL_ADMIN_TEXT ("user", transfer->user), SATCHEL_ADMIN_TEXT ("state", state),
          SATCHEL_ADMIN_NUMBER ("mailboxes", transfer->n_mailboxes),
          SATCHEL_ADMIN_NUMBER ("messages", (gint64) transfer->n_messages),
          SATCHEL_ADMIN_NUMBER ("done", (gint64) transfer->n_done),
          SATCHEL_ADMIN_NUMBER ("known", (gint64) transfer->n_known),
          SATCHEL_ADMIN_NUMBER ("failed", (gint64) transfer->n_failed),
          SATCHEL_ADMIN_NUMBER ("bytes", (gint64) transfer->n_bytes),
          SATCHEL_ADMIN_NUMBER ("problems", (gint64) transfer->n_problems),
          SATCHEL_ADMIN_NUMBER ("seconds", (g_get_monotonic_time () - transfer->began_us) / G_USEC_PER_SEC)))
    return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
  return transfer->n_problems == 0
         || satchel_error_set (error, SATCHEL_ERROR_FAILED,
                               "%" G_GUINT64_FORMAT " problems were found (above); all else is done",
                               transfer->n_problems);
}
