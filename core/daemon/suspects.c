/* SPDX-License-Identifier: MIT
 * Bookkeeping of crashes by message; see suspects.h.
 */
#include "config.h"

#include "core/daemon/suspects.h"

#include <signal.h>
#include <string.h>

#include "core/storage/suspects.h"

#define DEATHS 2u

typedef struct Entry
{
  char *crumb;
  guint n_deaths;
} Entry;

struct SatchelSuspects
{
  GQueue entries; /* Entry, newest death first */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;
  g_free (entry->crumb);
  g_free (entry);
}

SatchelSuspects *
satchel_suspects_new (void)
{
  SatchelSuspects *suspects = g_new0 (SatchelSuspects, 1);
  g_queue_init (&suspects->entries);
  return suspects;
}

void
satchel_suspects_free (SatchelSuspects *suspects)
{
  if (suspects == NULL)
    return;
  g_queue_clear_full (&suspects->entries, entry_free);
  g_free (suspects);
}

/* What an admin or the system's want of memory ends says nothing about the message at hand. */
static gboolean
is_crash (int signal_number)
{
  switch (signal_number)
    {
    case SIGSEGV:
    case SIGBUS:
    case SIGABRT:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGSYS:
      return TRUE;
    default:
      return FALSE;
    }
}

static GList *
find (SatchelSuspects *suspects, const char *crumb)
{
  for (GList *link = suspects->entries.head; link != NULL; link = link->next)
    if (strcmp (((Entry *) link->data)->crumb, crumb) == 0)
      return link;
  return NULL;
}

/* One that was seen once has to go before one that is known to crash. */
static void
make_room (SatchelSuspects *suspects)
{
  if (suspects->entries.length < SATCHEL_SUSPECTS_MAX)
    return;
  GList *victim = suspects->entries.tail;
  while (victim != NULL && ((Entry *) victim->data)->n_deaths >= DEATHS)
    victim = victim->prev;
  if (victim == NULL)
    victim = suspects->entries.tail;
  entry_free (victim->data);
  g_queue_delete_link (&suspects->entries, victim);
}

/* TRUE: it is a suspect from now on. */
static gboolean
note (SatchelSuspects *suspects, const char *crumb)
{
  GList *link = find (suspects, crumb);
  if (link == NULL)
    {
      make_room (suspects);
      Entry *entry = g_new0 (Entry, 1);
      entry->crumb = g_strdup (crumb);
      entry->n_deaths = 1;
      g_queue_push_head (&suspects->entries, entry);
      return FALSE;
    }
  Entry *entry = link->data;
  g_queue_unlink (&suspects->entries, link);
  g_queue_push_head_link (&suspects->entries, link);
  if (entry->n_deaths >= DEATHS)
    return FALSE;
  return ++entry->n_deaths == DEATHS;
}

guint
satchel_suspects_note_death (SatchelSuspects *suspects, int signal_number, const SatchelBreadcrumb *crumbs, guint n)
{
  g_autoptr (GPtrArray) seen = g_ptr_array_new_with_free_func (g_free);
  guint n_new = 0;
  if (!is_crash (signal_number))
    return 0;
  for (guint i = 0; i < n && seen->len < SATCHEL_SUSPECTS_MAX; i++)
    {
      g_autofree char *crumb = g_strndup (crumbs[i].detail, sizeof crumbs[i].detail);
      /* Two threads at the same message are one death of it. */
      if (!crumbs[i].is_busy || !satchel_suspect_is_valid (crumb)
          || g_ptr_array_find_with_equal_func (seen, crumb, g_str_equal, NULL))
        continue;
      n_new += note (suspects, crumb);
      g_ptr_array_add (seen, g_steal_pointer (&crumb));
    }
  return n_new;
}

void
satchel_suspects_foreach (const SatchelSuspects *suspects, void (*func) (const char *crumb, gpointer data), gpointer data)
{
  for (const GList *link = suspects->entries.head; link != NULL; link = link->next)
    if (((const Entry *) link->data)->n_deaths >= DEATHS)
      func (((const Entry *) link->data)->crumb, data);
}
