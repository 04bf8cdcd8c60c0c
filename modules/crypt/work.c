/* SPDX-License-Identifier: MIT
 * Gives mail of before the form that mail is to have, mailbox by mailbox.  `next` says of each mailbox from
 * which UID on messages have not been looked at.
 */
#include "work.h"
#include "work_batch.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

#define BLOB "work"
#define AREA "crypt"
#define HEAD_BYTES (CRYPT_KEY_ID_BYTES + 1u)
#define ROW_BYTES (16u + 4u)
#define SAVE_US (2 * (gint64) G_USEC_PER_SEC)
#define NAP_US 50000

static guint64 own_rate;

void
crypt_work_set_rate (guint64 bytes_per_s)
{
  own_rate = bytes_per_s;
}

/* ---- how far it is ---- */

static guint
hash_id (gconstpointer id)
{
  return (guint) satchel_keyed_hash (id, 16);
}

static gboolean
is_same_id (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, 16) == 0;
}

/* Reads what is done, if that was for the form that counts now. */
static gboolean
load_next (CryptWork *work, GError **error)
{
  guint8 id[CRYPT_KEY_ID_BYTES];
  g_autoptr (GError) why = NULL;
  work->is_finished = FALSE;
  work->next = g_hash_table_new_full (hash_id, is_same_id, g_free, NULL);
  g_autoptr (GBytes) value = satchel_storage_get_blob (work->storage, work->access, CRYPT_SPACE, BLOB, &why);
  if (value == NULL)
    {
      if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT)
          || g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  gsize len;
  const guint8 *at = g_bytes_get_data (value, &len);
  crypt_state_id (&work->state, id);
  if (len < HEAD_BYTES || memcmp (at, id, sizeof id) != 0)
    return TRUE;
  work->is_finished = at[sizeof id] != 0;
  for (gsize done = HEAD_BYTES; done + ROW_BYTES <= len; done += ROW_BYTES)
    {
      guint32 uid;
      memcpy (&uid, at + done + 16, sizeof uid);
      g_hash_table_replace (work->next, g_memdup2 (at + done, 16), GUINT_TO_POINTER (GUINT32_FROM_BE (uid)));
    }
  return TRUE;
}

static gboolean
save_next (CryptWork *work, GError **error)
{
  guint8 id[CRYPT_KEY_ID_BYTES];
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  GHashTableIter iter;
  gpointer key, value;
  crypt_state_id (&work->state, id);
  const guint8 is_finished = work->is_finished ? 1 : 0;
  g_byte_array_append (bytes, id, sizeof id);
  g_byte_array_append (bytes, &is_finished, 1);
  g_hash_table_iter_init (&iter, work->next);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      const guint32 uid = GUINT32_TO_BE (GPOINTER_TO_UINT (value));
      g_byte_array_append (bytes, key, 16);
      g_byte_array_append (bytes, (const guint8 *) &uid, sizeof uid);
    }
  g_autoptr (GBytes) blob = g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
  g_autoptr (GError) why = NULL;
  if (satchel_storage_put_blobs (work->storage, work->access, CRYPT_SPACE, &(SatchelBlob) { BLOB, blob }, 1,
                                 &why)
      || g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

static guint32
get_next (const CryptWork *work, const guint8 mailbox_id[16])
{
  const guint32 uid = GPOINTER_TO_UINT (g_hash_table_lookup (work->next, mailbox_id));
  return MAX (uid, 1);
}

static void
set_next (CryptWork *work, const guint8 mailbox_id[16], guint32 uid)
{
  g_hash_table_replace (work->next, g_memdup2 (mailbox_id, 16), GUINT_TO_POINTER (uid));
}

/* ---- a mailbox ---- */

static gboolean
asks_goes_on (const CryptWork *work)
{
  return work->goes_on == NULL || work->goes_on (&work->counts, work->data);
}

/* Waits as long as the rate asks for.  FALSE: it is to stop. */
static gboolean
keep_rate (CryptWork *work, guint64 n_bytes)
{
  if (work->bytes_per_s == 0)
    return asks_goes_on (work);
  crypt_store_add_due (work->storage->self, n_bytes * G_USEC_PER_SEC / work->bytes_per_s);
  for (gint64 left_us; (left_us = crypt_store_due_us (work->storage->self) - g_get_monotonic_time ()) > 0;)
    {
      if (!asks_goes_on (work))
        return FALSE;
      g_usleep ((gulong) MIN (left_us, NAP_US));
    }
  return asks_goes_on (work);
}

/* A mailbox that is being worked on. */
typedef struct Box
{
  CryptWork *work;
  SatchelStorageMailbox *mailbox;
  SatchelSnapshot *snapshot;
  guint32 index;     /* of the next message */
  guint32 first_bad; /* UID of the first message that stays as it is; 0: none does */
  gint64 saved_us;
  gboolean has_changed;
} Box;

static CryptWorkResult
fail_unless_gone (GError *why, GError **error)
{
  if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_error_free (why);
      return CRYPT_WORK_DONE;
    }
  g_propagate_error (error, why);
  return CRYPT_WORK_FAILED;
}

static void
note_damage (Box *box, guint32 uid, const GError *why)
{
  g_autofree char *name = satchel_storage_mailbox_name (box->mailbox);
  satchel_log (SATCHEL_LOG_WARNING, AREA, "user=\"%s\" mailbox=\"%s\" uid=%u stays as it is: %s",
               box->work->storage->identity->user, name, uid, why->message);
  box->work->counts.n_damaged++;
  box->first_bad = box->first_bad != 0 ? box->first_bad : uid;
}

/* Fills @batch with messages that are to get another form.  FALSE: *@ret says what ended it. */
static gboolean
fill (Box *box, CryptBatch *batch, CryptWorkResult *ret, GError **error)
{
  const SatchelSnapshot *snapshot = box->snapshot;
  for (; box->index < snapshot->state.n_messages && !crypt_batch_is_full (batch); box->index++)
    {
      guint at;
      SatchelMessageRow row;
      g_autoptr (GError) why = NULL;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, box->index, &at);
      satchel_chunk_get_row (chunk, at, &row);
      if (!asks_goes_on (box->work))
        {
          *ret = CRYPT_WORK_STOPPED;
          return FALSE;
        }
      switch (crypt_batch_add (batch, &row, &why))
        {
        case CRYPT_ADD_DONE:
          break;
        case CRYPT_ADD_LOCKED:
          if (box->work->keys == NULL)
            {
              *ret = CRYPT_WORK_LOCKED;
              return FALSE;
            }
          box->work->counts.n_locked++;
          box->first_bad = box->first_bad != 0 ? box->first_bad : row.uid;
          break;
        case CRYPT_ADD_DAMAGED:
          note_damage (box, row.uid, why);
          break;
        case CRYPT_ADD_FAILED:
          g_propagate_error (error, g_steal_pointer (&why));
          *ret = CRYPT_WORK_FAILED;
          return FALSE;
        }
      box->work->counts.n_done++;
    }
  return TRUE;
}

/* Notes up to where messages have the form that they are to have.  What stays as it is is looked at again. */
static gboolean
note_progress (Box *box, gboolean is_end, GError **error)
{
  CryptWork *work = box->work;
  const SatchelSnapshot *snapshot = box->snapshot;
  guint at;
  guint32 next = snapshot->state.uidnext;
  if (box->index < snapshot->state.n_messages)
    next = satchel_snapshot_at (snapshot, box->index, &at)->uid[at];
  set_next (work, snapshot->state.mailbox_id, box->first_bad != 0 ? box->first_bad : next);
  if (!is_end && g_get_monotonic_time () - box->saved_us < SAVE_US)
    return TRUE;
  box->saved_us = g_get_monotonic_time ();
  return save_next (work, error);
}

static CryptWorkResult
work_in_box (Box *box, GError **error)
{
  CryptWorkResult result = CRYPT_WORK_DONE;
  while (result == CRYPT_WORK_DONE && box->index < box->snapshot->state.n_messages)
    {
      g_autoptr (CryptBatch) batch = crypt_batch_new (box->work, box->mailbox);
      const gboolean goes_on = crypt_batch_begin (batch, error) && fill (box, batch, &result, error);
      GError *why = NULL;
      if (!goes_on && result == CRYPT_WORK_DONE)
        return CRYPT_WORK_FAILED;
      if (!crypt_batch_exchange (batch, &why))
        {
          if (result == CRYPT_WORK_FAILED)
            g_error_free (why);
          return result == CRYPT_WORK_FAILED ? result : fail_unless_gone (why, error);
        }
      box->has_changed |= crypt_batch_size (batch) > 0;
      if (!note_progress (box, FALSE, result != CRYPT_WORK_FAILED ? error : NULL))
        return CRYPT_WORK_FAILED;
      if (result == CRYPT_WORK_DONE && !keep_rate (box->work, crypt_batch_bytes (batch)))
        result = CRYPT_WORK_STOPPED;
    }
  return result;
}

/* Works on one mailbox from where messages have not been looked at. */
static CryptWorkResult
work_mailbox (CryptWork *work, const char *name, const SatchelMailboxState *state, GError **error)
{
  GError *why = NULL;
  g_autoptr (SatchelStorageMailbox) mailbox =
      satchel_storage_hold_mailbox (work->storage, work->access, name, &why);
  if (mailbox == NULL)
    return fail_unless_gone (why, error);
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (mailbox);
  Box box = { .work = work, .mailbox = mailbox, .snapshot = snapshot, .saved_us = g_get_monotonic_time () };
  satchel_snapshot_find (snapshot, get_next (work, snapshot->state.mailbox_id), &box.index);
  CryptWorkResult result = work_in_box (&box, error);
  if (result == CRYPT_WORK_FAILED)
    return result;
  /* What the driver still has of the former contents goes with the last one. */
  if (box.has_changed && box.index >= snapshot->state.n_messages
      && !satchel_storage_exchange (work->storage, work->access, mailbox, NULL, NULL, 0, &why))
    return fail_unless_gone (why, error);
  return note_progress (&box, TRUE, error) ? result : CRYPT_WORK_FAILED;
}

/* ---- all of it ---- */

typedef CryptWorkResult (*BoxFunc) (CryptWork *work, const char *name, const SatchelMailboxState *state,
                                    GError **error);

/* Calls @func for each mailbox, those that layers above do not show included. */
static CryptWorkResult
each_mailbox (CryptWork *work, BoxFunc func, GError **error)
{
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  if (!satchel_storage_list (work->storage, work->access, infos, error))
    return CRYPT_WORK_FAILED;
  CryptWorkResult result = CRYPT_WORK_DONE;
  for (guint i = 0; result == CRYPT_WORK_DONE && i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      SatchelMailboxState state;
      GError *why = NULL;
      if (!info->is_selectable)
        continue;
      if (satchel_storage_status (work->storage, work->access, info->name, &state, &why))
        result = func (work, info->name, &state, error);
      else
        result = fail_unless_gone (why, error);
    }
  return result;
}

/* Counts the messages of a mailbox, and those that have been looked at. */
static CryptWorkResult
count_box (CryptWork *work, const char *name, const SatchelMailboxState *state, GError **error)
{
  const guint32 next = get_next (work, state->mailbox_id);
  guint32 n_done = next >= state->uidnext ? state->n_messages : 0;
  work->counts.n_messages += state->n_messages;
  if (n_done == 0 && next > 1 && state->n_messages > 0)
    {
      g_autoptr (SatchelStorageMailbox) mailbox =
          satchel_storage_hold_mailbox (work->storage, work->access, name, NULL);
      g_autoptr (SatchelSnapshot) snapshot =
          mailbox != NULL ? satchel_storage_mailbox_snapshot (mailbox) : NULL;
      if (snapshot != NULL)
        satchel_snapshot_find (snapshot, next, &n_done);
    }
  work->counts.n_done += n_done;
  return CRYPT_WORK_DONE;
}

static CryptWorkResult
work_if_behind (CryptWork *work, const char *name, const SatchelMailboxState *state, GError **error)
{
  return get_next (work, state->mailbox_id) < state->uidnext ? work_mailbox (work, name, state, error)
                                                             : CRYPT_WORK_DONE;
}

/* Says by STOPPED that the mailbox has messages that have not been looked at. */
static CryptWorkResult
is_behind (CryptWork *work, const char *name, const SatchelMailboxState *state, GError **error)
{
  return get_next (work, state->mailbox_id) < state->uidnext ? CRYPT_WORK_STOPPED : CRYPT_WORK_DONE;
}

typedef struct Check
{
  CryptWork *work;
  CryptWorkResult result;
} Check;

/* Within a turn nothing is added or moved, so what is found is so.  What is staged in another form comes
 * later, and is looked at then. */
static gboolean
check_all (SatchelStorage *storage, gpointer data, GError **error)
{
  Check *check = data;
  CryptState now;
  guint8 id[CRYPT_KEY_ID_BYTES], id_now[CRYPT_KEY_ID_BYTES];
  if (!crypt_store_state (storage, check->work->access, &now, error))
    return FALSE;
  crypt_state_id (&check->work->state, id);
  crypt_state_id (&now, id_now);
  check->result = each_mailbox (check->work, is_behind, error);
  if (memcmp (id, id_now, sizeof id) != 0 || crypt_store_has_other_staged (storage->self, id))
    check->result = CRYPT_WORK_STOPPED;
  return check->result != CRYPT_WORK_FAILED;
}

/* Works until a look at all mailboxes at once finds nothing to do. */
static CryptWorkResult
work_on_all (CryptWork *work, GError **error)
{
  for (;;)
    {
      Check check = { work, CRYPT_WORK_FAILED };
      const guint64 n_left = work->counts.n_damaged + work->counts.n_locked;
      CryptWorkResult result = each_mailbox (work, work_if_behind, error);
      if (result != CRYPT_WORK_DONE)
        return result;
      if (work->counts.n_damaged + work->counts.n_locked > n_left)
        return work->counts.n_locked > 0 ? CRYPT_WORK_LOCKED : CRYPT_WORK_LEFT;
      if (!satchel_storage_run_in_turn (work->storage, check_all, &check, error))
        return CRYPT_WORK_FAILED;
      if (check.result == CRYPT_WORK_DONE || !keep_rate (work, 0))
        return check.result;
      if (crypt_store_has_other_staged_for (work->storage->self, &work->state))
        return CRYPT_WORK_STOPPED;
    }
}

gboolean
crypt_work_look (CryptWork *work, GError **error)
{
  work->counts = (CryptWorkCounts) { 0 };
  gboolean ok = crypt_store_state (work->storage, work->access, &work->state, error)
                && load_next (work, error) && each_mailbox (work, count_box, error) != CRYPT_WORK_FAILED;
  if (work->is_finished)
    work->counts.n_done = work->counts.n_messages;
  g_clear_pointer (&work->next, g_hash_table_unref);
  return ok;
}

static CryptWorkResult
run_alone (CryptWork *work, GError **error)
{
  CryptWorkResult result = CRYPT_WORK_FAILED;
  g_autoptr (CryptKeys) keys = NULL;
  CryptKeys *given = work->keys;
  if (!crypt_work_look (work, error) || !load_next (work, error))
    return CRYPT_WORK_FAILED;
  if (given == NULL)
    work->keys = keys = crypt_store_any_keys (work->storage->self);
  result = work_on_all (work, error);
  work->keys = given;
  if (result == CRYPT_WORK_DONE && !work->is_finished)
    {
      work->is_finished = TRUE;
      result = save_next (work, error) ? CRYPT_WORK_DONE : CRYPT_WORK_FAILED;
    }
  g_clear_pointer (&work->next, g_hash_table_unref);
  if (result == CRYPT_WORK_DONE && (work->state.is_opening || work->state.is_rekeying))
    {
      g_autofree char *text = g_strdup_printf ("done %" G_GUINT64_FORMAT, work->state.serial);
      satchel_storage_tell_keyring (work->storage, text);
    }
  return result;
}

CryptWorkResult
crypt_work_run (CryptWork *work, GError **error)
{
  while (!crypt_store_begin_work (work->storage->self))
    if (!asks_goes_on (work))
      return CRYPT_WORK_STOPPED;
  CryptWorkResult result = run_alone (work, error);
  crypt_store_end_work (work->storage->self);
  return result;
}

/* ---- upkeep ---- */

static gboolean
has_time (const CryptWorkCounts *counts, gpointer maintenance)
{
  return !satchel_maintenance_is_over (maintenance);
}

static void
say_done (const CryptWork *work)
{
  satchel_log (SATCHEL_LOG_INFO, AREA, "user=\"%s\" mail of before is %s: messages=%" G_GUINT64_FORMAT,
               work->storage->identity->user, work->state.is_sealed ? "sealed" : "open",
               work->counts.n_messages);
}

SatchelMaintained
crypt_work_maintain (SatchelStorage *storage, const SatchelAccess *access,
                     const SatchelMaintenance *maintenance, GError **error)
{
  CryptWork work = { .storage = storage,
                     .access = access,
                     .bytes_per_s = own_rate,
                     .goes_on = has_time,
                     .data = (gpointer) maintenance };
  g_autofree char *said = satchel_storage_user_attribute (storage, CRYPT_ATTRIBUTE);
  if (said == NULL)
    return SATCHEL_MAINTAIN_DONE;
  switch (crypt_work_run (&work, error))
    {
    case CRYPT_WORK_FAILED:
      return SATCHEL_MAINTAIN_FAILED;
    case CRYPT_WORK_DONE:
      if (work.counts.n_changed > 0)
        say_done (&work);
      return SATCHEL_MAINTAIN_DONE;
    case CRYPT_WORK_STOPPED:
      if (crypt_store_has_other_staged_for (storage->self, &work.state))
        return SATCHEL_MAINTAIN_DONE; /* the end of what is staged asks for upkeep */
      satchel_storage_ask_upkeep (storage);
      return SATCHEL_MAINTAIN_MORE;
    case CRYPT_WORK_LOCKED:
      satchel_log (SATCHEL_LOG_INFO, AREA,
                   "user=\"%s\" mail that is to have another form waits for a login that opens it",
                   storage->identity->user);
      return SATCHEL_MAINTAIN_DONE;
    case CRYPT_WORK_LEFT:
      break;
    }
  return SATCHEL_MAINTAIN_DONE;
}
