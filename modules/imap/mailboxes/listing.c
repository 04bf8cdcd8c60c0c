/* SPDX-License-Identifier: MIT
 * This file keeps the names of a user as a tree in an array, and chooses what LIST and LSUB return.
 */
#include "mailboxes/listing.h"

#include <string.h>

#define TURN_STEPS 4000000u /* steps of matching in one turn, which take at most some milliseconds */

static void
entry_clear (gpointer data)
{
  g_free (((ImapListEntry *) data)->name);
}

static void
pattern_free (gpointer data)
{
  g_free (((ImapListPattern *) data)->text);
  g_free (data);
}

GPtrArray *
imap_list_patterns_new (void)
{
  return g_ptr_array_new_with_free_func (pattern_free);
}

void
imap_list_patterns_add (GPtrArray *patterns, char *text, gboolean is_shown)
{
  if (text == NULL)
    return;
  ImapListPattern *pattern = g_new (ImapListPattern, 1);
  *pattern = (ImapListPattern) { text, is_shown };
  g_ptr_array_add (patterns, pattern);
}

void
imap_listing_free (gpointer data)
{
  ImapListing *listing = data;
  g_array_unref (listing->entries);
  g_ptr_array_unref (listing->infos);
  g_ptr_array_unref (listing->patterns);
  g_free (listing);
}

/* Compares names.  INBOX comes first, and the separator before any other character, so that a subtree is
 * contiguous. */
static int
compare_entries (gconstpointer a, gconstpointer b, gpointer data)
{
  const char *first = ((const ImapListEntry *) a)->name, *second = ((const ImapListEntry *) b)->name;
  char separator = *(const char *) data;
  gboolean is_inbox[2];
  for (guint i = 0; i < 2; i++)
    {
      const char *name = i == 0 ? first : second;
      is_inbox[i] = strncmp (name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == separator);
    }
  if (is_inbox[0] != is_inbox[1])
    return is_inbox[0] ? -1 : 1;
  for (; *first == *second && *first != '\0'; first++, second++)
    ;
  int x = *first == separator ? 1 : (guint8) *first * 2, y = *second == separator ? 1 : (guint8) *second * 2;
  return x - y;
}

/* Appends @entry, whose name it takes over, below the nearest level above it. */
static void
append_entry (ImapListing *listing, ImapListEntry *entry)
{
  GArray *entries = listing->entries;
  guint parent = entries->len > 0 ? entries->len - 1 : IMAP_LIST_NO_PARENT;
  while (parent != IMAP_LIST_NO_PARENT)
    {
      const ImapListEntry *above = imap_listing_entry (listing, parent);
      gsize len = strlen (above->name);
      if (strncmp (entry->name, above->name, len) == 0 && entry->name[len] == listing->separator)
        break;
      parent = above->parent;
    }
  entry->parent = parent;
  g_array_append_val (entries, *entry);
}

/* Appends the levels above @name that are no names of storage: "a" and "a/b" before "a/b/c". */
static void
append_levels (ImapListing *listing, const char *name)
{
  guint last = listing->entries->len;
  const char *previous = last > 0 ? imap_listing_entry (listing, last - 1)->name : NULL;
  for (const char *at = strchr (name, listing->separator); at != NULL;
       at = strchr (at + 1, listing->separator))
    {
      gsize len = (gsize) (at - name);
      if (previous != NULL && strncmp (previous, name, len) == 0
          && (previous[len] == '\0' || previous[len] == listing->separator))
        continue;
      ImapListEntry entry = { .name = g_strndup (name, len) };
      append_entry (listing, &entry);
      previous = imap_listing_entry (listing, listing->entries->len - 1)->name;
    }
}

ImapListing *
imap_listing_new (const SatchelNamespace *ns, GPtrArray *infos, GPtrArray *patterns)
{
  ImapListing *listing = g_new0 (ImapListing, 1);
  listing->infos = infos;
  listing->patterns = patterns;
  listing->separator = ns->separator;
  listing->entries = g_array_sized_new (FALSE, FALSE, sizeof (ImapListEntry), infos->len);
  g_array_set_clear_func (listing->entries, entry_clear);
  g_autoptr (GArray) named = g_array_sized_new (FALSE, FALSE, sizeof (ImapListEntry), infos->len);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      ImapListEntry entry = { .name = satchel_namespace_to_client (ns, info->name), .info = info };
      g_array_append_val (named, entry);
    }
  g_array_sort_with_data (named, compare_entries, &listing->separator);
  for (guint i = 0; i < named->len; i++)
    {
      ImapListEntry *entry = &g_array_index (named, ImapListEntry, i);
      append_levels (listing, entry->name);
      append_entry (listing, entry);
    }
  return listing;
}

/* Matches a pattern with a name.  Returns the number of steps that it took at most. */
static guint64
match (const ImapListing *listing, const ImapListPattern *pattern, ImapListEntry *entry)
{
  /* A name that is shown as storage has it has been compared with the decoded pattern already. */
  if (pattern->is_shown && g_str_is_ascii (entry->name) && strchr (entry->name, '&') == NULL)
    return strlen (entry->name);
  g_autofree char *shown = pattern->is_shown ? satchel_utf7_encode (entry->name) : NULL;
  const char *name = shown != NULL ? shown : entry->name;
  entry->is_matched = satchel_list_match (pattern->text, name, listing->separator);
  return strlen (pattern->text) * strlen (name);
}

gboolean
imap_listing_match (ImapListing *listing)
{
  guint64 steps = 0;
  for (; listing->n_matched < listing->entries->len; listing->n_matched++, listing->n_patterns = 0)
    {
      ImapListEntry *entry = &g_array_index (listing->entries, ImapListEntry, listing->n_matched);
      for (; listing->n_patterns < listing->patterns->len && !entry->is_matched; listing->n_patterns++)
        {
          if (steps > TURN_STEPS)
            return FALSE;
          steps += match (listing, listing->patterns->pdata[listing->n_patterns], entry);
        }
    }
  return TRUE;
}

static gboolean
meets (const ImapListEntry *entry, guint criteria)
{
  const SatchelMailboxInfo *info = entry->info;
  if (criteria == 0)
    return entry->exists;
  if ((criteria & IMAP_LIST_SUBSCRIBED) && (info == NULL || !info->is_subscribed))
    return FALSE;
  return !(criteria & IMAP_LIST_SPECIAL_USE) || (info != NULL && info->special_use != 0);
}

/* Chooses entries from the last to the first, so that everything below an entry has been seen before it. */
void
imap_listing_choose (ImapListing *listing, guint criteria)
{
  for (guint i = listing->entries->len; i > 0; i--)
    {
      ImapListEntry *entry = &g_array_index (listing->entries, ImapListEntry, i - 1);
      entry->exists = entry->has_children || (entry->info != NULL && entry->info->exists);
      entry->is_chosen = meets (entry, criteria);
      if (entry->parent == IMAP_LIST_NO_PARENT)
        continue;
      ImapListEntry *parent = &g_array_index (listing->entries, ImapListEntry, entry->parent);
      parent->has_children |= entry->exists;
      parent->has_chosen_below |= entry->is_chosen || entry->has_chosen_below;
      parent->has_hidden_below |= (entry->is_chosen && !entry->is_matched) || entry->has_hidden_below;
    }
  listing->is_chosen = TRUE;
}
