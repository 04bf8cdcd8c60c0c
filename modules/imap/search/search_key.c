/* SPDX-License-Identifier: MIT
 * Implements search keys (RFC 3501 6.4.4; RFC 5032, RFC 8474, RFC 8514): prepared for a mailbox, and tested
 * against one message, cheap ones first.
 */
#include "messages/objectid.h"
#include "search/search.h"

#include <satchel/charset.h>
#include <satchel/date.h>
#include <satchel/search.h>
#include <string.h>

#define CONTENT_COST 100u /* keys from here on open the message */

static GBytes *
attributes_of (ImapSubject *subject)
{
  GBytes *attributes = imap_search_attributes (subject->session, subject->search, subject->sequence - 1);
  if (attributes == NULL)
    subject->is_gone = TRUE;
  return attributes;
}

static gboolean
search_content (ImapSubject *subject, SatchelSearchKind kind, const ImapSearchKey *key)
{
  g_autoptr (GError) error = NULL;
  GBytes *attributes = attributes_of (subject);
  if (attributes == NULL)
    return FALSE;
  if (subject->content == NULL)
    subject->content = satchel_mailbox_open_message (subject->session->view->mailbox,
                                                     subject->chunk->uid[subject->row], &error);
  SatchelSearchTerm term = { .kind = kind, .name = key->name, .needle = key->needle };
  if (subject->content == NULL || !satchel_search_content (attributes, subject->content, &term, 1, &error))
    {
      SatchelErrorCode code =
          g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED) ? SATCHEL_ERROR_LOCKED : 0;
      imap_search_note_locked (subject->search, &code, 1);
      subject->is_gone = TRUE;
      return FALSE;
    }
  return term.is_found;
}

/* Makes the keys of this message and of the next ones.  FALSE: that of this message cannot be made. */
static gboolean
make_keys (ImapSubject *subject, SatchelKeyKind kind)
{
  const guint32 n_messages = subject->session->view->snapshot->state.n_messages;
  guint32 uids[IMAP_SEARCH_BATCH];
  SatchelErrorCode codes[IMAP_SEARCH_BATCH] = { 0 };
  guint n = 0;
  for (guint32 index = subject->sequence - 1; index < n_messages && n < IMAP_SEARCH_BATCH; index++)
    uids[n++] = imap_search_uid (subject->session, index);
  satchel_mailbox_keys (subject->session->view->mailbox, kind, uids, n, NULL, NULL, codes, NULL);
  return codes[0] == 0;
}

/* Calls @func with a key that the mailbox keeps; those of the next messages are made along with it.  FALSE:
 * ask the attributes. */
static gboolean
use_key (ImapSubject *subject, SatchelKeyKind kind, SatchelKeyFunc func, gpointer data)
{
  ImapSearch *search = subject->search;
  SatchelMailbox *mailbox = subject->session->view->mailbox;
  guint32 uid = subject->chunk->uid[subject->row];
  if (search->not_kept >> kind & 1)
    return FALSE;
  if (satchel_mailbox_peek_key (mailbox, kind, uid, func, data))
    return TRUE;
  if (!make_keys (subject, kind))
    return FALSE;
  if (satchel_mailbox_peek_key (mailbox, kind, uid, func, data))
    return TRUE;
  search->not_kept |= 1u << kind; /* the key was made and not kept, for want of room */
  return FALSE;
}

typedef struct KeyMatch
{
  const SatchelNeedle *needle;
  SatchelMatch match;
} KeyMatch;

static void
match_key (guint index, const void *key, gsize len, gpointer data)
{
  KeyMatch *match = data;
  match->match = satchel_key_search (key, len, match->needle);
}

static gboolean
test_header (ImapSubject *subject, const ImapSearchKey *key)
{
  KeyMatch kept = { key->needle, SATCHEL_MATCH_UNKNOWN };
  if (key->number >= 0)
    use_key (subject, (SatchelKeyKind) key->number, match_key, &kept);
  if (kept.match == SATCHEL_MATCH_UNKNOWN)
    {
      GBytes *attributes = attributes_of (subject);
      if (attributes == NULL)
        return FALSE;
      kept.match = satchel_search_header (attributes, key->name, key->needle);
    }
  return kept.match == SATCHEL_MATCH_UNKNOWN ? search_content (subject, SATCHEL_SEARCH_HEADER, key)
                                             : kept.match == SATCHEL_MATCH_YES;
}

typedef struct SentDate
{
  gint64 time;
  int zone;
} SentDate;

static void
read_sent (guint index, const void *key, gsize len, gpointer data)
{
  SentDate *sent = data;
  satchel_key_sent (key, len, &sent->time, &sent->zone);
}

/* Returns the day of the Date field as written there; without one the internal date (RFC 5256 2.2 has the
 * same rule). */
static gint64
sent_day (ImapSubject *subject)
{
  SentDate sent = { subject->chunk->internal_date[subject->row], 0 };
  if (!use_key (subject, SATCHEL_KEY_SENT, read_sent, &sent))
    {
      GBytes *attributes = attributes_of (subject);
      if (attributes != NULL)
        satchel_attributes_sent_date (attributes, &sent.time, &sent.zone);
    }
  return satchel_date_day (sent.time, sent.zone);
}

static guint64
size_of (ImapSubject *subject)
{
  guint64 size = subject->chunk->size[subject->row];
  if (size != SATCHEL_SIZE_UNKNOWN)
    return size;
  GBytes *attributes = attributes_of (subject);
  return attributes != NULL ? satchel_attributes_size (attributes) : 0;
}

static gint64
received_day (const ImapSubject *subject)
{
  return satchel_date_day (subject->chunk->internal_date[subject->row], 0);
}

/* Returns the day of the save date, or of the internal date if there is none (RFC 8514 4.3). */
static gint64
saved_day (const ImapSubject *subject)
{
  gint64 time = subject->chunk->save_date[subject->row];
  return satchel_date_day (time != 0 ? time : subject->chunk->internal_date[subject->row], 0);
}

static gboolean
test_objectid (ImapSubject *subject, const ImapSearchKey *key)
{
  char id[IMAP_OBJECTID_SIZE];
  SatchelMailbox *mailbox = subject->session->view->mailbox;
  guint32 uid = subject->chunk->uid[subject->row];
  GBytes *attributes = NULL;
  if (key->kind == IMAP_KEY_THREADID && (attributes = attributes_of (subject)) == NULL)
    return FALSE;
  gboolean is_known = key->kind == IMAP_KEY_EMAILID ? imap_email_id (mailbox, uid, id, NULL)
                                                    : imap_thread_id (mailbox, uid, attributes, id, NULL);
  if (!is_known)
    subject->is_gone = TRUE;
  return is_known && strcmp (id, key->name) == 0;
}

static gboolean
test_all (ImapSubject *subject, const ImapSearchKey *key)
{
  return TRUE;
}

static gboolean
test_flags (ImapSubject *subject, const ImapSearchKey *key)
{
  return (subject->chunk->flags[subject->row] & key->mask) == key->value;
}

static gboolean
test_recent (ImapSubject *subject, const ImapSearchKey *key)
{
  return imap_view_is_recent (subject->session->view, subject->chunk->uid[subject->row]);
}

static gboolean
test_keyword (ImapSubject *subject, const ImapSearchKey *key)
{
  return key->keyword_bit >= 0
         && satchel_chunk_has_keyword (subject->chunk, subject->row, (guint) key->keyword_bit);
}

static gboolean
test_sequence (ImapSubject *subject, const ImapSearchKey *key)
{
  return satchel_uid_set_contains (&key->resolved, subject->sequence);
}

static gboolean
test_uid (ImapSubject *subject, const ImapSearchKey *key)
{
  return satchel_uid_set_contains (&key->resolved, subject->chunk->uid[subject->row]);
}

static gboolean
test_modseq (ImapSubject *subject, const ImapSearchKey *key)
{
  return subject->chunk->modseq[subject->row] >= (guint64) key->number;
}

static gboolean
test_before (ImapSubject *subject, const ImapSearchKey *key)
{
  return received_day (subject) < key->number;
}

static gboolean
test_on (ImapSubject *subject, const ImapSearchKey *key)
{
  return received_day (subject) == key->number;
}

static gboolean
test_since (ImapSubject *subject, const ImapSearchKey *key)
{
  return received_day (subject) >= key->number;
}

static gboolean
test_older (ImapSubject *subject, const ImapSearchKey *key)
{
  return subject->chunk->internal_date[subject->row] <= key->number;
}

static gboolean
test_younger (ImapSubject *subject, const ImapSearchKey *key)
{
  return subject->chunk->internal_date[subject->row] >= key->number;
}

static gboolean
test_sent_before (ImapSubject *subject, const ImapSearchKey *key)
{
  return sent_day (subject) < key->number;
}

static gboolean
test_sent_on (ImapSubject *subject, const ImapSearchKey *key)
{
  return sent_day (subject) == key->number;
}

static gboolean
test_sent_since (ImapSubject *subject, const ImapSearchKey *key)
{
  return sent_day (subject) >= key->number;
}

static gboolean
test_saved_before (ImapSubject *subject, const ImapSearchKey *key)
{
  return saved_day (subject) < key->number;
}

static gboolean
test_saved_on (ImapSubject *subject, const ImapSearchKey *key)
{
  return saved_day (subject) == key->number;
}

static gboolean
test_saved_since (ImapSubject *subject, const ImapSearchKey *key)
{
  return saved_day (subject) >= key->number;
}

/* Says whether the mailbox has save dates, which was found when the key was prepared. */
static gboolean
test_save_dates (ImapSubject *subject, const ImapSearchKey *key)
{
  return key->number != 0;
}

static gboolean
test_larger (ImapSubject *subject, const ImapSearchKey *key)
{
  return size_of (subject) > (guint64) key->number;
}

static gboolean
test_smaller (ImapSubject *subject, const ImapSearchKey *key)
{
  return size_of (subject) < (guint64) key->number;
}

static gboolean
test_body (ImapSubject *subject, const ImapSearchKey *key)
{
  return search_content (subject, SATCHEL_SEARCH_BODY, key);
}

static gboolean
test_text (ImapSubject *subject, const ImapSearchKey *key)
{
  return search_content (subject, SATCHEL_SEARCH_TEXT, key);
}

static gboolean
test_not (ImapSubject *subject, const ImapSearchKey *key)
{
  return !imap_search_test (subject, key->children->pdata[0]);
}

static gboolean
test_and (ImapSubject *subject, const ImapSearchKey *key)
{
  for (guint i = 0; i < key->children->len; i++)
    if (!imap_search_test (subject, key->children->pdata[i]))
      return FALSE;
  return TRUE;
}

static gboolean
test_or (ImapSubject *subject, const ImapSearchKey *key)
{
  for (guint i = 0; i < key->children->len; i++)
    if (imap_search_test (subject, key->children->pdata[i]))
      return TRUE;
  return FALSE;
}

/* Each key's test, the cost of it, and whether it needs a date of the message. */
static const struct
{
  gboolean (*test) (ImapSubject *subject, const ImapSearchKey *key);
  guint cost;
  gboolean asks_date;
} kinds[] = {
  [IMAP_KEY_ALL] = { test_all },
  [IMAP_KEY_FLAGS] = { test_flags },
  [IMAP_KEY_RECENT] = { test_recent },
  [IMAP_KEY_KEYWORD] = { test_keyword, .cost = 1 },
  [IMAP_KEY_SEQUENCE] = { test_sequence, .cost = 1 },
  [IMAP_KEY_UID] = { test_uid, .cost = 1 },
  [IMAP_KEY_BEFORE] = { test_before, .asks_date = TRUE },
  [IMAP_KEY_ON] = { test_on, .asks_date = TRUE },
  [IMAP_KEY_SINCE] = { test_since, .asks_date = TRUE },
  [IMAP_KEY_SENTBEFORE] = { test_sent_before, IMAP_SEARCH_BLOCKING_COST, TRUE },
  [IMAP_KEY_SENTON] = { test_sent_on, IMAP_SEARCH_BLOCKING_COST, TRUE },
  [IMAP_KEY_SENTSINCE] = { test_sent_since, IMAP_SEARCH_BLOCKING_COST, TRUE },
  [IMAP_KEY_LARGER] = { test_larger },
  [IMAP_KEY_SMALLER] = { test_smaller },
  [IMAP_KEY_OLDER] = { test_older, .asks_date = TRUE },
  [IMAP_KEY_YOUNGER] = { test_younger, .asks_date = TRUE },
  [IMAP_KEY_SAVEDBEFORE] = { test_saved_before, .asks_date = TRUE },
  [IMAP_KEY_SAVEDON] = { test_saved_on, .asks_date = TRUE },
  [IMAP_KEY_SAVEDSINCE] = { test_saved_since, .asks_date = TRUE },
  [IMAP_KEY_SAVEDATESUPPORTED] = { test_save_dates },
  [IMAP_KEY_EMAILID] = { test_objectid, IMAP_SEARCH_BLOCKING_COST + 5 },
  [IMAP_KEY_THREADID] = { test_objectid, IMAP_SEARCH_BLOCKING_COST + 15 },
  [IMAP_KEY_HEADER] = { test_header, IMAP_SEARCH_BLOCKING_COST + 10 },
  [IMAP_KEY_BODY] = { test_body, CONTENT_COST },
  [IMAP_KEY_TEXT] = { test_text, CONTENT_COST + 1 },
  [IMAP_KEY_MODSEQ] = { test_modseq },
  [IMAP_KEY_AND] = { test_and },
  [IMAP_KEY_OR] = { test_or },
  [IMAP_KEY_NOT] = { test_not },
};
G_STATIC_ASSERT (G_N_ELEMENTS (kinds) == IMAP_KEY_NOT + 1);

/* Says whether a message meets a key. The depth is bounded (IMAP_SEARCH_DEPTH_MAX). */
gboolean
imap_search_test (ImapSubject *subject, const ImapSearchKey *key)
{
  return kinds[key->kind].test (subject, key);
}

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

gboolean
imap_search_asks_date (ImapKeyKind kind)
{
  return kinds[kind].asks_date;
}

/* Prepares the keys that name messages. "$" is a set of UIDs, whichever command it was saved by (RFC 5182
 * 2.1). */
static void
prepare_set (const ImapView *view, ImapSearchKey *key)
{
  guint32 n = view->snapshot->state.n_messages, star = n;
  if (key->set.is_saved)
    {
      key->kind = IMAP_KEY_UID;
      satchel_uid_set_copy (&view->saved, &key->resolved);
      return;
    }
  if (key->kind == IMAP_KEY_UID && n > 0)
    {
      guint row;
      const SatchelChunk *last = satchel_snapshot_at (view->snapshot, n - 1, &row);
      star = last->uid[row];
    }
  imap_sequence_resolve (&key->set, star, &key->resolved);
}

/* Says whether the store has save dates. One that keeps them has them for what it keeps; others have none at
 * all. */
static gboolean
has_save_dates (const SatchelSnapshot *snapshot)
{
  for (guint c = 0; c < snapshot->n_chunks; c++)
    for (guint row = 0; row < snapshot->chunks[c]->n; row++)
      if (snapshot->chunks[c]->save_date[row] != 0)
        return TRUE;
  return FALSE;
}

gboolean
imap_search_prepare (const ImapSession *session, const ImapSearch *search, ImapSearchKey *key,
                     const char *charset, GError **error)
{
  SatchelKeyKind kept;
  key->cost = kinds[key->kind].cost;
  if (key->kind == IMAP_KEY_SEQUENCE || key->kind == IMAP_KEY_UID)
    prepare_set (session->view, key);
  else if (key->kind == IMAP_KEY_OLDER || key->kind == IMAP_KEY_YOUNGER)
    key->number = search->now - key->number;
  else if (key->kind == IMAP_KEY_SAVEDATESUPPORTED)
    key->number = has_save_dates (search->snapshot);
  else if (key->kind == IMAP_KEY_KEYWORD)
    key->keyword_bit = satchel_snapshot_keyword (search->snapshot, key->text);
  else if (key->text != NULL && !prepare_text (key, charset, error))
    return FALSE;
  if (key->kind == IMAP_KEY_HEADER)
    key->number = satchel_key_of_header (key->name, &kept) ? (gint64) kept : -1;
  for (guint i = 0; key->children != NULL && i < key->children->len; i++)
    {
      ImapSearchKey *child = key->children->pdata[i];
      if (!imap_search_prepare (session, search, child, charset, error))
        return FALSE;
      key->cost = MAX (key->cost, child->cost);
    }
  if (key->children != NULL)
    g_ptr_array_sort (key->children, compare_cost);
  return TRUE;
}
