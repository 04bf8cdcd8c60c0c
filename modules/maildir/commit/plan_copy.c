/* SPDX-License-Identifier: MIT
 * Implements COPY and MOVE: a hard link or a rename to a name that has the new UID and keeps the email id.
 */
#include "config.h"

#include "files/access_error.h"
#include "index/cache.h"
#include "names/file_name.h"
#include "commit/journal.h"
#include "names/keyword_letters.h"
#include "mailbox/mailbox.h"
#include "files/maildir_sys.h"
#include "mailbox/metadata.h"
#include "index/name_table.h"
#include "commit/transaction_plan.h"
#include "files/unique_name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

typedef struct Copied
{
  SatchelMessageRow row;
  guint32 from_uid;
  const char *name; /* without flags; of the plan, as is the next one */
  const char *from;
  int from_fd;
  const char *from_dir;
  GBytes *attributes;
} Copied;

static void
clear_copied (gpointer data)
{
  Copied *copied = data;
  g_clear_pointer (&copied->attributes, g_bytes_unref);
}

/* Asks the file for what neither its name nor the row of the copy has: size and date. */
static gboolean
complete_from_file (Copied *copied, const char *old, MdName *parsed, GError **error)
{
  const gboolean needs_size = !parsed->has_size || parsed->is_odd,
                 needs_date = copied->row.internal_date == SATCHEL_DATE_UNKNOWN;
  struct stat st;
  if (!needs_size && !needs_date)
    return TRUE;
  if (md_sys.fstatat (copied->from_fd, old, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? satchel_error_set (error, SATCHEL_ERROR_GONE, "a message to copy is gone")
                           : md_error_at (error, errno, copied->from_fd, old, MD_ACCESS_READ, "message");
  if (needs_size)
    parsed->size = (guint64) st.st_size;
  if (needs_date)
    copied->row.internal_date = st.st_mtim.tv_sec;
  return TRUE;
}

void
md_plan_short_prefix (const char *old, const MdEntry *entry, GString *prefix)
{
  char unique[128], field[MD_EMAIL_ID_FIELD];
  guint8 id[16];
  md_unique_name (unique, g_get_real_time () / G_USEC_PER_SEC);
  md_name_email_id (old, entry->base_len, id);
  md_name_make_email_id (id, field);
  g_string_printf (prefix, "%s%s", unique, field);
}

/* Makes the new name, which keeps the part of the old one that gives the email id (RFC 8474 section 5.1).
 * @prefix is room for that part. */
static gboolean
name_copy (MdPlan *plan, SatchelOperation *op, const MdEntry *entry, GString *prefix, Copied *copied,
           GError **error)
{
  MdMailbox *from = op->mailbox->driver, *to = op->destination->driver;
  const char *old = md_table_name (&from->table, entry);
  MdName parsed;
  md_name_parse (old, entry->name_len, &parsed);
  if (!complete_from_file (copied, old, &parsed, error))
    return FALSE;
  md_name_id (old, entry->base_len, g_string_truncate (prefix, 0));
  MdNameParts parts = { .prefix = prefix->str,
                        .size = parsed.size,
                        .wire = copied->row.size,
                        .length = parsed.has_length ? parsed.length : copied->row.size,
                        .date = copied->row.internal_date,
                        .is_raw = parsed.is_raw,
                        .uidvalidity = to->uidvalidity,
                        .uid = copied->row.uid };
  gboolean fits = md_name_build (g_string_truncate (plan->new_name, 0), &parts);
  if (!fits)
    {
      md_plan_short_prefix (old, entry, prefix);
      parts.prefix = prefix->str;
      fits = md_name_build (g_string_truncate (plan->new_name, 0), &parts);
    }
  copied->name = md_plan_name (plan, plan->new_name->str);
  return fits
         || satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the file name of the copy would be too long");
}

/* The keywords of one mailbox have other bits in another, which are found once for all messages. */
typedef struct Translation
{
  gboolean is_same;                 /* both have the same bits */
  gint16 bit[SATCHEL_KEYWORDS_MAX]; /* -1: the other mailbox has no room for it */
  SatchelKeywordSet last, last_ret; /* the last set and its translation: neighbours often have the same */
} Translation;

static gboolean
add_used_keywords (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder, guint32 index,
                   SatchelMessageRow *row, gpointer data, GError **error)
{
  satchel_keyword_set_unite (data, &row->keywords);
  return TRUE;
}

static gboolean
make_keyword_translation (MdPlan *plan, SatchelOperation *op, Translation *translation, GError **error)
{
  MdMailbox *from = op->mailbox->driver, *to = op->destination->driver;
  SatchelKeywordSet used = { { 0 } }, room;
  translation->is_same = from == to;
  if (from == to || from->keywords.n == 0 || op->clear_keywords)
    return TRUE;
  (void) md_plan_each_message (plan, op, NULL, add_used_keywords, &used, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (int i = satchel_keyword_set_next (&used, 0); i >= 0 && (guint) i < from->keywords.n;
       i = satchel_keyword_set_next (&used, (guint) i + 1))
    g_ptr_array_add (names, from->keywords.names[i]);
  g_ptr_array_add (names, NULL);
  if (!md_plan_keyword_bits (plan, to, (char *const *) names->pdata, MD_KEYWORDS_ROOM, &room, error))
    return FALSE;
  for (guint i = 0; i < from->keywords.n; i++)
    {
      gboolean is_used = satchel_keyword_set_has (&used, i);
      translation->bit[i] = is_used ? (gint16) md_keywords_find (&to->keywords, from->keywords.names[i]) : -1;
    }
  return TRUE;
}

static void
translate_keywords (const MdMailbox *from, Translation *translation, SatchelKeywordSet *set)
{
  if (translation->is_same || satchel_keyword_set_is_empty (set))
    return;
  if (!satchel_keyword_set_equal (set, &translation->last))
    {
      translation->last = *set;
      translation->last_ret = (SatchelKeywordSet) { { 0 } };
      for (int i = satchel_keyword_set_next (set, 0); i >= 0 && (guint) i < from->keywords.n;
           i = satchel_keyword_set_next (set, (guint) i + 1))
        if (translation->bit[i] >= 0)
          satchel_keyword_set_add (&translation->last_ret, (guint) translation->bit[i]);
    }
  *set = translation->last_ret;
}

typedef struct Copying
{
  GArray *copies; /* Copied */
  Translation translation;
  SatchelKeywordSet keywords; /* that each copy gets in addition */
  GString *prefix;            /* room for a part of a name */
} Copying;

static gboolean
collect_copy (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder, guint32 index,
              SatchelMessageRow *row, gpointer data, GError **error)
{
  Copying *copying = data;
  MdMailbox *from = op->mailbox->driver, *to = op->destination->driver;
  if (op->only_deleted && (row->flags & SATCHEL_FLAG_DELETED) == 0)
    return TRUE;
  MdEntry *entry = md_plan_entry_of (from, row->uid, error);
  Copied copied = { .row = *row, .from_uid = row->uid };
  if (entry == NULL || !md_plan_take_uid (to, &copied.row.uid, error))
    return FALSE;
  if (op->clear_keywords)
    copied.row.keywords = (SatchelKeywordSet) { { 0 } };
  translate_keywords (from, &copying->translation, &copied.row.keywords);
  satchel_keyword_set_unite (&copied.row.keywords, &copying->keywords);
  copied.row.flags = (copied.row.flags & ~op->clear_flags) | op->flags;
  copied.row.modseq = plan->modseq;
  copied.row.save_date =
      g_get_real_time () / G_USEC_PER_SEC; /* RFC 8514: the save date of a copy is the time of the copy */
  gboolean is_new = (entry->bits & MD_ENTRY_NEW) != 0;
  copied.from_fd = is_new ? from->new_fd : from->cur_fd;
  copied.from_dir = is_new ? from->new_path : from->cur_path;
  copied.from = md_plan_name (plan, md_table_name (&from->table, entry));
  gboolean ok = name_copy (plan, op, entry, copying->prefix, &copied, error);
  g_array_append_val (copying->copies, copied);
  return ok
         && (op->kind != SATCHEL_OPERATION_MOVE
             || md_plan_drop_message (plan, from, builder, index, row->uid, error));
}

/* Copies get the cached attributes of their originals, where there are any.  Those that were moved are marked
 * as dead by now. */
static void
copy_attributes (MdPlan *plan, MdMailbox *from, GArray *copies)
{
  if (!md_cache_open (from, FALSE) || copies->len == 0)
    return;
  g_autoptr (GArray) refs = g_array_new (FALSE, FALSE, sizeof (MdCacheRef));
  g_autofree GBytes **blobs = g_new0 (GBytes *, copies->len);
  for (guint i = 0; i < copies->len; i++)
    {
      guint32 uid = g_array_index (copies, Copied, i).from_uid;
      const MdEntry *entry = md_table_find_even_dead (&from->table, uid);
      if (entry == NULL || entry->cache_off == 0)
        continue;
      MdCacheRef ref = { entry->cache_off, entry->cache_len, uid, i };
      g_array_append_val (refs, ref);
    }
  md_cache_get (from->cache.fd, (MdCacheRef *) (void *) refs->data, refs->len, blobs);
  for (guint i = 0; i < copies->len; i++)
    g_array_index (copies, Copied, i).attributes = blobs[i];
}

/* Copies metadata from memory, where that of a message that moves also stays until the end of the
 * transaction. */
static void
copy_metadata (MdMailbox *from, guint32 from_uid, MdMailbox *to, guint32 to_uid)
{
  GHashTable *keys =
      from->metadata != NULL ? g_hash_table_lookup (from->metadata, GUINT_TO_POINTER (from_uid)) : NULL;
  if (keys == NULL)
    return;
  g_autoptr (GHashTable) held = g_hash_table_ref (keys);
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, held);
  while (g_hash_table_iter_next (&iter, &key, &value))
    md_metadata_set (to, to_uid, key, value);
}

gboolean
md_plan_copy (MdPlan *plan, SatchelOperation *op, GError **error)
{
  MdMailbox *from = op->mailbox->driver, *to = op->destination->driver;
  g_autoptr (GArray) copies = g_array_new (FALSE, TRUE, sizeof (Copied));
  g_array_set_clear_func (copies, clear_copied);
  g_autoptr (GString) prefix = g_string_sized_new (MD_NAME_MAX);
  Copying copying = { .copies = copies, .prefix = prefix };
  if (!make_keyword_translation (plan, op, &copying.translation, error)
      || !md_plan_keyword_bits (plan, to, op->keywords, MD_KEYWORDS_ROOM, &copying.keywords, error))
    return FALSE;
  SatchelSnapshotBuilder *builder = md_plan_builder_for (plan, from);
  gboolean ok = md_plan_each_message (plan, op, builder, collect_copy, &copying, error);
  md_plan_finish_builder (plan, from, builder);
  if (!ok)
    return FALSE;
  copy_attributes (plan, from, copies);
  builder = md_plan_builder_for (plan, to);
  for (guint i = 0; i < copies->len; i++)
    {
      Copied *copied = &g_array_index (copies, Copied, i);
      gboolean moves = op->kind == SATCHEL_OPERATION_MOVE;
      MdStep *step = md_plan_step (plan, moves ? MD_STEP_RENAME : MD_STEP_LINK);
      step->from_fd = copied->from_fd;
      step->from_dir = copied->from_dir;
      step->from = copied->from;
      GString *name = g_string_assign (plan->new_name, copied->name);
      md_plan_add_message (plan, to, builder, &copied->row, name, copied->attributes, step);
      copy_metadata (from, copied->from_uid, to, copied->row.uid);
      md_plan_set_metadata (to, copied->row.uid, op);
      satchel_uid_set_add (&op->ret_source, copied->from_uid, copied->from_uid);
      g_array_append_val (op->ret_uids, copied->row.uid);
    }
  md_plan_finish_builder (plan, to, builder);
  op->ret_uidvalidity = to->uidvalidity;
  return TRUE;
}
