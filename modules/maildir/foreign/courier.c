/* SPDX-License-Identifier: MIT
 * Reads and writes Courier's lists of a mailbox: courierimapuiddb ("1 UIDVALIDITY UIDNEXT", then "UID FILE")
 * and courierpop3dsizelist ("/3 NEXT UIDV", then "FILE SIZE N:UIDV:UTF8"). They are read when a mailbox is
 * taken over, and written when one that changed is closed.
 */
#include "config.h"

#include "foreign/courier.h"
#include "foreign/courier_private.h"
#include "names/file_name.h"
#include "files/log_area.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "commit/sync_hold.h"
#include "foreign/unique_ids.h"

#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <satchel/number.h>
#include <string.h>

/* Marks Courier's files as old: from this change on they are, until they are written again. */
gboolean
md_courier_changed (MdMailbox *mb, GError **error)
{
  if (!mb->is_changed && mb->store->user->server == MD_SERVER_COURIER)
    {
      gboolean was_there = md_sys.unlinkat (mb->fd, MD_COURIER_MARK, 0) == 0;
      if (!was_there && errno != ENOENT)
        return satchel_error_set_errno (error, errno, "%s cannot be removed", MD_COURIER_MARK);
      /* If a crash brought the mark back, old keywords of Courier would replace what we store now. */
      if (was_there && !md_fsync (mb->fd, MD_COURIER_MARK, error))
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
  if (!md_courier_read_lines (mb->fd, MD_COURIER_POP3, MD_COURIER_FILE_MAX, &lines, error))
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
      char *base = md_courier_base_name (*line, size - *line);
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
  if (!md_courier_read_lines (mb->fd, MD_COURIER_POP3, MD_COURIER_FILE_MAX, &old, error))
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
  if (!write_courier_uids (mb, &error) || !md_courier_write_keywords (mb, &error)
      || (mb->dir[0] == '\0' && !write_courier_unique_ids (mb, &error))
      || !md_replace_file (mb->fd, MD_COURIER_MARK, "", 0, FALSE, &error))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                 "user=%s mailbox %s: the files for Courier could not be updated: %s",
                 mb->store->storage->identity->user, mb->name, error->message);
  mb->is_changed = FALSE;
}
