/* SPDX-License-Identifier: MIT
 * This file writes dovecot-uidlist.  Lines are appended and synced before a client sees the UID of a
 * foreign file; the file is written anew if it is damaged or mostly names files that are gone.  If the user
 * may go back to Dovecot, our own files are listed as well, after each commit and without a sync, since
 * their names hold the same.
 */
#include "config.h"

#include "files/access_error.h"
#include "files/file_io.h"
#include "index/index.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "settings.h"
#include "foreign/uidlist.h"
#include "foreign/uidlist_write.h"
#include "foreign/unique_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/log.h>
#include <string.h>

static int
compare_listed_uids (const void *a, const void *b)
{
  const MdListed *x = a, *y = b;
  return (x->uid > y->uid) - (x->uid < y->uid);
}

gboolean
md_uidlist_has_ours (const MdMailbox *mb)
{
  return mb->store->user != NULL && mb->store->user->server == MD_SERVER_DOVECOT;
}

/* Says whether a file of ours must be listed for its unique id, though its name has everything else. */
static gboolean
has_saved_id (const MdMailbox *mb, const MdEntry *entry, const MdUidlist *old)
{
  gsize len;
  const MdUidlistLine *line =
      old != NULL ? md_uidlist_find (old, md_table_name (&mb->table, entry), entry->base_len) : NULL;
  return line != NULL && line->uid == entry->uid && md_uidlist_field (line, 'P', &len) != NULL;
}

/* Says whether a living file must stand in the list. One of another program must; one of ours only if the
 * user may go back to Dovecot, or if @old has a unique id for it that its name cannot hold. */
static gboolean
must_be_listed (const MdMailbox *mb, const MdEntry *entry, const MdUidlist *old)
{
  if ((entry->bits & MD_ENTRY_DEAD) != 0)
    return FALSE;
  gboolean is_ours = (entry->bits & MD_ENTRY_OURS) != 0;
  return !is_ours || md_uidlist_has_ours (mb) || has_saved_id (mb, entry, old);
}

/* Appends to @files each file from UID @first on that must be listed. @old is the list that has unique ids of
 * our own files, or NULL. */
static void
add_entries (const MdMailbox *mb, guint32 first, const MdUidlist *old, GArray *files)
{
  for (guint i = 0; i < mb->table.entries->len; i++)
    {
      const MdEntry *entry = &g_array_index (mb->table.entries, MdEntry, i);
      guint32 index;
      guint row;
      if (entry->uid < first || !must_be_listed (mb, entry, old)
          || !satchel_snapshot_find (mb->snapshot, entry->uid, &index))
        continue;
      const SatchelChunk *chunk = satchel_snapshot_at (mb->snapshot, index, &row);
      MdListed file = { .uid = entry->uid,
                        .base = md_table_name (&mb->table, entry),
                        .len = entry->base_len,
                        .date = chunk->internal_date[row] };
      g_array_append_val (files, file);
    }
}

void
md_uidlist_add (const MdMailbox *mb, const MdListed *file, GString *out)
{
  g_autofree char *id = md_unique_id_to_save (mb, file);
  md_uidlist_line (out, mb->uidvalidity, file, id);
}

void
md_uidlist_everything (const MdMailbox *mb, const MdUidlist *old, const GArray *arrivals, GString *out)
{
  g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (MdListed));
  if (mb->snapshot != NULL)
    add_entries (mb, 0, md_uidlist_has_unique_ids (old) ? old : NULL, files);
  if (arrivals != NULL)
    g_array_append_vals (files, arrivals->data, arrivals->len);
  g_array_sort (files, compare_listed_uids);
  g_string_truncate (out, 0);
  for (guint i = 0; i < files->len; i++)
    {
      MdListed *file = &g_array_index (files, MdListed, i);
      const MdUidlistLine *line = file->fields == NULL ? md_uidlist_find (old, file->base, file->len) : NULL;
      if (line != NULL)
        {
          file->fields = line->fields;
          file->fields_len = line->fields_len;
        }
      md_uidlist_add (mb, file, out);
    }
}

static gboolean
write_list_anew (MdMailbox *mb, const MdUidlistChange *change, GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_string_printf (out, "3 V%u N%u G%s", mb->uidvalidity, change->uidnext, change->guid);
  const guint8 *id = (const guint8 *) &mb->state.words[MD_STATE_ID_1];
  for (guint i = 0; i < 16 && change->guid[0] == '\0'; i++)
    g_string_append_printf (out, "%02x", id[i]);
  g_string_append_c (out, '\n');
  g_string_append_len (out, change->lines->str, (gssize) change->lines->len);
  return md_replace_file (mb->control_fd, MD_UIDLIST_FILE, out->str, out->len, change->is_durable, error);
}

gboolean
md_uidlist_write (MdMailbox *mb, const MdUidlistChange *change, GError **error)
{
  const GString *lines = change->lines;
  g_auto (MdFd) fd = change->is_whole ? -1
                                      : md_sys.openat (mb->control_fd, MD_UIDLIST_FILE,
                                                       O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0);
  struct stat st;
  if (fd < 0 || md_sys.fstat (fd, &st) != 0 || !S_ISREG (st.st_mode) || st.st_size == 0)
    return write_list_anew (mb, change, error);
  gboolean ok = md_write_all (fd, lines->str, lines->len, error)
                || md_error_in (error, mb->control_fd, MD_UIDLIST_FILE);
  if (ok && change->is_durable && md_sys.fdatasync (fd) != 0)
    ok = satchel_error_set_errno (error, errno, "the file %s cannot be written to disk", MD_UIDLIST_FILE);
  if (!ok)
    md_sys.ftruncate (fd, st.st_size); /* half a line would spoil the next one */
  return ok;
}

/* Says whether there is no list, or one to which a line can be appended. */
static gboolean
is_last_line_whole (const MdMailbox *mb)
{
  g_auto (MdFd) fd = md_sys.openat (mb->control_fd, MD_UIDLIST_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  struct stat st;
  char head[2], end;
  if (fd < 0)
    return errno == ENOENT;
  return md_sys.fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && st.st_size > (off_t) sizeof head
         && md_sys.pread (fd, head, sizeof head, 0) == (ssize_t) sizeof head && memcmp (head, "3 ", 2) == 0
         && md_sys.pread (fd, &end, 1, st.st_size - 1) == 1 && end == '\n';
}

gboolean
md_uidlist_add_saved (MdMailbox *mb, const GString *lines, GError **error)
{
  g_autoptr (GString) all = g_string_new (NULL);
  g_autoptr (MdUidlist) old = NULL;
  const gboolean anew = !is_last_line_whole (mb);
  if (anew)
    {
      old = md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, mb->uidvalidity, error);
      if (old == NULL)
        return FALSE;
      md_uidlist_everything (mb, old, NULL, all);
    }
  g_string_append_len (all, lines->str, (gssize) lines->len);
  mb->listed_upto = 0; /* if all files of ours are listed, the end of the commit sets this again */
  const MdUidlistChange change = {
    .lines = all, .is_whole = anew, .is_durable = TRUE, .uidnext = mb->uidnext, .guid = anew ? old->guid : ""
  };
  return md_uidlist_write (mb, &change, error);
}

/* Adds what the list lacks of our files, or writes it anew. */
static gboolean
add_ours (MdMailbox *mb, GError **error)
{
  struct stat st;
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autoptr (MdUidlist) old = NULL;
  guint n = mb->table.entries->len;
  /* UIDNEXT follows from the last line, or from the header if there is none. */
  gboolean anew = mb->listed_upto == 0 || mb->listed_upto > mb->uidnext || n == 0
                  || g_array_index (mb->table.entries, MdEntry, n - 1).uid + 1 != mb->uidnext
                  || md_sys.fstatat (mb->control_fd, MD_UIDLIST_FILE, &st, AT_SYMLINK_NOFOLLOW) != 0;
  if (anew)
    {
      old = md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, mb->uidvalidity, error);
      if (old == NULL)
        return FALSE;
      md_uidlist_everything (mb, old, NULL, lines);
    }
  else
    {
      g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (MdListed));
      add_entries (mb, mb->listed_upto, NULL, files);
      for (guint i = 0; i < files->len; i++)
        md_uidlist_add (mb, &g_array_index (files, MdListed, i), lines);
    }
  const MdUidlistChange change = { .lines = lines,
                                   .is_whole = anew,
                                   .is_durable = anew,
                                   .uidnext = mb->uidnext,
                                   .guid = anew ? old->guid : "" };
  return md_uidlist_write (mb, &change, error);
}

void
md_uidlist_add_ours (MdMailbox *mb)
{
  /* Until a sync has taken in the directories, the list knows more than we do. */
  if (!md_uidlist_has_ours (mb) || mb->trust != MD_INDEX_EXACT || mb->snapshot == NULL
      || mb->listed_upto == mb->uidnext)
    return;
  g_autoptr (GError) error = NULL;
  if (add_ours (mb, &error))
    mb->listed_upto = mb->uidnext;
  else
    {
      satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                   "user=%s mailbox %s: the UID list for the other server could not be updated: %s",
                   mb->store->storage->identity->user, mb->name, error->message);
      mb->listed_upto = 0;
    }
}
