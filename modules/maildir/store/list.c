/* SPDX-License-Identifier: MIT
 * Implements names: LIST, subscriptions, special use.
 */
#include "config.h"

#include "driver.h"
#include "files/file_io.h"
#include "names/folder_name.h"
#include "store/list.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "settings.h"
#include "foreign/subscriptions.h"
#include "store/user_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <string.h>

#define DIRS_MAX 1000000u
#define DEPTH_MAX 64u
/* so many directories are checked; with more, checking would cost as much as listing */
#define STAMPS_MAX 64u

/* A directory that was read for a list shows later whether the list still holds. */
typedef struct ListStamp
{
  char *path; /* below the user's directory, which is "" */
  MdStamp stamp;
} ListStamp;

static void
clear_list_stamp (gpointer data)
{
  g_free (((ListStamp *) data)->path);
}

GArray *
md_list_stamps_new (void)
{
  GArray *stamps = g_array_new (FALSE, FALSE, sizeof (ListStamp));
  g_array_set_clear_func (stamps, clear_list_stamp);
  return stamps;
}

typedef struct Walk
{
  MdLayout layout;
  GPtrArray *names; /* names in the directory that is being read */
  GPtrArray *dirs;  /* directories of mailboxes that were found */
  GArray *stamps;   /* stamps of the directories that were read; NULL: they are not needed */
} Walk;

static void
collect_dir (const char *name, gsize len, guint8 type, gpointer data)
{
  Walk *walk = data;
  if ((type != DT_DIR && type != DT_UNKNOWN) || strcmp (name, ".") == 0 || strcmp (name, "..") == 0
      || ((walk->layout & MD_LAYOUT_FS) == 0 && name[0] != '.'))
    return;
  g_ptr_array_add (walk->names, g_strdup (name));
}

static gboolean
read_names (Walk *walk, int fd, const char *path, GError **error)
{
  ListStamp stamp = { .path = g_strdup (path) };
  walk->names = g_ptr_array_new_with_free_func (g_free);
  gboolean ok = md_stamp_of (fd, &stamp.stamp, error) && md_read_dir (fd, collect_dir, walk, error);
  if (ok && walk->stamps != NULL)
    g_array_append_val (walk->stamps, stamp);
  else
    g_free (stamp.path);
  return ok;
}

/* Says whether this is a directory.  TRUE also if the server may not look at it: the mailbox exists, and an
 * attempt to open it says what is wrong. */
static gboolean
is_directory (int dirfd, const char *path)
{
  struct stat st;
  if (md_sys.fstatat (dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return S_ISDIR (st.st_mode);
  return errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG;
}

/* In layout fs a directory is a mailbox if it has cur/, and may have others below it in any case. */
static gboolean
walk_tree (Walk *walk, int fd, const char *path, guint depth, GError **error)
{
  gboolean ok = read_names (walk, fd, path, error);
  g_autoptr (GPtrArray) names = g_steal_pointer (&walk->names);
  for (guint i = 0; ok && i < names->len && walk->dirs->len < DIRS_MAX; i++)
    {
      const char *name = names->pdata[i];
      g_autofree char *below = path[0] != '\0' ? g_strconcat (path, "/", name, NULL) : g_strdup (name);
      g_autofree char *mailbox = md_folder_name (
          walk->layout, below); /* returns NULL for cur, new, tmp, our own files and invalid names */
      /* INBOX is the root, whose directory has its children */
      gboolean is_inbox = strcmp (below, "INBOX") == 0;
      g_auto (MdFd) child = mailbox != NULL || is_inbox ? md_open_dir (fd, name, FALSE, NULL) : -1;
      if (child < 0)
        {
          if (mailbox != NULL && errno == EACCES)
            g_ptr_array_add (walk->dirs, g_strdup (below));
          continue;
        }
      if (!is_inbox && is_directory (child, "cur"))
        g_ptr_array_add (walk->dirs, g_strdup (below));
      if (depth < DEPTH_MAX)
        walk_tree (walk, child, below, depth + 1,
                   NULL); /* it may have been removed, which the time of its parent shows */
    }
  return ok;
}

gboolean
md_folder_exists (MdStore *store, const char *dir)
{
  g_autofree char *cur = g_strconcat (dir, "/cur", NULL);
  return dir[0] == '\0' || (is_directory (store->user_fd, dir) && is_directory (store->user_fd, cur));
}

GPtrArray *
md_folder_dirs (MdStore *store, GArray *stamps, GError **error)
{
  g_autoptr (GPtrArray) dirs = g_ptr_array_new_with_free_func (g_free);
  Walk walk = { .layout = store->settings.layout, .dirs = dirs, .stamps = stamps };
  if ((walk.layout & MD_LAYOUT_FS) != 0)
    return walk_tree (&walk, store->user_fd, "", 0, error) ? g_steal_pointer (&dirs) : NULL;
  gboolean ok = read_names (&walk, store->user_fd, "", error);
  for (guint i = 0; ok && i < walk.names->len && i < DIRS_MAX; i++)
    if (md_folder_exists (store, walk.names->pdata[i]))
      g_ptr_array_add (dirs, g_strdup (walk.names->pdata[i]));
  g_ptr_array_unref (walk.names);
  return ok ? g_steal_pointer (&dirs) : NULL;
}

gboolean
md_folder_is_below (MdStore *store, const char *dir, const char *parent)
{
  gsize len = strlen (parent);
  return strncmp (dir, parent, len) == 0 && dir[len] == md_folder_separator (store->settings.layout);
}

gboolean
md_folder_has_children (MdStore *store, const char *dir)
{
  g_autoptr (GPtrArray) dirs = md_folder_dirs (store, NULL, NULL);
  for (guint i = 0; dirs != NULL && i < dirs->len; i++)
    if (md_folder_is_below (store, dirs->pdata[i], dir))
      return TRUE;
  return FALSE;
}

static SatchelMailboxInfo *
add_info (GPtrArray *infos, GHashTable *known, const char *name)
{
  SatchelMailboxInfo *info = g_hash_table_lookup (known, name);
  if (info != NULL)
    return info;
  info = g_new0 (SatchelMailboxInfo, 1);
  info->name = g_strdup (name);
  g_hash_table_insert (known, info->name, info);
  g_ptr_array_add (infos, info);
  return info;
}

static void
add_mailbox (GPtrArray *infos, GHashTable *known, const char *name)
{
  SatchelMailboxInfo *info = add_info (infos, known, name);
  info->exists = info->is_selectable = TRUE;
  /* A parent without a directory of its own is a name as well. */
  for (const char *slash = strrchr (name, '/'); slash != NULL;)
    {
      g_autofree char *parent = g_strndup (name, (gsize) (slash - name));
      add_info (infos, known, parent)->exists = TRUE;
      slash = g_strrstr_len (name, slash - name, "/");
    }
}

/* Says whether a later change would show in the times, which one within the same tick of the clock would
 * not. */
static gboolean
is_list_settled (const MdStamp *stamp, gint64 started_us)
{
  return stamp->sec * G_USEC_PER_SEC + stamp->nsec / 1000
         < started_us - 2 * (stamp->nsec == 0 ? G_USEC_PER_SEC : 10000);
}

gboolean
md_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  MdStore *store = storage->self;
  gint64 started_us = g_get_real_time ();
  g_autoptr (GArray) stamps = md_list_stamps_new ();
  g_autoptr (GPtrArray) dirs =
      md_journal_finish (store, error) ? md_folder_dirs (store, stamps, error) : NULL;
  if (dirs == NULL)
    return FALSE;
  g_autoptr (GHashTable) known = g_hash_table_new (satchel_string_hash, g_str_equal);
  add_mailbox (infos, known, "INBOX");
  for (guint i = 0; i < dirs->len; i++)
    {
      g_autofree char *name = md_folder_name (store->settings.layout, dirs->pdata[i]);
      if (name != NULL)
        add_mailbox (infos, known, name);
    }
  g_mutex_lock (&store->table);
  GHashTableIter iter;
  gpointer name, bits;
  g_hash_table_iter_init (&iter, store->user->subscriptions);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    add_info (infos, known, name)->is_subscribed = TRUE;
  g_hash_table_iter_init (&iter, store->user->special_use);
  while (g_hash_table_iter_next (&iter, &name, &bits))
    {
      SatchelMailboxInfo *info = g_hash_table_lookup (known, name);
      if (info != NULL && info->exists)
        info->special_use = GPOINTER_TO_UINT (bits);
    }
  store->list_known = stamps->len <= STAMPS_MAX;
  for (guint i = 0; store->list_known && i < stamps->len; i++)
    store->list_known = is_list_settled (&g_array_index (stamps, ListStamp, i).stamp, started_us);
  GArray *old = store->list_stamps;
  store->list_stamps = g_steal_pointer (&stamps);
  g_array_unref (old);
  store->list_user_serial = store->user_serial;
  g_mutex_unlock (&store->table);
  return TRUE;
}

gboolean
md_list_is_current (SatchelStorage *storage, const SatchelAccess *access)
{
  MdStore *store = storage->self;
  g_mutex_lock (&store->table);
  gboolean is_current = store->list_known && store->list_user_serial == store->user_serial
                        && !g_atomic_int_get (&store->journal.is_half_done);
  for (guint i = 0; is_current && i < store->list_stamps->len; i++)
    {
      const ListStamp *known = &g_array_index (store->list_stamps, ListStamp, i);
      struct stat st;
      is_current = md_sys.fstatat (store->user_fd, known->path[0] != '\0' ? known->path : ".", &st,
                                   AT_SYMLINK_NOFOLLOW)
                       == 0
                   && st.st_ino == known->stamp.ino && st.st_mtim.tv_sec == known->stamp.sec
                   && st.st_mtim.tv_nsec == known->stamp.nsec;
    }
  g_mutex_unlock (&store->table);
  return is_current;
}

static void
set_subscribed (MdStore *store, const char *name, gboolean subscribe)
{
  g_mutex_lock (&store->table);
  if (subscribe)
    g_hash_table_add (store->user->subscriptions, g_strdup (name));
  else
    g_hash_table_remove (store->user->subscriptions, name);
  g_mutex_unlock (&store->table);
}

gboolean
md_subscribe (SatchelStorage *storage, const SatchelAccess *access, const char *name, gboolean subscribe,
              GError **error)
{
  MdStore *store = storage->self;
  MdUser *user = store->user;
  guint64 modseq;
  gboolean ok = TRUE;
  g_mutex_lock (&store->writer);
  if (g_hash_table_contains (user->subscriptions, name) != subscribe)
    {
      ok = md_user_next_modseq (store, &modseq, error);
      if (ok)
        {
          set_subscribed (store, name, subscribe);
          md_subscriptions_write (store);
          ok = md_user_save_change (store, subscribe ? 's' : 'u', name, NULL, error);
          if (!ok)
            {
              set_subscribed (store, name, !subscribe);
              md_subscriptions_write (store);
            }
        }
    }
  else if (user->is_unsure)
    ok = md_user_save (store, error);
  g_mutex_unlock (&store->writer);
  return ok;
}

static GHashTable *
copy_uses (GHashTable *uses)
{
  GHashTable *copy = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, uses);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_insert (copy, g_strdup (key), value);
  return copy;
}

gboolean
md_set_special_use (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
                    GError **error)
{
  MdStore *store = storage->self;
  MdUser *user = store->user;
  g_autofree char *dir = md_folder_dir (store->settings.layout, name, error);
  guint64 modseq;
  if (dir == NULL)
    return FALSE;
  g_mutex_lock (&store->writer);
  gboolean ok = md_folder_exists (store, dir)
                || satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no mailbox %s", name);
  ok = ok && md_user_next_modseq (store, &modseq, error);
  if (ok)
    {
      GHashTable *before = copy_uses (user->special_use);
      GHashTableIter iter;
      gpointer bits;
      g_mutex_lock (&store->table);
      g_hash_table_iter_init (&iter, user->special_use);
      while (g_hash_table_iter_next (&iter, NULL, &bits))
        {
          guint left = GPOINTER_TO_UINT (bits) & ~special_use;
          if (left == 0)
            g_hash_table_iter_remove (&iter);
          else
            g_hash_table_iter_replace (&iter, GUINT_TO_POINTER (left));
        }
      if (special_use != 0)
        g_hash_table_insert (user->special_use, g_strdup (name), GUINT_TO_POINTER (special_use));
      else
        g_hash_table_remove (user->special_use, name);
      g_mutex_unlock (&store->table);
      ok = md_user_save_change (store, 'x', name, NULL, error);
      if (!ok)
        {
          g_mutex_lock (&store->table);
          GHashTable *failed = user->special_use;
          user->special_use = g_steal_pointer (&before);
          g_hash_table_unref (failed);
          g_mutex_unlock (&store->table);
        }
      g_clear_pointer (&before, g_hash_table_unref);
    }
  g_mutex_unlock (&store->writer);
  return ok;
}
