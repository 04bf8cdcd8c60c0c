/* SPDX-License-Identifier: MIT
 * Implements files of Courier: courierimapuiddb ("1 UIDVALIDITY UIDNEXT", then "UID FILE"),
 * courierimapkeywords/ (names, an empty line, "FILE:NUMBER NUMBER", and a file for each change since),
 * courierpop3dsizelist ("/3 NEXT UIDV", then "FILE SIZE N:UIDV:UTF8"). Read when a mailbox is taken over,
 * written when one that changed is closed.
 */
#include "config.h"

#include "foreign/courier.h"
#include "files/file_io.h"
#include "names/file_name.h"
#include "index/index.h"
#include "names/keyword_letters.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "mailbox/scan.h"
#include "settings.h"
#include "commit/sync_hold.h"
#include "foreign/unique_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <satchel/number.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYWORDS_LIST ":list"
/* this file exists while Courier's files say all that ours do */
#define MARK_FILE "satchel-courier"
#define FILE_MAX (256u << 20)
#define CHANGE_MAX 65536u

/* Reads a file of lines; *ret_lines is NULL if there is none, or a damaged one. FALSE: it cannot be read just
 * now. */
static gboolean
read_courier_lines (int fd, const char *file, gsize max, char ***ret_lines, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GByteArray) data = md_read_file (fd, file, max, &local);
  *ret_lines = NULL;
  if (data == NULL && !md_file_is_lost (local))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA, "a file of Courier cannot be read and is not taken over: %s",
                 local->message);
  if (data == NULL)
    return TRUE;
  g_byte_array_append (data, (const guint8 *) "", 1);
  *ret_lines = g_strsplit ((const char *) data->data, "\n", -1);
  return TRUE;
}

static char *
copy_base_name (const char *name, gssize len)
{
  g_autofree char *whole = g_strndup (name, len >= 0 ? (gsize) len : strlen (name));
  char *colon = strchr (whole, ':');
  if (colon != NULL)
    *colon = '\0';
  return g_steal_pointer (&whole);
}

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
  if (!read_courier_lines (fd, KEYWORDS_LIST, FILE_MAX, &lines, error))
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
      g_hash_table_replace (tags->by_file, copy_base_name (*line, colon - *line), numbers);
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
  if (!read_courier_lines (fd, file, CHANGE_MAX, &lines, error))
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
  g_hash_table_replace (tags->by_file, copy_base_name (base, -1), numbers);
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
      g_autofree char *base = copy_base_name ((const char *) scan.names->data + found->name, found->len);
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
  if (md_sys.fstatat (mb->fd, MARK_FILE, &mark, AT_SYMLINK_NOFOLLOW) != 0
      || md_sys.fstatat (mb->fd, MD_COURIER_KEYWORDS, &keywords, AT_SYMLINK_NOFOLLOW) != 0
      || md_sys.fstat (mb->cur_fd, &cur) != 0
      || MAX (keywords.st_mtim.tv_sec, cur.st_mtim.tv_sec) < mark.st_mtim.tv_sec)
    return TRUE;
  return take_courier_keywords (mb, error);
}

/* Marks Courier's files as old: from this change on they are, until they are written again. */
gboolean
md_courier_changed (MdMailbox *mb, GError **error)
{
  if (!mb->is_changed && mb->store->user->server == MD_SERVER_COURIER)
    {
      gboolean was_there = md_sys.unlinkat (mb->fd, MARK_FILE, 0) == 0;
      if (!was_there && errno != ENOENT)
        return satchel_error_set_errno (error, errno, "%s cannot be removed", MARK_FILE);
      /* If a crash brought the mark back, old keywords of Courier would replace what we store now. */
      if (was_there && !md_fsync (mb->fd, MARK_FILE, error))
        return FALSE;
    }
  mb->is_changed = TRUE;
  return TRUE;
}

/* Writes special characters as "+XX": Courier before version 2 told the file's name in this form as unique
 * id. */
static char *
escape_name (const char *base)
{
  GString *out = g_string_new (NULL);
  for (const guchar *p = (const guchar *) base; *p != '\0'; p++)
    if (*p < 0x21 || *p > 0x7e || *p == '\'' || *p == '"' || *p == '+')
      g_string_append_printf (out, "+%02X", *p);
    else
      g_string_append_c (out, (char) *p);
  return g_string_free (out, FALSE);
}

static gboolean
parse_pop3_header (const char *line, guint64 *ret_version, guint64 *ret_next, guint64 *ret_uidv)
{
  return line != NULL && satchel_text_take (&line, "/")
         && satchel_number_take (&line, NULL, 10, 3, ret_version) && *ret_version >= 2
         && satchel_text_take (&line, " ") && satchel_number_take (&line, NULL, 10, G_MAXUINT64, ret_next)
         && satchel_text_take (&line, " ") && satchel_number_take (&line, NULL, 10, G_MAXUINT64, ret_uidv);
}

GHashTable *
md_courier_unique_ids (MdMailbox *mb, GError **error)
{
  g_auto (GStrv) lines = NULL;
  if (!read_courier_lines (mb->fd, MD_COURIER_POP3, FILE_MAX, &lines, error))
    return NULL;
  GHashTable *ids = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  guint64 version;
  guint64 next, uidv;
  if (lines == NULL || !parse_pop3_header (lines[0], &version, &next, &uidv))
    return ids;
  for (char **line = lines + 1; *line != NULL; line++)
    {
      /* The line is "FILE SIZE N:UIDV[:UTF8]", where the name may have spaces. */
      char *last = strrchr (*line, ' ');
      char *size = last != NULL ? g_strrstr_len (*line, last - *line, " ") : NULL;
      const char *at = last != NULL ? last + 1 : NULL;
      guint64 n, v;
      if (size == NULL || size == *line || !satchel_number_take (&at, NULL, 10, G_MAXUINT64, &n)
          || !satchel_text_take (&at, ":") || !satchel_number_take (&at, NULL, 10, G_MAXUINT64, &v))
        continue;
      char *base = copy_base_name (*line, size - *line);
      g_autofree char *name = escape_name (base);
      g_hash_table_replace (ids, base,
                            n == 0   ? g_strconcat ("P", name, NULL)
                            : v != 0 ? g_strdup_printf ("PUID%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, n, v)
                                     : g_strdup_printf ("PUID%" G_GUINT64_FORMAT, n));
    }
  return ids;
}

/* Moves all messages to cur/, because Courier gives new UIDs to files in new/ whatever its list says. */
static void
move_all_to_cur (MdMailbox *mb)
{
  guint n_moved = 0;
  for (guint i = 0; i < mb->table.entries->len; i++)
    {
      MdEntry *entry = &g_array_index (mb->table.entries, MdEntry, i);
      SatchelMessageRow row;
      if ((entry->bits & (MD_ENTRY_DEAD | MD_ENTRY_NEW)) != MD_ENTRY_NEW
          || !md_find_row (mb->snapshot, entry->uid, &row))
        continue;
      g_autofree char *name = g_strdup (md_table_name (&mb->table, entry));
      g_autofree char *now = g_strdup_printf ("%.*s:2,", (int) entry->base_len, name);
      if (strlen (now) > MD_NAME_MAX || md_sys.renameat (mb->new_fd, name, mb->cur_fd, now) != 0)
        continue;
      md_table_rename (&mb->table, entry, (guint8) (entry->bits & ~MD_ENTRY_NEW), now, entry->base_len);
      md_index_row (mb, &row, entry);
      n_moved++;
    }
  MdStamp stamps[2];
  if (n_moved == 0 || !md_stamp_of (mb->new_fd, &stamps[0], NULL)
      || !md_stamp_of (mb->cur_fd, &stamps[1], NULL))
    return;
  mb->new_stamp = stamps[0];
  mb->cur_stamp = stamps[1];
  md_mailbox_mark_suspect (mb, 0);
  md_index_flush (mb, FALSE, NULL);
}

static gboolean
write_courier_uids (MdMailbox *mb, GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_string_printf (out, "1 %u %u\n", mb->uidvalidity, mb->uidnext);
  for (guint i = 0; i < mb->table.entries->len; i++)
    {
      const MdEntry *entry = &g_array_index (mb->table.entries, MdEntry, i);
      if ((entry->bits & MD_ENTRY_DEAD) == 0)
        g_string_append_printf (out, "%u %.*s\n", entry->uid, (int) entry->base_len,
                                md_table_name (&mb->table, entry));
    }
  return md_replace_file (mb->fd, MD_COURIER_UIDS, out->str, out->len, TRUE, error);
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

/* Writes the whole list. It has all changes since the last one, so the files of changes are removed. */
static gboolean
write_courier_keywords (MdMailbox *mb, GError **error)
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

/* Returns the size of a message in bytes: that of the snapshot, else that of the file; 0 if it has gone. */
static guint64
find_message_size (MdMailbox *mb, const MdEntry *entry)
{
  guint32 index;
  guint row;
  struct stat st;
  const SatchelChunk *chunk = satchel_snapshot_find (mb->snapshot, entry->uid, &index)
                                  ? satchel_snapshot_at (mb->snapshot, index, &row)
                                  : NULL;
  if (chunk != NULL && chunk->size[row] != SATCHEL_SIZE_UNKNOWN)
    return chunk->size[row];
  int fd = (entry->bits & MD_ENTRY_NEW) != 0 ? mb->new_fd : mb->cur_fd;
  return md_sys.fstatat (fd, md_table_name (&mb->table, entry), &st, AT_SYMLINK_NOFOLLOW) == 0
             ? (guint64) st.st_size
             : 0;
}

/* Appends the line of a message whose unique id is of a form that Courier makes: "UID" and a number, with or
 * without "-" and a UIDVALIDITY, or the name of the file.  A message with another id gets no line. */
static void
append_unique_id (MdMailbox *mb, const MdEntry *entry, const char *id, GString *out)
{
  guint64 number = 0, uidvalidity = 0;
  g_autofree char *base = g_strndup (md_table_name (&mb->table, entry), entry->base_len);
  g_autofree char *named = escape_name (base);
  const char *at = id;
  gboolean is_numbered = id != NULL && satchel_text_take (&at, "UID")
                         && satchel_number_take (&at, NULL, 10, G_MAXUINT64, &number);
  if (is_numbered && satchel_text_take (&at, "-"))
    (void) satchel_number_take (&at, NULL, 10, G_MAXUINT64, &uidvalidity);
  if (is_numbered || g_strcmp0 (id, named) == 0)
    g_string_append_printf (out, "%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":0\n",
                            md_table_name (&mb->table, entry), /* the name as it is, with the ':' */
                            find_message_size (mb, entry), number, uidvalidity);
}

/* Writes the list of unique ids in version 3, with the next number and the UIDVALIDITY of the list that is
 * there. */
static gboolean
write_courier_unique_ids (MdMailbox *mb, GError **error)
{
  g_auto (GStrv) old = NULL;
  MdUniqueIds *ids = md_unique_ids_current (mb, error);
  if (ids == NULL)
    return FALSE;
  if (!read_courier_lines (mb->fd, MD_COURIER_POP3, FILE_MAX, &old, error))
    {
      md_unique_ids_drop (ids);
      return FALSE;
    }
  guint64 version;
  guint64 next = 1, uidv = (guint64) (g_get_real_time () / G_USEC_PER_SEC);
  if (old != NULL)
    parse_pop3_header (old[0], &version, &next, &uidv);
  g_autoptr (GString) out = g_string_new (NULL);
  g_string_printf (out, "/3 %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", next, uidv);
  for (guint i = 0; i < mb->table.entries->len; i++)
    {
      const MdEntry *entry = &g_array_index (mb->table.entries, MdEntry, i);
      g_autofree char *id = NULL;
      if ((entry->bits & MD_ENTRY_DEAD) != 0)
        continue;
      id = md_unique_id (mb, ids, entry->uid);
      append_unique_id (mb, entry, id, out);
    }
  md_unique_ids_drop (ids);
  return md_replace_file (mb->fd, MD_COURIER_POP3, out->str, out->len, TRUE, error);
}

/* Says whether only Satchel has ever opened the mailbox. */
gboolean
md_courier_lacks (const MdMailbox *mb)
{
  struct stat st;
  return mb->store->user->server == MD_SERVER_COURIER
         && md_sys.fstatat (mb->fd, MD_COURIER_UIDS, &st, AT_SYMLINK_NOFOLLOW) != 0;
}

void
md_courier_write (MdMailbox *mb)
{
  g_autoptr (GError) error = NULL;
  if (!mb->is_changed || mb->is_deleted || mb->snapshot == NULL
      || mb->store->user->server != MD_SERVER_COURIER)
    return;
  move_all_to_cur (mb);
  if (!write_courier_uids (mb, &error) || !write_courier_keywords (mb, &error)
      || (mb->dir[0] == '\0' && !write_courier_unique_ids (mb, &error))
      || !md_replace_file (mb->fd, MARK_FILE, "", 0, FALSE, &error))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                 "user=%s mailbox %s: the files for Courier could not be updated: %s",
                 mb->store->storage->identity->user, mb->name, error->message);
  mb->is_changed = FALSE;
}
