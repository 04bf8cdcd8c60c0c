/* SPDX-License-Identifier: MIT
 * Says which server was here before, and its file of subscriptions. It is read if it is not as we
 * last left it, and written with each change. Dovecot: "V\t2", an empty line, levels separated by tabs; its
 * old form has levels as in directory names. Courier: "INBOX.A.B". Both write levels as the folders are
 * called on disk.
 */
#include "config.h"

#include "foreign/courier.h"
#include "files/file_io.h"
#include "names/folder_name.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "settings.h"
#include "foreign/servers.h"
#include "foreign/subscriptions.h"
#include "foreign/uidlist.h"
#include "store/user_file.h"

#include <fcntl.h>
#include <satchel/log.h>
#include <string.h>

#define FILE_MAX (8u << 20)

/* Returns the time of the newest file of @names; 0 means that none of them exists. */
static gint64
find_newest (int fd, const char *const *names)
{
  gint64 time = 0;
  for (; *names != NULL; names++)
    {
      struct stat st;
      if (md_sys.fstatat (fd, *names, &st, AT_SYMLINK_NOFOLLOW) == 0)
        time = MAX (time, st.st_mtim.tv_sec);
    }
  return time;
}

MdServer
md_server_find (MdStore *store)
{
  /* Satchel never writes these files for an account of its own.  The UID list counts only if it is older than
   * our files. */
  static const char *const dovecot[] = { "dovecot-uidvalidity",
                                         "dovecot.index.log",
                                         "dovecot.list.index.log",
                                         "dovecot.list.index",
                                         "dovecot.mailbox.log",
                                         "dovecot.index",
                                         NULL };
  static const char *const dovecot_list[] = { MD_UIDLIST_FILE, NULL };
  static const char *const courier[] = { MD_COURIER_UIDS, MD_COURIER_SUBSCRIPTIONS, MD_COURIER_POP3,
                                         MD_COURIER_KEYWORDS, NULL };
  struct stat st;
  gboolean is_new = md_sys.fstatat (store->user_fd, MD_STATE_FILE, &st, AT_SYMLINK_NOFOLLOW) != 0;
  gint64 dovecot_time = MAX (find_newest (store->user_fd, dovecot), find_newest (store->control_fd, dovecot));
  if (is_new)
    dovecot_time = MAX (dovecot_time, find_newest (store->control_fd, dovecot_list));
  gint64 courier_time = find_newest (store->user_fd, courier);
  if (dovecot_time == 0 && courier_time == 0)
    return MD_SERVER_NONE;
  return dovecot_time >= courier_time ? MD_SERVER_DOVECOT : MD_SERVER_COURIER;
}

typedef struct Names
{
  guint n_utf7, n_utf8;
} Names;

static void
count_utf8_name (const char *name, gsize len, guint8 type, gpointer data)
{
  Names *names = data;
  const char *shift = strchr (name, '&');
  g_autofree char *decoded = shift != NULL && name[0] == '.' ? md_folder_name (MD_LAYOUT_PLUS, name) : NULL;
  names->n_utf8 += !g_str_is_ascii (name) && g_utf8_validate (name, -1, NULL);
  names->n_utf7 += decoded != NULL;
}

/* Says whether names of folders are in UTF-8.  Courier has used UTF-8 since 2018, and modified UTF-7 before,
 * as other servers do. */
gboolean
md_server_has_utf8_names (MdStore *store)
{
  Names names = { 0 };
  md_read_dir (store->user_fd, count_utf8_name, &names, NULL);
  if (names.n_utf7 == 0 && names.n_utf8 == 0)
    return md_server_facts (store->user->server)->has_utf8_names;
  return names.n_utf8 > names.n_utf7;
}

static const char *
find_subscriptions_file (const MdStore *store, int *ret_fd)
{
  const MdServerFacts *facts = md_server_facts (store->user->server);
  *ret_fd = facts->is_in_maildir ? store->user_fd : store->control_fd;
  return facts->subscriptions;
}

static gboolean
stamp_subscriptions (const MdStore *store, guint64 ret[3])
{
  int fd;
  struct stat st;
  const char *file = find_subscriptions_file (store, &fd);
  if (file == NULL || md_sys.fstatat (fd, file, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return FALSE;
  ret[0] = (guint64) st.st_mtim.tv_sec;
  ret[1] = (guint64) st.st_mtim.tv_nsec;
  ret[2] = (guint64) st.st_size;
  return TRUE;
}

/* Returns the name in a line; NULL means that it cannot be a mailbox's.  In layout fs, and there alone, a dot
 * in a level of modified UTF-7 stands for itself. */
static char *
name_of_line (const MdStore *store, const char *line, gboolean has_tabs)
{
  const char *prefix = md_server_facts (store->user->server)->inbox_prefix;
  if (g_ascii_strncasecmp (line, prefix, strlen (prefix)) == 0)
    line += strlen (prefix);
  if (g_ascii_strcasecmp (line, "INBOX") == 0)
    return g_strdup ("INBOX");
  gboolean has_dots = !has_tabs && (store->settings.layout & MD_LAYOUT_FS) == 0;
  g_autofree char *levels = g_strdelimit (g_strdup (line), has_tabs ? "\t" : has_dots ? "." : "/", '/');
  return md_folder_name (store->settings.layout | MD_LAYOUT_FS, levels);
}

static void
read_subscription_lines (MdStore *store, char **lines)
{
  MdUser *user = store->user;
  gboolean has_tabs = lines[0] != NULL && g_str_has_prefix (lines[0], "V\t2");
  user->has_old_form = !has_tabs && lines[0] != NULL && lines[0][0] != '\0';
  g_hash_table_remove_all (user->subscriptions);
  for (char **line = lines + has_tabs; *line != NULL; line++)
    {
      gsize len = strlen (*line);
      if (len > 0 && (*line)[len - 1] == '\r')
        (*line)[len - 1] = '\0';
      char *name = **line != '\0' ? name_of_line (store, *line, has_tabs) : NULL;
      if (name != NULL)
        g_hash_table_add (user->subscriptions, name);
      else if (**line != '\0')
        satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                     "user=%s a subscription that another server left is not a possible mailbox name, and is "
                     "left out: %s",
                     store->storage->identity->user, *line);
    }
}

gboolean
md_subscriptions_read (MdStore *store)
{
  guint64 stamp[3];
  int fd;
  const char *file = find_subscriptions_file (store, &fd);
  if (!stamp_subscriptions (store, stamp) || memcmp (stamp, store->user->foreign_stamp, sizeof stamp) == 0)
    return FALSE;
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) data = md_read_file (fd, file, FILE_MAX, &error);
  if (data == NULL)
    {
      satchel_log (
          SATCHEL_LOG_WARNING, MD_AREA, "user=%s the subscriptions that %s left cannot be taken over: %s",
          store->storage->identity->user, md_server_facts (store->user->server)->name, error->message);
      return FALSE;
    }
  g_byte_array_append (data, (const guint8 *) "", 1);
  g_auto (GStrv) lines = g_strsplit ((const char *) data->data, "\n", -1);
  read_subscription_lines (store, lines);
  memcpy (store->user->foreign_stamp, stamp, sizeof stamp);
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static void
append_subscription (const MdStore *store, const char *name, GString *out)
{
  const MdServerFacts *facts = md_server_facts (store->user->server);
  gboolean is_plus = (store->settings.layout & MD_LAYOUT_FS) == 0;
  g_autofree char *dir = md_folder_dir (store->settings.layout, name, NULL);
  if (dir == NULL)
    return;
  char separator[2] = { md_folder_separator (store->settings.layout), '\0' };
  char *levels = dir[0] == '\0' ? dir : dir + is_plus;
  if (facts->has_tabs && !store->user->has_old_form)
    g_strdelimit (levels, separator, '\t');
  if (dir[0] == '\0')
    g_string_append (out, "INBOX\n");
  else
    g_string_append_printf (out, "%s%s\n", facts->inbox_prefix, levels);
}

void
md_subscriptions_write (MdStore *store)
{
  int fd;
  const char *file = find_subscriptions_file (store, &fd);
  if (file == NULL)
    return;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, store->user->subscriptions);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (names, name);
  g_ptr_array_sort (names, compare_names);
  const char *head = md_server_facts (store->user->server)->subscriptions_head;
  g_autoptr (GString) out = g_string_new (head != NULL && !store->user->has_old_form ? head : "");
  for (guint i = 0; i < names->len; i++)
    append_subscription (store, names->pdata[i], out);
  g_autoptr (GError) error = NULL;
  if (!md_replace_file (fd, file, out->str, out->len, TRUE, &error))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                 "user=%s the file %s could not be updated for the other server: %s",
                 store->storage->identity->user, file, error->message);
  else
    stamp_subscriptions (store, store->user->foreign_stamp);
}
