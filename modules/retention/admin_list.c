/* SPDX-License-Identifier: MIT
 * The commands `satchel retention list` and `satchel retention search`.
 */
#include "admin.h"
#include "choice.h"

#include <satchel/attributes.h>
#include <satchel/hash.h>
#include <satchel/header.h>
#include <string.h>

static char *
format_time (gint64 time_s)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (time_s);
  return time != NULL && time_s > 0 ? g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ") : NULL;
}

/* ---- list ---- */

typedef struct Sum
{
  guint64 n_messages, n_bytes;
  gint64 first_s, last_s;
} Sum;

/* Sums by mailbox, since messages of several may share one of the tree. */
static gboolean
add_to_sums (const RetentionItem *item, gpointer data)
{
  GHashTable *sums = data;
  Sum *sum = g_hash_table_lookup (sums, item->mailbox);
  if (sum == NULL)
    {
      sum = g_new0 (Sum, 1);
      sum->first_s = item->time_s;
      g_hash_table_insert (sums, g_strdup (item->mailbox), sum);
    }
  sum->n_messages++;
  sum->n_bytes += item->row.size != SATCHEL_SIZE_UNKNOWN ? item->row.size : 0;
  sum->first_s = MIN (sum->first_s, item->time_s);
  sum->last_s = MAX (sum->last_s, item->time_s);
  return TRUE;
}

static gboolean
print_sum (SatchelAdminCall *call, const char *mailbox, const Sum *sum)
{
  g_autofree char *first = format_time (sum->first_s), *last = format_time (sum->last_s);
  return satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("mailbox", mailbox),
                               SATCHEL_ADMIN_NUMBER ("messages", (gint64) sum->n_messages),
                               SATCHEL_ADMIN_NUMBER ("bytes", (gint64) sum->n_bytes),
                               SATCHEL_ADMIN_TEXT ("first_removed", first),
                               SATCHEL_ADMIN_TEXT ("last_removed", last));
}

gboolean
retention_run_list (SatchelAdminCall *call, GError **error)
{
  g_auto (RetentionChoice) choice = { 0 };
  if (!retention_choice_open (&choice, call, TRUE, error))
    return FALSE;
  g_autoptr (GHashTable) sums = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  g_autoptr (GPtrArray) names =
      retention_list_kept (choice.storage, retention_choice_access (&choice), error);
  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      satchel_admin_progress (call, i + 1, names->len, "mailboxes");
      if (!retention_choice_walk (&choice, names->pdata[i], add_to_sums, sums, error))
        return FALSE;
    }
  if (names == NULL)
    return FALSE;
  g_autoptr (GList) mailboxes = g_list_sort (g_hash_table_get_keys (sums), (GCompareFunc) strcmp);
  for (const GList *one = mailboxes; one != NULL; one = one->next)
    if (!print_sum (call, one->data, g_hash_table_lookup (sums, one->data)))
      return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
  return TRUE;
}

/* ---- search ---- */

typedef struct Search
{
  const RetentionChoice *choice;
  SatchelMailbox *mailbox;
  gint64 n_left; /* of --limit */
} Search;

/* Returns a field of the header as text; yours, or NULL. */
static char *
field_of (GBytes *attributes, const char *name)
{
  gsize len;
  const char *raw;
  if (attributes == NULL
      || satchel_attributes_header (attributes, name, &raw, &len) != SATCHEL_HEADER_PRESENT)
    return NULL;
  return satchel_header_decode (raw, len, NULL);
}

static char *
describe_flags (const RetentionItem *item)
{
  static const char *const names[] = { "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft" };
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if ((item->row.flags >> i & 1) != 0)
      g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", names[i]);
  return g_string_free (text, FALSE);
}

static gboolean
print_item (const RetentionItem *item, gpointer data)
{
  Search *search = data;
  GBytes *blob = NULL;
  const RetentionRecord *record = item->record;
  satchel_mailbox_attributes (search->mailbox, &item->uid, 1, &blob, NULL, NULL);
  g_autoptr (GBytes) attributes = blob;
  g_autofree char *subject = field_of (attributes, "Subject"), *from = field_of (attributes, "From");
  g_autofree char *removed = format_time (item->time_s), *received = format_time (item->row.internal_date);
  g_autofree char *flags = describe_flags (item);
  gint64 bytes = item->row.size != SATCHEL_SIZE_UNKNOWN ? (gint64) item->row.size : 0;
  return satchel_admin_record (search->choice->call, SATCHEL_ADMIN_TEXT ("mailbox", item->mailbox),
                               SATCHEL_ADMIN_NUMBER ("uid", item->uid),
                               SATCHEL_ADMIN_TEXT ("removed", removed),
                               SATCHEL_ADMIN_TEXT ("received", received),
                               SATCHEL_ADMIN_NUMBER ("bytes", bytes), SATCHEL_ADMIN_TEXT ("flags", flags),
                               SATCHEL_ADMIN_TEXT ("from", from), SATCHEL_ADMIN_TEXT ("subject", subject),
                               SATCHEL_ADMIN_TEXT ("by", record != NULL ? record->cause : NULL),
                               SATCHEL_ADMIN_TEXT ("service", record != NULL ? record->service : NULL),
                               SATCHEL_ADMIN_TEXT ("session", record != NULL ? record->session_id : NULL),
                               SATCHEL_ADMIN_TEXT ("peer", record != NULL ? record->peer : NULL))
         && --search->n_left > 0;
}

gboolean
retention_run_search (SatchelAdminCall *call, GError **error)
{
  g_auto (RetentionChoice) choice = { 0 };
  Search search = { .choice = &choice, .n_left = satchel_config_int (satchel_admin_options (call), "limit") };
  if (!retention_choice_open (&choice, call, TRUE, error))
    return FALSE;
  g_autoptr (GPtrArray) names =
      retention_list_kept (choice.storage, retention_choice_access (&choice), error);
  for (guint i = 0; names != NULL && i < names->len && search.n_left > 0; i++)
    {
      g_autofree char *shown = retention_to_shown (choice.storage, names->pdata[i]);
      g_autoptr (GError) local = NULL;
      search.mailbox = satchel_store_open_mailbox (choice.store, shown, error);
      if (search.mailbox == NULL)
        return FALSE;
      gboolean ok = retention_choice_walk (&choice, names->pdata[i], print_item, &search, &local);
      satchel_mailbox_unref (search.mailbox);
      if (!ok && search.n_left > 0)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
    }
  return names != NULL;
}
