/* SPDX-License-Identifier: MIT
 * Many threads on one store: nothing is lost, no UID is given twice, readers see whole snapshots.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

#define THREADS 8u
#define ROUNDS 12u

typedef struct Worker
{
  Fixture *fixture;
  SatchelMailbox *mailbox, *other;
  guint number;
  GArray *uids; /* guint32 it was told */
  gint *stop;
} Worker;

static void
run_workers (Worker *workers, guint n, GThreadFunc func)
{
  GThread *threads[THREADS];
  for (guint i = 0; i < n; i++)
    threads[i] = g_thread_new ("worker", func, &workers[i]);
  for (guint i = 0; i < n; i++)
    g_thread_join (threads[i]);
}

static void
init_workers (Worker *workers, Fixture *fixture, SatchelMailbox *mailbox, SatchelMailbox *other, gint *stop)
{
  for (guint i = 0; i < THREADS; i++)
    workers[i] = (Worker) { fixture, mailbox, other, i, g_array_new (FALSE, FALSE, sizeof (guint32)), stop };
}

static void
free_workers (Worker *workers)
{
  for (guint i = 0; i < THREADS; i++)
    g_array_unref (workers[i].uids);
}

static gpointer
append_many (gpointer data)
{
  Worker *worker = data;
  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autofree char *text = g_strdup_printf ("Subject: %u.%u\r\n\r\n", worker->number, i);
      guint32 uid = fixture_put_bytes (worker->fixture, worker->mailbox, text, strlen (text), 0, NULL,
                                       worker->number * 1000 + i);
      g_array_append_val (worker->uids, uid);
    }
  return NULL;
}

static void
case_appends (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  Worker workers[THREADS];
  init_workers (workers, fixture, mailbox, NULL, NULL);
  run_workers (workers, THREADS, append_many);
  for (guint pass = 0; pass < 2; pass++)
    {
      g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
      g_assert_cmpuint (state_of (mailbox).n_messages, ==, THREADS * ROUNDS);
      for (guint i = 0; i < THREADS; i++)
        for (guint k = 0; k < ROUNDS; k++)
          {
            guint32 uid = g_array_index (workers[i].uids, guint32, k);
            g_autofree char *text = g_strdup_printf ("Subject: %u.%u\r\n\r\n", i, k);
            SatchelMessageRow row;
            g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (uid)));
            g_assert_true (row_of (mailbox, uid, &row));
            g_assert_cmpint (row.internal_date, ==, i * 1000 + k);
            assert_content (mailbox, uid, text, strlen (text));
          }
      g_clear_pointer (&mailbox, satchel_mailbox_unref);
      fixture_reopen (fixture);
      mailbox = fixture_open (fixture, "INBOX");
    }
  free_workers (workers);
}

/* Reads while others change: a snapshot's counters always fit its rows. */
static gpointer
read_on (gpointer data)
{
  Worker *worker = data;
  guint64 last_modseq = 0;
  while (!g_atomic_int_get (worker->stop))
    {
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (worker->mailbox);
      guint32 n = 0, unseen = 0, last = 0;
      for (guint c = 0; c < snapshot->n_chunks; c++)
        for (guint row = 0; row < snapshot->chunks[c]->n; row++, n++)
          {
            g_assert_cmpuint (snapshot->chunks[c]->uid[row], >, last);
            last = snapshot->chunks[c]->uid[row];
            unseen += (snapshot->chunks[c]->flags[row] & SATCHEL_FLAG_SEEN) == 0;
            g_assert_cmpuint (snapshot->chunks[c]->modseq[row], <=, snapshot->state.highestmodseq);
          }
      g_assert_cmpuint (n, ==, snapshot->state.n_messages);
      g_assert_cmpuint (unseen, ==, snapshot->state.n_unseen);
      g_assert_cmpuint (last, <, snapshot->state.uidnext);
      g_assert_cmpuint (snapshot->state.highestmodseq, >=, last_modseq);
      last_modseq = snapshot->state.highestmodseq;
      if (n > 0)
        {
          g_autoptr (GError) error = NULL;
          g_autoptr (SatchelStream) stream = satchel_mailbox_open_message (worker->mailbox, last, &error);
          g_assert_true (stream != NULL || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_GONE));
          GBytes *attributes = NULL;
          OK (satchel_mailbox_attributes (worker->mailbox, &last, 1, &attributes, NULL, E));
          g_clear_pointer (&attributes, g_bytes_unref);
        }
      SatchelMailboxState state;
      g_autoptr (GPtrArray) infos = NULL;
      OK (satchel_store_status (worker->fixture->store, "INBOX", &state, E));
      OK ((infos = satchel_store_list (worker->fixture->store, E)) != NULL);
      g_thread_yield ();
    }
  return NULL;
}

static gpointer
change_on (gpointer data)
{
  Worker *worker = data;
  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autofree char *subject = g_strdup_printf ("%u.%u", worker->number, i);
      guint32 uid = fixture_put (worker->fixture, worker->mailbox, subject);
      fixture_set_flags (worker->fixture, worker->mailbox, uid, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, "busy");
      if (i % 2 == 0)
        fixture_expunge (worker->fixture, worker->mailbox, uid, uid);
      else
        g_array_append_val (worker->uids, uid);
      if (i % 5 == 0)
        {
          g_autofree char *name = g_strdup_printf ("made-%u-%u", worker->number, i);
          OK (satchel_store_create (worker->fixture->store, name, 0, E));
        }
      OK (satchel_mailbox_sync (worker->mailbox, E));
    }
  return NULL;
}

static void
case_mixed (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  gint stop = 0;
  Worker workers[THREADS];
  GThread *readers[2];
  init_workers (workers, fixture, mailbox, NULL, &stop);
  for (guint i = 0; i < 2; i++)
    readers[i] = g_thread_new ("reader", read_on, &workers[i]);
  run_workers (workers, THREADS, change_on);
  g_atomic_int_set (&stop, 1);
  for (guint i = 0; i < 2; i++)
    g_thread_join (readers[i]);
  g_assert_cmpuint (state_of (mailbox).n_messages, ==, THREADS * ROUNDS / 2);
  g_assert_cmpuint (state_of (mailbox).n_unseen, ==, 0);
  for (guint i = 0; i < THREADS; i++)
    for (guint k = 0; k < workers[i].uids->len; k++)
      {
        g_autofree char *keywords = keywords_of (mailbox, g_array_index (workers[i].uids, guint32, k));
        g_assert_cmpstr (keywords, ==, "busy");
      }
  free_workers (workers);
}

/* Takes what it can get from one mailbox to the other; half of them the other way. */
static gpointer
move_about (gpointer data)
{
  Worker *worker = data;
  SatchelMailbox *from = worker->number % 2 == 0 ? worker->mailbox : worker->other;
  SatchelMailbox *to = worker->number % 2 == 0 ? worker->other : worker->mailbox;
  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (from);
      if (snapshot->state.n_messages == 0)
        continue;
      guint row;
      const SatchelChunk *chunk =
          satchel_snapshot_at (snapshot, (worker->number * 7 + i) % snapshot->state.n_messages, &row);
      fixture_move (worker->fixture, from, chunk->uid[row], to); /* perhaps somebody was faster */
    }
  return NULL;
}

static void
case_moves (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) other = fixture_open (fixture, "other");
  Worker workers[THREADS];
  g_autoptr (GHashTable) ids =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  for (guint i = 0; i < 20; i++)
    fixture_put (fixture, i % 2 == 0 ? inbox : other, "x");
  init_workers (workers, fixture, inbox, other, NULL);
  run_workers (workers, THREADS, move_about);
  free_workers (workers);
  g_assert_cmpuint (state_of (inbox).n_messages + state_of (other).n_messages, ==, 20);
  SatchelMailbox *const both[] = { inbox, other };
  for (guint b = 0; b < 2; b++)
    {
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (both[b]);
      for (guint32 i = 0; i < snapshot->state.n_messages; i++)
        {
          guint row;
          guint8 id[16];
          const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
          OK (satchel_mailbox_email_id (both[b], chunk->uid[row], id, E));
          g_assert_true (g_hash_table_add (ids, g_bytes_new (id, 16)));
          g_autoptr (GBytes) content = content_of (both[b], chunk->uid[row]);
          g_assert_cmpuint (g_bytes_get_size (content), >, 0);
        }
    }
}

static gpointer
claim_all (gpointer data)
{
  Worker *worker = data;
  for (guint i = 0; i < ROUNDS; i++)
    {
      guint32 upto = state_of (worker->mailbox).uidnext, first;
      if (worker->number == 0)
        fixture_put (worker->fixture, worker->mailbox, "x");
      OK (satchel_mailbox_claim_recent (worker->mailbox, upto, &first, E));
      for (; first < upto; first++)
        g_array_append_val (worker->uids, first);
    }
  return NULL;
}

static void
case_recent (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  Worker workers[THREADS];
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < 10; i++)
    fixture_put (fixture, mailbox, "x");
  init_workers (workers, fixture, mailbox, NULL, NULL);
  run_workers (workers, THREADS, claim_all);
  for (guint i = 0; i < THREADS; i++)
    for (guint k = 0; k < workers[i].uids->len; k++)
      g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (g_array_index (workers[i].uids, guint32, k))));
  g_assert_cmpuint (g_hash_table_size (seen), >=, 10);
  free_workers (workers);
}

const ConformanceCase conformance_parallel[] = {
  { "appends", case_appends }, { "mixed", case_mixed }, { "moves", case_moves },
  { "recent", case_recent },   { NULL, NULL },
};
