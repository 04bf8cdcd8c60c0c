/* SPDX-License-Identifier: MIT
 * This file writes mailboxes to a Maildir++ tree, with lists as Dovecot has them: UIDs, letters of
 * keywords, subscriptions.  The name of a message's file follows from UIDVALIDITY and UID, so a repeated
 * run knows which messages are there.
 */
#include "config.h"

#include "core/mail/tree/tree.h"
#include "core/session/transfer/export.h"

#include <satchel/hash.h>
#include <string.h>

#define PART "satchel-export.part"
#define OWN_NAME ".satchel,S="

typedef struct Tree
{
  const SatchelExportMailbox *source;
  char *dir;
  GHashTable *there;   /* beginning of a name -> base name, for the files of an earlier run */
  GString *uids;       /* the text of dovecot-uidlist */
  GPtrArray *keywords; /* char *: the keyword of each letter */
  guint n_dropped;     /* keywords that got no letter, since none was free */
} Tree;

static void
tree_clear (Tree *tree)
{
  g_clear_pointer (&tree->dir, g_free);
  g_clear_pointer (&tree->keywords, g_ptr_array_unref);
  g_clear_pointer (&tree->there, g_hash_table_unref);
  if (tree->uids != NULL)
    g_string_free (tree->uids, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Tree, tree_clear)

/* Reads the letters of an earlier run, since names of files contain them, and gives letters to keywords that
 * have none. */
static gboolean
choose_letters (Tree *tree, GError **error)
{
  const SatchelExportMailbox *source = tree->source;
  const SatchelSnapshot *snapshot = source->snapshot;
  g_autoptr (GError) local = NULL;
  g_autofree char *path = satchel_files_path (tree->dir, SATCHEL_TREE_KEYWORDS);
  g_autoptr (GBytes) bytes = satchel_files_read (source->export->transfer.files, path, 1024 * 1024, &local);
  if (bytes == NULL && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  gsize len = 0;
  const char *text = bytes != NULL ? g_bytes_get_data (bytes, &len) : "";
  tree->keywords = satchel_tree_keywords_parse (text, len);
  const SatchelKeywordSet used = satchel_snapshot_used_keywords (snapshot);
  for (int bit = satchel_keyword_set_next (&used, 0); bit >= 0;
       bit = satchel_keyword_set_next (&used, (guint) bit + 1))
    if (satchel_tree_keywords_letter (tree->keywords, snapshot->keywords[bit]) < 0)
      tree->n_dropped++;
  return TRUE;
}

/* Replaces a list of the folder. */
static gboolean
put_list (Tree *tree, const char *dir, const char *name, const char *text, gsize len, GError **error)
{
  return satchel_export_replace (tree->source->export, dir, name, text, len, error);
}

static gboolean
put_keywords (Tree *tree, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < SATCHEL_TREE_LETTERS; i++)
    if (tree->keywords->pdata[i] != NULL)
      g_string_append_printf (text, "%u %s\n", i, (const char *) tree->keywords->pdata[i]);
  return text->len == 0 || put_list (tree, tree->dir, SATCHEL_TREE_KEYWORDS, text->str, text->len, error);
}

static guint32
letters_of (const Tree *tree, const SatchelMessageRow *row)
{
  const SatchelSnapshot *snapshot = tree->source->snapshot;
  guint32 letters = 0;
  for (int bit = satchel_keyword_set_next (&row->keywords, 0); bit >= 0;
       bit = satchel_keyword_set_next (&row->keywords, (guint) bit + 1))
    for (guint i = 0; i < SATCHEL_TREE_LETTERS; i++)
      if (tree->keywords->pdata[i] != NULL
          && g_ascii_strcasecmp (tree->keywords->pdata[i], snapshot->keywords[bit]) == 0)
        letters |= 1u << i;
  return letters;
}

/* Returns the part of a message file's name that is known before the message is read. */
static char *
prefix_of (const char *name)
{
  return g_strndup (name, strcspn (name, ","));
}

static gboolean
make_folder (Tree *tree, GError **error)
{
  SatchelFiles *files = tree->source->export->transfer.files;
  static const char *const parts[] = { "tmp", "new", "cur" };
  if (*tree->dir != '\0' && !satchel_files_make_dir (files, tree->dir, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *path = satchel_files_path (tree->dir, parts[i]);
      if (!satchel_files_make_dir (files, path, error))
        return FALSE;
    }
  return *tree->dir == '\0' || put_list (tree, tree->dir, "maildirfolder", "", 0, error);
}

/* Notes the files of an earlier run, and leaves alone those that others put there.  A file that is shorter
 * than its name says was not on disk when the machine stopped, and is written again. */
static gboolean
look_there (Tree *tree, GError **error)
{
  SatchelFiles *files = tree->source->export->transfer.files;
  g_autofree char *cur = satchel_files_path (tree->dir, "cur");
  g_autoptr (GPtrArray) entries = satchel_files_list (files, cur, error);
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    {
      const SatchelFileEntry *entry = entries->pdata[i];
      SatchelTreeName name;
      satchel_tree_name_parse (entry->name, entry->size, &name);
      if (name.has_size && strstr (entry->name, OWN_NAME) != NULL)
        g_hash_table_insert (tree->there, prefix_of (entry->name), g_strndup (entry->name, name.base_len));
      else if (strstr (entry->name, OWN_NAME) != NULL)
        {
          g_autofree char *path = satchel_files_path (cur, entry->name);
          if (!satchel_files_remove (files, path, error))
            return FALSE;
        }
    }
  return entries != NULL;
}

/* Writes the content; *ret_base: the name of the file, without flags. */
static gboolean
write_content (Tree *tree, SatchelStream *content, const SatchelMessageRow *row, const char *part,
               char **ret_base, GError **error)
{
  g_auto (SatchelExportFile) file = { .fd = -1 };
  guint64 size;
  if (!satchel_export_file_begin (&file, tree->source->export, part, error)
      || !satchel_tree_copy (content, satchel_export_file_take, &file, &size, error)
      || !satchel_export_file_flush (&file, error))
    return FALSE;
  *ret_base = satchel_tree_name_make (row->internal_date, tree->source->snapshot->state.uidvalidity, row->uid,
                                      file.n_bytes, size);
  return TRUE;
}

static gboolean
write_message (Tree *tree, SatchelStream *content, const SatchelMessageRow *row, char **ret_base,
               GError **error)
{
  SatchelTransfer *transfer = &tree->source->export->transfer;
  g_autofree char *part = satchel_files_path (tree->dir, "tmp/" PART);
  g_autofree char *base = NULL;
  if (!write_content (tree, content, row, part, &base, error))
    return FALSE;
  g_autoptr (GString) name = g_string_new (base);
  satchel_tree_name_add_flags (name, row->flags, letters_of (tree, row));
  g_autofree char *cur = satchel_files_path (tree->dir, "cur"), *path = satchel_files_path (cur, name->str);
  if (!satchel_files_rename (transfer->files, part, path, FALSE, row->internal_date, error))
    return FALSE;
  transfer->n_done++;
  transfer->n_bytes += row->size != SATCHEL_SIZE_UNKNOWN ? row->size : 0;
  *ret_base = g_steal_pointer (&base);
  return satchel_transfer_keep_rate (transfer, row->size != SATCHEL_SIZE_UNKNOWN ? row->size : 0, error);
}

static gboolean
put_message (Tree *tree, guint32 index, GError **error)
{
  SatchelTransfer *transfer = &tree->source->export->transfer;
  SatchelMessageRow row;
  if (!satchel_export_wants (tree->source, index, &row))
    return TRUE;
  g_autofree char *any =
      satchel_tree_name_make (row.internal_date, tree->source->snapshot->state.uidvalidity, row.uid, 0, 0);
  g_autofree char *prefix = prefix_of (any);
  g_autofree char *base = g_strdup (g_hash_table_lookup (tree->there, prefix));
  g_autoptr (GError) local = NULL;
  transfer->position += row.size != SATCHEL_SIZE_UNKNOWN ? row.size : 0;
  transfer->n_known += base != NULL;
  g_autoptr (SatchelStream) content =
      base == NULL ? satchel_export_open (tree->source, index, &row, &local) : NULL;
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (content != NULL && !write_message (tree, content, &row, &base, error))
    return FALSE;
  transfer->n_messages += base != NULL;
  if (base != NULL)
    g_string_append_printf (tree->uids, "%u :%s\n", row.uid, base);
  return satchel_transfer_step (transfer, error);
}

static gboolean
put_messages (Tree *tree, GError **error)
{
  const SatchelMailboxState *state = &tree->source->snapshot->state;
  g_autofree char *part = satchel_files_path (tree->dir, "tmp/" PART);
  if (!satchel_files_remove (tree->source->export->transfer.files, part, error))
    return FALSE;
  tree->uids = g_string_new (NULL);
  g_string_printf (tree->uids, "3 V%u N%u G", state->uidvalidity, state->uidnext);
  for (guint i = 0; i < sizeof state->mailbox_id; i++)
    g_string_append_printf (tree->uids, "%02x", state->mailbox_id[i]);
  g_string_append_c (tree->uids, '\n');
  for (guint32 i = 0; i < state->n_messages; i++)
    if (!put_message (tree, i, error))
      return FALSE;
  return put_list (tree, tree->dir, SATCHEL_TREE_UIDS, tree->uids->str, tree->uids->len, error);
}

gboolean
satchel_export_tree (const SatchelExportMailbox *source, GError **error)
{
  g_auto (Tree) tree = { .source = source, .dir = satchel_tree_folder (source->name) };
  if (tree.dir == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the name is too long for a directory");
  tree.there = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  if (!make_folder (&tree, error) || !choose_letters (&tree, error) || !put_keywords (&tree, error)
      || !look_there (&tree, error) || !put_messages (&tree, error))
    return FALSE;
  if (tree.n_dropped > 0)
    satchel_transfer_problem (
        &source->export->transfer, source->name, G_MAXUINT64,
        g_error_new (SATCHEL_ERROR, SATCHEL_ERROR_LIMIT,
                     "%u keywords are not exported, since there are letters for %u only", tree.n_dropped,
                     SATCHEL_TREE_LETTERS));
  return TRUE;
}

gboolean
satchel_export_tree_names (SatchelExport *export, const GPtrArray *subscribed, GError **error)
{
  g_autofree char *text = satchel_tree_subscriptions_make (subscribed);
  return satchel_export_replace (export, "", SATCHEL_TREE_SUBSCRIPTIONS, text, strlen (text), error);
}
