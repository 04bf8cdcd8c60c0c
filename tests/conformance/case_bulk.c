/* SPDX-License-Identifier: MIT
 * Much at once: a message of 64 MiB, which goes through in pieces, and a mailbox of many messages (100,000 in
 * the long run).
 */
#include "config.h"

#include "calls.h"
#include "conformance.h"
#include "tests/lib/rounds.h"

#include <stdio.h>
#include <string.h>

#define LONG_BYTES (64u * 1024u * 1024u)
#define PIECE 65536u
#define MEMORY_KIB (24u * 1024u) /* more than that for a message of LONG_BYTES is the message itself */
#define BATCH 500u

/* ---- a long message ---- */

/* Of the process, in KiB, since it was last reset; 0: unknown. */
static guint64
peak_memory (void)
{
  g_autofree char *status = NULL;
  const char *line =
      g_file_get_contents ("/proc/self/status", &status, NULL, NULL) ? strstr (status, "VmHWM:") : NULL;
  return line != NULL ? g_ascii_strtoull (line + strlen ("VmHWM:"), NULL, 10) : 0;
}

/* Returns what the process takes up now, from where the peak is counted; 0: it cannot be reset. */
static guint64
reset_peak_memory (void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0; /* a sanitizer keeps what was freed */
#endif
  FILE *file = fopen ("/proc/self/clear_refs", "w");
  gboolean ok = file != NULL && fputs ("5", file) >= 0;
  ok = (file == NULL || fclose (file) == 0) && ok;
  return ok ? peak_memory () : 0;
}

static void
fill_piece (char *piece, guint number)
{
  for (guint i = 0; i < PIECE; i += 64)
    {
      g_snprintf (piece + i, 63, "piece %08u at %08u of a long message, in lines of 64", number, i);
      memset (piece + i + strlen (piece + i), '.', 62 - strlen (piece + i));
      memcpy (piece + i + 62, "\r\n", 2);
    }
}

static guint32
put_long (Fixture *fixture, SatchelMailbox *mailbox)
{
  g_autofree char *piece = g_malloc (PIECE);
  SatchelStage *stage;
  OK ((stage = satchel_stage_new (fixture->store, LONG_BYTES, E)) != NULL);
  for (guint i = 0; i < LONG_BYTES / PIECE; i++)
    {
      fill_piece (piece, i);
      OK (satchel_stage_write (stage, piece, PIECE, E));
    }
  OK (satchel_stage_finish (stage, E));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *append = satchel_transaction_append (transaction, mailbox, stage, 0, NULL, 1700000000);
  OK (satchel_transaction_commit (transaction, E));
  return g_array_index (append->ret_uids, guint32, 0);
}

static void
check_long (SatchelMailbox *mailbox, guint32 uid)
{
  g_autofree char *expected = g_malloc (PIECE), *piece = g_malloc (PIECE);
  g_autoptr (SatchelStream) stream = NULL;
  OK ((stream = satchel_mailbox_open_message (mailbox, uid, E)) != NULL);
  OK (satchel_stream_length (stream, E) == LONG_BYTES);
  for (guint i = 0; i < LONG_BYTES / PIECE; i++)
    {
      fill_piece (expected, i);
      OK (satchel_stream_read_at (stream, (guint64) i * PIECE, piece, PIECE, E) == PIECE);
      g_assert_true (memcmp (piece, expected, PIECE) == 0);
    }
}

static void
case_long_message (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  guint64 before = reset_peak_memory ();
  calls_start (fixture->root, 0, CALLS_FAIL, 0, FALSE);
  guint32 uid = put_long (fixture, inbox);
  calls_stop ();
  check_long (inbox, uid);
  /* A driver that keeps mail in memory makes no calls. */
  if (before != 0 && calls_n () > 0)
    g_assert_cmpuint (peak_memory () - before, <, MEMORY_KIB);
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  inbox = fixture_open (fixture, "INBOX");
  SatchelMessageRow row;
  g_assert_true (row_of (inbox, uid, &row));
  g_assert_cmpuint (row.size, ==, LONG_BYTES);
  check_long (inbox, uid);
}

/* ---- many messages ---- */

static void
put_batch (Fixture *fixture, SatchelMailbox *mailbox, guint first)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  for (guint i = 0; i < BATCH; i++)
    {
      g_autofree char *text = g_strdup_printf ("Subject: %u\r\n\r\n%u\r\n", first + i, first + i);
      satchel_transaction_append (transaction, mailbox, fixture_stage (fixture, text, strlen (text)), 0, NULL,
                                  1600000000 + first + i);
    }
  OK (satchel_transaction_commit (transaction, E));
}

static void
case_many_messages (Fixture *fixture)
{
  const guint n = count_rounds (2, 200) * BATCH;
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  for (guint first = 0; first < n; first += BATCH)
    put_batch (fixture, inbox, first);
  g_auto (SatchelUidSet) all = uid_range (1, G_MAXUINT32);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  satchel_transaction_flags (transaction, inbox, &all, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL,
                             G_MAXUINT64);
  OK (satchel_transaction_commit (transaction, E));
  fixture_expunge (fixture, inbox, 1, n / 2);
  for (guint pass = 0; pass < 2; pass++)
    {
      const SatchelMailboxState state = state_of (inbox);
      g_assert_cmpuint (state.n_messages, ==, n - n / 2);
      g_assert_cmpuint (state.n_unseen, ==, 0);
      g_assert_cmpuint (state.uidnext, >, n);
      for (guint uid = n / 2 + 1; uid <= n; uid += n / 7)
        {
          SatchelMessageRow row;
          g_autofree char *text = g_strdup_printf ("Subject: %u\r\n\r\n%u\r\n", uid - 1, uid - 1);
          g_assert_true (row_of (inbox, uid, &row));
          g_assert_cmpint (row.internal_date, ==, 1600000000 + uid - 1);
          assert_content (inbox, uid, text, strlen (text));
        }
      g_clear_pointer (&inbox, satchel_mailbox_unref);
      fixture_reopen (fixture);
      inbox = fixture_open (fixture, "INBOX");
    }
}

const ConformanceCase conformance_bulk[] = {
  { "long-message", case_long_message },
  { "many-messages", case_many_messages },
  { NULL, NULL },
};
