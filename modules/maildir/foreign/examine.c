/* SPDX-License-Identifier: MIT
 * Reports, without changing anything, what Satchel would take over: for `satchel import`.
 */
#include "config.h"

#include "foreign/servers.h"
#include "foreign/control_dir.h"
#include "foreign/courier.h"
#include "driver.h"
#include "files/file_io.h"
#include "names/file_name.h"
#include "names/folder_name.h"
#include "names/keyword_letters.h"
#include "store/list.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "mailbox/scan.h"
#include "settings.h"
#include "store/slots.h"
#include "foreign/uidlist.h"
#include "store/user_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

typedef struct Examination
{
  MdStore store;
  SatchelExamineFunc func;
  gpointer data;
} Examination;

static void
report_problem (Examination *examination, const char *name, const char *problem)
{
  const SatchelExamined found = { .name = name, .problem = problem };
  examination->func (&found, examination->data);
}

static void
report_odd_entry (const char *name, gsize len, guint8 type, gpointer data)
{
  Examination *examination = data;
  MdStore *store = &examination->store;
  gboolean is_fs = (store->settings.layout & MD_LAYOUT_FS) != 0;
  if (strcmp (name, ".") == 0 || strcmp (name, "..") == 0 || (!is_fs && name[0] != '.')
      || (type != DT_DIR && type != DT_LNK))
    return;
  g_autofree char *valid = g_utf8_make_valid (name, -1);
  g_autofree char *problem = NULL;
  g_autofree char *mailbox = md_folder_name (store->settings.layout, name);
  if (type == DT_LNK)
    problem =
        g_strdup_printf ("%s is a link, which is never followed: put the directory itself there", valid);
  else if (mailbox == NULL && md_folder_exists (store, name))
    problem = g_strdup_printf ("folder %s is not called as maildir.folder_names says and stays unseen: "
                               "rename it, or set folder_names",
                               valid);
  if (problem != NULL)
    report_problem (examination, NULL, problem);
}

static guint
count_lines (int fd, const char *file)
{
  g_autoptr (GByteArray) data = md_read_file (fd, file, 1 << 20, NULL);
  guint n = 0;
  for (guint i = 0;
       data != NULL && i < data->len && !(i > 0 && data->data[i] == '\n' && data->data[i - 1] == '\n'); i++)
    n += data->data[i] == '\n';
  return n;
}

static void
count_messages (const MdScan *scan, const MdUidlist *list, GHashTable *ids, SatchelExamined *found)
{
  found->n_messages = scan->found->len;
  for (guint i = 0; i < scan->found->len; i++)
    {
      const MdFound *file = &g_array_index (scan->found, MdFound, i);
      const char *name = (const char *) scan->names->data + file->name;
      gsize len;
      MdName parsed;
      md_name_parse (name, file->len, &parsed);
      g_autofree char *base = g_strndup (name, parsed.base_len);
      const MdUidlistLine *line = md_uidlist_find (list, name, parsed.base_len);
      found->n_uids += line != NULL || (parsed.has_uid && parsed.uidvalidity == found->uidvalidity);
      found->n_unique_ids += (line != NULL && md_uidlist_field (line, 'P', &len) != NULL)
                             || (ids != NULL && g_hash_table_contains (ids, base));
    }
}

static gboolean
examine_mailbox (Examination *examination, MdMailbox *mb, GError **error)
{
  MdStore *store = &examination->store;
  gboolean is_courier = store->user->server == MD_SERVER_COURIER;
  SatchelExamined found = { .name = mb->name };
  MdScan scan;
  MdSlots state = { .fd = -1 };
  gboolean is_ours = md_slots_open (&state, mb->fd, MD_STATE_FILE, NULL);
  found.uidvalidity = is_ours ? (guint32) state.words[MD_STATE_UIDVALIDITY] : 0;
  md_slots_close (&state);
  g_autoptr (MdUidlist) list =
      is_courier && !is_ours ? md_uidlist_load (mb->fd, MD_COURIER_UIDS, 0, error)
                             : md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, found.uidvalidity, error);
  const gboolean has_ids = list != NULL && is_courier && mb->dir[0] == '\0';
  g_autoptr (GHashTable) ids = has_ids ? md_courier_unique_ids (mb, error) : NULL;
  if (list == NULL || (has_ids && ids == NULL) || !md_scan (mb->new_fd, mb->cur_fd, &scan, error))
    return FALSE;
  if (!is_ours)
    found.uidvalidity = list->uidvalidity;
  count_messages (&scan, list, ids, &found);
  md_scan_clear (&scan);
  g_auto (MdFd) keywords =
      is_courier && !is_ours ? md_open_dir (mb->fd, MD_COURIER_KEYWORDS, FALSE, NULL) : -1;
  found.n_keywords =
      keywords >= 0 ? count_lines (keywords, ":list") : count_lines (mb->control_fd, MD_KEYWORDS_FILE);
  if (!is_ours && list->is_damaged)
    found.problem = "its list of UIDs is damaged: messages without a line in it get new UIDs; put the list "
                    "back from a backup if there is one";
  examination->func (&found, examination->data);
  return TRUE;
}

static void
examine_dir (Examination *examination, const char *dir)
{
  MdStore *store = &examination->store;
  MdMailbox mb = {
    .store = store, .dir = (char *) dir, .fd = -1, .new_fd = -1, .cur_fd = -1, .control_fd = -1
  };
  g_autoptr (GError) error = NULL;
  mb.name = md_folder_name (store->settings.layout, dir);
  if (mb.name == NULL)
    return; /* report_odd_entry reported it */
  mb.fd = md_open_path (store->user_fd, dir, FALSE, &error);
  mb.cur_fd = mb.fd >= 0 ? md_open_dir (mb.fd, "cur", FALSE, &error) : -1;
  mb.new_fd = mb.cur_fd >= 0 ? md_open_dir (mb.fd, "new", FALSE, NULL) : -1;
  mb.control_fd = md_control_open (store, dir, mb.fd, FALSE, NULL);
  if (mb.control_fd < 0)
    mb.control_fd = mb.fd; /* the other server has not made it yet */
  /* A folder that lacks new/ gets it when it is first opened, so it counts as empty. */
  int empty_fd = mb.new_fd < 0 && mb.fd >= 0 ? md_open_dir (mb.fd, "tmp", FALSE, NULL) : -1;
  if (mb.new_fd < 0)
    mb.new_fd = empty_fd;
  if (mb.cur_fd >= 0 && mb.new_fd >= 0 && mb.control_fd >= 0)
    examine_mailbox (examination, &mb, &error);
  else if (error == NULL)
    satchel_error_set (&error, SATCHEL_ERROR_NONEXISTENT, "cur, new or tmp is missing: make it with mkdir");
  if (error != NULL)
    report_problem (examination, mb.name, error->message);
  if (mb.control_fd != mb.fd)
    md_fd_clear (&mb.control_fd);
  md_fd_clear (&mb.fd);
  md_fd_clear (&mb.cur_fd);
  md_fd_clear (&mb.new_fd);
  g_free (mb.name);
}

static gboolean
examine_user (Examination *examination, GError **error)
{
  MdStore *store = &examination->store;
  if (!md_user_read (store, error))
    return FALSE;
  const SatchelExamined user = { .origin = store->user->server != MD_SERVER_NONE
                                               ? md_server_facts (store->user->server)->name
                                               : NULL,
                                 .n_subscriptions = g_hash_table_size (store->user->subscriptions) };
  examination->func (&user, examination->data);
  g_autoptr (GPtrArray) dirs = md_folder_dirs (store, NULL, error);
  if (dirs == NULL || !md_read_dir (store->user_fd, report_odd_entry, examination, error))
    return FALSE;
  examine_dir (examination, "");
  for (guint i = 0; i < dirs->len; i++)
    examine_dir (examination, dirs->pdata[i]);
  return TRUE;
}

static gboolean
open_maildir (MdStore *store, GError **error)
{
  store->user_fd = md_open_path (store->root_fd, store->settings.path, FALSE, error);
  if (store->user_fd < 0)
    {
      g_prefix_error (error,
                      "no Maildir at %s below server.mail_root (maildir.path): ", store->settings.path);
      return FALSE;
    }
  store->control_fd = store->user_fd;
  if (!md_check_owner (store->user_fd, store->settings.path, error))
    return FALSE;
  int control_fd = store->settings.control_path != NULL
                       ? md_open_path (store->root_fd, store->settings.control_path, FALSE, NULL)
                       : -1;
  if (control_fd >= 0)
    store->control_fd = control_fd;
  return control_fd < 0 || md_check_owner (control_fd, store->settings.control_path, error);
}

gboolean
md_examine (const SatchelStorageIdentity *identity, const SatchelConfig *section, SatchelExamineFunc func,
            gpointer data, GError **error)
{
  Examination examination = { .func = func, .data = data };
  MdStore *store = &examination.store;
  SatchelStorage storage = { .identity = identity };
  store->storage = &storage;
  store->root_fd = identity->root_fd;
  store->user_fd = store->control_fd = store->tmp_fd = -1;
  g_mutex_init (&store->writer);
  g_mutex_init (&store->table);
  md_settings_init (&store->settings, section, identity);
  gboolean ok = open_maildir (store, error) && examine_user (&examination, error);
  g_clear_pointer (&store->user, md_user_free);
  if (store->control_fd != store->user_fd)
    md_fd_clear (&store->control_fd);
  md_fd_clear (&store->user_fd);
  md_settings_clear (&store->settings);
  g_mutex_clear (&store->writer);
  g_mutex_clear (&store->table);
  return ok;
}

gboolean
md_exists (const SatchelStorageIdentity *identity, const SatchelConfig *section)
{
  MdSettings settings;
  g_autoptr (GError) error = NULL;
  md_settings_init (&settings, section, identity);
  g_auto (MdFd) fd = md_open_path (identity->root_fd, settings.path, FALSE, &error);
  md_settings_clear (&settings);
  return fd >= 0 || !g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
}
