/* SPDX-License-Identifier: MIT
 * Names: LIST, subscriptions, special use.
 */
#include "config.h"

#include "maildir.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define DIRS_MAX 1000000u

static void
collect_dir (const char *name, gsize len, guint8 type, gpointer data)
{
  GPtrArray *dirs = data;
  if (name[0] == '.' && len > 1 && strcmp (name, "..") != 0 && (type == DT_DIR || type == DT_UNKNOWN)
      && dirs->len < DIRS_MAX)
    g_ptr_array_add (dirs, g_strdup (name));
}

gboolean
md_folder_exists (MdStore *store, const char *dir)
{
  struct stat st;
  if (dir[0] == '\0')
    return TRUE;
  if (md_sys.fstatat (store->user_fd, dir, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR (st.st_mode))
    return FALSE;
  g_autofree char *cur = g_strconcat (dir, "/cur", NULL);
  return md_sys.fstatat (store->user_fd, cur, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR (st.st_mode);
}

GPtrArray *
md_folder_dirs (MdStore *store, GError **error)
{
  g_autoptr (GPtrArray) dirs = g_ptr_array_new_with_free_func (g_free);
  if (!md_read_dir (store->user_fd, collect_dir, dirs, error))
    return NULL;
  for (guint i = dirs->len; i > 0; i--)
    if (!md_folder_exists (store, dirs->pdata[i - 1]))
      g_ptr_array_remove_index_fast (dirs, i - 1);
  return g_steal_pointer (&dirs);
}

gboolean
md_folder_has_children (MdStore *store, const char *dir)
{
  g_autofree char *prefix = g_strconcat (dir, ".", NULL);
  g_autoptr (GPtrArray) dirs = md_folder_dirs (store, NULL);
  for (guint i = 0; dirs != NULL && i < dirs->len; i++)
    if (g_str_has_prefix (dirs->pdata[i], prefix))
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
  /* A parent without a directory of its own is a name all the same. */
  for (const char *slash = strrchr (name, '/'); slash != NULL;)
    {
      g_autofree char *parent = g_strndup (name, (gsize) (slash - name));
      add_info (infos, known, parent)->exists = TRUE;
      slash = g_strrstr_len (name, slash - name, "/");
    }
}

gboolean
md_list (SatchelStorage *storage, GPtrArray *infos, GError **error)
{
  MdStore *store = storage->self;
  MdStamp stamp;
  if (!md_stamp_of (store->user_fd, &stamp, error))
    return FALSE;
  gint64 started_us = md_now_us ();
  g_autoptr (GPtrArray) dirs = md_folder_dirs (store, error);
  if (dirs == NULL)
    return FALSE;
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  add_mailbox (infos, known, "INBOX");
  for (guint i = 0; i < dirs->len; i++)
    {
      g_autofree char *name = md_folder_name (dirs->pdata[i]);
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
  store->list_stamp = stamp;
  store->list_user_serial = store->user_serial;
  /* A change within the same tick of the clock would not show. */
  store->list_known = stamp.sec * G_USEC_PER_SEC + stamp.nsec / 1000 < started_us - 2 * (stamp.nsec == 0 ? G_USEC_PER_SEC : 10000);
  g_mutex_unlock (&store->table);
  return TRUE;
}

gboolean
md_list_is_current (SatchelStorage *storage)
{
  MdStore *store = storage->self;
  MdStamp stamp;
  if (!md_stamp_of (store->user_fd, &stamp, NULL))
    return FALSE;
  g_mutex_lock (&store->table);
  gboolean is_current = store->list_known && store->list_user_serial == store->user_serial
                        && md_stamp_equal (&stamp, &store->list_stamp);
  g_mutex_unlock (&store->table);
  return is_current;
}

gboolean
md_subscribe (SatchelStorage *storage, const char *name, gboolean subscribe, GError **error)
{
  MdStore *store = storage->self;
  MdUser *user = store->user;
  guint64 modseq;
  gboolean ok = TRUE;
  g_mutex_lock (&store->writer);
  if (g_hash_table_contains (user->subscriptions, name) != subscribe)
    {
      ok = md_user_next_modseq (store, &modseq, error);
      g_mutex_lock (&store->table);
      if (ok && subscribe)
        g_hash_table_add (user->subscriptions, g_strdup (name));
      else if (ok)
        g_hash_table_remove (user->subscriptions, name);
      g_mutex_unlock (&store->table);
      if (ok)
        {
          md_user_log (store, subscribe ? 's' : 'u', name, NULL);
          ok = md_user_save (store, TRUE, error);
          if (!ok)
            {
              g_mutex_lock (&store->table);
              if (subscribe)
                g_hash_table_remove (user->subscriptions, name);
              else
                g_hash_table_add (user->subscriptions, g_strdup (name));
              g_mutex_unlock (&store->table);
            }
        }
    }
  g_mutex_unlock (&store->writer);
  return ok;
}

static GHashTable *
copy_uses (GHashTable *uses)
{
  GHashTable *copy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, uses);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_insert (copy, g_strdup (key), value);
  return copy;
}

gboolean
md_set_special_use (SatchelStorage *storage, const char *name, guint special_use, GError **error)
{
  MdStore *store = storage->self;
  MdUser *user = store->user;
  g_autofree char *dir = md_folder_dir (name, error);
  guint64 modseq;
  if (dir == NULL)
    return FALSE;
  g_mutex_lock (&store->writer);
  gboolean ok = md_folder_exists (store, dir)
                || satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no mailbox %s", name);
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
      md_user_log (store, 'x', name, NULL);
      ok = md_user_save (store, TRUE, error);
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
