/* SPDX-License-Identifier: MIT
 * This file executes COPY, and the first half of MOVE: new messages that share contents.
 */
#include "config.h"

#include "commit/operation.h"
#include "message/metadata.h"

/* A COPY is under way. */
typedef struct Copying
{
  BdbRun *run;
  SatchelOperation *operation;
  BdbDraft *source, *destination;
  SatchelSnapshot *from;           /* the messages of the source before the operation */
  SatchelSnapshotBuilder *builder; /* makes the snapshot of the destination */
  SatchelMessageRow message;       /* the copy that is being made */
  gboolean makes_group;
  gboolean has_added;      /* the two members below are known */
  SatchelKeywordSet added; /* bits of the operation's keywords */
  guint n_added_without;   /* how many of these there is no room for */
} Copying;

/* Maps keywords by name to bits of another mailbox.  Those that there is no room for are left out. */
static void
map_keywords (Copying *copying, const SatchelKeywordSet *bits, SatchelKeywordSet *ret_bits)
{
  SatchelKeywordSet mapped = { { 0 } };
  for (int k = satchel_keyword_set_next (bits, 0); k >= 0; k = satchel_keyword_set_next (bits, (guint) k + 1))
    {
      char *const name[] = { copying->from->keywords[k], NULL };
      SatchelKeywordSet bit = { { 0 } };
      bdb_keyword_bits (copying->builder, name, &copying->destination->n_without, &bit, NULL);
      satchel_keyword_set_unite (&mapped, &bit);
    }
  *ret_bits = mapped;
}

static void
add_keywords (Copying *copying, SatchelKeywordSet *keywords)
{
  if (!copying->has_added)
    bdb_keyword_bits (copying->builder, copying->operation->keywords, &copying->n_added_without,
                      &copying->added, NULL);
  copying->has_added = TRUE;
  copying->destination->n_without += copying->n_added_without;
  satchel_keyword_set_unite (keywords, &copying->added);
}

/* Makes of the original @message what its copy is. */
static void
make_copy (Copying *copying, SatchelMessageRow *message)
{
  const SatchelOperation *operation = copying->operation;
  message->uid = copying->destination->state.uidnext++;
  message->flags = (message->flags & ~operation->clear_flags) | operation->flags;
  message->modseq = copying->run->modseq;
  message->save_date = copying->run->now;
  if (operation->clear_keywords)
    message->keywords = (SatchelKeywordSet) { { 0 } };
  if (!satchel_keyword_set_is_empty (&message->keywords))
    map_keywords (copying, &message->keywords, &message->keywords);
  if (operation->keywords != NULL)
    add_keywords (copying, &message->keywords);
}

/* Writes the row of the copy @message, but for its keywords, and the metadata of original @from. */
static gboolean
save_copy (Copying *copying, guint32 from, const SatchelMessageRow *message, GError **error)
{
  BdbRun *run = copying->run;
  const BdbRow *old = bdb_draft_row (run, copying->source, from, FALSE, error);
  BdbRow *row = old != NULL ? bdb_draft_new_row (run, copying->destination, message->uid, error) : NULL;
  if (row == NULL)
    return FALSE;
  row->flags = message->flags | (copying->makes_group ? BDB_ROW_IN_GROUP : 0u);
  row->modseq = message->modseq;
  row->size = old->size;
  row->length = old->length;
  row->content = old->content;
  row->internal_date = old->internal_date;
  row->save_date = message->save_date;
  if (copying->operation->kind == SATCHEL_OPERATION_COPY)
    g_array_append_val (run->references.more, old->content);
  return !bdb_row_has_metadata (old->flags)
         || bdb_copy_metadata (run, copying->source, from, old->flags, copying->destination, message->uid,
                               row, copying->operation->metadata, error);
}

/* Says whether the operation gives metadata to the copies, which makes a group of them. */
static gboolean
gives_metadata (const SatchelOperation *operation)
{
  for (guint i = 0; operation->metadata != NULL && i < operation->metadata->len; i++)
    if (((const SatchelMetadata *) operation->metadata->pdata[i])->value != NULL)
      return TRUE;
  return FALSE;
}

static gboolean
copy_message (Copying *copying, const BdbSpan *span, guint at, GError **error)
{
  SatchelMessageRow *message = &copying->message;
  const guint32 from = span->chunk->uid[span->row + at];
  if (copying->destination->state.uidnext == G_MAXUINT32)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the mailbox has no UID left");
  satchel_chunk_get_row (span->chunk, span->row + at, message);
  make_copy (copying, message);
  if (!save_copy (copying, from, message, error))
    return FALSE;
  bdb_draft_set_keywords (copying->destination, message->uid, &message->keywords);
  satchel_snapshot_builder_append (copying->builder, message);
  return TRUE;
}

/* Says whether the copies of a span have no keywords. */
static gboolean
has_no_keywords (const Copying *copying, const BdbSpan *span)
{
  const guint words = span->chunk->keyword_words;
  const guint64 *cells = span->chunk->keywords + (gsize) span->row * words;
  guint64 any = 0;
  for (guint i = 0; !copying->operation->clear_keywords && i < span->n * words; i++)
    any |= cells[i];
  return any == 0 && copying->operation->keywords == NULL;
}

/* Copies a span whose copies have no keywords. */
static gboolean
copy_plain_span (Copying *copying, const BdbSpan *span, GError **error)
{
  const SatchelOperation *operation = copying->operation;
  BdbDraft *destination = copying->destination;
  SatchelMessageRow copy = { .uid = destination->state.uidnext,
                             .flags = operation->flags,
                             .modseq = copying->run->modseq,
                             .save_date = copying->run->now };
  satchel_snapshot_builder_append_copies (copying->builder, span->chunk, span->row, span->n,
                                          operation->clear_flags, &copy);
  for (guint i = span->row; i < span->row + span->n; i++)
    {
      copy.flags = (span->chunk->flags[i] & ~operation->clear_flags) | operation->flags;
      if (!save_copy (copying, span->chunk->uid[i], &copy, error))
        return FALSE;
      copy.uid++;
    }
  destination->state.uidnext = copy.uid;
  return TRUE;
}

static gboolean
copy_messages (Copying *copying, const BdbSpan *span, GError **error)
{
  for (guint i = 0; i < span->n; i++)
    if (!copy_message (copying, span, i, error))
      return FALSE;
  return TRUE;
}

static gboolean
copy_span (Copying *copying, const BdbSpan *span, GError **error)
{
  const guint32 first = span->chunk->uid[span->row];
  const gboolean is_plain =
      G_MAXUINT32 - copying->destination->state.uidnext >= span->n && has_no_keywords (copying, span);
  if (!(is_plain ? copy_plain_span : copy_messages) (copying, span, error))
    return FALSE;
  satchel_uid_set_add (&copying->operation->ret_source, first, first + span->n - 1);
  return TRUE;
}

/* Lists the UIDs of the copies, which are those from @first to before @end. */
static void
list_copies (SatchelOperation *operation, guint32 first, guint32 end)
{
  operation->ret_uids = g_array_sized_new (FALSE, FALSE, sizeof (guint32), end - first);
  g_array_set_size (operation->ret_uids, end - first);
  for (guint32 uid = first; uid < end; uid++)
    g_array_index (operation->ret_uids, guint32, uid - first) = uid;
}

gboolean
bdb_run_copy (BdbRun *run, SatchelOperation *operation, GError **error)
{
  BdbDraft *source = bdb_draft_of (run, operation->mailbox->driver);
  BdbDraft *destination = bdb_draft_of (run, operation->destination->driver);
  g_autoptr (SatchelSnapshot) from = satchel_snapshot_ref (source->snapshot);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (destination->snapshot);
  g_autoptr (GArray) spans = bdb_find_spans (from, &operation->uids, operation->only_deleted);
  const guint32 first = destination->state.uidnext;
  Copying copying = { .run = run,
                      .operation = operation,
                      .source = source,
                      .destination = destination,
                      .from = from,
                      .builder = builder,
                      .makes_group = gives_metadata (operation) };
  for (guint i = 0; i < spans->len; i++)
    if (!copy_span (&copying, &g_array_index (spans, BdbSpan, i), error))
      return FALSE;
  list_copies (operation, first, destination->state.uidnext);
  operation->ret_uidvalidity = destination->state.uidvalidity;
  if (operation->ret_uids->len > 0)
    {
      bdb_draft_touch (destination, run->modseq);
      operation->ret_modseq = run->modseq;
    }
  bdb_draft_advance (destination, g_steal_pointer (&builder));
  return !copying.makes_group || operation->ret_uids->len == 0
         || bdb_group_save (run->store, run->write, destination->box, first, destination->state.uidnext - 1,
                            operation->metadata, error);
}
