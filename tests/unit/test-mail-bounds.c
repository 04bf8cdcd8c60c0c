/* SPDX-License-Identifier: MIT
 * Hostile messages.  Each must give a valid, bounded blob, the content's
 * size, and end in reasonable time (the runner's time limit is the judge).
 */
#include "core/mail/attributes/blob_read.h"
#include "core/mail/scan/scanner.h"
#include <string.h>

#include "tests/lib/scan_check.h"

/* Feeds generated content without holding it. */
typedef struct Feed
{
  SatchelScanner *scanner;
  guint64 size;
} Feed;

static void
feed (Feed *feed_state, const char *text)
{
  satchel_scanner_feed (feed_state->scanner, text, strlen (text));
  feed_state->size += strlen (text);
}

static Feed
feed_start (void)
{
  return (Feed) { satchel_scanner_new (), 0 };
}

static GBytes *
feed_finish (Feed *feed_state)
{
  gsize len;
  GBytes *blob = satchel_scanner_finish (feed_state->scanner);
  g_assert_true (satchel_attributes_check (blob));
  g_assert_cmpuint (satchel_attributes_size (blob), ==, feed_state->size);
  g_assert_cmpuint (satchel_attributes_n_parts (blob), <=, SATCHEL_SCAN_PARTS + SATCHEL_SCAN_DEPTH);
  g_assert_cmpuint (g_bytes_get_size (blob), <, 16 << 20);
  const char *text = satchel_attributes_envelope (blob, &len);
  g_assert_true (imap_is_envelope (text, len));
  text = satchel_attributes_body_structure (blob, TRUE, &len);
  g_assert_true (imap_is_body (text, len, TRUE));
  return blob;
}

static void
test_nested (void)
{
  Feed state = feed_start ();
  char line[100];
  for (int i = 0; i < 10000; i++)
    {
      g_snprintf (line, sizeof line, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
      feed (&state, line);
    }
  feed (&state, "\r\nat the bottom\r\n");
  for (int i = 9999; i >= 0; i--)
    {
      g_snprintf (line, sizeof line, "--b%d--\r\n", i);
      feed (&state, line);
    }
  g_autoptr (GBytes) blob = feed_finish (&state);
  g_assert_cmpuint (satchel_attributes_n_parts (blob), ==, SATCHEL_SCAN_DEPTH + 1);
  SatchelPart part;
  satchel_attributes_part (blob, SATCHEL_SCAN_DEPTH, &part);
  g_assert_cmpint (part.kind, ==, SATCHEL_PART_LEAF);
  g_assert_cmpuint (part.depth, ==, SATCHEL_SCAN_DEPTH);
}

static void
test_nested_messages (void)
{
  Feed state = feed_start ();
  for (int i = 0; i < 10000; i++)
    feed (&state, "Content-Type: message/rfc822\r\n\r\n");
  feed (&state, "Subject: bottom\r\n\r\ntext\r\n");
  g_autoptr (GBytes) blob = feed_finish (&state);
  g_assert_cmpuint (satchel_attributes_n_parts (blob), ==, SATCHEL_SCAN_DEPTH + 1);
}

static void
test_flat (void)
{
  Feed state = feed_start ();
  feed (&state, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
  for (int i = 0; i < 100000; i++)
    feed (&state, "--b\r\n\r\npart\r\n");
  feed (&state, "--b--\r\n");
  g_autoptr (GBytes) blob = feed_finish (&state);
  g_assert_cmpuint (satchel_attributes_n_parts (blob), ==, SATCHEL_SCAN_PARTS);
  /* The last one holds the rest. */
  SatchelPart last;
  satchel_attributes_part (blob, SATCHEL_SCAN_PARTS - 1, &last);
  g_assert_cmpuint (last.end_offset, ==, state.size);
}

/* What the last countable parts are must not matter. */
static void
test_limit_kinds (void)
{
  static const char *const kinds[] = {
    "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n",
    "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: x\r\n\r\ny\r\n--d--\r\n",
    "Content-Type: message/rfc822\r\n"
  };
  for (guint at = 9995; at <= 10002; at++)
    for (gsize kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
      {
        Feed state = feed_start ();
        feed (&state, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
        for (guint i = 1; i < 10010; i++)
          {
            feed (&state, "--b\r\n");
            feed (&state, i >= at ? kinds[kind] : "\r\npart\r\n");
          }
        g_autoptr (GBytes) blob = feed_finish (&state);
        g_assert_cmpuint (satchel_attributes_n_parts (blob), >=, SATCHEL_SCAN_PARTS);
      }
}

static void
test_boundaries (void)
{
  g_autofree char *long_boundary = g_strnfill (5000, 'b');
  g_autofree char *most = g_strnfill (SATCHEL_SCAN_BOUNDARY_BYTES, 'b');
  g_autofree char *too_long =
      g_strdup_printf ("Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n\r\nx\r\n--%s--\r\n",
                       long_boundary, long_boundary, long_boundary);
  g_autofree char *longest = g_strdup_printf (
      "Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n\r\nx\r\n--%s--\r\n", most, most, most);
  g_autoptr (GBytes) leaf = scan_checked (too_long, strlen (too_long), 1);
  g_assert_cmpuint (satchel_attributes_n_parts (leaf), ==, 1);
  g_autoptr (GBytes) two = scan_checked (longest, strlen (longest), 1);
  g_assert_cmpuint (satchel_attributes_n_parts (two), ==, 2);
  /* 99 open boundaries that differ in the last byte, and many lines that nearly match. */
  Feed state = feed_start ();
  g_autofree char *stem = g_strnfill (900, 'b');
  for (int i = 0; i < 99; i++)
    {
      g_autofree char *text = g_strdup_printf (
          "Content-Type: multipart/mixed; boundary=%s%02d\r\n\r\n--%s%02d\r\n", stem, i, stem, i);
      feed (&state, text);
    }
  feed (&state, "\r\n");
  g_autofree char *near = g_strdup_printf ("--%sxx\r\n", stem);
  for (int i = 0; i < 20000; i++)
    feed (&state, near);
  g_autoptr (GBytes) blob = feed_finish (&state);
  g_assert_cmpuint (satchel_attributes_n_parts (blob), ==, 100);
}

/* Half a million folded addresses, as many To fields, a field of a million one-letter addresses. */
static void
test_addresses (void)
{
  Feed state = feed_start ();
  for (int i = 0; i < 500000; i++)
    feed (&state, i == 0 ? "To: Someone <someone@example.org>" : ",\r\n Someone <someone@example.org>");
  feed (&state, "\r\nSubject: after\r\n\r\n");
  g_autoptr (GBytes) folded = feed_finish (&state);
  state = feed_start ();
  for (int i = 0; i < 500000; i++)
    feed (&state, "To: Someone <someone@example.org>\r\n");
  feed (&state, "\r\n");
  g_autoptr (GBytes) lines = feed_finish (&state);
  state = feed_start ();
  feed (&state, "To: ");
  for (int i = 0; i < 1000000; i++)
    feed (&state, "a,");
  feed (&state, "\r\n\r\n");
  g_autoptr (GBytes) commas = feed_finish (&state);
  g_assert_cmpuint (g_bytes_get_size (commas), <, 4 << 20);
}

/* A header line of 100 MB, a header of a million lines, a name of 100 KB. */
static void
test_headers (void)
{
  g_autofree char *piece = g_strnfill (1 << 20, 'x');
  Feed state = feed_start ();
  feed (&state, "Subject: ");
  for (int i = 0; i < 100; i++)
    feed (&state, piece);
  feed (&state, "\r\n\r\nbody");
  g_autoptr (GBytes) line = feed_finish (&state);
  g_assert_cmpuint (satchel_attributes_header_size (line), ==, state.size - 4);

  state = feed_start ();
  feed (&state, "Subject: first\r\n");
  for (int i = 0; i < 1000000; i++)
    feed (&state, "X: y\r\n");
  feed (&state, "Subject: last\r\n\r\nbody");
  g_autoptr (GBytes) lines = feed_finish (&state);
  g_assert_cmpint (satchel_attributes_header (lines, "subject", NULL, NULL), ==, SATCHEL_HEADER_PRESENT);

  state = feed_start ();
  g_autofree char *name = g_strnfill (100000, 'n');
  feed (&state, name);
  feed (&state, ": value\r\n\r\n");
  g_autoptr (GBytes) long_name = feed_finish (&state);

  static const char *const small[] = { "",      "\n",     "\r\n",     "\r",   "x", "no header at all\r\n",
                                       ":\r\n", "\n\n\n", "\r\n\r\n", " \r\n" };
  for (gsize i = 0; i < G_N_ELEMENTS (small); i++)
    {
      g_autoptr (GBytes) blob = scan_checked (small[i], strlen (small[i]), 1);
      g_assert_nonnull (blob);
    }
  /* Headers of parts count together. */
  state = feed_start ();
  feed (&state, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
  for (int i = 0; i < 20; i++)
    {
      feed (&state, "--b\r\nContent-Description: ");
      g_autofree char *value = g_strnfill (100000, 'd');
      feed (&state, value);
      feed (&state, "\r\n\r\nx\r\n");
    }
  g_autoptr (GBytes) parts = feed_finish (&state);
  g_assert_cmpuint (satchel_attributes_n_parts (parts), <=, 13);
}

/* Bytes that look like mail; the fuzz targets go on from here. */
static void
test_random (void)
{
  static const char *const words[] = { "\r\n",
                                       "\n",
                                       "--",
                                       "b",
                                       "--b\r\n",
                                       "--b--\r\n",
                                       "Content-Type: ",
                                       "multipart/mixed; boundary=b\r\n\r\n",
                                       "message/rfc822\r\n\r\n",
                                       "multipart/digest; boundary=c\r\n\r\n",
                                       "--c\r\n",
                                       "\r\n\r\n",
                                       "To: ",
                                       "<",
                                       ">",
                                       "\"",
                                       "(",
                                       ",",
                                       "@",
                                       ":",
                                       ";",
                                       "=?utf-8?q?",
                                       "?=",
                                       "\\",
                                       " ",
                                       "\t",
                                       "\xc3\xa9",
                                       "\xff",
                                       "Subject: ",
                                       "a=\"",
                                       "*0*=",
                                       "Content-Transfer-Encoding: base64\r\n",
                                       "x" };
  for (int i = 0; i < 3000; i++)
    {
      g_autoptr (GString) data = g_string_new (NULL);
      int n = g_test_rand_int_range (0, 200);
      for (int k = 0; k < n; k++)
        {
          if (g_test_rand_int_range (0, 20) == 0)
            g_string_append_c (data, (char) g_test_rand_int_range (0, 256));
          g_string_append (data, words[g_test_rand_int_range (0, G_N_ELEMENTS (words))]);
        }
      g_autoptr (GBytes) blob = scan_checked (data->str, data->len, (guint32) g_test_rand_int ());
      g_assert_nonnull (blob);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/bounds/m1-nested", test_nested);
  g_test_add_func ("/mail/bounds/m1-nested-messages", test_nested_messages);
  g_test_add_func ("/mail/bounds/m1-flat", test_flat);
  g_test_add_func ("/mail/bounds/m2-limit-kinds", test_limit_kinds);
  g_test_add_func ("/mail/bounds/m1-boundaries", test_boundaries);
  g_test_add_func ("/mail/bounds/m3-addresses", test_addresses);
  g_test_add_func ("/mail/bounds/m4-headers", test_headers);
  g_test_add_func ("/mail/bounds/m9-random", test_random);
  return g_test_run ();
}
