/* SPDX-License-Identifier: MIT
 * This file imports Maildir trees: Maildir++ (".A.B") and layout fs ("A/B"), with the flags of file names,
 * the keywords and UIDs of Dovecot's and Courier's lists, and the times of files.  Nothing in the tree is
 * changed.
 */
#include "config.h"

#include "core/session/transfer/import.h"

#include <errno.h>
#include <satchel/fd.h>
#include <string.h>

#define DEPTH_MAX 32u
#define LIST_MAX (256u * 1024u * 1024u)
#define KEYWORDS_MAX (1024u * 1024u)
#define BLOCK_BYTES 65536u

typedef struct TreeItem
{
  SatchelImportItem item;
  SatchelFiles *files;
  char *path;
  gboolean is_verbatim;
} TreeItem;

static gboolean
copy_item (const SatchelImportItem *item, SatchelMboxTakeFunc take, gpointer data, GError **error)
{
  const TreeItem *own = (const TreeItem *) item;
  int fd = satchel_files_open (own->files, own->path, error);
  if (fd < 0)
    return FALSE;
  g_autoptr (SatchelStream) file = satchel_stream_new_fd (fd, 0);
  g_autoptr (SatchelStream) content =
      own->is_verbatim ? satchel_stream_ref (file) : satchel_stream_new_crlf (file, -1);
  g_autofree guint8 *block = g_malloc (BLOCK_BYTES);
  gssize n;
  for (guint64 offset = 0; (n = satchel_stream_read_at (content, offset, block, BLOCK_BYTES, error)) > 0;
       offset += (guint64) n)
    if (!take (block, (gsize) n, data, error))
      return FALSE;
  return n == 0;
}

static void
free_item (SatchelImportItem *item)
{
  TreeItem *own = (TreeItem *) item;
  satchel_import_item_clear (item);
  g_free (own->path);
  g_free (own);
}

/* A message of a folder is known so far before it is opened. */
typedef struct Found
{
  const SatchelFileEntry *entry;
  const char *dir; /* "cur" or "new" */
  SatchelTreeName name;
  guint32 uid; /* UID that the source's list has; 0: none */
} Found;

typedef struct Folder
{
  SatchelImport *import;
  const char *path;
  SatchelTreeUids *uids; /* UIDs of the folder; NULL: unknown */
  GPtrArray *keywords;   /* keywords of the letters; NULL: none */
  GPtrArray *cur, *new;  /* SatchelFileEntry */
  GArray *found;         /* Found */
} Folder;

static void
folder_clear (Folder *folder)
{
  g_clear_pointer (&folder->uids, satchel_tree_uids_free);
  g_clear_pointer (&folder->keywords, g_ptr_array_unref);
  g_clear_pointer (&folder->cur, g_ptr_array_unref);
  g_clear_pointer (&folder->new, g_ptr_array_unref);
  g_clear_pointer (&folder->found, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Folder, folder_clear)

/* Lists @name below the folder; missing is empty. */
static GPtrArray *
list_below (const Folder *folder, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *path = satchel_files_path (folder->path, name);
  GPtrArray *entries = satchel_files_list (folder->import->transfer.files, path, &local);
  if (entries == NULL && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return g_ptr_array_new ();
  if (entries == NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  return entries;
}

/* Reads a list of the folder.  *ret is NULL if there is none. */
static gboolean
read_below (const Folder *folder, const char *name, gsize max, GBytes **ret, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *path = satchel_files_path (folder->path, name);
  *ret = satchel_files_read (folder->import->transfer.files, path, max, &local);
  if (*ret != NULL || g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
read_lists (Folder *folder, GError **error)
{
  g_autoptr (GBytes) uids = NULL;
  g_autoptr (GBytes) keywords = NULL;
  gsize len;
  if (!read_below (folder, SATCHEL_TREE_UIDS, LIST_MAX, &uids, error)
      || (uids == NULL && !read_below (folder, SATCHEL_TREE_UIDS_OF_COURIER, LIST_MAX, &uids, error))
      || !read_below (folder, SATCHEL_TREE_KEYWORDS, KEYWORDS_MAX, &keywords, error))
    return FALSE;
  if (uids != NULL)
    {
      const char *text = g_bytes_get_data (uids, &len);
      folder->uids = satchel_tree_uids_parse (text, len);
    }
  if (keywords != NULL)
    {
      const char *text = g_bytes_get_data (keywords, &len);
      folder->keywords = satchel_tree_keywords_parse (text, len);
    }
  return TRUE;
}

static void
add_found (Folder *folder, const GPtrArray *entries, const char *dir)
{
  for (guint i = 0; i < entries->len; i++)
    {
      const SatchelFileEntry *entry = entries->pdata[i];
      Found found = { .entry = entry, .dir = dir };
      if (entry->name[0] == '.')
        continue;
      satchel_tree_name_parse (entry->name, entry->size, &found.name);
      found.uid =
          folder->uids != NULL ? satchel_tree_uids_find (folder->uids, entry->name, found.name.base_len) : 0;
      g_array_append_val (folder->found, found);
    }
}

/* Compares messages.  Those with UIDs come first, in their order, the others by time and name. */
static int
compare_found (gconstpointer a, gconstpointer b)
{
  const Found *one = a, *two = b;
  if (one->uid != two->uid)
    return one->uid == 0 ? 1 : two->uid == 0 ? -1 : one->uid < two->uid ? -1 : 1;
  const guint64 time_one = g_ascii_strtoull (one->entry->name, NULL, 10),
                time_two = g_ascii_strtoull (two->entry->name, NULL, 10);
  return time_one != time_two ? (time_one < time_two ? -1 : 1) : strcmp (one->entry->name, two->entry->name);
}

static gboolean
read_folder (Folder *folder, GError **error)
{
  folder->cur = list_below (folder, "cur", error);
  if (folder->cur == NULL)
    return FALSE;
  folder->new = list_below (folder, "new", error);
  if (folder->new == NULL || !read_lists (folder, error))
    return FALSE;
  folder->found = g_array_new (FALSE, FALSE, sizeof (Found));
  add_found (folder, folder->cur, "cur");
  add_found (folder, folder->new, "new");
  g_array_sort (folder->found, compare_found);
  return TRUE;
}

static GPtrArray *
keywords_of (const Folder *folder, const SatchelTreeName *name)
{
  GPtrArray *keywords = g_ptr_array_new_with_free_func (g_free);
  if (name->is_forwarded)
    g_ptr_array_add (keywords, g_strdup ("$Forwarded"));
  for (guint i = 0; folder->keywords != NULL && i < SATCHEL_TREE_LETTERS; i++)
    if ((name->letters >> i & 1) != 0 && folder->keywords->pdata[i] != NULL)
      g_ptr_array_add (keywords, g_strdup (folder->keywords->pdata[i]));
  return keywords;
}

static SatchelImportItem *
item_new (const Folder *folder, const Found *found)
{
  TreeItem *own = g_new0 (TreeItem, 1);
  g_autofree char *dir = satchel_files_path (folder->path, found->dir);
  own->files = folder->import->transfer.files;
  own->path = satchel_files_path (dir, found->entry->name);
  own->is_verbatim = found->name.is_verbatim;
  own->item = (SatchelImportItem) { .path = own->path,
                                    .offset = G_MAXUINT64,
                                    .flags = found->name.flags,
                                    .keywords = keywords_of (folder, &found->name),
                                    .date = found->entry->mtime_s,
                                    .copy = copy_item,
                                    .free = free_item };
  return &own->item;
}

/* Gives an empty mailbox the numbers of the folder.  *ret_keeps: the messages may have their UIDs. */
static gboolean
set_numbers (SatchelImportBatch *batch, const SatchelTreeUids *uids, guint32 uidnext, gboolean *ret_keeps,
             GError **error)
{
  SatchelTransfer *transfer = &batch->import->transfer;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (batch->mailbox);
  const SatchelMailboxState *state = &snapshot->state;
  SatchelMailboxImport import = { .size = sizeof import,
                                  .uidvalidity = uids->uidvalidity,
                                  .uidnext = MAX (uidnext, 1),
                                  .highestmodseq = MAX (state->highestmodseq, 1) };
  const gboolean is_ours = state->uidvalidity == uids->uidvalidity;
  memcpy (import.mailbox_id, state->mailbox_id, sizeof import.mailbox_id);
  for (guint i = 0; !is_ours && i < sizeof import.mailbox_id; i += 4)
    {
      const guint32 random = g_random_int ();
      memcpy (import.mailbox_id + i, &random, sizeof random);
    }
  *ret_keeps = FALSE;
  if (!is_ours && state->n_messages > 0)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "UIDs cannot be kept, since the mailbox %s has messages with UIDs of its own",
                              batch->name);
  *ret_keeps = TRUE;
  if (is_ours && import.uidnext <= state->uidnext)
    return TRUE;
  import.first_recent_uid = is_ours ? state->first_recent_uid : 0;
  if (!satchel_store_import_mailbox (transfer->store, batch->name, &import, error))
    return FALSE;
  g_clear_pointer (&batch->mailbox, satchel_mailbox_unref);
  batch->mailbox = satchel_store_open_mailbox (transfer->store, batch->name, error);
  *ret_keeps = batch->mailbox != NULL;
  return *ret_keeps;
}

/* Makes the mailbox go on above all UIDs that the folder ever had. */
static gboolean
finish_numbers (SatchelImportBatch *batch, const SatchelTreeUids *uids, GError **error)
{
  gboolean keeps;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (batch->mailbox);
  return snapshot->state.uidnext >= uids->uidnext
         || set_numbers (batch, uids, MAX (uids->uidnext, snapshot->state.uidnext), &keeps, error);
}

/* Imports the messages that were found.  If UIDs are kept, files without one get UIDs above all that the
 * folder ever gave. */
static gboolean
import_found (Folder *folder, SatchelImportBatch *batch, gboolean keeps, GError **error)
{
  SatchelTransfer *transfer = &folder->import->transfer;
  gboolean is_above = !keeps;
  for (guint i = 0; i < folder->found->len; i++)
    {
      const Found *found = &g_array_index (folder->found, Found, i);
      if (found->entry->kind != SATCHEL_FILE_REGULAR)
        {
          g_autofree char *dir = satchel_files_path (folder->path, found->dir);
          g_autofree char *path = satchel_files_path (dir, found->entry->name);
          satchel_transfer_problem (
              transfer, path, G_MAXUINT64,
              g_error_new_literal (SATCHEL_ERROR, SATCHEL_ERROR_CANNOT, "this is no regular file"));
          continue;
        }
      if (!is_above && found->uid == 0)
        {
          if (!satchel_import_batch_flush (batch, error) || !finish_numbers (batch, folder->uids, error))
            return FALSE;
          is_above = TRUE;
        }
      SatchelImportItem *item = item_new (folder, found);
      item->uid = keeps ? found->uid : 0;
      transfer->position += found->entry->size;
      if (!satchel_import_batch_add (batch, item, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
import_folder (Folder *folder, const char *mailbox, GError **error)
{
  SatchelImport *import = folder->import;
  g_auto (SatchelImportBatch) batch = { NULL };
  g_autoptr (GError) local = NULL;
  gboolean keeps = FALSE;
  if (!satchel_import_batch_begin (&batch, import, mailbox, error))
    return FALSE;
  const gboolean wants = import->keeps_uids && folder->uids != NULL && folder->uids->uidvalidity != 0
                         && !import->transfer.is_dry;
  if (wants && !set_numbers (&batch, folder->uids, 1, &keeps, &local))
    {
      if (batch.mailbox == NULL || satchel_transfer_is_fatal (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      satchel_transfer_problem (&import->transfer, folder->path, G_MAXUINT64, g_steal_pointer (&local));
      return TRUE;
    }
  return import_found (folder, &batch, keeps, error)
         && satchel_import_batch_finish (&batch, folder->path, error)
         && (!keeps || finish_numbers (&batch, folder->uids, error));
}

typedef struct Walk
{
  SatchelImport *import;
  gboolean only_counts;
} Walk;

static guint64
size_of (const GPtrArray *entries)
{
  guint64 size = 0;
  for (guint i = 0; i < entries->len; i++)
    size += ((const SatchelFileEntry *) entries->pdata[i])->size;
  return size;
}

static gboolean
visit_folder (Walk *walk, const char *path, SatchelTreeLayout layout, GError **error)
{
  SatchelTransfer *transfer = &walk->import->transfer;
  g_auto (Folder) folder = { .import = walk->import, .path = path };
  g_autoptr (GError) local = NULL;
  g_autofree char *name = satchel_tree_mailbox (path, layout);
  g_autofree char *mailbox = name != NULL ? satchel_import_mailbox (walk->import, name, &local) : NULL;
  if (name == NULL)
    satchel_error_set (&local, SATCHEL_ERROR_INVALID,
                       "the name of the folder is no possible name of a mailbox");
  if (mailbox != NULL && read_folder (&folder, &local))
    {
      if (!walk->only_counts)
        return import_folder (&folder, mailbox, error);
      transfer->length += size_of (folder.cur) + size_of (folder.new);
      return satchel_transfer_step (transfer, error);
    }
  if (satchel_transfer_is_end (local))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (!walk->only_counts)
    satchel_transfer_problem (transfer, path, G_MAXUINT64, g_steal_pointer (&local));
  return TRUE;
}

static gboolean
is_folder (const GPtrArray *entries)
{
  const SatchelFileEntry *cur = satchel_files_find (entries, "cur");
  return cur != NULL && cur->kind == SATCHEL_FILE_DIRECTORY;
}

static gboolean
is_part_of_folder (const char *name)
{
  return strcmp (name, "cur") == 0 || strcmp (name, "new") == 0 || strcmp (name, "tmp") == 0;
}

/* Visits the folder at @path and, in layout fs, those below it. */
static gboolean
visit (Walk *walk, const char *path, SatchelTreeLayout layout, guint depth, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GPtrArray) entries = satchel_files_list (walk->import->transfer.files, path, &local);
  if (entries == NULL)
    {
      if (satchel_transfer_is_end (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      if (!walk->only_counts)
        satchel_transfer_problem (&walk->import->transfer, path, G_MAXUINT64, g_steal_pointer (&local));
      return TRUE;
    }
  if (is_folder (entries) && !visit_folder (walk, path, layout, error))
    return FALSE;
  for (guint i = 0; layout == SATCHEL_LAYOUT_FS && depth < DEPTH_MAX && i < entries->len; i++)
    {
      const SatchelFileEntry *entry = entries->pdata[i];
      g_autofree char *below = satchel_files_path (path, entry->name);
      if (entry->kind == SATCHEL_FILE_DIRECTORY && entry->name[0] != '.' && !is_part_of_folder (entry->name)
          && !visit (walk, below, layout, depth + 1, error))
        return FALSE;
    }
  return TRUE;
}

/* Visits INBOX and all folders of a list of the root. */
static gboolean
visit_all (Walk *walk, const GPtrArray *entries, GError **error)
{
  const SatchelTreeLayout layout = walk->import->layout;
  if (layout == SATCHEL_LAYOUT_FS)
    return visit (walk, "", layout, 0, error);
  if (is_folder (entries) && !visit_folder (walk, "", layout, error))
    return FALSE;
  for (guint i = 0; i < entries->len; i++)
    {
      const SatchelFileEntry *entry = entries->pdata[i];
      if (entry->kind == SATCHEL_FILE_DIRECTORY && entry->name[0] == '.'
          && !visit (walk, entry->name, SATCHEL_LAYOUT_PLUS, 0, error))
        return FALSE;
    }
  return TRUE;
}

/* Finds the layout.  Maildir++ has folders that begin with a dot; others are folders only if there are none
 * of those. */
static gboolean
find_layout (SatchelImport *import, const GPtrArray *entries, GError **error)
{
  if (import->layout != SATCHEL_LAYOUT_ANY)
    return TRUE;
  import->layout = SATCHEL_LAYOUT_PLUS;
  for (guint i = 0; i < entries->len; i++)
    {
      const SatchelFileEntry *entry = entries->pdata[i];
      if (entry->kind != SATCHEL_FILE_DIRECTORY || is_part_of_folder (entry->name))
        continue;
      if (entry->name[0] == '.')
        {
          g_autoptr (GPtrArray) below = satchel_files_list (import->transfer.files, entry->name, error);
          if (below == NULL)
            return FALSE;
          if (is_folder (below))
            {
              import->layout = SATCHEL_LAYOUT_PLUS;
              return TRUE;
            }
        }
      else
        import->layout = SATCHEL_LAYOUT_FS;
    }
  return TRUE;
}

static gboolean
read_subscriptions (SatchelImport *import, GError **error)
{
  const Folder root = { .import = import, .path = "" };
  g_autoptr (GBytes) list = NULL;
  gsize len;
  if (!read_below (&root, SATCHEL_TREE_SUBSCRIPTIONS, KEYWORDS_MAX, &list, error)
      || (list == NULL
          && !read_below (&root, SATCHEL_TREE_SUBSCRIPTIONS_OF_COURIER, KEYWORDS_MAX, &list, error)))
    return FALSE;
  if (list == NULL)
    return TRUE;
  const char *text = g_bytes_get_data (list, &len);
  import->subscribed = satchel_tree_subscriptions_parse (text, len, import->layout);
  return TRUE;
}

gboolean
satchel_import_tree (SatchelImport *import, GError **error)
{
  Walk walk = { .import = import, .only_counts = TRUE };
  g_autoptr (GPtrArray) entries = satchel_files_list (import->transfer.files, "", error);
  if (entries == NULL || !find_layout (import, entries, error) || !read_subscriptions (import, error)
      || !visit_all (&walk, entries, error))
    return FALSE;
  walk.only_counts = FALSE;
  return visit_all (&walk, entries, error) && satchel_import_subscribe (import, error);
}
