/* SPDX-License-Identifier: MIT
 * Implements content on its way in: every byte goes to the stack's writer and to the scanner, so that a
 * message is parsed while it arrives and never read again for its attributes.
 */
#include "config.h"

#include "core/mail/scan/scanner.h"
#include "core/storage/store/store_open.h"
#include "core/storage/store/store_private.h"
#include "core/storage/mailbox/suspects.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/attributes.h>
#include <satchel/retry.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES 65536u

/* A layer hears of the end of a stage. */
typedef struct Notify
{
  GDestroyNotify func;
  gpointer data;
} Notify;

struct SatchelStage
{
  SatchelStore *store;    /* a reference; NULL: a layer made it */
  SatchelStoreCore *core; /* where it is staged; a use of it if `store` is NULL */
  SatchelStaged staged;
  GArray *notifies;      /* Notify; NULL: nobody waits for its end */
  GBytes *attributes;    /* as clients see them, whatever layers have stored in their place; after finish */
  SatchelWriter *writer; /* set until finish */
  /* set until finish; NULL: the attributes are known already, or the content is a suspect */
  SatchelScanner *scanner;
  /* the start of the content, by which it is named before the scanner sees it; NULL: it has been named */
  GByteArray *head;
  char *crumb; /* the name */
  guint64 size, size_hint;
  guint64 size_above; /* of a raw stage: the size that clients see */
  gboolean is_raw, is_finished;
};

static SatchelStage *
stage_alloc_in (SatchelStoreCore *core)
{
  SatchelStage *stage = g_new0 (SatchelStage, 1);
  stage->core = core;
  stage->staged.internal_date = SATCHEL_DATE_UNKNOWN;
  return stage;
}

static SatchelStage *
stage_alloc (SatchelStore *store)
{
  SatchelStage *stage = stage_alloc_in (store->core);
  stage->store = satchel_store_ref (store);
  return stage;
}

static SatchelStage *
stage_open (SatchelStore *store, guint64 size_hint, GBytes *attributes, GError **error)
{
  g_autoptr (SatchelStage) stage = stage_alloc (store);
  stage->writer = satchel_storage_stage (SATCHEL_STACK (store), size_hint, &stage->staged, error);
  if (stage->writer == NULL)
    return NULL;
  if (attributes != NULL)
    stage->staged.attributes = g_bytes_ref (attributes);
  else
    {
      stage->scanner = satchel_scanner_new ();
      stage->head = g_byte_array_new ();
      stage->size_hint = size_hint;
    }
  return g_steal_pointer (&stage);
}

SatchelStage *
satchel_stage_new (SatchelStore *store, guint64 size_hint, GError **error)
{
  return stage_open (store, size_hint, NULL, error);
}

SatchelStage *
satchel_stage_new_raw (SatchelStore *store, guint64 size, GBytes *attributes, GError **error)
{
  g_autoptr (SatchelStage) stage = stage_alloc (store);
  stage->is_raw = TRUE;
  stage->size_above = size;
  stage->writer = satchel_storage_stage (SATCHEL_STACK (store), size != SATCHEL_SIZE_UNKNOWN ? size : 0,
                                         &stage->staged, error);
  if (stage->writer == NULL)
    return NULL;
  stage->staged.attributes = attributes != NULL ? g_bytes_ref (attributes) : NULL;
  return g_steal_pointer (&stage);
}

static void
feed (SatchelStage *stage, const void *data, gsize len)
{
  SatchelScanCrumb scan;
  satchel_scan_crumb_begin (&scan, stage->crumb);
  satchel_scanner_feed (stage->scanner, data, len);
  satchel_scan_crumb_end (&scan);
}

/* Names the content once enough of its start has come, and finds out whether the scanner has crashed on it
 * before. */
static void
name_content (SatchelStage *stage)
{
  g_autoptr (GByteArray) head = g_steal_pointer (&stage->head);
  stage->crumb = satchel_suspect_crumb (head->data, head->len, stage->size_hint);
  if (satchel_store_is_suspect (stage->crumb))
    g_clear_pointer (&stage->scanner, satchel_scanner_free);
  else
    feed (stage, head->data, head->len);
}

static void
scan (SatchelStage *stage, const guint8 *data, gsize len)
{
  if (stage->head != NULL)
    {
      gsize n = MIN (len, SATCHEL_SUSPECT_HEAD_BYTES - stage->head->len);
      g_byte_array_append (stage->head, data, (guint) n);
      data += n;
      len -= n;
      if (stage->head->len == SATCHEL_SUSPECT_HEAD_BYTES)
        name_content (stage);
    }
  if (len > 0 && stage->scanner != NULL)
    feed (stage, data, len);
}

static GBytes *
end_of_scan (SatchelStage *stage)
{
  if (stage->head != NULL)
    name_content (stage);
  if (stage->scanner == NULL)
    return satchel_attributes_unparsed (stage->size);
  SatchelScanCrumb around;
  satchel_scan_crumb_begin (&around, stage->crumb);
  GBytes *attributes = satchel_scanner_finish (g_steal_pointer (&stage->scanner));
  satchel_scan_crumb_end (&around);
  return attributes;
}

/* Computes the attributes of a spooled message that came without them. */
GBytes *
satchel_scan_spooled (SatchelStream *content, guint64 size, GError **error)
{
  g_autofree guint8 *head = g_malloc (SATCHEL_SUSPECT_HEAD_BYTES);
  gsize len = 0;
  gssize n = 1;
  while (len < SATCHEL_SUSPECT_HEAD_BYTES && n > 0)
    {
      n = satchel_stream_read_at (content, len, head + len, SATCHEL_SUSPECT_HEAD_BYTES - len, error);
      len += n > 0 ? (gsize) n : 0;
    }
  if (n < 0)
    return NULL;
  g_autofree char *crumb = satchel_suspect_crumb (head, len, size);
  if (satchel_store_is_suspect (crumb))
    return satchel_attributes_unparsed (size);
  SatchelScanCrumb around;
  satchel_scan_crumb_begin (&around, crumb);
  GBytes *attributes = satchel_scan_stream (content, error);
  satchel_scan_crumb_end (&around);
  return attributes;
}

gboolean
satchel_stage_write (SatchelStage *stage, const void *data, gsize len, GError **error)
{
  if (stage->writer == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the content is finished already");
  if (len == 0)
    return TRUE;
  if (!satchel_writer_write (stage->writer, data, len, error))
    return FALSE;
  if (stage->scanner != NULL)
    scan (stage, data, len);
  stage->size += len;
  return TRUE;
}

void
satchel_stage_set_internal_date (SatchelStage *stage, gint64 internal_date)
{
  stage->staged.internal_date = internal_date;
}

gint64
satchel_stage_internal_date (const SatchelStage *stage)
{
  return stage->staged.internal_date;
}

static void
date_now (SatchelStage *stage)
{
  if (stage->staged.internal_date == SATCHEL_DATE_UNKNOWN)
    stage->staged.internal_date = g_get_real_time () / G_USEC_PER_SEC;
}

gboolean
satchel_stage_finish (SatchelStage *stage, GError **error)
{
  if (stage->writer == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the content is finished already");
  if (stage->is_raw && stage->size_above != SATCHEL_SIZE_UNKNOWN)
    stage->size = stage->size_above;
  if (!stage->is_raw && stage->staged.attributes == NULL)
    stage->staged.attributes = end_of_scan (stage);
  /* this is set before the driver's finish, which may write the size into a name */
  stage->staged.size = stage->size;
  date_now (stage);
  stage->attributes = stage->staged.attributes != NULL ? g_bytes_ref (stage->staged.attributes) : NULL;
  gboolean ok = satchel_writer_finish (stage->writer, error);
  g_clear_pointer (&stage->writer, satchel_writer_free);
  stage->is_finished = ok;
  return ok;
}

/* Opens "spool/..." below the mail root without following a link. */
static int
open_spool (SatchelStore *store, const char *path, GError **error)
{
  if (!g_str_has_prefix (path, "spool/") || strstr (path, "..") != NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the path does not lead into the spool");
      return -1;
    }
  int fd = SATCHEL_RETRY (
      openat (store->core->identity.root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd < 0)
    satchel_error_set_errno (error, errno, "the spooled message cannot be opened");
  return fd;
}

static gboolean
copy_content (SatchelStage *stage, SatchelStream *content, GError **error)
{
  g_autofree char *buffer = g_malloc (COPY_BYTES);
  for (guint64 offset = 0;;)
    {
      gssize n = satchel_stream_read_at (content, offset, buffer, COPY_BYTES, error);
      if (n <= 0)
        return n == 0;
      if (!satchel_stage_write (stage, buffer, (gsize) n, error))
        return FALSE;
      offset += (guint64) n;
    }
}

SatchelStage *
satchel_stage_new_copied (SatchelStore *store, SatchelStream *content, guint64 size, GBytes *attributes,
                          GError **error)
{
  g_autoptr (SatchelStage) stage = stage_open (store, size, attributes, error);
  if (stage == NULL || !copy_content (stage, content, error))
    return NULL;
  if (stage->size != size)
    {
      satchel_error_set (error, SATCHEL_ERROR_IO,
                         "the spooled message has %" G_GUINT64_FORMAT " bytes instead of %" G_GUINT64_FORMAT,
                         stage->size, size);
      return NULL;
    }
  return satchel_stage_finish (stage, error) ? g_steal_pointer (&stage) : NULL;
}

/* Links a spooled message into the stage. NULL without an error: it must be copied instead. */
static SatchelStage *
stage_link (SatchelStore *store, const char *path, gboolean is_lf, guint64 size, GBytes *attributes,
            GError **error)
{
  g_autoptr (GError) local = NULL;
  if (SATCHEL_TOP (store->core, stage)->below != NULL) /* a layer changes the bytes that come in */
    return NULL;
  g_autoptr (SatchelStage) stage = stage_alloc (store);
  stage->staged.size = stage->size = size;
  if (satchel_storage_stage_spooled (SATCHEL_STACK (store), path, is_lf, &stage->staged, &local))
    {
      stage->staged.attributes = g_bytes_ref (attributes);
      stage->attributes = g_bytes_ref (attributes);
      date_now (stage);
      stage->is_finished = TRUE;
      return g_steal_pointer (&stage);
    }
  if (!g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

SatchelStage *
satchel_stage_new_spooled (SatchelStore *store, const char *path, gboolean is_lf, guint64 size,
                           GBytes *attributes, GError **error)
{
  int fd = open_spool (store, path, error);
  if (fd < 0)
    return NULL;
  g_autoptr (SatchelStream) content = satchel_stream_new_fd (fd, 0);
  if (is_lf)
    {
      SatchelStream *as_sent = satchel_stream_new_crlf (content, (gint64) MIN (size, (guint64) G_MAXINT64));
      satchel_stream_unref (content);
      content = as_sent;
    }
  g_autoptr (GBytes) known =
      attributes != NULL ? g_bytes_ref (attributes) : satchel_scan_spooled (content, size, error);
  if (known == NULL)
    return NULL;
  g_autoptr (GError) local = NULL;
  SatchelStage *linked = stage_link (store, path, is_lf, size, known, &local);
  if (linked != NULL)
    return linked;
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  return satchel_stage_new_copied (store, content, size, known, error);
}

guint64
satchel_stage_size (const SatchelStage *stage)
{
  return stage->size;
}

GBytes *
satchel_stage_attributes (const SatchelStage *stage)
{
  return stage->attributes;
}

SatchelStaged *
satchel_stage_staged (SatchelStage *stage)
{
  return &stage->staged;
}

gboolean
satchel_stage_is_finished (const SatchelStage *stage)
{
  return stage->is_finished;
}

SatchelStoreCore *
satchel_stage_store (const SatchelStage *stage)
{
  return stage->core;
}

void
satchel_staged_add_notify (SatchelStaged *staged, GDestroyNotify func, gpointer data)
{
  SatchelStage *stage =
      (SatchelStage *) (gpointer) ((char *) staged - G_STRUCT_OFFSET (SatchelStage, staged));
  const Notify notify = { func, data };
  if (stage->notifies == NULL)
    stage->notifies = g_array_new (FALSE, FALSE, sizeof (Notify));
  g_array_append_val (stage->notifies, notify);
}

SatchelStage *
satchel_storage_stage_anew (SatchelStorage *storage, const SatchelAccess *access, SatchelStream *content,
                            GBytes *attributes, gint64 internal_date, GError **error)
{
  gint64 length = satchel_stream_length (content, error);
  g_autoptr (SatchelStage) stage = stage_alloc_in (satchel_store_core_ref (storage->store));
  stage->staged.internal_date = internal_date;
  stage->staged.attributes = attributes != NULL ? g_bytes_ref (attributes) : NULL;
  stage->is_raw = TRUE;
  stage->size_above = SATCHEL_SIZE_UNKNOWN;
  if (length < 0)
    return NULL;
  stage->writer = SATCHEL_HAS (storage->ops, stage)
                      ? storage->ops->stage (storage, access, (guint64) length, &stage->staged, error)
                      : satchel_storage_stage (storage, access, (guint64) length, &stage->staged, error);
  if (stage->writer == NULL || !copy_content (stage, content, error) || !satchel_stage_finish (stage, error))
    return NULL;
  return g_steal_pointer (&stage);
}

void
satchel_stage_free (SatchelStage *stage)
{
  g_clear_pointer (&stage->writer, satchel_writer_free);
  g_clear_pointer (&stage->scanner, satchel_scanner_free);
  g_clear_pointer (&stage->head, g_byte_array_unref);
  g_free (stage->crumb);
  if (stage->staged.driver != NULL)
    satchel_storage_stage_drop (&stage->core->client, stage->core->background, &stage->staged);
  g_clear_pointer (&stage->staged.attributes, g_bytes_unref);
  g_clear_pointer (&stage->attributes, g_bytes_unref);
  for (guint i = 0; stage->notifies != NULL && i < stage->notifies->len; i++)
    {
      const Notify *notify = &g_array_index (stage->notifies, Notify, i);
      notify->func (notify->data);
    }
  g_clear_pointer (&stage->notifies, g_array_unref);
  if (stage->store != NULL)
    satchel_store_unref (stage->store);
  else
    satchel_store_core_unref (stage->core);
  g_free (stage);
}
