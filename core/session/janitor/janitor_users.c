/* SPDX-License-Identifier: MIT
 * Finds the users that a mail process owns. It asks auth about names in batches, first about those of
 * directories, then about accounts, one range after the other.
 */
#include "config.h"

#include "core/session/janitor/janitor_users.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <satchel/job.h>
#include <satchel/log.h>
#include <satchel/reactor.h>
#include <satchel/retry.h>
#include <string.h>
#include <unistd.h>

#define AREA "janitor"
#define USERS_MAX 2000000u
#define BATCH_NAMES 100u
#define BATCH_BYTES 4000u
/* After this time auth counts as being away. */
#define WAIT_MS 30000

typedef enum
{
  KIND_THESE = 0,
  KIND_ACCOUNTS
} Kind;

static SatchelJanitorHost host;
static SatchelJanitorUsersFunc found_func; /* NULL: nothing is being looked for */
static SatchelJanitorOwnerFunc owner_func;
static GPtrArray *on_disk; /* names not asked about yet */
static GPtrArray *owned;
static guint n_asked; /* number of names of on_disk that were asked about */
static guint64 request;
static gboolean is_asking; /* an answer to `request` is awaited */
static SatchelTimer patience;

static DIR *
open_directory (int at, const char *name)
{
  int fd = SATCHEL_RETRY (openat (at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  DIR *directory = fd >= 0 ? fdopendir (fd) : NULL;
  if (fd >= 0 && directory == NULL)
    close (fd);
  return directory;
}

static gboolean
is_directory (const struct dirent *entry)
{
  return entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

static void
read_domain (int root_fd, const char *domain)
{
  DIR *directory = open_directory (root_fd, domain);
  const struct dirent *entry;
  while (directory != NULL && on_disk->len < USERS_MAX && (entry = readdir (directory)) != NULL)
    if (is_directory (entry) && g_utf8_validate (entry->d_name, -1, NULL))
      g_ptr_array_add (on_disk, g_strconcat (entry->d_name, "@", domain, NULL));
  if (directory != NULL)
    closedir (directory);
}

static void
read_root (gpointer data)
{
  DIR *root = open_directory (host.root_fd, ".");
  const struct dirent *entry;
  while (root != NULL && (entry = readdir (root)) != NULL)
    if (is_directory (entry) && strcmp (entry->d_name, "spool") != 0
        && g_utf8_validate (entry->d_name, -1, NULL))
      {
        satchel_job_crumb ("%s", entry->d_name);
        read_domain (host.root_fd, entry->d_name);
      }
  if (root != NULL)
    closedir (root);
}

static void
end_looking (GPtrArray *names)
{
  SatchelJanitorUsersFunc func = g_steal_pointer (&found_func);
  satchel_timer_cancel (&patience);
  g_clear_pointer (&on_disk, g_ptr_array_unref);
  if (names == NULL)
    g_clear_pointer (&owned, g_ptr_array_unref);
  func (names);
}

static void
answer_owner (gboolean is_answered, const SatchelPlace *place)
{
  SatchelJanitorOwnerFunc func = g_steal_pointer (&owner_func);
  satchel_timer_cancel (&patience);
  func (is_answered, place);
}

void
satchel_janitor_users_lost (void)
{
  if (!is_asking)
    return;
  is_asking = FALSE;
  if (owner_func != NULL)
    answer_owner (FALSE, NULL);
  else
    end_looking (NULL);
}

static void
patience_over (SatchelTimer *timer, gpointer data)
{
  satchel_janitor_users_lost ();
}

static void
lost_later (gpointer data)
{
  satchel_janitor_users_lost ();
}

static void
ask_auth (Kind kind, const char *after, const GPtrArray *names, guint from, guint n)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_OWNED, 0);
  satchel_ipc_put_u64 (message, ++request);
  satchel_ipc_put_u32 (message, kind);
  satchel_ipc_put_string (message, after);
  satchel_ipc_put_u32 (message, n);
  for (guint i = 0; i < n; i++)
    satchel_ipc_put_string (message, names->pdata[from + i]);
  is_asking = TRUE;
  satchel_timer_arm (&patience, WAIT_MS, patience_over, NULL);
  if (!host.send_to_auth (message))
    satchel_defer (lost_later, NULL);
}

/* Asks about the next batch of directories, or the first accounts. */
static void
ask_on (void)
{
  guint from = n_asked;
  gsize n_bytes = 0;
  while (n_asked < on_disk->len && n_asked - from < BATCH_NAMES && n_bytes < BATCH_BYTES)
    n_bytes += strlen (on_disk->pdata[n_asked++]);
  if (n_asked > from)
    ask_auth (KIND_THESE, "", on_disk, from, n_asked - from);
  else
    ask_auth (KIND_ACCOUNTS, "", NULL, 0, 0);
}

static void
root_was_read (gpointer data)
{
  ask_on ();
}

void
satchel_janitor_users_find (const SatchelJanitorHost *a_host, SatchelJanitorUsersFunc func)
{
  host = *a_host;
  found_func = func;
  on_disk = g_ptr_array_new_with_free_func (g_free);
  owned = g_ptr_array_new_with_free_func (g_free);
  n_asked = 0;
  satchel_job_submit (NULL, "janitor users", read_root, root_was_read, NULL);
}

void
satchel_janitor_users_ask (const SatchelJanitorHost *a_host, const char *user, SatchelJanitorOwnerFunc func)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  host = *a_host;
  owner_func = func;
  g_ptr_array_add (names, (gpointer) user);
  ask_auth (KIND_THESE, "", names, 0, 1);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static void
sort_owned (gpointer data)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_sort (owned, compare_names);
  for (guint i = 0; i < owned->len; i++)
    if (i == 0 || strcmp (owned->pdata[i], owned->pdata[i - 1]) != 0)
      g_ptr_array_add (sorted, g_strdup (owned->pdata[i]));
  g_ptr_array_unref (owned);
  owned = g_steal_pointer (&sorted);
}

static void
owned_are_sorted (gpointer data)
{
  end_looking (g_steal_pointer (&owned));
}

gboolean
satchel_janitor_users_message (SatchelIpcMessage *message)
{
  guint64 number = satchel_ipc_get_u64 (message);
  guint32 is_last = satchel_ipc_get_u32 (message);
  g_autofree char *last = g_strdup (satchel_ipc_get_string (message));
  g_autoptr (SatchelPlace) place = NULL;
  guint32 n = satchel_ipc_get_u32 (message);
  gboolean is_awaited = is_asking && number == request;
  for (guint32 i = 0; i < n && !message->failed; i++)
    {
      const char *user = satchel_ipc_get_string (message);
      g_autoptr (SatchelPlace) where = satchel_place_get (message);
      if (is_awaited && owner_func != NULL && place == NULL)
        place = g_steal_pointer (&where);
      else if (is_awaited && owner_func == NULL && owned->len < USERS_MAX)
        g_ptr_array_add (owned, g_strdup (user));
    }
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  if (!is_awaited)
    return TRUE;
  is_asking = FALSE;
  satchel_timer_cancel (&patience);
  if (owner_func != NULL)
    answer_owner (TRUE, place);
  else if (!is_last && *last == '\0')
    ask_on ();
  else if (!is_last)
    ask_auth (KIND_ACCOUNTS, last, NULL, 0, 0);
  else
    {
      g_clear_pointer (&on_disk, g_ptr_array_unref);
      satchel_job_submit (NULL, "janitor users", sort_owned, owned_are_sorted, NULL);
    }
  return TRUE;
}
