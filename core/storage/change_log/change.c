/* SPDX-License-Identifier: MIT
 * Changes and what they point to; see change.h.
 */
#include "config.h"

#include "core/storage/change_log/change.h"

#include <satchel/hash.h>
#include <string.h>

const char *
satchel_change_kind_name (SatchelChangeKind kind)
{
  static const char *const names[] = { "",          "RESYNC",      "CREATE",      "RENAME", "DELETE",
                                       "SUBSCRIBE", "UNSUBSCRIBE", "SPECIAL_USE", "APPEND", "COPY",
                                       "MOVE",      "FLAGS",       "EXPUNGE" };
  return (guint) kind < G_N_ELEMENTS (names) ? names[kind] : "";
}

SatchelChangeRow *
satchel_change_row_new (const char *name)
{
  SatchelChangeRow *row = g_new0 (SatchelChangeRow, 1);
  row->name = g_strdup (name);
  row->uidnext = 1;
  return row;
}

void
satchel_change_row_free (gpointer data)
{
  SatchelChangeRow *row = data;
  g_free (row->name);
  g_free (row);
}

static void
note_free (gpointer data)
{
  SatchelChangeNote *note = data;
  g_array_unref (note->messages);
  g_array_unref (note->marks);
  g_free (note);
}

SatchelChangeSet *
satchel_change_set_new (void)
{
  SatchelChangeSet *set = g_new0 (SatchelChangeSet, 1);
  set->texts = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  set->blocks = g_ptr_array_new_with_free_func (g_free);
  set->accesses = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_access_unref);
  set->notes = g_ptr_array_new_with_free_func (note_free);
  return set;
}

void
satchel_change_set_free (SatchelChangeSet *set)
{
  g_ptr_array_unref (set->notes);
  g_ptr_array_unref (set->accesses);
  g_ptr_array_unref (set->blocks);
  g_hash_table_unref (set->texts);
  g_free (set);
}

const char *
satchel_change_set_text (SatchelChangeSet *set, const char *text)
{
  gpointer known;
  if (text == NULL || text[0] == '\0')
    return "";
  if (g_hash_table_lookup_extended (set->texts, text, &known, NULL))
    return known;
  char *copy = g_strdup (text);
  g_hash_table_add (set->texts, copy);
  return copy;
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return g_ascii_strcasecmp (*(const char *const *) a, *(const char *const *) b);
}

const char *const *
satchel_change_set_keywords (SatchelChangeSet *set, const char *const *names, guint n)
{
  static const char *const none[] = { NULL };
  if (n == 0)
    return none;
  const char **sorted = g_new (const char *, n + 1);
  for (guint i = 0; i < n; i++)
    sorted[i] = satchel_change_set_text (set, names[i]);
  qsort (sorted, n, sizeof *sorted, compare_names);
  guint kept = 1;
  for (guint i = 1; i < n; i++)
    if (g_ascii_strcasecmp (sorted[kept - 1], sorted[i]) != 0)
      sorted[kept++] = sorted[i];
  sorted[kept] = NULL;
  g_ptr_array_add (set->blocks, sorted);
  return sorted;
}

gboolean
satchel_change_keywords_equal (const char *const *one, const char *const *other)
{
  for (; *one != NULL && *other != NULL; one++, other++)
    if (g_ascii_strcasecmp (*one, *other) != 0)
      return FALSE;
  return *one == NULL && *other == NULL;
}

SatchelChangeNote *
satchel_change_set_add (SatchelChangeSet *set, SatchelChangeKind kind, const SatchelAccess *access)
{
  SatchelChangeNote *note = g_new0 (SatchelChangeNote, 1);
  note->change = (SatchelChange) { .size = sizeof (SatchelChange),
                                   .kind = kind,
                                   .time = g_get_real_time () / G_USEC_PER_SEC,
                                   .mailbox.name = "",
                                   .destination.name = "",
                                   .access = satchel_access_ref (access) };
  note->messages = g_array_new (FALSE, FALSE, sizeof (SatchelChangedMessage));
  note->marks = g_array_new (FALSE, FALSE, sizeof (guint32));
  note->keywords = satchel_change_set_keywords (set, NULL, 0);
  g_ptr_array_add (set->accesses, (gpointer) note->change.access);
  g_ptr_array_add (set->notes, note);
  return note;
}

void
satchel_change_note_end (SatchelChangeNote *note)
{
  note->change.messages = (const SatchelChangedMessage *) (gpointer) note->messages->data;
  note->change.n_messages = note->messages->len;
}
