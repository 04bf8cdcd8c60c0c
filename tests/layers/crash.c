/* SPDX-License-Identifier: MIT
 * Storage layer `crash`, for tests: reading a message that says so ends the process, as a broken parser
 * would.
 */
#define _GNU_SOURCE 1 /* memmem */
#include <satchel/module.h>
#include <satchel/storage.h>
#include <stdlib.h>
#include <string.h>

#ifndef MARK /* compiled again under another name */
#define MARK "X-Crash: now"
#define NAME "crash"
#endif
static const char marker[] = MARK;

typedef struct CrashStream
{
  SatchelStream stream;
  SatchelStream *below;
} CrashStream;

static gssize
crash_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  gssize n = satchel_stream_read_at (((CrashStream *) stream)->below, offset, buffer, len, error);
  if (n > 0 && memmem (buffer, (gsize) n, marker, strlen (marker)) != NULL)
    abort ();
  return n;
}

static gint64
crash_length (SatchelStream *stream, GError **error)
{
  return satchel_stream_length (((CrashStream *) stream)->below, error);
}

static void
crash_stream_free (SatchelStream *stream)
{
  satchel_stream_unref (((CrashStream *) stream)->below);
  g_free (stream);
}

static SatchelStream *
crash_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                    guint32 uid, GError **error)
{
  static const SatchelStreamOps ops = {
    .size = sizeof (SatchelStreamOps),
    .read_at = crash_read_at,
    .length = crash_length,
    .free = crash_stream_free,
  };
  SatchelStream *below = satchel_storage_open_message (storage, access, mailbox, uid, error);
  if (below == NULL)
    return NULL;
  CrashStream *stream = g_new0 (CrashStream, 1);
  satchel_stream_init (&stream->stream, &ops);
  stream->below = below;
  return &stream->stream;
}

static gboolean
crash_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static const SatchelStorageOps crash_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 300,
  .classes = SATCHEL_CLASS_CONTENT_OUT,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = crash_open,
  .open_message = crash_open_message,
#ifdef PASSES_BY
  .passes_by = TRUE,
#endif
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &crash_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = NAME,
    .version = "0.1",
    .description = "A storage layer that crashes on some messages, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
