/* SPDX-License-Identifier: MIT
 * Content comes back byte for byte, by any way in and out; attributes; ids.
 */
#include "config.h"

#include "core/storage/store/store_open.h"
#include "conformance.h"

#include <fcntl.h>
#include <satchel/attributes.h>
#include <satchel/message.h>
#include <string.h>
#include <unistd.h>

static void
put_and_check (Fixture *fixture, const void *data, gsize len)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put_bytes (fixture, mailbox, data, len, 0, NULL, 1);
  SatchelMessageRow row;
  g_assert_true (row_of (mailbox, uid, &row));
  g_assert_cmpuint (row.size, ==, len);
  assert_content (mailbox, uid, data, len);
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  g_assert_true (row_of (mailbox, uid, &row));
  g_assert_cmpuint (row.size, ==, len);
  assert_content (mailbox, uid, data, len);
}

static void
case_sizes (Fixture *fixture)
{
  const gsize sizes[] = { 0, 1, 2, 4095, 4096, 65535, 65536, 65537, 200001 };
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      /* Lines of CRLF as far as they go, then the same without any line end. */
      g_autofree char *lines = g_malloc (sizes[i] + 1), *plain = g_strnfill (sizes[i], 'p');
      for (gsize k = 0; k < sizes[i]; k++)
        lines[k] = "a line\r\n"[k % 8];
      put_and_check (fixture, lines, sizes[i]);
      put_and_check (fixture, plain, sizes[i]);
    }
}

static void
case_line_ends (Fixture *fixture)
{
  static const struct
  {
    const char *bytes;
    gsize len;
  } contents[] = {
#define BYTES(text) { text, sizeof (text) - 1 }
    BYTES ("\n"),
    BYTES ("\r\n"),
    BYTES ("\r"),
    BYTES ("\r\r\n"),
    BYTES ("\n\r"),
    BYTES ("a\nb\n"),
    BYTES ("a\r\nb\r\n"),
    BYTES ("a\r\nb\n"),
    BYTES ("a\nb\r\n"),
    BYTES ("a\r\nb"),
    BYTES ("a\rb\r\n"),
    BYTES ("a\r\r\nb\r\n"),
    BYTES ("a\r"),
    BYTES ("a\r\n\r"),
    BYTES ("\0"),
    BYTES ("a\0b\r\nc\0\r\n"),
    BYTES ("\xff\xfe\r\n\x80\r\n"),
    BYTES (".\r\n..\r\n"),
    BYTES ("From a@b Thu Jan  1 00:00:00 1970\r\n>From x\r\n"),
    BYTES ("\x1a\x04\x7f\r\n"),
#undef BYTES
  };
  for (guint i = 0; i < G_N_ELEMENTS (contents); i++)
    put_and_check (fixture, contents[i].bytes, contents[i].len);
}

/* Line ends on the edges of what drivers buffer. */
static void
case_line_end_on_edge (Fixture *fixture)
{
  g_autofree char *bytes = g_strnfill (65536 * 2, 'e');
  const gsize edges[] = { 4096, 8192, 16384, 32768, 65536 };
  for (guint i = 0; i < G_N_ELEMENTS (edges); i++)
    {
      bytes[edges[i] - 1] = '\r';
      bytes[edges[i]] = '\n';
    }
  put_and_check (fixture, bytes, 65536 * 2);
  bytes[edges[2]] = 'x'; /* one bare CR at an edge */
  put_and_check (fixture, bytes, 65536 * 2);
}

static void
case_random_bytes (Fixture *fixture)
{
  for (guint i = 0; i < 12; i++)
    {
      gsize len = (gsize) g_test_rand_int_range (0, 90000);
      g_autofree char *bytes = g_malloc (len + 1);
      /* Half of them from a small alphabet, so that line ends meet often. */
      for (gsize k = 0; k < len; k++)
        bytes[k] =
            (char) (i % 2 == 0 ? g_test_rand_int_range (0, 256) : "\r\na\0"[g_test_rand_int_range (0, 4)]);
      put_and_check (fixture, bytes, len);
    }
}

static void
case_read_anywhere (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  GString *text = g_string_new (NULL);
  for (guint i = 0; text->len < 300000; i++)
    g_string_append_printf (text, "line %u of the message%s", i, "\r\n");
  guint32 uid = fixture_put_bytes (fixture, mailbox, text->str, text->len, 0, NULL, 1);
  g_autoptr (SatchelStream) stream = NULL;
  OK ((stream = satchel_mailbox_open_message (mailbox, uid, E)) != NULL);
  for (guint i = 0; i < 300; i++)
    {
      char buffer[3000];
      gsize offset = (gsize) g_test_rand_int_range (0, (gint) text->len + 100);
      gsize want = (gsize) g_test_rand_int_range (1, sizeof (buffer));
      gsize expected = offset >= text->len ? 0 : MIN (want, text->len - offset);
      gssize n;
      OK ((n = satchel_stream_read_at (stream, offset, buffer, want, E)) >= 0);
      g_assert_cmpmem (buffer, (gsize) n, text->str + MIN (offset, text->len), expected);
    }
  char byte;
  OK (satchel_stream_read_at (stream, G_MAXINT64, &byte, 1, E) == 0);
  g_string_free (text, TRUE);
}

static void
case_gone (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, mailbox, "x");
  g_autoptr (GBytes) before = content_of (mailbox, uid);
  g_autoptr (SatchelStream) stream = NULL;
  OK ((stream = satchel_mailbox_open_message (mailbox, uid, E)) != NULL);
  fixture_expunge (fixture, mailbox, uid, uid);
  FAILS (SATCHEL_ERROR_GONE, satchel_mailbox_open_message (mailbox, uid, E));
  FAILS (SATCHEL_ERROR_GONE, satchel_mailbox_open_message (mailbox, uid + 1000, E));
  g_assert_null (satchel_mailbox_peek_message (mailbox, uid));
  g_assert_null (satchel_mailbox_peek_message (mailbox, uid + 1000));
  guint8 id[16] = { 0xa5, 0xa5 };
  FAILS (SATCHEL_ERROR_GONE, satchel_mailbox_email_id (mailbox, uid, id, E));
  g_assert_cmpuint (id[1], ==, 0xa5);
  /* Who had it open goes on reading. */
  char buffer[1000];
  gssize n;
  OK ((n = satchel_stream_read_at (stream, 0, buffer, sizeof (buffer), E)) >= 0);
  g_assert_cmpmem (buffer, (gsize) n, g_bytes_get_data (before, NULL), g_bytes_get_size (before));
}

static void
case_attributes (Fixture *fixture)
{
  const char text[] =
      "From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: plans\r\nDate: Mon, 1 Jan 2024 "
      "10:00:00 +0100\r\n"
      "Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
      "--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>two\r\n--b--\r\n";
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put_bytes (fixture, mailbox, text, strlen (text), 0, NULL, 1);
  guint32 second = fixture_put (fixture, mailbox, "second");
  g_autoptr (GBytes) as_bytes = g_bytes_new_static (text, strlen (text));
  g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (as_bytes);
  g_autoptr (GBytes) expected = NULL;
  OK ((expected = satchel_scan_stream (stream, E)) != NULL);
  for (guint pass = 0; pass < 2; pass++)
    {
      const guint32 uids[] = { second, uid + 5000, uid, uid };
      GBytes *got[4] = { (GBytes *) 1, (GBytes *) 1, (GBytes *) 1, (GBytes *) 1 }; /* poison */
      OK (satchel_mailbox_attributes (mailbox, uids, 4, got, NULL, E));
      g_assert_null (got[1]);
      g_assert_nonnull (got[0]);
      g_assert_true (g_bytes_equal (got[2], expected) && g_bytes_equal (got[3], expected));
      g_assert_cmpuint (satchel_attributes_size (got[2]), ==, strlen (text));
      g_assert_cmpuint (satchel_attributes_n_parts (got[2]), ==, 3);
      g_assert_false (g_bytes_equal (got[0], expected));
      for (guint i = 0; i < 4; i++)
        g_clear_pointer (&got[i], g_bytes_unref);
      g_clear_pointer (&mailbox, satchel_mailbox_unref);
      fixture_reopen (fixture);
      mailbox = fixture_open (fixture, "INBOX");
    }
}

/* A message that crashed the scanner is served without being scanned. */
static void
case_suspect (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  const char text[] = "Content-Type: text/html\r\n\r\n<p>";
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *operation =
      satchel_transaction_append (transaction, mailbox, fixture_stage (fixture, text, strlen (text)),
                                  SATCHEL_FLAG_UNPARSED | SATCHEL_FLAG_SEEN, NULL, 1);
  OK (satchel_transaction_commit (transaction, E));
  guint32 uid = g_array_index (operation->ret_uids, guint32, 0);
  GBytes *attributes = NULL;
  OK (satchel_mailbox_attributes (mailbox, &uid, 1, &attributes, NULL, E));
  g_assert_false (satchel_attributes_is_parsed (attributes));
  g_assert_cmpuint (satchel_attributes_size (attributes), ==, strlen (text));
  g_bytes_unref (attributes);
  assert_content (mailbox, uid, text, strlen (text));
}

static guint32
put_spooled (Fixture *fixture, SatchelMailbox *mailbox, const char *on_disk, gboolean is_lf, guint64 size)
{
  g_autofree char *path = g_build_filename (fixture->root, "spool", "message", NULL);
  OK (g_file_set_contents (path, on_disk, -1, E));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelStage *stage;
  OK ((stage = satchel_stage_new_spooled (fixture->store, "spool/message", is_lf, size, NULL, E)) != NULL);
  g_assert_cmpuint (satchel_stage_size (stage), ==, size);
  g_assert_nonnull (satchel_stage_attributes (stage));
  SatchelOperation *operation = satchel_transaction_append (transaction, mailbox, stage, 0, NULL, 1);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpint (unlink (path), ==, 0); /* the deliverer takes its name away */
  return g_array_index (operation->ret_uids, guint32, 0);
}

static void
case_spooled (Fixture *fixture)
{
  const char sent[] = "Subject: x\r\n\r\nbody\r\nend\r\n", mixed[] = "Subject: y\r\n\nbody\n";
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 from_lf = put_spooled (fixture, mailbox, "Subject: x\n\nbody\nend\n", TRUE, strlen (sent));
  guint32 as_is = put_spooled (fixture, mailbox, mixed, FALSE, strlen (mixed));
  for (guint pass = 0; pass < 2; pass++)
    {
      SatchelMessageRow row;
      assert_content (mailbox, from_lf, sent, strlen (sent));
      assert_content (mailbox, as_is, mixed, strlen (mixed));
      g_assert_true (row_of (mailbox, from_lf, &row));
      g_assert_cmpuint (row.size, ==, strlen (sent));
      g_clear_pointer (&mailbox, satchel_mailbox_unref);
      fixture_reopen (fixture);
      mailbox = fixture_open (fixture, "INBOX");
    }
  FAILS (SATCHEL_ERROR_INVALID,
         satchel_stage_new_spooled (fixture->store, "spool/../secret", FALSE, 1, NULL, E));
  FAILS (SATCHEL_ERROR_INVALID,
         satchel_stage_new_spooled (fixture->store, "example.org/x", FALSE, 1, NULL, E));
  FAILS (SATCHEL_ERROR_NONEXISTENT,
         satchel_stage_new_spooled (fixture->store, "spool/missing", FALSE, 1, NULL, E));
}

static void
case_email_ids (Fixture *fixture)
{
  guint8 first_id[16], second_id[16], copy_id[16], moved_id[16], later[16];
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) other = fixture_open (fixture, "other");
  guint32 first = fixture_put (fixture, inbox, "same"), second = fixture_put (fixture, inbox, "same");
  OK (satchel_mailbox_email_id (inbox, first, first_id, E));
  OK (satchel_mailbox_email_id (inbox, second, second_id, E));
  g_assert_cmpint (memcmp (first_id, second_id, 16), !=, 0);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (first, first);
  SatchelOperation *copy = satchel_transaction_copy (transaction, inbox, &uids, other);
  OK (satchel_transaction_commit (transaction, E));
  OK (satchel_mailbox_email_id (other, g_array_index (copy->ret_uids, guint32, 0), copy_id, E));
  g_assert_cmpmem (copy_id, 16, first_id, 16);
  guint32 moved = (guint32) fixture_move (fixture, inbox, second, other);
  OK (satchel_mailbox_email_id (other, moved, moved_id, E));
  g_assert_cmpmem (moved_id, 16, second_id, 16);
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  g_clear_pointer (&other, satchel_mailbox_unref);
  g_clear_pointer (&transaction, satchel_transaction_free);
  fixture_reopen (fixture);
  other = fixture_open (fixture, "other");
  OK (satchel_mailbox_email_id (other, moved, later, E));
  g_assert_cmpmem (later, 16, second_id, 16);
}

#define N_UIDLS 5u

static void
read_uidls (SatchelMailbox *mailbox, guint32 first, char *ret[N_UIDLS])
{
  guint32 uids[N_UIDLS];
  for (guint i = 0; i < N_UIDLS; i++)
    {
      uids[i] = first + i;
      ret[i] = (char *) 1; /* poison */
    }
  OK (satchel_mailbox_unique_ids (mailbox, uids, N_UIDLS, ret, E));
}

/* What a POP3 client is told of a message is told for ever, and of no other; NULL: nothing but what the
 * protocol makes. */
static void
case_unique_ids (Fixture *fixture)
{
  char *before[N_UIDLS], *after[N_UIDLS];
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 first = fixture_put (fixture, mailbox, "one");
  for (guint i = 1; i < N_UIDLS - 1; i++)
    fixture_put (fixture, mailbox, "another");
  read_uidls (mailbox, first, before);
  g_assert_null (before[N_UIDLS - 1]); /* not there yet */
  fixture_expunge (fixture, mailbox, first, first);
  fixture_put (fixture, mailbox, "last");
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  read_uidls (mailbox, first, after);
  g_assert_null (after[0]);
  for (guint i = 1; i < N_UIDLS - 1; i++)
    g_assert_cmpstr (before[i], ==, after[i]);
  for (guint i = 0; i < N_UIDLS - 1; i++)
    g_assert_true (before[i] == NULL || g_strcmp0 (before[i], after[N_UIDLS - 1]) != 0);
  for (guint i = 1; i < N_UIDLS; i++)
    for (guint k = 0; k < i; k++)
      g_assert_true (after[i] == NULL || g_strcmp0 (after[i], after[k]) != 0);
  for (guint i = 0; i < N_UIDLS; i++)
    {
      g_free (before[i]);
      g_free (after[i]);
    }
}

const ConformanceCase conformance_content[] = {
  { "sizes", case_sizes },
  { "line-ends", case_line_ends },
  { "line-end-on-edge", case_line_end_on_edge },
  { "random-bytes", case_random_bytes },
  { "read-anywhere", case_read_anywhere },
  { "gone", case_gone },
  { "attributes", case_attributes },
  { "suspect", case_suspect },
  { "spooled", case_spooled },
  { "email-ids", case_email_ids },
  { "unique-ids", case_unique_ids },
  { NULL, NULL },
};
