/* SPDX-License-Identifier: MIT
 * Sends the lines, records and progress of a running admin command, in its job, at most as fast as the
 * administrator's side takes them.
 */
#include "config.h"

#include "core/session/admin/admin_private.h"

#include <satchel/job.h>
#include <satchel/log.h>
#include <string.h>

#include "core/base/json.h"

#define QR_BYTES_MAX 1024u
#define PROGRESS_US (100 * 1000)
#define BEAT_US (500 * 1000)
/* If the administrator's side takes nothing for this long, the command is cancelled, since it holds a thread.
 * */
#define READER_US (300 * (gint64) G_USEC_PER_SEC)

const SatchelAccess *
satchel_admin_access (const SatchelAdminCall *call)
{
  return call->access;
}

const SatchelConfig *
satchel_admin_options (const SatchelAdminCall *call)
{
  return call->options;
}

static void
beat (const SatchelAdminCall *call)
{
  satchel_job_crumb ("%s %s", call->group, call->command->name);
}

gboolean
satchel_admin_is_cancelled (SatchelAdminCall *call)
{
  beat (call);
  g_mutex_lock (&call->lock);
  gboolean is_cancelled = call->is_cancelled;
  g_mutex_unlock (&call->lock);
  return is_cancelled;
}

void
satchel_admin_cancel (SatchelAdminCall *call, SatchelErrorCode why)
{
  g_mutex_lock (&call->lock);
  if (!call->is_cancelled)
    call->why = why;
  call->is_cancelled = TRUE;
  g_cond_broadcast (&call->room);
  g_mutex_unlock (&call->lock);
}

/* Waits until the window has room.  The caller is in the job and holds the lock. */
static void
wait_for_room (SatchelAdminCall *call)
{
  gint64 since_us = g_get_monotonic_time ();
  while (call->n_unread >= SATCHEL_ADMIN_WINDOW && !call->is_cancelled)
    {
      gint64 now_us = g_get_monotonic_time ();
      if (now_us - since_us > READER_US)
        {
          call->is_cancelled = TRUE;
          call->why = SATCHEL_ERROR_TIMEOUT;
        }
      beat (call);
      g_cond_wait_until (&call->room, &call->lock, now_us + BEAT_US);
    }
}

gboolean
satchel_admin_add_frame (SatchelAdminCall *call, char kind, const char *text, gboolean waits)
{
  g_mutex_lock (&call->lock);
  if (waits)
    wait_for_room (call);
  gsize len = strlen (text) + 2;
  if (waits && !call->is_cancelled && call->n_bytes + len > SATCHEL_ADMIN_OUTPUT_MAX)
    {
      call->is_cancelled = TRUE;
      call->why = SATCHEL_ERROR_LIMIT;
    }
  gboolean goes_out = !waits || !call->is_cancelled;
  if (goes_out)
    {
      g_string_append_c (call->waiting, kind);
      g_string_append (call->waiting, text);
      g_string_append_c (call->waiting, '\n');
      call->n_unread += len;
      call->n_bytes += len;
    }
  gboolean asks = goes_out && !call->is_sending;
  call->is_sending = call->is_sending || asks;
  g_mutex_unlock (&call->lock);
  if (asks)
    satchel_defer (call->send_waiting, g_atomic_rc_box_acquire (call));
  return goes_out;
}

/* Returns a line of text without control characters of C0 or C1, which a terminal must not get. */
static char *
clean_line (const char *text, gsize len)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) len);
  GString *clean = g_string_sized_new (len + 1);
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);
      if (c < 0x20 ? c != '\t' : c >= 0x7f && c < 0xa0)
        g_string_append_c (clean, '?');
      else
        g_string_append_unichar (clean, c);
    }
  return g_string_free (clean, FALSE);
}

static gboolean
print_line (SatchelAdminCall *call, const char *text, gsize len)
{
  if (len > SATCHEL_ADMIN_LINE_MAX)
    {
      satchel_admin_cancel (call, SATCHEL_ERROR_LIMIT);
      return FALSE;
    }
  g_autofree char *line = clean_line (text, len);
  if (!call->is_json)
    return satchel_admin_add_frame (call, SATCHEL_ADMIN_FRAME_LINE, line, TRUE);
  const SatchelAdminField field = SATCHEL_ADMIN_TEXT ("text", line);
  return satchel_admin_fields (call, &field, 1);
}

gboolean
satchel_admin_print (SatchelAdminCall *call, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  gsize len = strlen (text);
  if (len > 0 && text[len - 1] == '\n')
    len--;
  for (const char *at = text, *end = text + len;;)
    {
      const char *newline = memchr (at, '\n', (gsize) (end - at));
      if (!print_line (call, at, (gsize) ((newline != NULL ? newline : end) - at)))
        return FALSE;
      if (newline == NULL)
        return TRUE;
      at = newline + 1;
    }
}

static void
field_to_json (SatchelJson *json, const SatchelAdminField *field)
{
  g_autofree char *valid = field->text != NULL ? g_utf8_make_valid (field->text, -1) : NULL;
  if (field->type == 'n')
    satchel_json_number (json, field->key, field->number);
  else if (field->type == 'b')
    satchel_json_bool (json, field->key, field->number != 0);
  else
    satchel_json_text (json, field->key, valid);
}

static void
field_to_text (GString *line, const SatchelAdminField *field)
{
  if (field->type == 'n')
    g_string_append_printf (line, " %s=%" G_GINT64_FORMAT, field->key, field->number);
  else if (field->type == 'b')
    g_string_append_printf (line, " %s=%s", field->key, field->number != 0 ? "yes" : "no");
  else
    satchel_log_field (line, field->key, field->text);
}

gboolean
satchel_admin_fields (SatchelAdminCall *call, const SatchelAdminField *fields, guint n_fields)
{
  g_autoptr (GString) line = g_string_new (NULL);
  SatchelJson json = { .out = line };
  if (call->is_json)
    satchel_json_open (&json, NULL, '{');
  for (guint i = 0; i < n_fields; i++)
    if (call->is_json)
      field_to_json (&json, &fields[i]);
    else
      field_to_text (line, &fields[i]);
  if (call->is_json)
    satchel_json_close (&json, '}');
  if (line->len > 2 * SATCHEL_ADMIN_LINE_MAX)
    {
      satchel_admin_cancel (call, SATCHEL_ERROR_LIMIT);
      return FALSE;
    }
  return satchel_admin_add_frame (call, SATCHEL_ADMIN_FRAME_LINE, line->str + (*line->str == ' '), TRUE);
}

gboolean
satchel_admin_progress (SatchelAdminCall *call, guint64 done, guint64 total, const char *what)
{
  g_autofree char *words = clean_line (what != NULL ? what : "", what != NULL ? strnlen (what, 200) : 0);
  g_autofree char *text =
      g_strdup_printf ("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %s", done, total, words);
  gint64 now_us = g_get_monotonic_time ();
  beat (call);
  g_mutex_lock (&call->lock);
  gboolean is_soon = now_us - call->progress_us < PROGRESS_US, is_cancelled = call->is_cancelled;
  g_clear_pointer (&call->progress, g_free);
  if (is_soon)
    call->progress = g_steal_pointer (&text);
  else
    call->progress_us = now_us;
  g_mutex_unlock (&call->lock);
  return is_soon ? !is_cancelled : satchel_admin_add_frame (call, SATCHEL_ADMIN_FRAME_PROGRESS, text, TRUE);
}

gboolean
satchel_admin_qr (SatchelAdminCall *call, const char *text)
{
  g_autofree char *line = clean_line (text, strnlen (text, QR_BYTES_MAX));
  return satchel_admin_add_frame (call, SATCHEL_ADMIN_FRAME_QR, line, TRUE);
}

gboolean
satchel_admin_ask (SatchelAdminCall *call, const char *option, const char *prompt)
{
  g_autofree char *words = clean_line (prompt, strnlen (prompt, SATCHEL_ADMIN_LINE_MAX));
  g_autofree char *text = g_strdup_printf ("%s %s", option, words);
  return satchel_admin_add_frame (call, SATCHEL_ADMIN_FRAME_ASK, text, TRUE);
}

void
satchel_admin_end_progress (SatchelAdminCall *call)
{
  g_mutex_lock (&call->lock);
  g_autofree char *text = g_steal_pointer (&call->progress);
  g_mutex_unlock (&call->lock);
  if (text != NULL)
    satchel_admin_add_frame (call, SATCHEL_ADMIN_FRAME_PROGRESS, text, FALSE);
}
