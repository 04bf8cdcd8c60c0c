/* SPDX-License-Identifier: MIT
 * This file sums up how much the tree of a store takes up; see books.h.
 */
#include "retention.h"

#include <satchel/hash.h>

void
retention_books_init (RetentionBooks *books)
{
  g_mutex_init (&books->lock);
}

void
retention_books_clear (RetentionBooks *books)
{
  g_clear_pointer (&books->sums, g_hash_table_unref);
  g_mutex_clear (&books->lock);
}

void
retention_books_changed (RetentionBooks *books, const char *stored)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&books->lock);
  books->generation++;
  if (books->sums == NULL)
    return;
  if (stored == NULL)
    g_clear_pointer (&books->sums, g_hash_table_unref);
  else
    g_hash_table_insert (books->sums, g_strdup (stored), NULL);
}

void
retention_books_failed (RetentionBooks *books)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&books->lock);
  books->is_doubtful = TRUE;
  g_clear_pointer (&books->sums, g_hash_table_unref);
}

/* Returns the names of the tree's mailboxes; yours. */
static GPtrArray *
take_names (RetentionBooks *books, SatchelStorage *storage, const SatchelAccess *access,
            guint *ret_generation, GError **error)
{
  g_mutex_lock (&books->lock);
  *ret_generation = books->generation;
  GPtrArray *names = NULL;
  if (books->sums != NULL)
    {
      GHashTableIter iter;
      gpointer name;
      names = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_iter_init (&iter, books->sums);
      while (g_hash_table_iter_next (&iter, &name, NULL))
        g_ptr_array_add (names, g_strdup (name));
    }
  g_mutex_unlock (&books->lock);
  return names != NULL ? names : retention_list_kept (storage, access, error);
}

static gboolean
look_up (RetentionBooks *books, const char *name, SatchelUsage *ret_usage)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&books->lock);
  const SatchelUsage *known = books->sums != NULL ? g_hash_table_lookup (books->sums, name) : NULL;
  if (known != NULL)
    *ret_usage = *known;
  return known != NULL;
}

static GHashTable *
new_sums (void)
{
  return g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
}

/* Keeps copies of what was found, unless something has changed meanwhile. */
static void
note (RetentionBooks *books, guint generation, GHashTable *found)
{
  GHashTableIter iter;
  gpointer name, usage;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&books->lock);
  if (books->generation != generation || books->is_doubtful)
    return;
  g_clear_pointer (&books->sums, g_hash_table_unref);
  books->sums = new_sums ();
  g_hash_table_iter_init (&iter, found);
  while (g_hash_table_iter_next (&iter, &name, &usage))
    g_hash_table_insert (books->sums, g_strdup (name), g_memdup2 (usage, sizeof (SatchelUsage)));
}

/* Asks the level below; a mailbox that is gone takes up nothing. */
static gboolean
ask (SatchelStorage *storage, const SatchelAccess *access, const char *name, SatchelUsage *ret_usage,
     GError **error)
{
  SatchelMailboxState state = { 0 };
  g_autoptr (GError) local = NULL;
  if (satchel_storage_status (storage, access, name, &state, &local))
    {
      *ret_usage = (SatchelUsage) { state.size_bytes, state.n_messages };
      return TRUE;
    }
  if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* Returns stored name -> SatchelUsage, yours. */
static GHashTable *
find_all (RetentionBooks *books, SatchelStorage *storage, const SatchelAccess *access, GError **error)
{
  guint generation;
  g_autoptr (GHashTable) found = new_sums ();
  g_autoptr (GPtrArray) names = take_names (books, storage, access, &generation, error);
  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      SatchelUsage usage = { 0 };
      const char *name = names->pdata[i];
      if (!look_up (books, name, &usage) && !ask (storage, access, name, &usage, error))
        return NULL;
      g_hash_table_insert (found, g_strdup (name), g_memdup2 (&usage, sizeof usage));
    }
  if (names == NULL)
    return NULL;
  note (books, generation, found);
  return g_steal_pointer (&found);
}

gboolean
retention_books_sum (RetentionBooks *books, SatchelStorage *storage, const SatchelAccess *access,
                     SatchelUsage *ret_usage, GError **error)
{
  GHashTableIter iter;
  gpointer value;
  SatchelUsage sum = { 0 };
  g_autoptr (GHashTable) found = find_all (books, storage, access, error);
  if (found == NULL)
    return FALSE;
  g_hash_table_iter_init (&iter, found);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const SatchelUsage *usage = value;
      sum.bytes += usage->bytes;
      sum.messages += usage->messages;
    }
  *ret_usage = sum;
  return TRUE;
}

GHashTable *
retention_books_filled (RetentionBooks *books, SatchelStorage *storage, const SatchelAccess *access,
                        GError **error)
{
  GHashTableIter iter;
  gpointer value;
  GHashTable *found = find_all (books, storage, access, error);
  if (found == NULL)
    return NULL;
  GHashTable *filled = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  gpointer name;
  g_hash_table_iter_init (&iter, found);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (((const SatchelUsage *) value)->messages > 0)
      g_hash_table_add (filled, g_strdup (name));
  g_hash_table_unref (found);
  return filled;
}
