/* SPDX-License-Identifier: MIT
 * Creates, deletes and renames mailboxes. Creating is the rename of a directory that was made ready in the
 * trash, deleting a rename into it; renames of several directories go through the journal.
 */
#include "config.h"

#include "foreign/control_dir.h"
#include "driver.h"
#include "files/file_io.h"
#include "names/file_name.h"
#include "names/folder_name.h"
#include "commit/journal.h"
#include "store/list.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "foreign/maildirsize.h"
#include "settings.h"
#include "mailbox/sync.h"
#include "commit/sync_hold.h"
#include "commit/transaction_plan.h"
#include "store/tree.h"
#include "files/unique_name.h"
#include "store/user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

static int
open_trash (MdStore *store, GError **error)
{
  if (md_sys.mkdirat (store->user_fd, MD_TRASH_DIR, 0700) != 0 && errno != EEXIST)
    {
      satchel_error_set_errno (error, errno, "the directory " MD_TRASH_DIR " cannot be made");
      return -1;
    }
  /* The name of the trash need not be durable: what is in it belongs to no mailbox. */
  return md_open_dir (store->user_fd, MD_TRASH_DIR, FALSE, error);
}

static gboolean
move_out_of_trash (MdStore *store, int trash_fd, const char *unique, const char *dir, GError **error)
{
  if ((store->settings.layout & MD_LAYOUT_FS) != 0)
    return md_fs_place (store, trash_fd, unique, dir, error);
  if (md_sys.renameat (trash_fd, unique, store->user_fd, dir) != 0)
    return satchel_error_set_errno (error, errno == ENOTEMPTY ? EEXIST : errno,
                                    "the directory of the mailbox cannot be renamed");
  if (md_fsync (store->user_fd, "mail directory", error))
    return TRUE;
  md_sys.renameat (store->user_fd, dir, trash_fd, unique);
  return FALSE;
}

static gboolean
move_to_trash (MdStore *store, const char *dir, int trash_fd, const char *unique, GError **error)
{
  if ((store->settings.layout & MD_LAYOUT_FS) != 0)
    return md_fs_displace (store, dir, trash_fd, unique, error);
  if (md_sys.renameat (store->user_fd, dir, trash_fd, unique) != 0)
    return satchel_error_set_errno (error, errno, "the directory of the mailbox cannot be renamed");
  if (md_fsync (store->user_fd, "mail directory", error))
    return TRUE;
  md_sys.renameat (trash_fd, unique, store->user_fd, dir);
  return FALSE;
}

/* Makes a whole mailbox in the trash and then moves it, so that half a mailbox is never seen. */
static gboolean
make_folder (MdStore *store, const char *dir, const SatchelMailboxImport *as, GError **error)
{
  char unique[128];
  g_auto (MdFd) trash_fd = open_trash (store, error);
  if (trash_fd < 0)
    return FALSE;
  md_unique_name (unique, g_get_real_time () / G_USEC_PER_SEC);
  gboolean ok =
      md_sys.mkdirat (trash_fd, unique, 0700) == 0
      || satchel_error_set_errno (error, errno, "the directory of the mailbox cannot be made (mkdir)");
  g_auto (MdFd) fd = ok ? md_open_dir (trash_fd, unique, FALSE, error) : -1;
  ok = fd >= 0 && md_mailbox_create_files (store, fd, as, error);
  if (ok)
    {
      /* Other servers tell a folder from the root of a Maildir by this file. */
      g_auto (MdFd) marker = md_sys.openat (fd, "maildirfolder", O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
      ok = md_fsync (fd, "mailbox", error);
    }
  ok = ok && move_out_of_trash (store, trash_fd, unique, dir, error);
  if (!ok || (store->settings.layout & MD_LAYOUT_FS) != 0)
    md_remove_tree (trash_fd, unique, MD_FOLDER_DEPTH, NULL, NULL);
  return ok;
}

/* Forgets the special use of an old mailbox of the same name, which the file may still have after a crash or
 * a failed save: a new mailbox does not inherit it. */
static gboolean
forget_old_use (MdStore *store, const char *name, GError **error)
{
  g_mutex_lock (&store->table);
  gboolean was_there = g_hash_table_remove (store->user->special_use, name);
  g_mutex_unlock (&store->table);
  return (!was_there && !store->user->is_unsure) || md_user_save (store, error);
}

/* A change in the journal is done again after a crash until its end is synced; by then its names must not
 * belong to something newer. */
static gboolean
settle_earlier_changes (MdStore *store, GError **error)
{
  return md_journal_settle (store, error) && md_hold_settle (store, error);
}

gboolean
md_create_as (MdStore *store, const char *name, const SatchelMailboxImport *as, GError **error)
{
  g_autofree char *dir = md_folder_dir (store->settings.layout, name, error);
  guint64 modseq;
  if (dir == NULL)
    return FALSE;
  if (md_folder_exists (store, dir))
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "mailbox %s exists already", name);
  if (!settle_earlier_changes (store, error))
    return FALSE;
  struct stat st;
  /* A directory that is no Maildir has the name: it is not ours to remove unless it is empty. */
  if (md_sys.fstatat (store->user_fd, dir, &st, AT_SYMLINK_NOFOLLOW) == 0
      && (!S_ISDIR (st.st_mode)
          || ((store->settings.layout & MD_LAYOUT_FS) == 0
              && md_sys.unlinkat (store->user_fd, dir, AT_REMOVEDIR) != 0)))
    return satchel_error_set (
        error, SATCHEL_ERROR_CANNOT,
        "the Maildir has a file or directory where mailbox %s would be; remove it, or choose another name",
        name);
  if (!forget_old_use (store, name, error) || !md_user_next_modseq (store, &modseq, error)
      || !make_folder (store, dir, as, error))
    return FALSE;
  /* Only the change log is new. It waits for the next save, since saving costs two syncs. */
  md_user_log (store, 'c', name, NULL);
  return TRUE;
}

/* The file may have the special use of a mailbox that is not made, and not of the one that keeps it. */
static void
forget_failed_use (MdStore *store)
{
  g_mutex_lock (&store->writer);
  if (store->user->is_unsure)
    md_user_save (store, NULL);
  g_mutex_unlock (&store->writer);
}

gboolean
md_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
           GError **error)
{
  MdStore *store = storage->self;
  g_mutex_lock (&store->writer);
  gboolean ok = md_create_as (store, name, NULL, error);
  g_mutex_unlock (&store->writer);
  if (!ok || special_use == 0 || md_set_special_use (storage, access, name, special_use, error))
    return ok;
  md_remove (storage, access, name, NULL);
  forget_failed_use (store);
  return FALSE;
}

static void
subtract_removed (MdStore *store, const char *unique)
{
  g_autofree char *dir = g_strconcat (MD_TRASH_DIR "/", unique, NULL);
  MdSizeSum change = { 0 };
  md_maildirsize_count_folder (store, dir, -1, &change);
  md_maildirsize_add (store, &change);
}

/* Finds the directory of the mailbox, yours.  NULL means that there is none, or none that can be removed. */
static char *
find_removable (MdStore *store, const char *name, GError **error)
{
  g_autofree char *dir = md_folder_dir (store->settings.layout, name, error);
  if (dir == NULL)
    return NULL;
  if (dir[0] == '\0')
    satchel_error_set (error, SATCHEL_ERROR_CANNOT, "INBOX cannot be deleted");
  else if (md_folder_exists (store, dir))
    return g_steal_pointer (&dir);
  else if (md_folder_has_children (store, dir))
    satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                       "%s is not a mailbox itself, it only has mailboxes below it", name);
  else
    satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no mailbox %s", name);
  return NULL;
}

/* Tells whoever has the mailbox open that it is gone. */
static void
close_removed (MdStore *store, const char *dir)
{
  MdMailbox *mb = g_hash_table_lookup (store->open, dir);
  if (mb == NULL)
    return;
  g_mutex_lock (&store->table);
  g_hash_table_remove (store->open, mb->dir);
  mb->is_deleted = TRUE;
  g_mutex_unlock (&store->table);
  satchel_storage_mailbox_renamed (mb->handle, NULL);
}

/* Forgets the special use of the mailbox.  If that cannot be written now, the mailbox is deleted all the
 * same. */
static void
forget_special_use (MdStore *store, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_mutex_lock (&store->table);
  gboolean had_use = g_hash_table_remove (store->user->special_use, name);
  g_mutex_unlock (&store->table);
  md_user_log (store, 'd', name, NULL);
  if (had_use && !md_user_save (store, &error))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                 "user=%s the special use of the deleted mailbox %s cannot be removed now: %s",
                 store->storage->identity->user, name, error->message);
}

gboolean
md_remove_locked (MdStore *store, const char *name, GError **error)
{
  g_autofree char *dir = find_removable (store, name, error);
  guint64 modseq;
  char unique[128];
  if (dir == NULL)
    return FALSE;
  g_auto (MdFd) trash_fd = settle_earlier_changes (store, error) ? open_trash (store, error) : -1;
  if (trash_fd < 0)
    return FALSE;
  md_unique_name (unique, g_get_real_time () / G_USEC_PER_SEC);
  if (!md_user_next_modseq (store, &modseq, error) || !move_to_trash (store, dir, trash_fd, unique, error))
    return FALSE;
  close_removed (store, dir);
  forget_special_use (store, name);
  if (store->settings.keeps_maildirsize && md_maildirsize_has_folder (store, dir))
    subtract_removed (store, unique);
  md_remove_tree (trash_fd, unique, MD_FOLDER_DEPTH, NULL, NULL);
  md_control_removed (store, dir);
  return TRUE;
}

gboolean
md_remove (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  MdStore *store = storage->self;
  g_mutex_lock (&store->writer);
  gboolean ok = md_remove_locked (store, name, error);
  g_mutex_unlock (&store->writer);
  return ok;
}

static char *
make_moved_name (const char *name, const char *from, const char *to)
{
  gsize len = strlen (from);
  if (strncmp (name, from, len) != 0 || (name[len] != '\0' && name[len] != '/'))
    return NULL;
  return g_strconcat (to, name + len, NULL);
}

/* Returns the special uses under the new names, with @keep under the old ones as well. NULL: no name with a
 * special use moves. */
static GHashTable *
make_moved_uses (MdStore *store, const char *from, const char *to, gboolean keep)
{
  GHashTable *uses = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer name, bits;
  guint n_moved = 0;
  g_hash_table_iter_init (&iter, store->user->special_use);
  while (g_hash_table_iter_next (&iter, &name, &bits))
    {
      char *now = make_moved_name (name, from, to);
      n_moved += now != NULL;
      if (now == NULL || keep)
        g_hash_table_insert (uses, g_strdup (name), bits);
      if (now != NULL)
        g_hash_table_insert (uses, now, bits);
    }
  if (n_moved == 0)
    g_clear_pointer (&uses, g_hash_table_unref);
  return uses;
}

static void
replace_uses (MdStore *store, GHashTable *uses)
{
  g_mutex_lock (&store->table);
  GHashTable *old = store->user->special_use;
  store->user->special_use = uses;
  g_mutex_unlock (&store->table);
  g_hash_table_unref (old);
}

/* Both names are durable before the folders move, so that a special use is never lost on the way; names
 * without a mailbox are not shown. *@ret_after: the uses after the move; NULL: nothing changes. */
static gboolean
prepare_uses (MdStore *store, const char *from, const char *to, GHashTable **ret_after, GError **error)
{
  *ret_after = make_moved_uses (store, from, to, FALSE);
  if (*ret_after == NULL)
    return TRUE;
  GHashTable *before = g_hash_table_ref (store->user->special_use);
  replace_uses (store, make_moved_uses (store, from, to, TRUE));
  gboolean ok = md_user_save (store, error);
  replace_uses (store, before);
  store->user->is_unsure = TRUE; /* the file has names that do not exist */
  if (!ok)
    g_clear_pointer (ret_after, g_hash_table_unref);
  return ok;
}

static void
finish_uses (MdStore *store, GHashTable *after)
{
  g_autoptr (GError) error = NULL;
  if (after == NULL)
    return;
  replace_uses (store, after);
  if (!md_user_save (store, &error))
    satchel_log (
        SATCHEL_LOG_WARNING, MD_AREA,
        "user=%s the special uses of renamed mailboxes are still stored under their old names as well: %s",
        store->storage->identity->user, error->message);
}

static void
rename_open_mailbox (MdStore *store, const char *old_dir, const char *new_dir)
{
  MdMailbox *mb = g_hash_table_lookup (store->open, old_dir);
  if (mb == NULL)
    return;
  g_mutex_lock (&store->table);
  g_hash_table_remove (store->open, mb->dir);
  g_free (mb->dir);
  mb->dir = g_strdup (new_dir);
  g_free (mb->name);
  mb->name = md_folder_name (store->settings.layout, new_dir);
  md_mailbox_set_paths (mb);
  g_hash_table_insert (store->open, mb->dir, mb);
  g_mutex_unlock (&store->table);
  satchel_storage_mailbox_renamed (mb->handle, mb->name);
}

static gboolean
plan_folder_renames (MdStore *store, MdPlan *plan, const GPtrArray *dirs, const char *from_dir,
                     const char *to_dir, GError **error)
{
  gsize len = strlen (from_dir);
  for (guint i = 0; i < dirs->len; i++)
    {
      const char *dir = dirs->pdata[i];
      if (strcmp (dir, from_dir) != 0 && !md_folder_is_below (store, dir, from_dir))
        continue;
      g_autofree char *target = g_strconcat (to_dir, dir + len, NULL);
      struct stat st;
      if (strlen (target) > MD_NAME_MAX)
        return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                                  "the mailbox name is too long for the name of a directory");
      if (md_sys.fstatat (store->user_fd, target, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "a mailbox has the new name");
      MdStep *step = md_plan_step (plan, MD_STEP_RENAME_DIR);
      step->from_fd = step->to_fd = store->user_fd;
      step->from_dir = step->to_dir = "";
      step->from = md_plan_name (plan, dir);
      step->to = md_plan_name (plan, target);
    }
  if (plan->steps->len == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no such mailbox");
  return TRUE;
}

/* Counts a renamed folder in maildirsize. This is for layout fs; otherwise steps of the plan are counted. */
static void
count_fs_rename (MdStore *store, const char *from_dir, const char *to_dir)
{
  MdSizeSum change = { 0 };
  const int factor = md_maildirsize_has_folder (store, to_dir) - md_maildirsize_has_folder (store, from_dir);
  if (factor == 0)
    return;
  md_maildirsize_count_folder (store, to_dir, factor, &change);
  md_maildirsize_add (store, &change);
}

static gboolean
rename_folders (MdStore *store, const char *from, const char *to, GError **error)
{
  g_autofree char *from_dir = md_folder_dir (store->settings.layout, from, error);
  g_autofree char *to_dir = from_dir != NULL ? md_folder_dir (store->settings.layout, to, error) : NULL;
  guint64 modseq;
  if (to_dir == NULL)
    return FALSE;
  if (to_dir[0] == '\0' || md_folder_exists (store, to_dir))
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "mailbox %s exists already", to);
  g_autofree char *below = g_strconcat (from, "/", NULL);
  if (g_str_has_prefix (to, below))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "a mailbox cannot become its own child");
  /* These directories will move, so they are listed before they have other names. */
  g_autoptr (GPtrArray) dirs = md_folder_dirs (store, NULL, error);
  g_autoptr (MdPlan) plan = md_plan_new (store);
  gboolean is_fs = (store->settings.layout & MD_LAYOUT_FS) != 0;
  g_autoptr (GHashTable) uses = NULL;
  if (dirs == NULL || (!is_fs && !plan_folder_renames (store, plan, dirs, from_dir, to_dir, error))
      || !settle_earlier_changes (store, error) || !md_user_next_modseq (store, &modseq, error)
      || !prepare_uses (store, from, to, &uses, error)
      || !(is_fs ? md_fs_rename (store, from_dir, to_dir, error) : md_plan_execute (plan, error)))
    return FALSE;
  if (is_fs)
    {
      md_control_renamed (store, from_dir, to_dir);
      if (store->settings.keeps_maildirsize)
        count_fs_rename (store, from_dir, to_dir);
    }
  for (guint i = 0; i < dirs->len; i++)
    if (strcmp (dirs->pdata[i], from_dir) == 0 || md_folder_is_below (store, dirs->pdata[i], from_dir))
      {
        g_autofree char *now = g_strconcat (to_dir, (const char *) dirs->pdata[i] + strlen (from_dir), NULL);
        if (!is_fs)
          md_control_renamed (store, dirs->pdata[i], now);
        rename_open_mailbox (store, dirs->pdata[i], now);
      }
  md_user_log (store, 'r', from, to);
  finish_uses (store, g_steal_pointer (&uses));
  return TRUE;
}

/* Renames INBOX: its messages move to a new mailbox, while INBOX itself and its children stay (RFC 3501
 * 6.3.5). */
static gboolean
rename_inbox (MdStore *store, const char *to, GError **error)
{
  if (!md_create_as (store, to, NULL, error))
    return FALSE;
  MdMailbox *open = g_hash_table_lookup (store->open, "");
  MdMailbox *inbox = open != NULL ? open : md_mailbox_load (store, "INBOX", error);
  MdMailbox *target = inbox != NULL ? md_mailbox_load (store, to, error) : NULL;
  gboolean ok = target != NULL && md_sync (inbox, FALSE, error);
  if (ok)
    {
      SatchelStorageMailbox source = { .driver = inbox }, destination = { .driver = target };
      SatchelOperation op = { .kind = SATCHEL_OPERATION_MOVE,
                              .mailbox = &source,
                              .destination = &destination };
      g_autoptr (MdPlan) plan = md_plan_new (store);
      satchel_snapshot_uids (inbox->snapshot, &op.uids);
      ok = md_plan_operation (plan, &op, error);
      if (!ok)
        md_plan_undo (plan);
      ok = ok && md_plan_execute (plan, error);
      satchel_uid_set_clear (&op.uids);
      satchel_uid_set_clear (&op.ret_source);
      satchel_uid_set_clear (&op.ret_failed);
      g_clear_pointer (&op.ret_uids, g_array_unref);
    }
  if (target != NULL)
    md_mailbox_unload (target);
  if (inbox != NULL && inbox != open)
    md_mailbox_unload (inbox);
  if (!ok)
    md_remove_locked (store, to, NULL);
  return ok;
}

gboolean
md_rename (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
           GError **error)
{
  MdStore *store = storage->self;
  g_mutex_lock (&store->writer);
  gboolean ok =
      strcmp (from, "INBOX") == 0 ? rename_inbox (store, to, error) : rename_folders (store, from, to, error);
  g_mutex_unlock (&store->writer);
  return ok;
}
