/* SPDX-License-Identifier: MIT
 * mbox files: those of many programs, hostile ones, and what the writer makes.
 */
#include "core/mail/mbox/mbox.h"
#include <stdio.h>
#include <string.h>

#define FROM "From bob@example.org Fri Nov 21 09:55:06 1997\n"
#define DATE 880106106
#define NO_DATE SATCHEL_DATE_UNKNOWN

static gboolean
take_text (const void *data, gsize len, gpointer out, GError **error)
{
  g_string_append_len (out, data, (gssize) len);
  return TRUE;
}

static SatchelStream *
stream_of (const char *text, gsize len)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, len);
  return satchel_stream_new_bytes (bytes);
}

/* Describes all messages: "[DATE FLAGS KEYWORDS|CONTENT]", or what is wrong. */
static char *
describe (const char *text, gsize len, SatchelMboxVariant variant)
{
  g_autoptr (SatchelStream) stream = stream_of (text, len);
  g_autoptr (SatchelMboxScanner) scanner = satchel_mbox_scanner_new (stream, variant);
  GString *out = g_string_new (NULL);
  SatchelMboxMessage message;
  for (;;)
    {
      g_autoptr (GError) error = NULL;
      SatchelMboxResult result = satchel_mbox_scanner_next (scanner, &message, &error);
      if (result == SATCHEL_MBOX_FAILED)
        {
          g_assert_nonnull (error);
          g_string_append_printf (out, "!%d", error->code);
        }
      if (result != SATCHEL_MBOX_MESSAGE)
        return g_string_free (out, FALSE);
      g_auto (SatchelMboxFields) fields = { 0 };
      g_assert_true (satchel_mbox_fields_read (stream, &message, &fields, NULL));
      g_string_append_printf (out, "[%s%" G_GINT64_FORMAT " %x", fields.is_pseudo ? "pseudo " : "",
                              message.from_date != NO_DATE ? message.from_date : -1, fields.flags);
      for (guint i = 0; i < fields.keywords->len; i++)
        g_string_append_printf (out, " %s", (const char *) fields.keywords->pdata[i]);
      g_string_append_c (out, '|');
      g_assert_true (satchel_mbox_copy (stream, &message, &fields, variant, take_text, out, NULL));
      g_string_append_c (out, ']');
    }
}

static const struct
{
  const char *name, *text;
  SatchelMboxVariant variant;
  const char *want;
} files[] = {
  { "empty", "", SATCHEL_MBOX_AUTO, "" },
  { "blank", "\n\n", SATCHEL_MBOX_AUTO, "" },
  { "no-from", "Subject: x\n\nbody\n", SATCHEL_MBOX_AUTO, "!13" },
  { "from-without-space", "From: x\n\nbody\n", SATCHEL_MBOX_AUTO, "!13" },
  { "binary", "\x01\x02\x03", SATCHEL_MBOX_AUTO, "!13" },
  { "one", FROM "Subject: x\n\nbody\n\n", SATCHEL_MBOX_AUTO, "[880106106 0|Subject: x\r\n\r\nbody\r\n]" },
  { "two", FROM "A: 1\n\none\n\n" FROM "A: 2\n\ntwo\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|A: 1\r\n\r\none\r\n][880106106 0|A: 2\r\n\r\ntwo\r\n]" },
  { "no-blank-between", FROM "A: 1\n\none\n" FROM "A: 2\n\ntwo\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|A: 1\r\n\r\none\r\n][880106106 0|A: 2\r\n\r\ntwo\r\n]" },
  { "only-one-blank-goes", FROM "A: 1\n\none\n\n\n\n" FROM "A: 2\n\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|A: 1\r\n\r\none\r\n\r\n\r\n][880106106 0|A: 2\r\n\r\n]" },
  { "truncated", FROM "A: 1\n\none\n\n" FROM "A: 2\n\ntw", SATCHEL_MBOX_AUTO,
    "[880106106 0|A: 1\r\n\r\none\r\n][880106106 0|A: 2\r\n\r\ntw]" },
  { "truncated-header", FROM "A: 1\nB", SATCHEL_MBOX_AUTO, "[880106106 0|A: 1\r\nB]" },
  { "only-from", "From bob Fri Nov 21 09:55:06 1997", SATCHEL_MBOX_AUTO, "[880106106 0|]" },
  { "crlf",
    "From bob Fri Nov 21 09:55:06 1997\r\nA: 1\r\n\r\none\r\nlf\n\r\nFrom - Fri Nov 21 09:55:07 1997\r\nA: "
    "2\r\n\r\n",
    SATCHEL_MBOX_AUTO, "[880106106 0|A: 1\r\n\r\none\r\nlf\n][880106107 0|A: 2\r\n\r\n]" },
  { "crlf-in-lf", FROM "A: 1\n\none\r\ntwo\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|A: 1\r\n\r\none\r\ntwo\r\n]" },
  { "8-bit", FROM "A: \xff\n\n\x80\xfe\n", SATCHEL_MBOX_AUTO, "[880106106 0|A: \xff\r\n\r\n\x80\xfe\r\n]" },
  /* From_ lines in the body. */
  { "in-body", FROM "A: 1\n\n\nFrom here on\nFrom Friday, Nov 21\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|A: 1\r\n\r\n\r\nFrom here on\r\nFrom Friday, Nov 21\r\n]" },
  { "quoted-rd", FROM "A: 1\n\n>From a\n>>From b\n> From c\n>Fromd\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|A: 1\r\n\r\nFrom a\r\n>From b\r\n> From c\r\n>Fromd\r\n]" },
  { "quoted-o", FROM "A: 1\n\n>From a\n>>From b\n", SATCHEL_MBOX_O,
    "[880106106 0|A: 1\r\n\r\nFrom a\r\n>>From b\r\n]" },
  { "quoted-cl2", FROM "A: 1\n\n>From a\n", SATCHEL_MBOX_CL2, "[880106106 0|A: 1\r\n\r\n>From a\r\n]" },
  { "quoted-header", FROM ">From uucp\nA: 1\n\nx\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|>From uucp\r\nA: 1\r\n\r\nx\r\n]" },
  /* Content-Length. */
  { "counted", FROM "Content-Length: 51\nA: 1\n\n" FROM ">From\n\n" FROM "A: 2\n\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|A: 1\r\n\r\nFrom bob@example.org Fri Nov 21 09:55:06 1997\r\n>From][880106106 0|A: "
    "2\r\n\r\n]" },
  { "counted-to-end", FROM "Content-Length: 46\n\n" FROM, SATCHEL_MBOX_AUTO,
    "[880106106 0|\r\nFrom bob@example.org Fri Nov 21 09:55:06 1997\r\n]" },
  { "counted-quoted", FROM "Content-Length: 8\n\n>From a\n\n" FROM "\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|\r\n>From a\r\n][880106106 0|\r\n]" },
  { "counted-cl", FROM "Content-Length: 8\n\n>From a\n\n" FROM "\n", SATCHEL_MBOX_CL,
    "[880106106 0|\r\nFrom a\r\n][880106106 0|\r\n]" },
  { "count-too-small", FROM "Content-Length: 2\n\nbody\n\n" FROM "\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|Content-Length: 2\r\n\r\nbody\r\n][880106106 0|\r\n]" },
  { "count-too-big", FROM "Content-Length: 99999\n\nbody\n\n" FROM "\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|Content-Length: 99999\r\n\r\nbody\r\n][880106106 0|\r\n]" },
  { "count-huge", FROM "Content-Length: 18446744073709551615\n\nb\n", SATCHEL_MBOX_AUTO,
    "[880106106 0|Content-Length: 18446744073709551615\r\n\r\nb\r\n]" },
  { "count-ignored", FROM "Content-Length: 46\n\n" FROM "\n", SATCHEL_MBOX_RD,
    "[880106106 0|Content-Length: 46\r\n\r\n][880106106 0|\r\n]" },
  /* A program that writes no dates. */
  { "careless", "From bob\nA: 1\n\nFrom here\n\nFrom eve\nA: 2\n\nx\n", SATCHEL_MBOX_AUTO,
    "[-1 0|A: 1\r\n\r\nFrom here\r\n][-1 0|A: 2\r\n\r\nx\r\n]" },
  /* Flags and keywords. */
  { "status", FROM "Status: RO\nX-Status: AFTD\nX-Keywords: one $Two\n A: 1\n\nx\n", SATCHEL_MBOX_AUTO,
    "[880106106 1f one $Two A: 1|\r\nx\r\n]" },
  { "status-anywhere", FROM "Status: O\nA: 1\nX-UID: 4\nX-Status: F\nB: 2\n\nx\n", SATCHEL_MBOX_AUTO,
    "[880106106 4|A: 1\r\nB: 2\r\n\r\nx\r\n]" },
  { "mozilla",
    FROM "X-Mozilla-Status: 1007\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1 a(b\nA: 1\n\nx\n",
    SATCHEL_MBOX_AUTO, "[880106106 7 $Forwarded $label1 a(b|A: 1\r\n\r\nx\r\n]" },
  { "pseudo",
    "From MAILER-DAEMON Fri Nov 21 09:55:06 1997\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL "
    "DATA\n"
    "X-IMAP: 0997 0000000001\nStatus: RO\n\nThis text\n\n" FROM "A: 1\n\n",
    SATCHEL_MBOX_AUTO,
    "[pseudo 880106106 1|Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\r\n\r\nThis text\r\n]"
    "[880106106 0|A: 1\r\n\r\n]" },
  { "own-notes", FROM "Status: mine\nX-Keywords: mine\nStatus: O\nX-Status: F\nX-Keywords: k\n\nx\n\n",
    SATCHEL_MBOX_AUTO, "[880106106 4 k|Status: mine\r\nX-Keywords: mine\r\n\r\nx\r\n]" },
};

static void
test_file (gconstpointer data)
{
  const guint i = GPOINTER_TO_UINT (data);
  g_autofree char *got = describe (files[i].text, strlen (files[i].text), files[i].variant);
  g_assert_cmpstr (got, ==, files[i].want);
}

static void
test_nul (void)
{
  static const char text[] = FROM "A: 1\n\na\0b\n\n" FROM "\n";
  g_autoptr (SatchelStream) stream = stream_of (text, sizeof text - 1);
  g_autoptr (SatchelMboxScanner) scanner = satchel_mbox_scanner_new (stream, SATCHEL_MBOX_AUTO);
  SatchelMboxMessage message;
  g_auto (SatchelMboxFields) fields = { 0 };
  g_autoptr (GString) out = g_string_new (NULL);
  g_assert_cmpint (satchel_mbox_scanner_next (scanner, &message, NULL), ==, SATCHEL_MBOX_MESSAGE);
  g_assert_true (satchel_mbox_fields_read (stream, &message, &fields, NULL));
  g_assert_true (satchel_mbox_copy (stream, &message, &fields, SATCHEL_MBOX_AUTO, take_text, out, NULL));
  g_assert_cmpmem (out->str, out->len, "A: 1\r\n\r\na\0b\r\n", 13);
}

static const struct
{
  const char *line;
  gint64 date;
} lines[] = {
  { "From bob Fri Nov 21 09:55:06 1997", DATE },
  { "From - Fri Nov 21 09:55:06 1997", DATE },
  { "From  Fri Nov 21 09:55:06 1997", DATE },
  { "From \"a b\"@example.org Fri Nov 21 09:55:06 1997", DATE },
  { "From bob Fri Nov 21 09:55 1997", DATE - 6 },
  { "From bob Fri Nov 21 03:55:06 1997 -0600", DATE },
  { "From bob Fri Nov 21 03:55:06 -0600 1997", DATE },
  { "From bob Fri Nov 21 04:55:06 EST 1997", DATE },
  { "From bob Fri Nov 21 09:55:06 1997 remote from mars", DATE },
  { "From bob Mon Jan  1 00:00:00 2024", 1704067200 },
  { "From bob", NO_DATE },
  { "From bob Friday", NO_DATE },
  { "From bob Fri Nov 21 1997", NO_DATE },
  { "From bob Fri Nov 21 1997    ", NO_DATE },
  { "From bob Fri Nov 41 09:55:06 1997", NO_DATE },
  { "From bob Fri Foo 21 09:55:06 1997", NO_DATE },
  { "From:bob Fri Nov 21 09:55:06 1997", NO_DATE },
};

static void
test_lines (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      gint64 date = NO_DATE;
      gboolean is_from = satchel_mbox_from_parse (lines[i].line, strlen (lines[i].line), &date);
      if (is_from != (lines[i].date != NO_DATE) || (is_from && date != lines[i].date))
        g_error ("%s: %d %" G_GINT64_FORMAT, lines[i].line, is_from, date);
    }
}

static const char *const contents[] = {
  "",
  "\r\n",
  "\n",
  "x",
  "A: 1\r\n",
  "A: 1",
  "A: 1\r\n\r\n",
  "A: 1\r\n\r\nbody\r\n",
  "A: 1\r\n\r\nbody\r\n\r\n\r\n",
  "A: 1\r\n\r\nno end",
  "A: 1\r\n\r\nlf\nonly\n",
  "A: 1\n\nlf\n",
  "A: 1\r\n\r\nFrom here\r\n>From there\r\n>>>From everywhere\r\n",
  "A: 1\r\n\r\n\r\nFrom bob Fri Nov 21 09:55:06 1997\r\n",
  "A: 1\n\nFrom bob Fri Nov 21 09:55:06 1997\nb",
  "A: 1\r\n\r\nx\r\r\n\r\n",
  "A: 1\r\n\r\nx\r",
  "A: 1\r\n\r\na\rb\r\n",
  "From bob Fri Nov 21 09:55:06 1997\r\nA: 1\r\n\r\nx\r\n",
  "Content-Length: 4\r\n\r\nx\r\n\r\n",
  "Content-Length: 1\r\n\r\nx\r\n\r\n",
  "Status: RO\r\nX-Status: F\r\nX-Keywords: a\r\n\r\nx\r\n",
  "X-UID: 1\r\nStatus: R\r\n\r\nx\r\n",
};

static void
check_written (const char *content, gsize len, guint32 flags, const char *const *keywords)
{
  g_autoptr (SatchelStream) source = stream_of (content, len);
  g_autoptr (GString) file = g_string_new (NULL);
  for (guint i = 0; i < 2; i++)
    g_assert_true (satchel_mbox_write (source, DATE + i, flags, keywords, take_text, file, NULL));
  g_autoptr (SatchelStream) stream = stream_of (file->str, file->len);
  g_autoptr (SatchelMboxScanner) scanner = satchel_mbox_scanner_new (stream, SATCHEL_MBOX_AUTO);
  for (guint i = 0; i < 2; i++)
    {
      SatchelMboxMessage message;
      g_auto (SatchelMboxFields) fields = { 0 };
      g_autoptr (GString) out = g_string_new (NULL);
      g_assert_cmpint (satchel_mbox_scanner_next (scanner, &message, NULL), ==, SATCHEL_MBOX_MESSAGE);
      g_assert_true (satchel_mbox_fields_read (stream, &message, &fields, NULL));
      g_assert_true (satchel_mbox_copy (stream, &message, &fields, SATCHEL_MBOX_AUTO, take_text, out, NULL));
      g_assert_cmpmem (out->str, out->len, content, len);
      g_assert_cmpint (message.from_date, ==, DATE + i);
      g_assert_cmpuint (fields.flags, ==, flags);
      g_assert_cmpuint (fields.keywords->len, ==, g_strv_length ((char **) keywords));
      for (guint k = 0; k < fields.keywords->len; k++)
        g_assert_cmpstr (fields.keywords->pdata[k], ==, keywords[k]);
    }
  SatchelMboxMessage message;
  g_assert_cmpint (satchel_mbox_scanner_next (scanner, &message, NULL), ==, SATCHEL_MBOX_END);
}

static void
test_writer (void)
{
  const char *const none[] = { NULL }, *const two[] = { "$Forwarded", "mine", NULL };
  for (guint i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      check_written (contents[i], strlen (contents[i]), 0, none);
      check_written (contents[i], strlen (contents[i]), SATCHEL_FLAGS_ALL, two);
    }
}

/* Content around the places where a window is cut. */
static void
test_long (void)
{
  const char *const none[] = { NULL };
  for (guint at = 65520; at < 65545; at++)
    {
      g_autoptr (GString) text = g_string_new ("A: 1\r\n\r\n");
      while (text->len < at)
        g_string_append_c (text, 'x');
      g_string_append (text, "\r\nFrom here\r\n");
      while (text->len < 200000)
        g_string_append_c (text, '>');
      g_string_append (text, "From far\r\n\r\n");
      check_written (text->str, text->len, 0, none);
    }
}

/* A line without an end, and a header without one, are passed over once. */
static void
test_endless (void)
{
  g_autoptr (GString) text = g_string_new (FROM "A: 1\n\n");
  while (text->len < 8u << 20)
    g_string_append (text, "From bob Fri Nov 21 09:55:06 1997 ");
  g_autofree char *one = describe (text->str, text->len, SATCHEL_MBOX_AUTO);
  g_assert_cmpuint (strlen (one), >, (8u << 20) - 100);
  g_string_assign (text, FROM);
  while (text->len < 4u << 20)
    g_string_append (text, "A: 1\n");
  g_autofree char *two = describe (text->str, text->len, SATCHEL_MBOX_AUTO);
  g_assert_cmpuint (strlen (two), >, (4u << 20) - 100);
}

/* Each of many messages says falsely that it ends in a line of megabytes: none of them reads it. */
typedef struct Counting
{
  SatchelStream stream;
  SatchelStream *below;
  guint64 n_bytes;
} Counting;

static gssize
counting_read (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  Counting *counting = (Counting *) stream;
  gssize n = satchel_stream_read_at (counting->below, offset, buffer, len, error);
  counting->n_bytes += n > 0 ? (guint64) n : 0;
  return n;
}

static gint64
counting_length (SatchelStream *stream, GError **error)
{
  return satchel_stream_length (((Counting *) stream)->below, error);
}

static void
counting_free (SatchelStream *stream)
{
  satchel_stream_unref (((Counting *) stream)->below);
  g_free (stream);
}

static const SatchelStreamOps counting_ops = { sizeof counting_ops, counting_read, counting_length,
                                               counting_free };

static void
test_false_counts (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (text, FROM "Content-Length: %u\n\nx\n\n", 200000 - i);
  g_string_append (text, FROM "\n");
  while (text->len < 32u << 20)
    g_string_append (text, "yyyyyyyyyyyyyyyy");
  Counting *counting = g_new0 (Counting, 1);
  satchel_stream_init (&counting->stream, &counting_ops);
  counting->below = stream_of (text->str, text->len);
  g_autoptr (SatchelMboxScanner) scanner = satchel_mbox_scanner_new (&counting->stream, SATCHEL_MBOX_AUTO);
  SatchelMboxMessage message;
  guint n = 0;
  while (satchel_mbox_scanner_next (scanner, &message, NULL) == SATCHEL_MBOX_MESSAGE)
    n++;
  g_assert_cmpuint (n, ==, 1001);
  g_assert_cmpuint (counting->n_bytes, <, (32u << 20) + 1000 * 200000u);
  satchel_stream_unref (&counting->stream);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_strdup_printf ("/mail/mbox/file/%s", files[i].name);
      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_file);
    }
  g_test_add_func ("/mail/mbox/nul", test_nul);
  g_test_add_func ("/mail/mbox/lines", test_lines);
  g_test_add_func ("/mail/mbox/writer", test_writer);
  g_test_add_func ("/mail/mbox/long", test_long);
  g_test_add_func ("/mail/mbox/endless", test_endless);
  g_test_add_func ("/mail/mbox/false-counts", test_false_counts);
  return g_test_run ();
}
