/* SPDX-License-Identifier: MIT
 * The storage layer.
 */
#include "layer.h"
#include "attributes.h"
#include "copy_blob.h"
#include "reader.h"
#include "store.h"
#include "work.h"
#include "writer.h"

#include <satchel/log.h>
#include <string.h>

static gboolean
layer_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  storage->self = crypt_store_new ();
  return TRUE;
}

static void
layer_close (SatchelStorage *storage)
{
  crypt_store_free (storage->self);
}

/* With a key, work can go on that waits for one (work.h). */
static void
layer_attach (SatchelStorage *storage, const SatchelAccess *access)
{
  CryptState state;
  g_autofree char *said = satchel_storage_user_attribute (storage, CRYPT_ATTRIBUTE);
  crypt_store_attach (storage->self, access);
  if (said != NULL && crypt_state_parse (said, &state)
      && (crypt_store_is_first (storage->self) || state.is_opening || state.is_rekeying))
    satchel_storage_ask_upkeep (storage);
}

static void
layer_detach (SatchelStorage *storage, const SatchelAccess *access)
{
  crypt_store_detach (storage->self, access);
}

/* ---- in ---- */

/* What is stored in the place of the attributes of a message. */
typedef struct Sealing
{
  SatchelStaged *staged;
  CryptKeys *keys; /* of who stores it, or NULL */
} Sealing;

static void
sealing_free (gpointer data)
{
  Sealing *sealing = data;
  if (sealing->keys != NULL)
    crypt_keys_unref (sealing->keys);
  g_free (sealing);
}

static void
seal_attributes (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], gpointer data)
{
  const Sealing *sealing = data;
  SatchelStaged *staged = sealing->staged;
  const CryptKey *own = crypt_keys_find (sealing->keys, header->bytes + CRYPT_AT_KEY_ID);
  CryptKnown known = { .has_key = TRUE };
  if (staged->attributes == NULL)
    return;
  g_autoptr (GBytes) clear = staged->attributes;
  memcpy (known.message_id, header->bytes + CRYPT_AT_MESSAGE_ID, CRYPT_MESSAGE_ID_BYTES);
  memcpy (known.key, key, CRYPT_KEY_BYTES);
  staged->attributes = own != NULL ? crypt_attributes_seal_again (clear, &known, own)
                                   : crypt_attributes_seal (clear, header, key);
  explicit_bzero (&known, sizeof known);
}

/* Content that is staged in the form that mail had before waits for its transaction. */
typedef struct Staging
{
  SatchelStorage *storage;
  guint8 id[CRYPT_KEY_ID_BYTES];
} Staging;

static void
end_staging (gpointer data)
{
  Staging *staging = data;
  CryptState state;
  g_autofree char *said = satchel_storage_user_attribute (staging->storage, CRYPT_ATTRIBUTE);
  guint8 id[CRYPT_KEY_ID_BYTES];
  crypt_store_count_staged (staging->storage->self, staging->id, -1);
  if (said != NULL && crypt_store_parse (staging->storage->self, said, &state))
    {
      crypt_state_id (&state, id);
      if (memcmp (id, staging->id, sizeof id) != 0)
        satchel_storage_ask_upkeep (staging->storage);
    }
  g_free (staging);
}

static void
count_staged (SatchelStorage *storage, SatchelStaged *staged, const CryptState *state)
{
  Staging *staging = g_new (Staging, 1);
  staging->storage = storage;
  crypt_state_id (state, staging->id);
  crypt_store_count_staged (storage->self, staging->id, 1);
  satchel_staged_add_notify (staged, end_staging, staging);
}

static SatchelWriter *
seal (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged, const CryptPublic *half,
      SatchelWriter *below)
{
  CryptHeader header;
  guint8 key[CRYPT_KEY_BYTES];
  Sealing *sealing = g_new (Sealing, 1);
  *sealing = (Sealing) { staged, crypt_store_keys (storage->self, access) };
  crypt_store_make_header (storage->self, sealing->keys, half, &header, key);
  SatchelWriter *writer =
      crypt_writer_new_sealing (below, &header, key, seal_attributes, sealing, sealing_free);
  explicit_bzero (key, sizeof key);
  return writer;
}

static SatchelWriter *
layer_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint, SatchelStaged *staged,
             GError **error)
{
  CryptState state;
  crypt_copy_keep (storage, access);
  if (!crypt_store_state (storage, access, &state, error))
    return NULL;
  const gboolean is_sealed = state.is_sealed;
  if (state.is_known && crypt_store_is_first (storage->self))
    satchel_storage_ask_upkeep (storage);
  count_staged (storage, staged, &state);
  SatchelWriter *below = satchel_storage_stage (
      storage, access, size_hint != 0 && is_sealed ? crypt_sealed_size (size_hint) : size_hint, staged,
      error);
  if (below == NULL || !is_sealed)
    return below != NULL ? crypt_writer_new_plain (below) : NULL;
  return seal (storage, access, staged, &state.half, below);
}

/* ---- out ---- */

/* Finds which sealed message is stored with this UID, by its attributes; FALSE: that is not known, or it is
 * not sealed. */
static gboolean
find_known (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox, guint32 uid,
            CryptKnown *ret_known)
{
  SatchelErrorCode code = 0;
  const guint8 *id;
  g_autoptr (GBytes) stored = NULL;
  if (crypt_store_find (storage->self, mailbox, uid, ret_known))
    return TRUE;
  if (!satchel_storage_get_attributes (storage, access, mailbox, &uid, 1, &stored, &code, NULL)
      || stored == NULL || !crypt_attributes_is_sealed (stored, &id))
    return FALSE;
  g_autoptr (CryptKeys) keys = crypt_store_keys (storage->self, access);
  g_autoptr (GBytes) clear =
      crypt_attributes_is_slow (stored) ? NULL : crypt_attributes_open (stored, keys, ret_known, NULL);
  if (clear != NULL)
    {
      crypt_store_note (storage->self, mailbox, uid, ret_known);
      return TRUE;
    }
  memcpy (ret_known->message_id, id, CRYPT_MESSAGE_ID_BYTES);
  ret_known->has_key = FALSE;
  return TRUE;
}

static void
say_damage (SatchelStorage *storage, SatchelStorageMailbox *mailbox, guint32 uid, const GError *error)
{
  g_autofree char *name = satchel_storage_mailbox_name (mailbox);
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT))
    satchel_log (SATCHEL_LOG_WARNING, "crypt", "user=\"%s\" mailbox=\"%s\" uid=%u %s",
                 storage->identity->user, name, uid, error->message);
}

/* Opens what the level below has of a message.  Its key is remembered, as most of the time that this takes is
 * for the box that it lies in. */
static SatchelStream *
open_known (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox, guint32 uid,
            SatchelStream *below, const CryptKnown *known, GError **error)
{
  CryptKnown found;
  g_autoptr (CryptKeys) keys = crypt_store_keys (storage->self, access);
  SatchelStream *stream = crypt_reader_new (below, keys, known, error);
  if (stream != NULL && (known == NULL || !known->has_key) && crypt_reader_tell (stream, &found))
    {
      crypt_store_note (storage->self, mailbox, uid, &found);
      explicit_bzero (&found, sizeof found);
    }
  return stream;
}

static SatchelStream *
try_open (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox, guint32 uid,
          GError **error)
{
  CryptKnown known;
  crypt_copy_keep (storage, access);
  g_autoptr (SatchelStream) below = satchel_storage_open_message (storage, access, mailbox, uid, error);
  if (below == NULL)
    return NULL;
  gboolean is_known = find_known (storage, access, mailbox, uid, &known);
  SatchelStream *stream = open_known (storage, access, mailbox, uid, below, is_known ? &known : NULL, error);
  explicit_bzero (&known, sizeof known);
  return stream;
}

static SatchelStream *
layer_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                    guint32 uid, GError **error)
{
  for (;;)
    {
      const guint exchanges = crypt_store_exchanges (storage->self);
      g_autoptr (GError) why = NULL;
      SatchelStream *stream = try_open (storage, access, mailbox, uid, &why);
      if (stream != NULL)
        return stream;
      if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT)
          && crypt_store_was_exchanged (storage->self, exchanges))
        {
          crypt_store_forget (storage->self, mailbox, &uid, 1);
          continue;
        }
      say_damage (storage, mailbox, uid, why);
      g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }
}

/* What is sealed is given only where it is known which message it should be. */
static SatchelStream *
layer_peek_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                    guint32 uid)
{
  CryptKnown known;
  if (!crypt_store_find (storage->self, mailbox, uid, &known))
    return NULL;
  g_autoptr (SatchelStream) below = satchel_storage_peek_message (storage, access, mailbox, uid);
  SatchelStream *stream =
      below != NULL ? open_known (storage, access, mailbox, uid, below, &known, NULL) : NULL;
  explicit_bzero (&known, sizeof known);
  return stream;
}

/* ---- attributes ---- */

/* Attributes that are stored in another form. */
typedef struct Batch
{
  GArray *uids;          /* guint32 */
  GPtrArray *attributes; /* GBytes */
  GArray *sizes;         /* guint64 */
} Batch;

static void
batch_init (Batch *batch)
{
  batch->uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  batch->attributes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  batch->sizes = g_array_new (FALSE, FALSE, sizeof (guint64));
}

static void
batch_add (Batch *batch, guint32 uid, GBytes *attributes, guint64 size)
{
  g_array_append_val (batch->uids, uid);
  g_ptr_array_add (batch->attributes, attributes);
  g_array_append_val (batch->sizes, size);
}

static gboolean
batch_put (Batch *batch, SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
           GError **error)
{
  return batch->uids->len == 0
         || satchel_storage_put_attributes (storage, access, mailbox, (const guint32 *) batch->uids->data,
                                            batch->uids->len, (GBytes *const *) batch->attributes->pdata,
                                            (const guint64 *) batch->sizes->data, error);
}

static void
batch_clear (Batch *batch)
{
  g_array_unref (batch->uids);
  g_ptr_array_unref (batch->attributes);
  g_array_unref (batch->sizes);
}

/* Remembers the key of a message, unless it is known. */
static void
note_key (SatchelStorage *storage, SatchelStorageMailbox *mailbox, guint32 uid, const CryptKnown *known)
{
  CryptKnown before;
  if (!crypt_store_find (storage->self, mailbox, uid, &before) || !before.has_key
      || memcmp (before.message_id, known->message_id, CRYPT_MESSAGE_ID_BYTES) != 0)
    crypt_store_note (storage->self, mailbox, uid, known);
  explicit_bzero (&before, sizeof before);
}

/* Opens one answer.  Damaged attributes are made of the content again. */
static void
open_attributes (SatchelStorage *storage, SatchelStorageMailbox *mailbox, guint32 uid, const CryptKeys *keys,
                 GBytes **stored, SatchelErrorCode *ret_code, Batch *slow)
{
  CryptKnown known;
  g_autoptr (GError) error = NULL;
  if (*stored == NULL || !crypt_attributes_is_sealed (*stored, NULL))
    return;
  g_autoptr (GBytes) sealed = g_steal_pointer (stored);
  *stored = crypt_attributes_open (sealed, keys, &known, &error);
  if (*stored == NULL)
    {
      say_damage (storage, mailbox, uid, error);
      *ret_code = g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED) ? SATCHEL_ERROR_LOCKED : 0;
      return;
    }
  note_key (storage, mailbox, uid, &known);
  crypt_opened_keep (crypt_store_opened (storage->self), mailbox, uid, crypt_attributes_key_id (sealed),
                     *stored);
  if (crypt_attributes_is_slow (sealed))
    batch_add (slow, uid, crypt_attributes_seal_again (*stored, &known, crypt_keys_first (keys)),
               SATCHEL_SIZE_UNKNOWN);
  explicit_bzero (&known, sizeof known);
}

/* Attributes that are sealed anew, and read when crypt_store_exchanges was `exchanges`. */
typedef struct PutAgain
{
  Batch *batch;
  const SatchelAccess *access;
  SatchelStorageMailbox *mailbox;
  guint exchanges;
} PutAgain;

/* Contents that were exchanged meanwhile have other attributes. */
static gboolean
put_again (SatchelStorage *storage, gpointer data, GError **error)
{
  const PutAgain *again = data;
  return (again->exchanges % 2 == 0 && again->exchanges == crypt_store_exchanges (storage->self))
             ? batch_put (again->batch, storage, again->access, again->mailbox, error)
             : TRUE;
}

static gboolean
read_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 const guint32 *uids, guint n, const CryptKeys *keys, GBytes **ret,
                 SatchelErrorCode *ret_codes, GError **error)
{
  const guint exchanges = crypt_store_exchanges (storage->self);
  if (!satchel_storage_get_attributes (storage, access, mailbox, uids, n, ret, ret_codes, error))
    return FALSE;
  Batch slow;
  batch_init (&slow);
  for (guint i = 0; i < n; i++)
    open_attributes (storage, mailbox, uids[i], keys, &ret[i], &ret_codes[i], &slow);
  /* It is only quicker the next time; where it fails, nothing is lost. */
  PutAgain again = { &slow, access, mailbox, exchanges };
  if (slow.uids->len > 0)
    (void) satchel_storage_run_in_turn (storage, put_again, &again, NULL);
  batch_clear (&slow);
  return TRUE;
}

/* Reads the attributes that are not in @ret yet. */
static gboolean
read_others (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
             const guint32 *uids, guint n, const CryptKeys *keys, GBytes **ret, SatchelErrorCode *ret_codes,
             GError **error)
{
  g_autofree guint32 *others = g_new (guint32, n);
  g_autofree GBytes **found = g_new0 (GBytes *, n);
  g_autofree SatchelErrorCode *codes = g_new0 (SatchelErrorCode, n);
  guint n_others = 0;
  for (guint i = 0; i < n; i++)
    if (ret[i] == NULL)
      others[n_others++] = uids[i];
  if (!read_attributes (storage, access, mailbox, others, n_others, keys, found, codes, error))
    return FALSE;
  for (guint i = 0, at = 0; i < n; i++)
    if (ret[i] == NULL)
      {
        ret[i] = found[at];
        ret_codes[i] = codes[at++];
      }
  return TRUE;
}

static gboolean
layer_get_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                      const guint32 *uids, guint n, GBytes **ret, SatchelErrorCode *ret_codes, GError **error)
{
  crypt_copy_keep (storage, access);
  g_autoptr (CryptKeys) keys = crypt_store_keys (storage->self, access);
  memset (ret, 0, n * sizeof *ret);
  const guint n_kept =
      keys != NULL ? crypt_opened_find (crypt_store_opened (storage->self), mailbox, uids, n, keys, ret) : 0;
  if (n_kept == 0)
    return read_attributes (storage, access, mailbox, uids, n, keys, ret, ret_codes, error);
  for (guint i = 0; i < n; i++)
    if (ret[i] != NULL)
      ret_codes[i] = 0;
  if (n_kept == n || read_others (storage, access, mailbox, uids, n, keys, ret, ret_codes, error))
    return TRUE;
  for (guint i = 0; i < n; i++)
    g_clear_pointer (&ret[i], g_bytes_unref);
  return FALSE;
}

/* Finds whether a message is sealed, and how, by what is stored of it. */
static gboolean
read_header (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
             guint32 uid, const CryptKeys *keys, CryptHeader *header, gboolean *ret_is_sealed)
{
  guint8 head[CRYPT_HEADER_BYTES];
  g_autoptr (SatchelStream) below = satchel_storage_open_message (storage, access, mailbox, uid, NULL);
  gssize len = below != NULL ? satchel_stream_read_at (below, 0, head, sizeof head, NULL) : -1;
  CryptFound found =
      len >= 0 ? crypt_header_read (header, head, (gsize) len, keys, NULL) : CRYPT_FOUND_DAMAGE;
  *ret_is_sealed = found == CRYPT_FOUND_HEADER && crypt_header_is_sealed (header);
  return found != CRYPT_FOUND_DAMAGE;
}

/* Finds the key of the message that @header begins: it is remembered, or in the box. */
static gboolean
find_key (CryptStore *store, SatchelStorageMailbox *mailbox, guint32 uid, const CryptHeader *header,
          const CryptKey *key, CryptKnown *ret_known)
{
  const guint8 *id = header->bytes + CRYPT_AT_MESSAGE_ID;
  if (crypt_store_find (store, mailbox, uid, ret_known) && ret_known->has_key
      && memcmp (ret_known->message_id, id, CRYPT_MESSAGE_ID_BYTES) == 0)
    return TRUE;
  memcpy (ret_known->message_id, id, CRYPT_MESSAGE_ID_BYTES);
  ret_known->has_key = TRUE;
  return crypt_header_open (header, key, ret_known->key, NULL);
}

/* Adds what is to be stored of one message.  What cannot be sealed is not stored. */
static void
seal_one (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox, guint32 uid,
          const CryptKeys *keys, GBytes *attributes, guint64 size, Batch *batch)
{
  CryptHeader header;
  CryptKnown known;
  gboolean is_sealed;
  if (!read_header (storage, access, mailbox, uid, keys, &header, &is_sealed))
    return;
  const CryptKey *key = is_sealed ? crypt_keys_find (keys, header.bytes + CRYPT_AT_KEY_ID) : NULL;
  if (key != NULL && find_key (storage->self, mailbox, uid, &header, key, &known))
    batch_add (batch, uid, crypt_attributes_seal_again (attributes, &known, key), size);
  else if (!is_sealed)
    batch_add (batch, uid, g_bytes_ref (attributes), size);
  explicit_bzero (&known, sizeof known);
}

static gboolean
layer_put_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                      const guint32 *uids, guint n, GBytes *const *attributes, const guint64 *sizes,
                      GError **error)
{
  Batch batch;
  batch_init (&batch);
  g_autoptr (CryptKeys) keys = crypt_store_keys (storage->self, access);
  for (guint i = 0; i < n; i++)
    seal_one (storage, access, mailbox, uids[i], keys, attributes[i], sizes[i], &batch);
  gboolean ok = batch_put (&batch, storage, access, mailbox, error);
  batch_clear (&batch);
  crypt_opened_forget (crypt_store_opened (storage->self), mailbox, uids, n);
  return ok;
}

/* Nearer to the driver than what moves mail about, and further from it than what counts it as clients do. */
const SatchelStorageOps crypt_layer = {
  .size = sizeof crypt_layer,
  .band = 200,
  .classes = SATCHEL_CLASS_CONTENT_IN | SATCHEL_CLASS_CONTENT_OUT | SATCHEL_CLASS_ATTRIBUTES,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .fields = SATCHEL_FIELDS_ALL,
  .open = layer_open,
  .close = layer_close,
  .attach = layer_attach,
  .detach = layer_detach,
  .maintain = crypt_work_maintain,
  .stage = layer_stage,
  .open_message = layer_open_message,
  .peek_message = layer_peek_message,
  .get_attributes = layer_get_attributes,
  .put_attributes = layer_put_attributes,
  .hides_content = TRUE,
};
