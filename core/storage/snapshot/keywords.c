/* SPDX-License-Identifier: MIT
 * Implements lists of keyword names, which snapshots share. A list that a snapshot has is never changed; a
 * builder changes only a list of its own.
 */
#include "config.h"

#include "core/storage/snapshot/chunk.h"
#include "core/storage/snapshot/keyword_names.h"
#include "core/storage/store/store_private.h"

#include <satchel/hash.h>

/* From this number on a table is faster than comparing each name. */
#define FEW 32u

typedef struct List
{
  GHashTable *by_name; /* name in lower case -> its place + 1; NULL: the table is not made yet; atomic */
  char *names[];       /* NULL-ended */
} List;

static List *
list_of (char *const *names)
{
  return (List *) (void *) ((guint8 *) (gpointer) names - offsetof (List, names));
}

static void
clear_list (gpointer data)
{
  List *list = data;
  g_clear_pointer (&list->by_name, g_hash_table_unref);
  for (char **name = list->names; *name != NULL; name++)
    g_free (*name);
}

char **
satchel_keywords_new (char *const *names, guint n, guint n_more)
{
  List *list = g_atomic_rc_box_alloc0 (sizeof (List) + (n + n_more + 1) * sizeof (char *));
  for (guint k = 0; k < n; k++)
    list->names[k] = g_strdup (names[k]);
  return list->names;
}

char **
satchel_keywords_ref (char **names)
{
  g_atomic_rc_box_acquire (list_of (names));
  return names;
}

void
satchel_keywords_unref (char **names)
{
  g_atomic_rc_box_release_full (list_of (names), clear_list);
}

static void
table_add (GHashTable *table, const char *name, guint at)
{
  char *key = g_ascii_strdown (name, -1);
  /* If two names differ in case only, the first one is found, as without a table. */
  if (g_hash_table_contains (table, key))
    g_free (key);
  else
    g_hash_table_insert (table, key, GUINT_TO_POINTER (at + 1));
}

static GHashTable *
table_of (List *list, guint n)
{
  GHashTable *table = g_atomic_pointer_get (&list->by_name);
  if (table != NULL)
    return table;
  table = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  for (guint k = 0; k < n; k++)
    table_add (table, list->names[k], k);
  if (g_atomic_pointer_compare_and_exchange (&list->by_name, NULL, table))
    return table;
  g_hash_table_unref (table); /* another thread has set its table first */
  return g_atomic_pointer_get (&list->by_name);
}

int
satchel_keywords_find (char *const *names, guint n, const char *name)
{
  if (n > FEW)
    {
      g_autofree char *key = g_ascii_strdown (name, -1);
      return GPOINTER_TO_INT (g_hash_table_lookup (table_of (list_of (names), n), key)) - 1;
    }
  for (guint k = 0; k < n; k++)
    if (g_ascii_strcasecmp (names[k], name) == 0)
      return (int) k;
  return -1;
}

void
satchel_keywords_put (char **names, guint at, const char *name)
{
  List *list = list_of (names);
  if (names[at] != NULL)
    g_clear_pointer (&list->by_name, g_hash_table_unref);
  g_free (names[at]);
  names[at] = g_strdup (name);
  if (list->by_name != NULL)
    table_add (list->by_name, name, at);
}

static guint limit = SATCHEL_KEYWORDS_MAX; /* atomic */

guint
satchel_keywords_limit (void)
{
  return (guint) g_atomic_int_get ((gint *) &limit);
}

void
satchel_keywords_set_limit (guint n)
{
  g_atomic_int_set ((gint *) &limit, (gint) MIN (n, SATCHEL_KEYWORDS_MAX));
}

gboolean
satchel_keyword_is_atom (const char *name)
{
  if (name[0] == '\0')
    return FALSE;
  for (const char *c = name; *c != '\0'; c++)
    if (*c <= ' ' || *c >= 0x7f || strchr ("(){%*\"\\]", *c) != NULL)
      return FALSE;
  return TRUE;
}

gboolean
satchel_keywords_check (const char *const *keywords, GError **error)
{
  for (guint i = 0; keywords != NULL && keywords[i] != NULL; i++)
    {
      if (!satchel_keyword_is_atom (keywords[i]))
        return satchel_error_set (error, SATCHEL_ERROR_INVALID, "a keyword is not an atom");
      if (strlen (keywords[i]) > SATCHEL_KEYWORD_BYTES)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "a keyword is too long");
      if (i >= SATCHEL_KEYWORDS_MAX)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "more keywords than a mailbox can have");
    }
  return TRUE;
}

const char **
satchel_snapshot_keyword_names (const SatchelSnapshot *snapshot, const SatchelKeywordSet *set)
{
  GPtrArray *names = g_ptr_array_new ();
  for (int k = satchel_keyword_set_next (set, 0); k >= 0; k = satchel_keyword_set_next (set, (guint) k + 1))
    g_ptr_array_add (names, snapshot->keywords[k]);
  g_ptr_array_add (names, NULL);
  return (const char **) g_ptr_array_free (names, FALSE);
}
