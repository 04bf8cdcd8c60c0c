/* SPDX-License-Identifier: MIT
 * Takes over Courier's keywords of a mailbox, and writes them: courierimapkeywords/ has a list (names, an
 * empty line, "FILE:NUMBER NUMBER"), and a file for each change since.
 */
#include "config.h"

#include "foreign/courier.h"
#include "foreign/courier_private.h"
#include "names/file_name.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "commit/sync_hold.h"

#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/number.h>
#include <string.h>

#define KEYWORDS_LIST ":list"
#define CHANGE_MAX 65536u

typedef struct Tags
{
  GPtrArray *names;    /* char *, in the order of their numbers */
  GHashTable *by_file; /* base name of the file to GArray of guint numbers */
  GPtrArray *changes;  /* names of files in the directory */
} Tags;

static void
clear_tags (Tags *tags)
{
  g_ptr_array_unref (tags->names);
  g_hash_table_unref (tags->by_file);
  g_ptr_array_unref (tags->changes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Tags, clear_tags)

static guint
number_tag (Tags *tags, const char *name)
{
  for (guint i = 0; i < tags->names->len; i++)
    if (strcmp (tags->names->pdata[i], name) == 0)
      return i;
  g_ptr_array_add (tags->names, g_strdup (name));
  return tags->names->len - 1;
}

static gboolean
load_tag_list (Tags *tags, int fd, GError **error)
{
  g_auto (GStrv) lines = NULL;
  if (!md_courier_read_lines (fd, KEYWORDS_LIST, MD_COURIER_FILE_MAX, &lines, error))
    return FALSE;
  char **line = lines;
  for (; line != NULL && *line != NULL && **line != '\0'; line++)
    if (tags->names->len < SATCHEL_KEYWORDS_MAX)
      number_tag (tags, *line);
  for (; line != NULL && *line != NULL; line++)
    {
      const char *colon = strrchr (*line, ':');
      if (colon == NULL || colon == *line)
        continue;
      GArray *numbers = g_array_new (FALSE, FALSE, sizeof (guint));
      g_auto (GStrv) words = g_strsplit (colon + 1, " ", -1);
      for (char **word = words; *word != NULL; word++)
        {
          guint64 number;
          guint value;
          if (!g_ascii_string_to_unsigned (*word, 10, 0, SATCHEL_KEYWORDS_MAX - 1, &number, NULL)
              || number >= tags->names->len)
            continue;
          value = (guint) number;
          g_array_append_val (numbers, value);
        }
      g_hash_table_replace (tags->by_file, md_courier_base_name (*line, colon - *line), numbers);
    }
  return TRUE;
}

static void
collect_tag_change (const char *name, gsize len, guint8 type, gpointer data)
{
  if (strcmp (name, ".") != 0 && strcmp (name, "..") != 0 && strcmp (name, KEYWORDS_LIST) != 0)
    g_ptr_array_add (data, g_strdup (name));
}

/* File ".N.FILE" is the N-th change, and "FILE" the last one, which counts. */
static guint64
change_number (const char *file)
{
  guint64 number = 0;
  if (*file != '.')
    return G_MAXUINT64;
  file++;
  (void) satchel_number_take (&file, NULL, 10, G_MAXUINT64, &number);
  return number;
}

static int
compare_age (gconstpointer a, gconstpointer b)
{
  const char *x = *(char *const *) a, *y = *(char *const *) b;
  guint64 nx = change_number (x), ny = change_number (y);
  return nx != ny ? (nx > ny) - (nx < ny) : strcmp (x, y);
}

static gboolean
load_tag_change (Tags *tags, int fd, const char *file, GError **error)
{
  const char *base = file;
  if (file[0] == '.')
    {
      const char *dot = strchr (file + 1, '.');
      if (dot == NULL)
        return TRUE;
      base = dot + 1;
    }
  g_auto (GStrv) lines = NULL;
  if (!md_courier_read_lines (fd, file, CHANGE_MAX, &lines, error))
    return FALSE;
  if (lines == NULL)
    return TRUE;
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (guint));
  for (char **line = lines; *line != NULL; line++)
    if (**line != '\0' && tags->names->len < SATCHEL_KEYWORDS_MAX)
      {
        guint number = number_tag (tags, *line);
        g_array_append_val (numbers, number);
      }
  g_hash_table_replace (tags->by_file, md_courier_base_name (base, -1), numbers);
  return TRUE;
}

static gboolean
load_tags (Tags *tags, int fd, GError **error)
{
  *tags = (Tags) { g_ptr_array_new_with_free_func (g_free),
                   g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free,
                                          (GDestroyNotify) g_array_unref),
                   g_ptr_array_new_with_free_func (g_free) };
  if (!load_tag_list (tags, fd, error) || !md_read_dir (fd, collect_tag_change, tags->changes, error))
    return FALSE;
  g_ptr_array_sort (tags->changes, compare_age);
  for (guint i = 0; i < tags->changes->len; i++)
    if (!load_tag_change (tags, fd, tags->changes->pdata[i], error))
      return FALSE;
  return TRUE;
}

/* Writes keywords into the names of the files, where other servers find them, and we after the loss of an
 * index. */
static void
rename_with_letters (MdMailbox *mb, const MdScan *scan, const MdFound *found, guint32 letters)
{
  const char *name = (const char *) scan->names->data + found->name;
  MdName parsed;
  md_name_parse (name, found->len, &parsed);
  if (parsed.letters == letters)
    return;
  g_autoptr (GString) unknown = g_string_new (NULL);
  md_name_unknown (name, found->len, (1u << MD_LETTERS) - 1, unknown);
  g_autoptr (GString) now = g_string_new_len (name, (gssize) parsed.base_len);
  md_name_append_flags (now, parsed.flags, letters, unknown->str);
  if (now->len <= MD_NAME_MAX)
    md_sys.renameat (found->is_new ? mb->new_fd : mb->cur_fd, name, mb->cur_fd, now->str);
}

/* Finds the keyword of each tag, or adds it; -1 means that it cannot be one. */
static int *
find_keywords_of_tags (MdMailbox *mb, const Tags *tags)
{
  int *bits = g_new (int, tags->names->len + 1);
  for (guint i = 0; i < tags->names->len; i++)
    {
      gboolean needs_file;
      bits[i] = md_keywords_find (&mb->keywords, tags->names->pdata[i]);
      if (bits[i] < 0 && md_keywords_is_valid (tags->names->pdata[i]))
        bits[i] = md_keywords_add (&mb->keywords, tags->names->pdata[i], &needs_file);
    }
  return bits;
}

/* Returns the keywords of a file, by the numbers of its tags; NULL means that it has none. */
static SatchelKeywordSet
keywords_of (const GArray *numbers, const int *bits)
{
  SatchelKeywordSet set = { { 0 } };
  for (guint i = 0; numbers != NULL && i < numbers->len; i++)
    {
      int bit = bits[g_array_index (numbers, guint, i)];
      if (bit >= 0)
        satchel_keyword_set_add (&set, (guint) bit);
    }
  return set;
}

/* Courier's keywords become ours: their names are added to the mailbox's, and each file gets the letters of
 * those that it has. */
static gboolean
take_courier_keywords (MdMailbox *mb, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_auto (MdFd) fd = md_open_dir (mb->fd, MD_COURIER_KEYWORDS, FALSE, &local);
  if (fd < 0 && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  if (fd < 0)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  g_auto (Tags) tags = { NULL };
  if (!load_tags (&tags, fd, error) || !md_keywords_load (&mb->keywords, mb->control_fd, error))
    return FALSE;
  g_autofree int *bits = find_keywords_of_tags (mb, &tags);
  MdScan scan;
  if (!md_keywords_save (&mb->keywords, mb->control_fd, error)
      || !md_scan (mb->new_fd, mb->cur_fd, &scan, error))
    return FALSE;
  for (guint i = 0; i < scan.found->len; i++)
    {
      const MdFound *found = &g_array_index (scan.found, MdFound, i);
      g_autofree char *base =
          md_courier_base_name ((const char *) scan.names->data + found->name, found->len);
      SatchelKeywordSet set = keywords_of (g_hash_table_lookup (tags.by_file, base), bits);
      rename_with_letters (mb, &scan, found, md_keywords_to_letters (&mb->keywords, &set));
    }
  md_scan_clear (&scan);
  return md_fsync (mb->cur_fd, "cur", error);
}

/* Courier's keywords are newer than ours when the mailbox is new to us, or while our mark says that
 * Courier knows all of ours; it drops the letters in names when it changes flags. */
gboolean
md_courier_take_keywords (MdMailbox *mb, gboolean is_first, GError **error)
{
  struct stat mark, keywords, cur;
  if (mb->store->user->server != MD_SERVER_COURIER)
    return TRUE;
  if (is_first)
    return take_courier_keywords (mb, error);
  if (md_sys.fstatat (mb->fd, MD_COURIER_MARK, &mark, AT_SYMLINK_NOFOLLOW) != 0
      || md_sys.fstatat (mb->fd, MD_COURIER_KEYWORDS, &keywords, AT_SYMLINK_NOFOLLOW) != 0
      || md_sys.fstat (mb->cur_fd, &cur) != 0
      || MAX (keywords.st_mtim.tv_sec, cur.st_mtim.tv_sec) < mark.st_mtim.tv_sec)
    return TRUE;
  return take_courier_keywords (mb, error);
}

/* Appends the line "NAME:0 2" of a message with keywords; the numbers are places in the list of keywords. */
static void
append_keywords (const MdMailbox *mb, const MdEntry *entry, GString *out)
{
  guint32 index;
  guint row;
  if ((entry->bits & MD_ENTRY_DEAD) != 0 || !satchel_snapshot_find (mb->snapshot, entry->uid, &index))
    return;
  const SatchelChunk *chunk = satchel_snapshot_at (mb->snapshot, index, &row);
  SatchelKeywordSet bits = satchel_chunk_keywords (chunk, row);
  if (satchel_keyword_set_is_empty (&bits))
    return;
  g_string_append_printf (out, "%.*s:", (int) entry->base_len, md_table_name (&mb->table, entry));
  const char *space = "";
  for (int k = satchel_keyword_set_next (&bits, 0); k >= 0 && (guint) k < mb->keywords.n;
       k = satchel_keyword_set_next (&bits, (guint) k + 1))
    {
      g_string_append_printf (out, "%s%d", space, k);
      space = " ";
    }
  g_string_append_c (out, '\n');
}

gboolean
md_courier_write_keywords (MdMailbox *mb, GError **error)
{
  if (mb->keywords.n == 0)
    return TRUE;
  g_auto (MdFd) fd = md_open_dir (mb->fd, MD_COURIER_KEYWORDS, TRUE, error);
  if (fd < 0)
    return FALSE;
  g_autoptr (GString) out = g_string_new (NULL);
  for (guint i = 0; i < mb->keywords.n; i++)
    g_string_append_printf (out, "%s\n", mb->keywords.names[i]);
  g_string_append_c (out, '\n');
  for (guint i = 0; i < mb->table.entries->len; i++)
    append_keywords (mb, &g_array_index (mb->table.entries, MdEntry, i), out);
  g_autoptr (GPtrArray) changes = g_ptr_array_new_with_free_func (g_free);
  gboolean ok = md_read_dir (fd, collect_tag_change, changes, error)
                && md_replace_file (fd, KEYWORDS_LIST, out->str, out->len, TRUE, error);
  for (guint i = 0; ok && i < changes->len; i++)
    md_sys.unlinkat (fd, changes->pdata[i], 0);
  return ok;
}
