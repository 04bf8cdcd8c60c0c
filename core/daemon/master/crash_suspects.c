/* SPDX-License-Identifier: MIT
 * Keeps the record of crashes by message, module and user; see crash_suspects.h.
 */
#include "config.h"

#include "core/daemon/master/crash_suspects.h"

#include <signal.h>
#include <string.h>

#include "core/storage/mailbox/suspects.h"

#define DEATHS 2u
/* of users and listeners: by then a message, if one is to blame, has had its two */
#define LATER_DEATHS 3u

typedef struct Entry
{
  char *crumb;
  guint n_deaths;
  gint64 last_ms;
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

/* Says whether the signal means a crash. A kill by an administrator or by the OOM killer says nothing about
 * the message being read. */
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
find_suspect (SatchelSuspects *suspects, const char *crumb)
{
  for (GList *link = suspects->entries.head; link != NULL; link = link->next)
    if (strcmp (((Entry *) link->data)->crumb, crumb) == 0)
      return link;
  return NULL;
}

/* Says whether an entry is over: one about a user is after a while, and the user is served again; entries
 * about messages stay. */
static gboolean
is_over (const Entry *entry, gint64 now_ms)
{
  return g_str_has_prefix (entry->crumb, SATCHEL_SUSPECT_USER)
         && now_ms - entry->last_ms > SATCHEL_SUSPECT_REFUSE_MS;
}

static guint
count_needed_deaths (const Entry *entry)
{
  gboolean is_later = g_str_has_prefix (entry->crumb, SATCHEL_SUSPECT_USER)
                      || g_str_has_prefix (entry->crumb, SATCHEL_SUSPECT_LISTENER);
  return is_later ? LATER_DEATHS : DEATHS;
}

/* Removes an entry, one with a single death before one that is known to crash processes. */
static void
make_room (SatchelSuspects *suspects)
{
  if (suspects->entries.length < SATCHEL_SUSPECTS_MAX)
    return;
  GList *victim = suspects->entries.tail;
  while (victim != NULL && ((Entry *) victim->data)->n_deaths >= count_needed_deaths (victim->data))
    victim = victim->prev;
  if (victim == NULL)
    victim = suspects->entries.tail;
  entry_free (victim->data);
  g_queue_delete_link (&suspects->entries, victim);
}

/* Counts a death for @crumb. TRUE means that it has become a suspect. */
static gboolean
note_key (SatchelSuspects *suspects, const char *crumb)
{
  gint64 now_ms = g_get_monotonic_time () / 1000;
  GList *link = find_suspect (suspects, crumb);
  if (link == NULL)
    {
      make_room (suspects);
      Entry *entry = g_new0 (Entry, 1);
      entry->crumb = g_strdup (crumb);
      entry->n_deaths = 1;
      entry->last_ms = now_ms;
      g_queue_push_head (&suspects->entries, entry);
      return FALSE;
    }
  Entry *entry = link->data;
  g_queue_unlink (&suspects->entries, link);
  g_queue_push_head_link (&suspects->entries, link);
  if (is_over (entry, now_ms))
    entry->n_deaths = 0;
  entry->last_ms = now_ms;
  if (entry->n_deaths >= count_needed_deaths (entry))
    return FALSE;
  return ++entry->n_deaths == count_needed_deaths (entry);
}

static gboolean
is_name (const char *text)
{
  return *text != '\0' && strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen (text);
}

/* Returns the key of the one for whom the thread worked: a listener and its user, or a user whose thread
 * crashed.  Yours; NULL: nobody. */
static char *
later_key (const SatchelBreadcrumb *crumb)
{
  g_autofree char *operation = g_strndup (crumb->operation, sizeof crumb->operation),
                  *user = g_strndup (crumb->user, sizeof crumb->user);
  gboolean is_listener = g_str_has_prefix (operation, SATCHEL_SUSPECT_LISTENER);
  if (*user == '\0' || !g_utf8_validate (user, -1, NULL))
    return NULL;
  /* What a listener does is no reason to refuse its user. */
  if (is_listener)
    return is_name (operation + strlen (SATCHEL_SUSPECT_LISTENER))
               ? g_strdup_printf ("%s %s", operation, user)
               : NULL;
  return crumb->is_culprit ? g_strconcat (SATCHEL_SUSPECT_USER, user, NULL) : NULL;
}

/* Counts a death for the message, for the module that had it, and for the user or listener, each at most once
 * a death. */
static guint
note_crumb (SatchelSuspects *suspects, const SatchelBreadcrumb *crumb, GPtrArray *seen)
{
  g_autofree char *message = g_strndup (crumb->detail, sizeof crumb->detail),
                  *module = g_strndup (crumb->module, sizeof crumb->module);
  g_autofree char *call = g_strndup (crumb->call, sizeof crumb->call);
  gboolean has_message = satchel_suspect_is_valid (message);
  char *keys[3] = { NULL };
  /* If a filter crashed, the message itself may still be read. */
  if (has_message && strcmp (call, "filter") != 0)
    keys[0] = g_strdup (message);
  if (has_message && is_name (module))
    keys[1] = g_strdup_printf (SATCHEL_SUSPECT_BY "%s %s", module, message);
  keys[2] = later_key (crumb);
  guint n_new = 0;
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      /* If two threads were at the same message, that counts as one death. */
      gboolean is_first =
          keys[i] != NULL && !g_ptr_array_find_with_equal_func (seen, keys[i], g_str_equal, NULL);
      n_new += is_first && note_key (suspects, keys[i]);
      if (is_first)
        g_ptr_array_add (seen, g_steal_pointer (&keys[i]));
      g_free (keys[i]);
    }
  return n_new;
}

guint
satchel_suspects_note_death (SatchelSuspects *suspects, int signal_number, const SatchelBreadcrumb *crumbs,
                             guint n)
{
  g_autoptr (GPtrArray) seen = g_ptr_array_new_with_free_func (g_free);
  guint n_new = 0;
  if (!is_crash (signal_number))
    return 0;
  gboolean has_culprit = FALSE;
  for (guint i = 0; i < n; i++)
    has_culprit = has_culprit || crumbs[i].is_culprit;
  for (guint i = 0; i < n && seen->len < SATCHEL_SUSPECTS_MAX; i++)
    if (has_culprit ? crumbs[i].is_culprit : crumbs[i].is_busy)
      n_new += note_crumb (suspects, &crumbs[i], seen);
  return n_new;
}

void
satchel_suspects_foreach (const SatchelSuspects *suspects, void (*func) (const char *crumb, gpointer data),
                          gpointer data)
{
  gint64 now_ms = g_get_monotonic_time () / 1000;
  for (const GList *link = suspects->entries.head; link != NULL; link = link->next)
    {
      const Entry *entry = link->data;
      if (entry->n_deaths >= count_needed_deaths (entry) && !is_over (entry, now_ms))
        func (entry->crumb, data);
    }
}
