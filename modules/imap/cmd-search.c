/* SPDX-License-Identifier: MIT
 * SEARCH (RFC 3501 6.4.4): cheap keys first, headers from attributes, content as a stream.  What needs memory only runs
 * on the main thread, in turns.  Results are kept as ranges.
 */
#include "session.h"

#include <satchel/attributes.h>
#include <satchel/charset.h>
#include <satchel/date.h>
#include <satchel/search.h>
#include <string.h>

#define INLINE_ROWS 20000u /* in one turn */
#define BATCH 128u
#define CONTENT_COST 100u  /* keys from here on open the message */
#define BLOCKING_COST 10u  /* keys from here on need attributes */

typedef struct Search
{
  SatchelSnapshot *snapshot; /* newest; numbers are those of the view */
  guint32 at;                /* index in the view */
  SatchelUidSet found;       /* sequence numbers or UIDs */
  gboolean is_blocking;      /* some key needs more than the snapshot */
  /* A batch of attributes. */
  guint32 batch_start, n_batch;
  guint32 batch_uids[BATCH];
  GBytes *batch_attributes[BATCH];
  /* Output. */
  gboolean is_telling;
  guint at_range;
  guint64 at_number;
} Search;

/* The message under test. */
typedef struct Subject
{
  ImapSession *session;
  Search *search;
  guint32 sequence;
  const SatchelChunk *chunk;
  guint row;
  SatchelStream *content;
  gboolean is_gone;
} Subject;

static void
batch_clear (Search *search)
{
  for (guint i = 0; i < search->n_batch; i++)
    g_clear_pointer (&search->batch_attributes[i], g_bytes_unref);
  search->n_batch = 0;
}

static void
search_free (gpointer data)
{
  Search *search = data;
  batch_clear (search);
  g_clear_pointer (&search->snapshot, satchel_snapshot_unref);
  satchel_uid_set_clear (&search->found);
  g_free (search);
}

/* ---- preparing the keys ---- */

static gint
compare_cost (gconstpointer a, gconstpointer b)
{
  guint first = (*(ImapSearchKey *const *) a)->cost, second = (*(ImapSearchKey *const *) b)->cost;
  return first < second ? -1 : first > second;
}

static gboolean
prepare_text (ImapSearchKey *key, const char *charset, GError **error)
{
  gsize len;
  g_autofree char *text = satchel_charset_to_utf8_strict (charset, key->text, key->text_len, &len, error);
  if (text == NULL)
    return FALSE;
  key->needle = satchel_needle_new (text, len);
  return TRUE;
}

static guint
own_cost (const ImapSearchKey *key)
{
  switch (key->kind)
    {
    case IMAP_KEY_SENTBEFORE:
    case IMAP_KEY_SENTON:
    case IMAP_KEY_SENTSINCE:
      return BLOCKING_COST;
    case IMAP_KEY_HEADER:
      return BLOCKING_COST + 10;
    case IMAP_KEY_BODY:
      return CONTENT_COST;
    case IMAP_KEY_TEXT:
      return CONTENT_COST + 1;
    case IMAP_KEY_KEYWORD:
    case IMAP_KEY_SEQUENCE:
    case IMAP_KEY_UID:
      return 1;
    default:
      return 0;
    }
}

/* Resolves sets, names and charsets, and sorts by cost. */
static gboolean
prepare (ImapSession *session, const SatchelSnapshot *snapshot, ImapSearchKey *key, const char *charset, GError **error)
{
  const SatchelSnapshot *view = session->view->snapshot;
  guint32 n = view->state.n_messages;
  key->cost = own_cost (key);
  if (key->kind == IMAP_KEY_SEQUENCE)
    imap_sequence_resolve (&key->set, n, &key->resolved);
  else if (key->kind == IMAP_KEY_UID && n > 0)
    {
      guint row;
      const SatchelChunk *last = satchel_snapshot_at (view, n - 1, &row);
      imap_sequence_resolve (&key->set, last->uid[row], &key->resolved);
    }
  else if (key->kind == IMAP_KEY_KEYWORD)
    key->keyword_bit = satchel_snapshot_keyword (snapshot, key->text);
  else if (key->text != NULL && !prepare_text (key, charset, error))
    return FALSE;
  for (guint i = 0; key->children != NULL && i < key->children->len; i++)
    {
      ImapSearchKey *child = key->children->pdata[i];
      if (!prepare (session, snapshot, child, charset, error))
        return FALSE;
      key->cost = MAX (key->cost, child->cost);
    }
  if (key->children != NULL)
    g_ptr_array_sort (key->children, compare_cost);
  return TRUE;
}

/* RFC 3501 6.4.4: US-ASCII must be known; 8-bit text without CHARSET is taken as UTF-8. */
static gboolean
check_charset (const char *charset, GError **error)
{
  if (charset == NULL || satchel_charset_is_known (charset))
    return TRUE;
  return satchel_error_set (error, SATCHEL_ERROR_BADCHARSET, "unknown charset");
}

/* ---- one message ---- */

static GBytes *
attributes_of (Subject *subject)
{
  Search *search = subject->search;
  guint32 index = subject->sequence - 1;
  if (search->n_batch == 0 || index < search->batch_start || index >= search->batch_start + search->n_batch)
    {
      const SatchelSnapshot *view = subject->session->view->snapshot;
      batch_clear (search);
      search->batch_start = index;
      for (guint32 i = index; i < view->state.n_messages && search->n_batch < BATCH; i++)
        {
          guint row;
          const SatchelChunk *chunk = satchel_snapshot_at (view, i, &row);
          search->batch_uids[search->n_batch++] = chunk->uid[row];
        }
      g_autoptr (GError) error = NULL;
      if (!satchel_mailbox_attributes (subject->session->view->mailbox, search->batch_uids, search->n_batch,
                                       search->batch_attributes, &error))
        satchel_session_log (subject->session->session, SATCHEL_LOG_ERROR, "SEARCH: %s", error->message);
    }
  GBytes *attributes = search->batch_attributes[index - search->batch_start];
  if (attributes == NULL)
    subject->is_gone = TRUE;
  return attributes;
}

static gboolean
search_content (Subject *subject, SatchelSearchKind kind, const ImapSearchKey *key)
{
  g_autoptr (GError) error = NULL;
  GBytes *attributes = attributes_of (subject);
  if (attributes == NULL)
    return FALSE;
  if (subject->content == NULL)
    subject->content = satchel_mailbox_open_message (subject->session->view->mailbox, subject->chunk->uid[subject->row], &error);
  SatchelSearchTerm term = { .kind = kind, .name = key->name, .needle = key->needle };
  if (subject->content == NULL || !satchel_search_content (attributes, subject->content, &term, 1, &error))
    {
      subject->is_gone = TRUE;
      return FALSE;
    }
  return term.is_found;
}

static gboolean
test_header (Subject *subject, const ImapSearchKey *key)
{
  GBytes *attributes = attributes_of (subject);
  if (attributes == NULL)
    return FALSE;
  switch (satchel_search_header (attributes, key->name, key->needle))
    {
    case SATCHEL_MATCH_YES:
      return TRUE;
    case SATCHEL_MATCH_NO:
      return FALSE;
    case SATCHEL_MATCH_UNKNOWN:
      break;
    }
  return search_content (subject, SATCHEL_SEARCH_HEADER, key);
}

/* Day of the Date field as written there; without one the internal date (RFC 5256 2.2 has the same rule). */
static gint64
sent_day (Subject *subject)
{
  gint64 time = subject->chunk->internal_date[subject->row];
  int zone = 0;
  GBytes *attributes = attributes_of (subject);
  if (attributes != NULL)
    satchel_attributes_sent_date (attributes, &time, &zone);
  return satchel_date_day (time, zone);
}

static guint64
size_of (Subject *subject)
{
  guint64 size = subject->chunk->size[subject->row];
  if (size != SATCHEL_SIZE_UNKNOWN)
    return size;
  GBytes *attributes = attributes_of (subject);
  return attributes != NULL ? satchel_attributes_size (attributes) : 0;
}

/* Bounded depth: see IMAP_SEARCH_DEPTH_MAX. */
static gboolean
test (Subject *subject, const ImapSearchKey *key)
{
  const SatchelChunk *chunk = subject->chunk;
  guint row = subject->row;
  switch (key->kind)
    {
    case IMAP_KEY_ALL:
      return TRUE;
    case IMAP_KEY_FLAGS:
      return (chunk->flags[row] & key->mask) == key->value;
    case IMAP_KEY_RECENT:
      return imap_view_is_recent (subject->session->view, chunk->uid[row]);
    case IMAP_KEY_KEYWORD:
      return key->keyword_bit >= 0 && (chunk->keywords[row] >> key->keyword_bit & 1);
    case IMAP_KEY_SEQUENCE:
      return satchel_uid_set_contains (&key->resolved, subject->sequence);
    case IMAP_KEY_UID:
      return satchel_uid_set_contains (&key->resolved, chunk->uid[row]);
    case IMAP_KEY_BEFORE:
      return satchel_date_day (chunk->internal_date[row], 0) < key->number;
    case IMAP_KEY_ON:
      return satchel_date_day (chunk->internal_date[row], 0) == key->number;
    case IMAP_KEY_SINCE:
      return satchel_date_day (chunk->internal_date[row], 0) >= key->number;
    case IMAP_KEY_SENTBEFORE:
      return sent_day (subject) < key->number;
    case IMAP_KEY_SENTON:
      return sent_day (subject) == key->number;
    case IMAP_KEY_SENTSINCE:
      return sent_day (subject) >= key->number;
    case IMAP_KEY_LARGER:
      return size_of (subject) > (guint64) key->number;
    case IMAP_KEY_SMALLER:
      return size_of (subject) < (guint64) key->number;
    case IMAP_KEY_HEADER:
      return test_header (subject, key);
    case IMAP_KEY_BODY:
      return search_content (subject, SATCHEL_SEARCH_BODY, key);
    case IMAP_KEY_TEXT:
      return search_content (subject, SATCHEL_SEARCH_TEXT, key);
    case IMAP_KEY_NOT:
      return !test (subject, key->children->pdata[0]);
    case IMAP_KEY_AND:
    case IMAP_KEY_OR:
      break;
    }
  gboolean is_or = key->kind == IMAP_KEY_OR;
  for (guint i = 0; i < key->children->len; i++)
    if (test (subject, key->children->pdata[i]) == is_or)
      return is_or;
  return !is_or;
}

/* ---- the run ---- */

/* A key on sizes needs attributes where a size is unknown. */
static gboolean
knows_sizes (const ImapSearchKey *key, const SatchelSnapshot *snapshot)
{
  gboolean asks = key->kind == IMAP_KEY_LARGER || key->kind == IMAP_KEY_SMALLER;
  for (guint i = 0; key->children != NULL && i < key->children->len; i++)
    asks = asks || !knows_sizes (key->children->pdata[i], snapshot);
  for (guint c = 0; asks && c < snapshot->n_chunks; c++)
    for (guint row = 0; row < snapshot->chunks[c]->n; row++)
      if (snapshot->chunks[c]->size[row] == SATCHEL_SIZE_UNKNOWN)
        return FALSE;
  return TRUE;
}

static Search *
search_new (ImapSession *session, ImapCommand *command, GError **error)
{
  const ImapSearchArguments *arguments = command->arguments;
  if (!check_charset (arguments->charset, error))
    return NULL;
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (session->view->mailbox);
  if (!prepare (session, newest, arguments->key, arguments->charset != NULL ? arguments->charset : "UTF-8", error))
    return NULL;
  Search *search = g_new0 (Search, 1);
  command->state = search;
  command->state_free = search_free;
  search->snapshot = g_steal_pointer (&newest);
  search->is_blocking = arguments->key->cost >= BLOCKING_COST || !knows_sizes (arguments->key, search->snapshot);
  return search;
}

static void
test_message (ImapSession *session, ImapCommand *command, Search *search)
{
  const ImapSearchArguments *arguments = command->arguments;
  Subject subject = { .session = session, .search = search, .sequence = search->at + 1 };
  guint32 index;
  subject.chunk = satchel_snapshot_at (session->view->snapshot, search->at, &subject.row);
  guint32 uid = subject.chunk->uid[subject.row];
  if (search->snapshot != session->view->snapshot && satchel_snapshot_find (search->snapshot, uid, &index))
    subject.chunk = satchel_snapshot_at (search->snapshot, index, &subject.row);
  gboolean is_found = test (&subject, arguments->key) && !subject.is_gone;
  guint32 number = command->row->flags & IMAP_COMMAND_UID ? uid : subject.sequence;
  if (is_found)
    satchel_uid_set_add (&search->found, number, number);
  g_clear_pointer (&subject.content, satchel_stream_unref);
}

static ImapStep
tell_found (ImapSession *session, Search *search)
{
  ImapWriter *writer = &session->writer;
  if (!search->is_telling)
    imap_write (writer, "* SEARCH");
  search->is_telling = TRUE;
  for (; search->at_range < search->found.n_ranges; search->at_range++, search->at_number = 0)
    {
      const SatchelRange *range = &search->found.ranges[search->at_range];
      for (search->at_number = MAX (search->at_number, range->first); search->at_number <= range->last; search->at_number++)
        {
          if (imap_writer_is_full (writer))
            return IMAP_STEP_AGAIN;
          imap_write (writer, " ");
          imap_write_number (writer, search->at_number);
        }
    }
  imap_write (writer, "\r\n");
  return IMAP_STEP_DONE;
}

ImapStep
imap_run_search (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  Search *search = command->state != NULL ? command->state : search_new (session, command, &error);
  if (search == NULL)
    {
      if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID))
        return imap_command_bad (command, "Text does not fit its character set.");
      return imap_command_error (session, command, error);
    }
  guint32 n = session->view->snapshot->state.n_messages;
  if (search->is_blocking && !may_block && search->at < n)
    return IMAP_STEP_BLOCK;
  for (guint turn = 0; search->at < n; search->at++, turn++)
    {
      if (turn == INLINE_ROWS && !may_block)
        return IMAP_STEP_AGAIN;
      if (may_block && imap_session_is_cancelled (session))
        return imap_command_no (command, NULL, "Interrupted.");
      test_message (session, command, search);
    }
  ImapStep step = tell_found (session, search);
  return step == IMAP_STEP_DONE ? imap_command_ok (command, "SEARCH completed.") : step;
}
