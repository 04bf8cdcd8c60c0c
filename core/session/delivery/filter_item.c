/* SPDX-License-Identifier: MIT
 * One item for one filter (include/satchel/filter.h): the facts that it gets, and the changes that it asks
 * for.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/session/delivery/delivery_private.h"

#include <satchel/helper.h>
#include <satchel/keywords.h>
#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <satchel/snapshot.h>
#include <string.h>
#include <unistd.h>

#define RECIPIENT_EXTRA_BYTES 5u /* what a string takes on the wire beside its bytes */

static void
envelope_clear (gpointer data)
{
  SatchelFilterEnvelope *envelope = data;
  g_free (envelope->id);
  g_free (envelope->sender);
  g_free (envelope->client_address);
  g_free (envelope->client_name);
  g_free (envelope->client_user);
  g_free (envelope->tls);
  g_strfreev (envelope->recipients);
  g_free (envelope->first_recipients);
  satchel_origin_free (envelope->origin);
}

void
satchel_filter_envelope_log_origin (GString *line, const SatchelFilterEnvelope *envelope)
{
  const SatchelOrigin *origin = envelope->origin;
  if (origin != NULL && origin->queue_id != NULL)
    satchel_log_field (line, "queue-id", origin->queue_id);
  if (origin != NULL && origin->address != NULL)
    satchel_log_field (line, "client", origin->address);
}

void
satchel_filter_envelope_set_recipients (SatchelFilterEnvelope *envelope, char **recipients)
{
  gsize bytes = 0;
  guint n = 0;
  for (; recipients[n] != NULL; n++)
    {
      bytes += strlen (recipients[n]) + RECIPIENT_EXTRA_BYTES;
      if (bytes > SATCHEL_FILTER_RECIPIENTS_BYTES)
        break;
    }
  envelope->recipients = recipients;
  envelope->first_recipients = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    envelope->first_recipients[i] = recipients[i];
}

SatchelFilterEnvelope *
satchel_filter_envelope_ref (SatchelFilterEnvelope *envelope)
{
  return g_atomic_rc_box_acquire (envelope);
}

void
satchel_filter_envelope_unref (SatchelFilterEnvelope *envelope)
{
  g_atomic_rc_box_release_full (envelope, envelope_clear);
}

void
satchel_disposition_clear (SatchelDisposition *disposition)
{
  g_clear_pointer (&disposition->keywords, g_ptr_array_unref);
  g_clear_pointer (&disposition->mailbox, g_free);
  g_clear_pointer (&disposition->notes, g_ptr_array_unref);
  disposition->flags = disposition->special_use = 0;
}

/* Adds a keyword. FALSE means that there is no room for another one. */
static gboolean
add_keyword (SatchelDisposition *disposition, const char *keyword)
{
  if (disposition->keywords == NULL)
    disposition->keywords = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < disposition->keywords->len; i++)
    if (g_ascii_strcasecmp (disposition->keywords->pdata[i], keyword) == 0)
      return TRUE;
  if (disposition->keywords->len >= SATCHEL_FILTER_KEYWORDS_MAX)
    return FALSE;
  g_ptr_array_add (disposition->keywords, g_strdup (keyword));
  return TRUE;
}

gboolean
satchel_disposition_add_note (SatchelDisposition *disposition, const char *filter, const char *note)
{
  gsize bytes = strlen (filter) + strlen (note);
  if (disposition->notes == NULL)
    disposition->notes = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < disposition->notes->len; i++)
    bytes += strlen (disposition->notes->pdata[i]);
  if (bytes > SATCHEL_FILTER_NOTES_BYTES)
    return FALSE;
  g_ptr_array_add (disposition->notes, g_strdup (filter));
  g_ptr_array_add (disposition->notes, g_strdup (note));
  return TRUE;
}

const char *
satchel_disposition_note (const SatchelDisposition *disposition, const char *filter)
{
  for (guint i = 0; disposition->notes != NULL && i + 1 < disposition->notes->len; i += 2)
    if (strcmp (disposition->notes->pdata[i], filter) == 0)
      return disposition->notes->pdata[i + 1];
  return NULL;
}

guint
satchel_disposition_merge (SatchelDisposition *disposition, const SatchelDisposition *more)
{
  guint n_left = 0;
  disposition->flags |= more->flags;
  for (guint i = 0; more->keywords != NULL && i < more->keywords->len; i++)
    n_left += !add_keyword (disposition, more->keywords->pdata[i]);
  for (guint i = 0; more->notes != NULL && i + 1 < more->notes->len; i += 2)
    satchel_disposition_add_note (disposition, more->notes->pdata[i], more->notes->pdata[i + 1]);
  /* Mailbox and special use are one choice, so a later filter that names either replaces both. */
  if (more->mailbox != NULL || more->special_use != 0)
    {
      g_free (disposition->mailbox);
      disposition->mailbox = g_strdup (more->mailbox);
      disposition->special_use = more->special_use;
    }
  return n_left;
}

SatchelFilterQuestion *
satchel_filter_question_new (const SatchelFilterRun *run, gint64 timeout_ms,
                             void (*answered) (gpointer question))
{
  SatchelFilterQuestion *question = g_new0 (SatchelFilterQuestion, 1);
  g_atomic_ref_count_init (&question->refs);
  g_mutex_init (&question->lock);
  question->content_fd = -1;
  question->asked_us = g_get_monotonic_time ();
  question->deadline_ms = satchel_clock_ms () + timeout_ms;
  question->answered = answered;
  question->envelope = satchel_filter_envelope_ref (run->envelope);
  question->content = satchel_stream_ref (run->content);
  question->crumb = g_strdup (run->crumb);
  satchel_header_edit_init (&question->edit);
  SatchelFilterItem *item = &question->item;
  item->size = sizeof *item;
  item->id = question->envelope->id;
  item->sender = question->envelope->sender;
  item->recipients = (const char *const *) question->envelope->recipients;
  item->n_recipients = question->envelope->n_recipients;
  item->client_address = question->envelope->client_address;
  item->client_name = question->envelope->client_name;
  item->client_user = question->envelope->client_user;
  item->tls = question->envelope->tls;
  item->all_recipients = item->recipients;
  item->origin = question->envelope->origin;
  item->content = question->content;
  if (run->stage == SATCHEL_FILTER_RECIPIENT)
    {
      item->user = question->user = g_strdup (run->user);
      item->detail = question->detail = g_strdup (run->detail);
      question->place = run->place != NULL ? satchel_place_ref (run->place) : NULL;
      question->one_recipient[0] = g_strdup (run->recipient);
      item->recipients = question->one_recipient;
      item->all_recipients = (const char *const *) question->envelope->first_recipients;
    }
  return question;
}

void
satchel_filter_question_unref (SatchelFilterQuestion *question)
{
  if (!g_atomic_ref_count_dec (&question->refs))
    return;
  satchel_fd_clear (&question->content_fd);
  satchel_filter_envelope_unref (question->envelope);
  satchel_stream_unref (question->content);
  satchel_header_edit_clear (&question->edit);
  satchel_disposition_clear (&question->where);
  g_mutex_clear (&question->lock);
  g_free ((char *) question->one_recipient[0]);
  g_free (question->user);
  g_free (question->detail);
  g_clear_pointer (&question->place, satchel_place_unref);
  g_free (question->note);
  g_free (question->text);
  g_free (question->failure);
  g_free (question->crumb);
  g_free (question);
}

/* Cleans the text for the sender, since the sender's server shows it to people and writes it into logs. */
static char *
clean_text (const char *text)
{
  if (text == NULL || *text == '\0')
    return NULL;
  char *clean = g_strndup (text, SATCHEL_FILTER_TEXT_BYTES);
  for (char *c = clean; *c != '\0'; c++)
    if (*c < ' ' || *c >= 0x7f)
      *c = '?';
  return clean;
}

static void
end_item (SatchelFilterItem *item, SatchelFilterVerdict verdict, char *text, char *failure)
{
  SatchelFilterQuestion *question = (SatchelFilterQuestion *) item;
  question->verdict = verdict;
  question->text = text;
  question->failure = failure;
  g_atomic_int_set (&question->is_answered, 1);
  satchel_defer (question->answered, question);
}

void
satchel_filter_answer (SatchelFilterItem *item, SatchelFilterVerdict verdict, const char *text)
{
  if (verdict > SATCHEL_FILTER_TEMPORARY)
    end_item (item, SATCHEL_FILTER_CONTINUE, NULL, g_strdup ("a verdict that is none"));
  else
    end_item (item, verdict, clean_text (text), NULL);
}

void
satchel_filter_fail (SatchelFilterItem *item, const char *why)
{
  end_item (item, SATCHEL_FILTER_CONTINUE, NULL, g_strdup (why != NULL ? why : "the filter gave no reason"));
}

gboolean
satchel_filter_add_header (SatchelFilterItem *item, const char *name, const char *value, GError **error)
{
  return satchel_header_edit_add (&((SatchelFilterQuestion *) item)->edit, name, value, error);
}

gboolean
satchel_filter_remove_header (SatchelFilterItem *item, const char *name, GError **error)
{
  return satchel_header_edit_remove (&((SatchelFilterQuestion *) item)->edit, name, error);
}

void
satchel_filter_add_flags (SatchelFilterItem *item, guint32 flags)
{
  ((SatchelFilterQuestion *) item)->where.flags |= flags & SATCHEL_FLAGS_ALL;
}

gboolean
satchel_filter_add_keyword (SatchelFilterItem *item, const char *keyword, GError **error)
{
  if (!satchel_keyword_is_atom (keyword))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "a keyword is not an atom");
  if (strlen (keyword) > SATCHEL_KEYWORD_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "a keyword is too long");
  return add_keyword (&((SatchelFilterQuestion *) item)->where, keyword)
         || satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the filter sets more than %u keywords",
                               SATCHEL_FILTER_KEYWORDS_MAX);
}

gboolean
satchel_filter_set_mailbox (SatchelFilterItem *item, const char *name, GError **error)
{
  SatchelDisposition *where = &((SatchelFilterQuestion *) item)->where;
  g_autofree char *normal = satchel_mailbox_name_normalise (name, strlen (name), error);
  if (normal == NULL)
    return FALSE;
  g_free (where->mailbox);
  where->mailbox = g_steal_pointer (&normal);
  where->special_use = 0;
  return TRUE;
}

void
satchel_filter_set_special_use (SatchelFilterItem *item, guint special_use)
{
  ((SatchelFilterQuestion *) item)->where.special_use = special_use;
}

gboolean
satchel_filter_set_note (SatchelFilterItem *item, const char *note, GError **error)
{
  SatchelFilterQuestion *question = (SatchelFilterQuestion *) item;
  if (question->user != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "a note is left in the message stage only");
  if (!g_utf8_validate (note, -1, NULL))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "a note is not UTF-8");
  if (strlen (note) > SATCHEL_FILTER_NOTE_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "a note has more than %u bytes",
                              SATCHEL_FILTER_NOTE_BYTES);
  g_free (question->note);
  question->note = g_strdup (note);
  return TRUE;
}

const char *
satchel_filter_note (const SatchelFilterItem *item)
{
  const SatchelFilterQuestion *question = (const SatchelFilterQuestion *) item;
  return question->user != NULL ? question->note : NULL;
}

SatchelStore *
satchel_filter_open_store (SatchelFilterItem *item, GError **error)
{
  const SatchelFilterQuestion *question = (const SatchelFilterQuestion *) item;
  if (question->place == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "a message has no store before its recipient stage");
      return NULL;
    }
  return satchel_delivery_open_store (question->user, item->id, question->place, error);
}

int
satchel_filter_content_fd (SatchelFilterItem *item, GError **error)
{
  SatchelFilterQuestion *question = (SatchelFilterQuestion *) item;
  g_mutex_lock (&question->lock);
  if (question->content_fd < 0)
    question->content_fd = satchel_helper_content_new (question->content, item->content_bytes, error);
  int fd = question->content_fd;
  g_mutex_unlock (&question->lock);
  return fd;
}

gint64
satchel_filter_left_ms (const SatchelFilterItem *item)
{
  const SatchelFilterQuestion *question = (const SatchelFilterQuestion *) item;
  return satchel_filter_is_cancelled (item) ? 0 : MAX (0, question->deadline_ms - satchel_clock_ms ());
}

gboolean
satchel_filter_is_cancelled (const SatchelFilterItem *item)
{
  return g_atomic_int_get (&((const SatchelFilterQuestion *) item)->is_cancelled) != 0;
}

void
satchel_filter_set_data (SatchelFilterItem *item, gpointer data)
{
  g_atomic_pointer_set (&((SatchelFilterQuestion *) item)->module_data, data);
}

gpointer
satchel_filter_data (SatchelFilterItem *item)
{
  return g_atomic_pointer_get (&((SatchelFilterQuestion *) item)->module_data);
}
