/* SPDX-License-Identifier: MIT
 * Keeps `maildirsize`. Its first line has the limits ("10485760S,1000C", "0S" without any), each further one
 * has bytes and messages to be added up. Sizes are those of files as they lie; files with the flag T and the
 * folder Trash do not count.
 */
#include "config.h"

#include "files/file_io.h"
#include "names/file_name.h"
#include "store/list.h"
#include "files/log_area.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "foreign/maildirsize.h"
#include "commit/transaction_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/error.h>
#include <satchel/log.h>
#include <string.h>

#define FILE_NAME "maildirsize"
#define FILE_MAX 5120u /* programs count anew when the file has as many bytes */
#define LIMITS_MAX 64u /* bytes of the first line */
#define DIGITS_MAX 18u
#define ATTEMPTS 4
/* The lines of a file add up to less than G_MAXINT64. */
#define NUMBER_MAX (G_GINT64_CONSTANT (1) << 50)

static const SatchelConfigRow limit_rows[] = {
  { "quota.storage", SATCHEL_CONFIG_SIZE, "0", "", .min = 0, .max = G_GINT64_CONSTANT (1) << 60 },
  { "quota.messages", SATCHEL_CONFIG_INT, "0", "", .min = 0, .max = 4000000000 }
};

/* The first line of the file has the limits; 0: no limit. */
typedef struct Limits
{
  gint64 bytes, messages;
} Limits;

gboolean
md_maildirsize_has_folder (const MdStore *store, const char *dir)
{
  return strcmp (dir, (store->settings.layout & MD_LAYOUT_FS) != 0 ? "Trash" : ".Trash") != 0;
}

/* Says whether a file counts.  @dir is "cur" of INBOX, "FOLDER/new", or "tmp". */
static gboolean
is_counted (const MdStore *store, const char *dir, const char *name)
{
  const char *part = strrchr (dir, '/');
  g_autofree char *folder = g_strndup (dir, part != NULL ? (gsize) (part - dir) : 0);
  MdName parsed;
  if (strcmp (dir, "tmp") == 0 || !md_maildirsize_has_folder (store, folder))
    return FALSE;
  md_name_parse (name, strlen (name), &parsed);
  return (parsed.flags & SATCHEL_FLAG_DELETED) == 0;
}

static void
add_file (int fd, const char *name, int factor, MdSizeSum *sum)
{
  MdName parsed;
  struct stat st;
  md_name_parse (name, strlen (name), &parsed);
  gint64 size = 0;
  if (parsed.has_size && parsed.size <= (guint64) NUMBER_MAX)
    size = (gint64) parsed.size;
  else if (md_sys.fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    size = MIN (st.st_size, NUMBER_MAX);
  else
    {
      sum->is_unknown = TRUE;
      return;
    }
  sum->bytes += factor * size;
  sum->messages += factor;
}

void
md_maildirsize_count_plan (MdPlan *plan)
{
  const MdStore *store = plan->store;
  MdSizeSum *sum = &plan->size_change;
  for (guint i = 0; i < plan->steps->len; i++)
    {
      const MdStep *step = &g_array_index (plan->steps, MdStep, i);
      if (step->kind == MD_STEP_RENAME_DIR)
        {
          const int factor =
              md_maildirsize_has_folder (store, step->to) - md_maildirsize_has_folder (store, step->from);
          if (factor != 0)
            md_maildirsize_count_folder (plan->store, step->to, factor, sum);
          continue;
        }
      const gboolean arrives = step->kind != MD_STEP_UNLINK && is_counted (store, step->to_dir, step->to);
      const gboolean leaves = step->kind != MD_STEP_LINK && is_counted (store, step->from_dir, step->from);
      if (arrives == leaves)
        continue;
      if (step->kind == MD_STEP_UNLINK)
        add_file (step->from_fd, step->from, -1, sum);
      else
        add_file (step->to_fd, step->to, arrives ? 1 : -1, sum);
    }
}

typedef struct Count
{
  int fd;
  int factor;
  MdSizeSum *sum;
} Count;

static void
count_entry (const char *name, gsize len, guint8 type, gpointer data)
{
  const Count *count = data;
  MdName parsed;
  if (name[0] == '.')
    return;
  md_name_parse (name, len, &parsed);
  if ((parsed.flags & SATCHEL_FLAG_DELETED) == 0)
    add_file (count->fd, name, count->factor, count->sum);
}

/* Adds what the folder's files count. *@newest is raised to the time of the last change of its directories,
 * in ns. */
static void
look_at_folder (MdStore *store, const char *dir, int factor, MdSizeSum *sum, gint64 *newest)
{
  static const char *const parts[] = { "new", "cur" };
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *path = g_strconcat (dir, dir[0] != '\0' ? "/" : "", parts[i], NULL);
      g_auto (MdFd) fd = md_open_path (store->user_fd, path, FALSE, NULL);
      MdStamp stamp;
      if (fd < 0)
        continue;
      if (md_stamp_of (fd, &stamp, NULL))
        *newest = MAX (*newest, stamp.sec * 1000000000 + stamp.nsec);
      if (sum != NULL)
        md_read_dir (fd, count_entry, &(Count) { fd, factor, sum }, NULL);
    }
}

void
md_maildirsize_count_folder (MdStore *store, const char *dir, int factor, MdSizeSum *sum)
{
  gint64 newest = 0;
  look_at_folder (store, dir, factor, sum, &newest);
}

/* Counts the files of all folders.  @sum NULL only looks for the time of the last change. */
static gboolean
look_at_all_folders (MdStore *store, MdSizeSum *sum, gint64 *ret_newest, GError **error)
{
  g_autoptr (GPtrArray) dirs = md_folder_dirs (store, NULL, error);
  if (dirs == NULL)
    return FALSE;
  *ret_newest = 0;
  look_at_folder (store, "", 1, sum, ret_newest);
  for (guint i = 0; i < dirs->len; i++)
    if (md_maildirsize_has_folder (store, dirs->pdata[i]))
      look_at_folder (store, dirs->pdata[i], 1, sum, ret_newest);
  return TRUE;
}

/* Reads one number and the blanks around it. FALSE means that there is none, or it is too big. */
static gboolean
take_number (const char **at, gint64 *ret)
{
  const char *p = *at + strspn (*at, " \t");
  const char *end = p + (*p == '-');
  const gsize n_digits = strspn (end, "0123456789");
  end += n_digits;
  if (n_digits == 0 || n_digits > DIGITS_MAX || !md_parse_signed (p, end, ret) || ABS (*ret) > NUMBER_MAX)
    return FALSE;
  *at = end + strspn (end, " \t\r");
  return TRUE;
}

static gboolean
parse_limits (const char *line, Limits *ret)
{
  for (const char *p = line; *p != '\0'; p += *p == ',')
    {
      const char *end = p + strspn (p, "0123456789");
      gint64 number;
      if (end == p || end - p > (gssize) DIGITS_MAX || !md_parse_signed (p, end, &number)
          || (*end != 'S' && *end != 'C') || (end[1] != ',' && end[1] != '\0'))
        return FALSE;
      *(*end == 'S' ? &ret->bytes : &ret->messages) = number;
      p = end + 1;
    }
  return TRUE;
}

/* Reads a whole file. FALSE: it makes no sense; @ret_limits has what its first line says nevertheless. */
static gboolean
parse_file (char *text, gsize len, Limits *ret_limits, MdSizeSum *ret_sum)
{
  Limits limits = { 0, 0 };
  *ret_limits = limits;
  *ret_sum = (MdSizeSum) { 0 };
  char *end = memchr (text, '\n', len);
  if (end == NULL || end - text >= (gssize) LIMITS_MAX)
    return FALSE;
  *end = '\0';
  if (strlen (text) != (gsize) (end - text) || !parse_limits (text, &limits))
    return FALSE;
  *ret_limits = limits;
  if (end + 1 == text + len || text[len - 1] != '\n')
    return FALSE;
  for (char *line = end + 1; line < text + len; line = end + 1)
    {
      MdSizeSum change;
      const char *at = line;
      end = memchr (line, '\n', len - (gsize) (line - text));
      *end = '\0';
      if (!take_number (&at, &change.bytes) || !take_number (&at, &change.messages) || at != end)
        return FALSE;
      ret_sum->bytes += change.bytes;
      ret_sum->messages += change.messages;
    }
  return TRUE;
}

/* Replaces @limits by those that the user's attributes say, if they say any. */
static void
take_attribute_limits (MdStore *store, Limits *limits)
{
  gint64 numbers[2] = { 0, 0 };
  gboolean any = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (limit_rows); i++)
    {
      g_autofree char *text = satchel_storage_user_attribute (store->storage, limit_rows[i].key);
      any |= text != NULL && satchel_config_number_parse (&limit_rows[i], text, &numbers[i], NULL);
    }
  if (any)
    *limits = (Limits) { numbers[0], numbers[1] };
}

static void
append_limits (GString *out, const Limits *limits)
{
  if (limits->bytes != 0 || limits->messages == 0)
    g_string_append_printf (out, "%" G_GINT64_FORMAT "S", limits->bytes);
  if (limits->messages != 0)
    g_string_append_printf (out, "%s%" G_GINT64_FORMAT "C", limits->bytes != 0 ? "," : "", limits->messages);
  g_string_append_c (out, '\n');
}

static void
append_sum (GString *out, const MdSizeSum *sum)
{
  g_string_append_printf (out, "%12" G_GINT64_FORMAT " %12" G_GINT64_FORMAT "\n", sum->bytes, sum->messages);
}

/* Counts all files and replaces the file; again if a directory changed meanwhile, since the program that
 * changed it may have added its line to the old file. */
static gboolean
write_anew (MdStore *store, const Limits *limits, GError **error)
{
  gint64 before, after;
  int attempt = 0;
  do
    {
      MdSizeSum sum = { 0 };
      g_autoptr (GString) out = g_string_new (NULL);
      if (!look_at_all_folders (store, &sum, &before, error))
        return FALSE;
      append_limits (out, limits);
      append_sum (out, &sum);
      if (!md_replace_file (store->control_fd, FILE_NAME, out->str, out->len, FALSE, error)
          || !look_at_all_folders (store, NULL, &after, error))
        return FALSE;
    }
  while (after != before && ++attempt < ATTEMPTS);
  return TRUE;
}

/* Opens the file and reads it into @text. Returns -1 if it is missing, or is nothing that others may be
 * reading. */
static int
open_and_read (MdStore *store, char text[FILE_MAX], gsize *ret_len)
{
  struct stat st;
  *ret_len = 0;
  g_auto (MdFd) fd =
      md_sys.openat (store->control_fd, FILE_NAME, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0)
    return -1;
  ssize_t n = -1;
  if (md_sys.fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && st.st_nlink == 1)
    n = md_sys.pread (fd, text, FILE_MAX, 0);
  if (n < 0)
    return -1;
  *ret_len = (gsize) n;
  return satchel_fd_steal (&fd);
}

static gboolean
add_or_write_anew (MdStore *store, const MdSizeSum *change, GError **error)
{
  char text[FILE_MAX];
  gsize len;
  Limits limits, wanted;
  MdSizeSum sum;
  g_auto (MdFd) fd = open_and_read (store, text, &len);
  const gboolean is_sound = parse_file (text, len, &limits, &sum);
  wanted = limits;
  take_attribute_limits (store, &wanted);
  g_autoptr (GString) line = g_string_new (NULL);
  append_sum (line, change);
  const gboolean fits = fd >= 0 && is_sound && !store->maildirsize_is_stale && !change->is_unknown
                        && len + line->len < FILE_MAX && wanted.bytes == limits.bytes
                        && wanted.messages == limits.messages && sum.bytes + change->bytes >= 0
                        && sum.messages + change->messages >= 0;
  /* One write, so that lines of several programs do not mix. Half a line makes the file one without sense. */
  const gboolean is_added = fits && md_sys.write (fd, line->str, line->len) == (ssize_t) line->len;
  return is_added || write_anew (store, &wanted, error);
}

void
md_maildirsize_add (MdStore *store, const MdSizeSum *change)
{
  g_autoptr (GError) error = NULL;
  if (change->bytes == 0 && change->messages == 0 && !change->is_unknown)
    return;
  store->maildirsize_is_stale = !add_or_write_anew (store, change, &error);
  if (store->maildirsize_is_stale && satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA, "user=%s " FILE_NAME " could not be brought up to date: %s",
                 store->storage->identity->user, error->message);
}

void
md_maildirsize_add_plans (MdStore *store, MdPlan *const *plans, guint n)
{
  MdSizeSum sum = { 0 };
  for (guint i = 0; i < n; i++)
    {
      sum.bytes += plans[i]->size_change.bytes;
      sum.messages += plans[i]->size_change.messages;
      sum.is_unknown |= plans[i]->size_change.is_unknown;
    }
  md_maildirsize_add (store, &sum);
}
