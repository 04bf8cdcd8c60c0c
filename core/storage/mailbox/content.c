/* SPDX-License-Identifier: MIT
 * Reads messages: content, ids, history, and their attributes, which are computed here, above the stack, and
 * handed down for keeping.
 */
#include "config.h"

#include "core/mail/attributes/blob_read.h"
#include "core/mail/scan/scanner.h"
#include "core/storage/store/store_private.h"
#include "core/storage/mailbox/suspects.h"

#include <satchel/attributes.h>
#include <satchel/job.h>
#include <satchel/log.h>

#define PUT_BATCH 64u

static char *
crumb_of (const SatchelSnapshot *snapshot, guint32 uid)
{
  static const char digits[] = "0123456789abcdef";
  char id[2 * sizeof (snapshot->state.mailbox_id) + 1] = { 0 };
  for (guint i = 0; i < sizeof (snapshot->state.mailbox_id); i++)
    {
      id[2 * i] = digits[snapshot->state.mailbox_id[i] >> 4];
      id[2 * i + 1] = digits[snapshot->state.mailbox_id[i] & 0xf];
    }
  return g_strdup_printf ("%s %u", id, uid);
}

/* Says whether a crash was the fault of a layer, without which the message is read. */
static gboolean
is_read_below (const SatchelStoreCore *store, const char *crumb)
{
  for (guint i = 0; i + 1 < store->n_levels; i++)
    if (satchel_dispatch_may_pass (store->levels[i].ops)
        && satchel_store_is_suspect_by (store->level_names[i], crumb))
      return TRUE;
  return FALSE;
}

SatchelStream *
satchel_mailbox_open_message (SatchelMailbox *mailbox, guint32 uid, GError **error)
{
  if (!satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, error))
    return NULL;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  g_autofree char *crumb = crumb_of (snapshot, uid);
  satchel_job_crumb ("%s", crumb);
  return satchel_storage_open_message (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, uid, error);
}

SatchelStream *
satchel_mailbox_peek_message (SatchelMailbox *mailbox, guint32 uid)
{
  if (!satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, NULL))
    return NULL;
  return satchel_storage_peek_message (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, uid);
}

gboolean
satchel_mailbox_email_id (SatchelMailbox *mailbox, guint32 uid, guint8 ret_id[16], GError **error)
{
  return satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, error)
         && satchel_storage_email_id (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, uid, ret_id,
                                      error);
}

/* Says whether a unique id is one word for a client (RFC 1939 7). It may be longer than the 70 bytes allowed
 * there, since another server may have given it out. */
static gboolean
is_unique_id (const char *uidl)
{
  gsize len = 0;
  for (; uidl[len] != '\0'; len++)
    if (uidl[len] < 0x21 || uidl[len] > 0x7e || len == 255)
      return FALSE;
  return len > 0;
}

gboolean
satchel_mailbox_unique_ids (SatchelMailbox *mailbox, const guint32 *uids, guint n, char **ret, GError **error)
{
  g_autofree char **uidls = g_new0 (char *, n);
  if (!satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, error))
    return FALSE;
  if (!satchel_storage_unique_ids (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, uids, n, uidls,
                                   error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      if (uidls[i] != NULL && !is_unique_id (uidls[i]))
        g_clear_pointer (&uidls[i], g_free);
      ret[i] = uidls[i];
    }
  return TRUE;
}

gboolean
satchel_mailbox_vanished (SatchelMailbox *mailbox, guint64 modseq, SatchelUidSet *ret_uids,
                          gboolean *ret_is_complete, GError **error)
{
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  gboolean is_complete = FALSE;
  if (!satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, error))
    return FALSE;
  if (!satchel_storage_vanished (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, modseq, &uids,
                                 &is_complete, error))
    return FALSE;
  *ret_uids = uids;
  *ret_is_complete = is_complete;
  uids = (SatchelUidSet) { NULL, 0 };
  return TRUE;
}

/* The attributes of one request that still have to be stored wait here. */
typedef struct Batch
{
  SatchelMailbox *mailbox;
  guint32 uids[PUT_BATCH];
  GBytes *attributes[PUT_BATCH];
  guint64 sizes[PUT_BATCH];
  guint n;
} Batch;

static void
flush_attributes (Batch *batch)
{
  SatchelMailbox *mailbox = batch->mailbox;
  SatchelStoreCore *store = mailbox->core->store;
  g_autoptr (GError) error = NULL;
  if (batch->n == 0)
    return;
  satchel_store_begin_write (store);
  gboolean ok =
      satchel_mailbox_is_deleted (mailbox)
      || satchel_storage_put_attributes (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, batch->uids,
                                         batch->n, batch->attributes, batch->sizes, &error);
  satchel_store_end_write (store);
  /* Attributes can be computed again, and a full disk must not make mail unreadable. */
  if (!ok)
    satchel_log (SATCHEL_LOG_DEBUG, "storage", "user=%s attributes of messages cannot be stored: %s",
                 store->user, error->message);
  for (guint i = 0; i < batch->n; i++)
    g_bytes_unref (batch->attributes[i]);
  batch->n = 0;
}

static void
keep_attributes (Batch *batch, guint32 uid, GBytes *attributes)
{
  batch->uids[batch->n] = uid;
  batch->attributes[batch->n] = g_bytes_ref (attributes);
  batch->sizes[batch->n] = satchel_attributes_size (attributes);
  if (++batch->n == PUT_BATCH)
    flush_attributes (batch);
}

static GBytes *
unparsed (SatchelMailbox *mailbox, guint32 uid, guint64 known_size, GError **error)
{
  if (known_size != SATCHEL_SIZE_UNKNOWN)
    return satchel_attributes_unparsed (known_size);
  /* The length goes through all layers, also through one that crashed, since no content is asked for. */
  satchel_job_crumb ("length");
  SatchelStorage *target = SATCHEL_TOP (mailbox->core->store, open_message);
  g_autoptr (SatchelStream) content =
      satchel_dispatch_open_at (target, mailbox->store->access, &mailbox->core->handle, uid, error);
  gint64 length = content != NULL ? satchel_stream_length (content, error) : -1;
  return length >= 0 ? satchel_attributes_unparsed ((guint64) length) : NULL;
}

static GBytes *
compute (SatchelMailbox *mailbox, const SatchelSnapshot *snapshot, const SatchelMessageRow *row,
         GError **error)
{
  g_autofree char *crumb = crumb_of (snapshot, row->uid);
  if (satchel_store_is_suspect (crumb) && !is_read_below (mailbox->core->store, crumb))
    return unparsed (mailbox, row->uid, row->size, error);
  g_autoptr (SatchelStream) content = satchel_mailbox_open_message (mailbox, row->uid, error);
  if (content == NULL)
    return NULL;
  SatchelScanCrumb scan;
  satchel_scan_crumb_begin (&scan, crumb);
  GBytes *attributes = satchel_scan_stream (content, error);
  satchel_scan_crumb_end (&scan);
  return attributes;
}

static gboolean
find_row (const SatchelSnapshot *snapshot, guint32 uid, SatchelMessageRow *ret_row)
{
  guint32 index;
  guint at;
  if (!satchel_snapshot_find (snapshot, uid, &index))
    return FALSE;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
  *ret_row = (SatchelMessageRow) { .uid = uid, .flags = chunk->flags[at], .size = chunk->size[at] };
  return TRUE;
}

#define CHECKED_RANGES_MAX 1024u

static gboolean
is_sound (SatchelMailbox *mailbox, guint32 uid, GBytes *attributes)
{
  SatchelMailboxCore *core = mailbox->core;
  g_mutex_lock (&core->lock);
  gboolean was_checked = satchel_uid_set_contains (&core->checked, uid);
  g_mutex_unlock (&core->lock);
  if (was_checked)
    return satchel_attributes_check_bounds (attributes);
  if (!satchel_attributes_check (attributes))
    return FALSE;
  g_mutex_lock (&core->lock);
  if (core->checked.n_ranges < CHECKED_RANGES_MAX)
    satchel_uid_set_add (&core->checked, uid, uid);
  g_mutex_unlock (&core->lock);
  return TRUE;
}

/* Returns the reason why a message that is there has no attributes, and keeps the first one of a request. */
static SatchelErrorCode
note_failure (GError *failure, GError **first_error)
{
  g_autoptr (GError) error = failure;
  SatchelErrorCode code = error->domain == SATCHEL_ERROR ? (SatchelErrorCode) error->code : SATCHEL_ERROR_IO;
  if (code != SATCHEL_ERROR_GONE && *first_error == NULL)
    *first_error = g_steal_pointer (&error);
  return code;
}

/* Returns one place of the answer.  @stored: what the store had, taken over.  @ret_code: why there is no
 * answer. */
static GBytes *
resolve (Batch *batch, const SatchelSnapshot *snapshot, guint32 uid, GBytes *stored,
         SatchelErrorCode *ret_code, GError **first_error)
{
  g_autoptr (GBytes) have = stored;
  GError *error = NULL;
  SatchelMessageRow row;
  SatchelErrorCode told = *ret_code;
  *ret_code = SATCHEL_ERROR_GONE;
  if (!find_row (snapshot, uid, &row))
    return NULL;
  GBytes *computed = NULL;
  if (have == NULL && told != 0)
    satchel_error_set (&error, told, "message %u", uid);
  else if ((row.flags & SATCHEL_FLAG_UNPARSED) != 0)
    computed = unparsed (batch->mailbox, uid, row.size, &error);
  else if (have != NULL && is_sound (batch->mailbox, uid, have))
    {
      if (row.size != satchel_attributes_size (have))
        keep_attributes (batch, uid, have);
      computed = g_steal_pointer (&have);
    }
  else if ((computed = compute (batch->mailbox, snapshot, &row, &error)) != NULL)
    keep_attributes (batch, uid, computed);
  *ret_code = computed != NULL ? 0 : note_failure (error, first_error);
  return computed;
}

gboolean
satchel_mailbox_attributes (SatchelMailbox *mailbox, const guint32 *uids, guint n, GBytes **ret,
                            SatchelErrorCode *ret_codes, GError **error)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  g_autoptr (GError) first_error = NULL;
  g_autofree SatchelErrorCode *own_codes = ret_codes == NULL ? g_new (SatchelErrorCode, n) : NULL;
  SatchelErrorCode *codes = ret_codes != NULL ? ret_codes : own_codes;
  memset (ret, 0, n * sizeof *ret);
  memset (codes, 0, n * sizeof *codes);
  if (!satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, error))
    {
      for (guint i = 0; i < n; i++)
        codes[i] = SATCHEL_ERROR_NOPERM;
      return FALSE;
    }
  /* An index that cannot be read only costs time: everything is scanned. */
  if (!satchel_storage_get_attributes (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, uids, n, ret,
                                       codes, NULL))
    for (guint i = 0; i < n; i++)
      {
        g_clear_pointer (&ret[i], g_bytes_unref);
        codes[i] = 0;
      }
  Batch batch = { .mailbox = mailbox };
  for (guint i = 0; i < n; i++)
    ret[i] = resolve (&batch, snapshot, uids[i], ret[i], &codes[i], &first_error);
  flush_attributes (&batch);
  if (first_error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&first_error));
  return FALSE;
}
