/* SPDX-License-Identifier: MIT
 * Implements the queue and its file, whose lines are records of <satchel/record_log.h>: "n" and a notice, or
 * "d ID" for a notice that is done.
 */
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/log.h>
#include <satchel/record_log.h>
#include <satchel/retry.h>
#include <string.h>
#include <unistd.h>

#define AREA "account-notices"

struct Queue
{
  GPtrArray *notices;
  guint64 last_id;
  int directory;
  SatchelRecordLog *log;
  gboolean has_news;
};

static void
free_notice (gpointer data)
{
  notice_free (data);
}

Notice *
queue_find (const Queue *queue, guint64 id)
{
  for (guint i = 0; i < queue->notices->len; i++)
    if (((Notice *) queue->notices->pdata[i])->id == id)
      return queue->notices->pdata[i];
  return NULL;
}

static void
load_record (const char *record, gpointer data)
{
  Queue *queue = data;
  Notice *notice = notice_parse (record), *old;
  guint64 id;
  if (notice != NULL)
    {
      queue->last_id = MAX (queue->last_id, notice->id);
      g_ptr_array_add (queue->notices, notice);
    }
  else if (g_str_has_prefix (record, "d\t")
           && g_ascii_string_to_unsigned (record + 2, 10, 1, G_MAXUINT64, &id, NULL)
           && (old = queue_find (queue, id)) != NULL)
    g_ptr_array_remove (queue->notices, old);
}

static void
dump_records (SatchelRecordFunc emit, gpointer emit_data, gpointer data)
{
  Queue *queue = data;
  for (guint i = 0; i < queue->notices->len; i++)
    {
      g_autofree char *record = notice_record (queue->notices->pdata[i]);
      emit (record, emit_data);
    }
}

static gboolean
open_log (Queue *queue, const char *path, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (path), *name = g_path_get_basename (path);
  queue->directory = SATCHEL_RETRY (open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (queue->directory < 0)
    return satchel_error_set_errno (error, errno, "the directory %s cannot be opened", directory);
  queue->log = satchel_record_log_open (queue->directory, name, "satchel-account-notices", 0, load_record,
                                        dump_records, queue, error);
  return queue->log != NULL;
}

Queue *
queue_new (const char *path)
{
  g_autoptr (GError) error = NULL;
  Queue *queue = g_new0 (Queue, 1);
  queue->directory = -1;
  queue->notices = g_ptr_array_new_with_free_func (free_notice);
  if (path != NULL && !open_log (queue, path, &error))
    satchel_log (SATCHEL_LOG_WARNING, AREA,
                 "notices that are not delivered when auth ends are lost; set account-notices.path: %s",
                 error->message);
  return queue;
}

void
queue_free (Queue *queue)
{
  if (queue == NULL)
    return;
  queue_sync (queue);
  satchel_record_log_free (queue->log);
  if (queue->directory >= 0)
    close (queue->directory);
  g_ptr_array_unref (queue->notices);
  g_free (queue);
}

static void
add_record (Queue *queue, char *record)
{
  if (queue->log != NULL && strlen (record) <= SATCHEL_RECORD_BYTES_MAX)
    {
      satchel_record_log_add (queue->log, record);
      queue->has_news = TRUE;
    }
  g_free (record);
}

gboolean
queue_add (Queue *queue, Notice *notice)
{
  if (queue->notices->len >= QUEUE_MAX)
    {
      notice_free (notice);
      return FALSE;
    }
  notice->id = ++queue->last_id;
  g_ptr_array_add (queue->notices, notice);
  add_record (queue, notice_record (notice));
  return TRUE;
}

void
queue_remove (Queue *queue, Notice *notice)
{
  add_record (queue, g_strdup_printf ("d\t%" G_GUINT64_FORMAT, notice->id));
  g_ptr_array_remove (queue->notices, notice);
}

void
queue_sync (Queue *queue)
{
  g_autoptr (GError) error = NULL;
  if (!queue->has_news)
    return;
  queue->has_news = FALSE;
  if (!satchel_record_log_sync (queue->log, queue->notices->len, &error))
    satchel_log (SATCHEL_LOG_WARNING, AREA, "notices that wait are not stored: %s", error->message);
}

const GPtrArray *
queue_all (const Queue *queue)
{
  return queue->notices;
}
