/* SPDX-License-Identifier: MIT
 * This file chooses the messages that a command is about; see choice.h.
 */
#include "choice.h"
#include "layer.h"

#include <string.h>

/* A row whose setting is a time back from now. */
static const SatchelConfigRow back_row = { "time",   SATCHEL_CONFIG_DURATION,    NULL, "Time back from now",
                                           .min = 0, .max = SATCHEL_DAYS (36500) };

/* "3d" and "2026-11-30", or "2026-11-30T12:00:00Z". */
static gboolean
read_time (const char *option, const char *text, gint64 *ret_time_s, GError **error)
{
  gint64 back_ms;
  if (satchel_config_number_parse (&back_row, text, &back_ms, NULL))
    {
      *ret_time_s = g_get_real_time () / G_USEC_PER_SEC - back_ms / 1000;
      return TRUE;
    }
  g_autoptr (GTimeZone) local = g_time_zone_new_local ();
  g_autofree char *long_form =
      strlen (text) == strlen ("2026-11-30") ? g_strconcat (text, "T00:00:00", NULL) : g_strdup (text);
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (long_form, local);
  if (time == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "--%s: \"%s\" is neither a time back from now (3d) nor a date (2026-11-30)",
                              option, text);
  *ret_time_s = g_date_time_to_unix (time);
  return TRUE;
}

gboolean
retention_choice_read (RetentionChoice *choice, const SatchelConfig *options, GError **error)
{
  const char *query = satchel_config_string (options, "query");
  choice->mailbox = satchel_config_string (options, "mailbox");
  if (query == NULL || (choice->query = retention_query_new (query, error)) != NULL)
    return TRUE;
  g_prefix_error (error, "--query: ");
  return FALSE;
}

static gboolean
read_options (RetentionChoice *choice, const SatchelConfig *options, GError **error)
{
  const char *since = satchel_config_string (options, "since");
  const char *before = satchel_config_string (options, "before");
  return (since == NULL || read_time ("since", since, &choice->since_s, error))
         && (before == NULL || read_time ("before", before, &choice->before_s, error))
         && retention_choice_read (choice, options, error);
}

gboolean
retention_choice_open (RetentionChoice *choice, SatchelAdminCall *call, gboolean has_options, GError **error)
{
  *choice = (RetentionChoice) { .call = call, .before_s = G_MAXINT64 };
  if (has_options && !read_options (choice, satchel_admin_options (call), error))
    return FALSE;
  choice->store = satchel_admin_open_store (call, error);
  if (choice->store == NULL)
    return FALSE;
  choice->storage = satchel_store_level (choice->store, &retention_ops);
  return choice->storage != NULL
         || satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                               "the layer retention is not among the layers of %s, so nothing is kept; see "
                               "storage.layers and storage.profiles",
                               satchel_store_user (choice->store));
}

void
retention_choice_clear (RetentionChoice *choice)
{
  g_clear_pointer (&choice->query, retention_query_free);
  g_clear_pointer (&choice->store, satchel_store_unref);
}

const SatchelAccess *
retention_choice_access (const RetentionChoice *choice)
{
  return satchel_admin_access (choice->call);
}

/* ---- messages ---- */

typedef struct Walk
{
  const RetentionChoice *choice;
  SatchelMailbox *mailbox; /* for the query */
  RetentionItemFunc func;
  gpointer data;
} Walk;

/* A message that cannot be read, such as a sealed one, does not have what is asked for. */
static gboolean
is_chosen (const Walk *walk, const RetentionItem *item)
{
  gboolean matches = TRUE;
  const RetentionChoice *choice = walk->choice;
  if (item->time_s < choice->since_s || item->time_s >= choice->before_s
      || (choice->mailbox != NULL && strcmp (choice->mailbox, item->mailbox) != 0))
    return FALSE;
  return choice->query == NULL
         || (retention_query_matches (choice->query, walk->mailbox, &item->row, &matches, NULL) && matches);
}

static gboolean
take_item (const RetentionItem *item, gpointer data)
{
  const Walk *walk = data;
  return !satchel_admin_is_cancelled (walk->choice->call)
         && (!is_chosen (walk, item) || walk->func (item, walk->data));
}

/* Says whether mailbox @stored of the tree can have messages that are chosen. */
static gboolean
has_chosen (const RetentionChoice *choice, const char *stored)
{
  const char *name = retention_original (stored);
  return choice->mailbox == NULL || name == NULL || strcmp (name, choice->mailbox) == 0;
}

gboolean
retention_choice_walk (const RetentionChoice *choice, const char *stored, RetentionItemFunc func,
                       gpointer data, GError **error)
{
  gboolean has_ended = FALSE;
  Walk walk = { .choice = choice, .func = func, .data = data };
  g_autofree char *shown = retention_to_shown (choice->storage, stored);
  g_autoptr (SatchelMailbox) mailbox = NULL;
  if (!has_chosen (choice, stored))
    return TRUE;
  if (choice->query != NULL)
    walk.mailbox = mailbox = satchel_store_open_mailbox (choice->store, shown, error);
  if (choice->query != NULL && mailbox == NULL)
    return FALSE;
  if (!retention_items_walk (choice->storage, retention_choice_access (choice), stored, G_MAXINT64, take_item,
                             &walk, &has_ended, error))
    return FALSE;
  return !has_ended || satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
}
