/* SPDX-License-Identifier: MIT
 * Opening the store of a user: its directories level by level, recovery after a crash, and the sweep of old
 * files in tmp/.
 */
#include "config.h"

#include "driver.h"
#include "files/file_io.h"
#include "names/folder_name.h"
#include "commit/journal.h"
#include "store/list.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "settings.h"
#include "commit/sync_hold.h"
#include "store/user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <string.h>
#include <unistd.h>

#define STALE_US (36 * 3600 * (gint64) G_USEC_PER_SEC)
#define SWEEP_FILE "satchel-swept"
#define SWEEP_US (24 * 3600 * (gint64) G_USEC_PER_SEC)

gboolean
md_check_owner (int fd, const char *path, GError **error)
{
  struct stat st;
  if (md_sys.fstat (fd, &st) != 0)
    return satchel_error_set_errno (error, errno,
                                    "%s cannot be looked at, so nobody knows which account owns it", path);
  if (st.st_uid == geteuid ())
    return TRUE;
  return satchel_error_set (error, SATCHEL_ERROR_ACCESS,
                            "%s belongs to uid %u, not to the mail user (uid %u): give it over with `chown "
                            "-R %u`, or, if one account owns all Maildirs, set server.mail_user to it",
                            path, (guint) st.st_uid, (guint) geteuid (), (guint) geteuid ());
}

typedef struct Sweep
{
  int fd;
  GPtrArray *names;
} Sweep;

static void
collect_name (const char *name, gsize len, guint8 type, gpointer data)
{
  Sweep *sweep = data;
  if (strcmp (name, ".") != 0 && strcmp (name, "..") != 0)
    g_ptr_array_add (sweep->names, g_strdup (name));
}

static GPtrArray *
collect_names (int fd)
{
  Sweep sweep = { fd, g_ptr_array_new_with_free_func (g_free) };
  md_read_dir (fd, collect_name, &sweep, NULL);
  return sweep.names;
}

static void
sweep_tmp (int fd)
{
  g_autoptr (GPtrArray) names = collect_names (fd);
  gint64 now_us = g_get_real_time ();
  for (guint i = 0; i < names->len; i++)
    {
      struct stat st;
      /* The change time counts too, since a program that delivers may have set the file's own time. */
      if (md_sys.fstatat (fd, names->pdata[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR (st.st_mode)
          && MAX (st.st_mtim.tv_sec, st.st_ctim.tv_sec) * (gint64) G_USEC_PER_SEC + STALE_US < now_us)
        md_sys.unlinkat (fd, names->pdata[i], 0);
    }
}

static gboolean
is_sweep_due (MdStore *store)
{
  struct stat st;
  if (md_sys.fstatat (store->user_fd, SWEEP_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
    {
      gint64 age = g_get_real_time () - st.st_mtim.tv_sec * (gint64) G_USEC_PER_SEC;
      if (age >= 0 && age < SWEEP_US)
        return FALSE;
    }
  return md_replace_file (store->user_fd, SWEEP_FILE, "", 0, FALSE, NULL);
}

static void
sweep_if_due (MdStore *store)
{
  if (!is_sweep_due (store))
    return;
  sweep_tmp (store->tmp_fd);
  g_auto (MdFd) trash_fd = md_open_dir (store->user_fd, MD_TRASH_DIR, FALSE, NULL);
  if (trash_fd >= 0)
    {
      g_autoptr (GPtrArray) names = collect_names (trash_fd);
      for (guint i = 0; i < names->len; i++)
        md_remove_tree (trash_fd, names->pdata[i], MD_FOLDER_DEPTH, NULL, NULL);
    }
  g_autoptr (GPtrArray) dirs = md_folder_dirs (store, NULL, NULL);
  for (guint i = 0; dirs != NULL && i < dirs->len; i++)
    {
      g_auto (MdFd) dir_fd = md_open_path (store->user_fd, dirs->pdata[i], FALSE, NULL);
      g_auto (MdFd) fd = dir_fd >= 0 ? md_open_dir (dir_fd, "tmp", FALSE, NULL) : -1;
      if (fd >= 0)
        sweep_tmp (fd);
    }
}

/* Makes INBOX. The directories are synced together; those of a new account with the counters, which come
 * next. */
static gboolean
make_inbox (MdStore *store, GError **error)
{
  static const char *const names[] = { "tmp", "cur", "new" };
  struct stat st;
  gboolean is_made = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      gboolean is_new = md_sys.mkdirat (store->user_fd, names[i], 0700) == 0;
      if (!is_new && errno != EEXIST)
        return satchel_error_set_errno (error, errno, "the directory %s cannot be made", names[i]);
      is_made |= is_new;
      g_auto (MdFd) fd = md_open_dir (store->user_fd, names[i], FALSE, error);
      if (fd < 0)
        return FALSE;
      if (i == 0)
        store->tmp_fd = satchel_fd_steal (&fd);
    }
  return !is_made || md_sys.fstatat (store->user_fd, MD_MODSEQ_FILE, &st, AT_SYMLINK_NOFOLLOW) != 0
         || md_fsync (store->user_fd, "the user's Maildir", error);
}

static gboolean
open_user_dirs (MdStore *store, GError **error)
{
  store->user_fd = md_open_path (store->root_fd, store->settings.path, TRUE, error);
  if (store->user_fd < 0 || !md_check_owner (store->user_fd, store->settings.path, error))
    return FALSE;
  store->control_fd = store->user_fd;
  if (store->settings.control_path != NULL)
    {
      store->control_fd = md_open_path (store->root_fd, store->settings.control_path, TRUE, error);
      if (store->control_fd < 0 || !md_check_owner (store->control_fd, store->settings.control_path, error))
        return FALSE;
    }
  return make_inbox (store, error);
}

gboolean
md_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  MdStore *store = g_new0 (MdStore, 1);
  store->storage = storage;
  store->root_fd = storage->identity->root_fd;
  store->user_fd = store->tmp_fd = store->control_fd = -1;
  store->list_stamps = md_list_stamps_new ();
  md_settings_init (&store->settings, section, storage->identity);
  g_mutex_init (&store->writer);
  g_mutex_init (&store->table);
  md_journal_init (&store->journal);
  store->open = g_hash_table_new (satchel_string_hash, g_str_equal);
  storage->self = store;
  if (open_user_dirs (store, error) && md_journal_recover (store, error) && md_user_open (store, error))
    {
      /* After another boot, lines that were written without a sync may be lost. */
      store->maildirsize_is_stale |= store->user->modseq == store->user->slots.words[MD_USER_MODSEQ_LIMIT];
      sweep_if_due (store);
      return TRUE;
    }
  md_close (storage);
  return FALSE;
}

void
md_close (SatchelStorage *storage)
{
  MdStore *store = storage->self;
  if (store == NULL)
    return;
  if (!satchel_storage_is_fenced (storage)) /* otherwise the index is in use by another process */
    md_journal_settle (store, NULL);
  md_journal_close (&store->journal);
  md_hold_drop (store);
  g_clear_pointer (&store->user, md_user_free);
  md_fd_clear (&store->tmp_fd);
  if (store->control_fd != store->user_fd)
    md_fd_clear (&store->control_fd);
  md_fd_clear (&store->user_fd);
  md_settings_clear (&store->settings);
  g_array_unref (store->list_stamps);
  g_hash_table_unref (store->open);
  g_clear_pointer (&store->counted, g_hash_table_unref);
  g_mutex_clear (&store->writer);
  g_mutex_clear (&store->table);
  g_free (store);
  storage->self = NULL;
}
