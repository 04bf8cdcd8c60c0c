/* SPDX-License-Identifier: MIT
 * Keeps allow and block lists as lines of text: "allow anna@example.net", "block example.com".
 */
#include "lists.h"

#include <satchel/hash.h>
#include <string.h>

#define BLOB "lists"

static const char *const words[] = { [SPAM_LISTED_ALLOW] = "allow ", [SPAM_LISTED_BLOCK] = "block " };

static SpamLists *
lists_new (void)
{
  SpamLists *lists = g_new0 (SpamLists, 1);
  lists->entries = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  return lists;
}

void
spam_lists_free (SpamLists *lists)
{
  if (lists == NULL)
    return;
  g_hash_table_unref (lists->entries);
  g_free (lists);
}

/* Takes a line of the blob.  A line that is none is left out. */
static void
take_line (SpamLists *lists, const char *line)
{
  for (SpamListed listed = SPAM_LISTED_ALLOW; listed <= SPAM_LISTED_BLOCK; listed++)
    if (g_str_has_prefix (line, words[listed]))
      spam_lists_set (lists, line + strlen (words[listed]), listed, NULL);
}

SpamLists *
spam_lists_load (SatchelStore *store, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (SpamLists) lists = lists_new ();
  g_autoptr (GBytes) blob = satchel_store_get_blob (store, SPAM_SPACE, BLOB, &local);
  if (blob == NULL && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  if (blob == NULL)
    return g_steal_pointer (&lists);
  gsize len;
  const char *data = g_bytes_get_data (blob, &len);
  g_autofree char *text = g_strndup (data, len);
  g_auto (GStrv) lines = g_strsplit (text, "\n", SPAM_ENTRIES_MAX + 1);
  for (guint i = 0; lines[i] != NULL; i++)
    take_line (lists, lines[i]);
  return g_steal_pointer (&lists);
}

static int
by_text (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

gboolean
spam_lists_save (SatchelStore *store, const SpamLists *lists, GError **error)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer entry, listed;
  g_hash_table_iter_init (&iter, lists->entries);
  while (g_hash_table_iter_next (&iter, &entry, &listed))
    g_ptr_array_add (lines, g_strconcat (words[GPOINTER_TO_UINT (listed)], entry, NULL));
  g_ptr_array_sort (lines, by_text);
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < lines->len; i++)
    g_string_append_printf (text, "%s\n", (const char *) lines->pdata[i]);
  g_autoptr (GBytes) value = lines->len > 0 ? g_bytes_new (text->str, text->len) : NULL;
  return satchel_store_put_blobs (store, SPAM_SPACE, &(SatchelBlob) { BLOB, value }, 1, error);
}

/* Returns the form in which entries are compared, yours; NULL with INVALID. */
static char *
entry_of (const char *text, GError **error)
{
  gsize len = strlen (text);
  const char *at = strrchr (text, '@'), *domain = at != NULL ? at + 1 : text;
  gboolean is_good = len > 0 && len <= SPAM_ENTRY_BYTES && at != text && *domain != '\0'
                     && g_utf8_validate (text, (gssize) len, NULL);
  for (const char *c = text; is_good && *c != '\0'; c = g_utf8_next_char (c))
    is_good = !g_unichar_iscntrl (g_utf8_get_char (c)) && !g_unichar_isspace (g_utf8_get_char (c));
  if (is_good)
    return g_utf8_strdown (text, (gssize) len);
  satchel_error_set (error, SATCHEL_ERROR_INVALID,
                     "this is neither an address (anna@example.net) nor a domain (example.net)");
  return NULL;
}

gboolean
spam_lists_set (SpamLists *lists, const char *text, SpamListed listed, GError **error)
{
  g_autofree char *entry = entry_of (text, error);
  if (entry == NULL)
    return FALSE;
  if (listed == SPAM_LISTED_NOT)
    return g_hash_table_remove (lists->entries, entry)
           || satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "%s is on neither list", entry);
  if (!g_hash_table_contains (lists->entries, entry)
      && g_hash_table_size (lists->entries) >= SPAM_ENTRIES_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the lists have %u entries already; remove some",
                              SPAM_ENTRIES_MAX);
  g_hash_table_insert (lists->entries, g_steal_pointer (&entry), GUINT_TO_POINTER (listed));
  return TRUE;
}

static SpamListed
find_sender (const SpamLists *lists, const char *sender)
{
  gpointer listed = g_hash_table_lookup (lists->entries, sender);
  const char *domain = strrchr (sender, '@');
  for (; listed == NULL && domain != NULL && domain[1] != '\0'; domain = strchr (domain + 1, '.'))
    listed = g_hash_table_lookup (lists->entries, domain + 1);
  return GPOINTER_TO_UINT (listed);
}

SpamListed
spam_lists_find (const SpamLists *lists, const char *const *senders)
{
  SpamListed found = SPAM_LISTED_NOT;
  if (g_hash_table_size (lists->entries) == 0)
    return SPAM_LISTED_NOT;
  for (; *senders != NULL && found != SPAM_LISTED_ALLOW; senders++)
    {
      SpamListed listed = find_sender (lists, *senders);
      found = listed != SPAM_LISTED_NOT ? listed : found;
    }
  return found;
}
