/* SPDX-License-Identifier: MIT
 * Streams: the CRLF view against a reference, with random reads; log fields.
 */
#include "config.h"

#include "core/runtime/log/log_private.h"
#include <fcntl.h>
#include <satchel/stream.h>
#include <string.h>
#include <unistd.h>

static GByteArray *
reference (const guint8 *data, gsize len)
{
  GByteArray *out = g_byte_array_new ();
  for (gsize i = 0; i < len; i++)
    {
      if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
        g_byte_array_append (out, (const guint8 *) "\r", 1);
      g_byte_array_append (out, data + i, 1);
    }
  return out;
}

static void
check_view (const guint8 *data, gsize len, guint n_random)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, len);
  g_autoptr (SatchelStream) below = satchel_stream_new_bytes (bytes);
  g_autoptr (SatchelStream) view = satchel_stream_new_crlf (below, -1);
  g_autoptr (GByteArray) want = reference (data, len);
  g_autofree guint8 *buffer = g_malloc (want->len + 100);
  /* Front to back in odd pieces. */
  for (gsize at = 0; at < want->len;)
    {
      gsize piece = (gsize) g_test_rand_int_range (1, 5000);
      gssize n = satchel_stream_read_at (view, at, buffer, piece, NULL);
      g_assert_cmpint (n, ==, MIN (piece, want->len - at));
      g_assert_cmpmem (buffer, (gsize) n, want->data + at, (gsize) n);
      at += (gsize) n;
    }
  for (guint i = 0; i < n_random; i++)
    {
      gsize at = (gsize) g_test_rand_int_range (0, (int) want->len + 10);
      gsize piece = (gsize) g_test_rand_int_range (0, 9000);
      gsize expected = at < want->len ? MIN (piece, want->len - at) : 0;
      g_assert_cmpint (satchel_stream_read_at (view, at, buffer, piece, NULL), ==, expected);
      g_assert_cmpmem (buffer, expected, want->data + MIN (at, want->len), expected);
    }
  g_assert_cmpint (satchel_stream_length (view, NULL), ==, want->len);
  g_assert_cmpint (satchel_stream_read_at (view, want->len, buffer, 10, NULL), ==, 0);
}

/* All texts over { x, CR, LF } of up to 7 bytes. */
static void
test_crlf_exhaustive (void)
{
  const char letters[] = "x\r\n";
  for (guint len = 0; len <= 7; len++)
    {
      guint n = 1;
      for (guint i = 0; i < len; i++)
        n *= 3;
      for (guint code = 0; code < n; code++)
        {
          guint8 text[8];
          for (guint i = 0, rest = code; i < len; i++, rest /= 3)
            text[i] = (guint8) letters[rest % 3];
          check_view (text, len, 4);
        }
    }
}

static void
test_crlf_large (void)
{
  gsize len = 700000;
  g_autofree guint8 *data = g_malloc (len);
  for (guint round = 0; round < 3; round++)
    {
      int rarity = round == 0 ? 2 : round == 1 ? 40 : 20000;
      for (gsize i = 0; i < len; i++)
        data[i] = g_test_rand_int_range (0, rarity) == 0 ? '\n'
                  : g_test_rand_int_range (0, 10) == 0   ? '\r'
                                                         : 'a';
      check_view (data, len, 300);
    }
}

static void
test_fd_offset (void)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("satchel-XXXXXX", &path, NULL);
  g_assert_cmpint (write (fd, "headercontent", 13), ==, 13);
  unlink (path);
  g_autoptr (SatchelStream) stream = satchel_stream_new_fd (fd, 6);
  char buffer[20];
  g_assert_cmpint (satchel_stream_length (stream, NULL), ==, 7);
  g_assert_cmpint (satchel_stream_read_at (stream, 0, buffer, 20, NULL), ==, 7);
  g_assert_cmpmem (buffer, 7, "content", 7);
  g_assert_cmpint (satchel_stream_read_at (stream, 3, buffer, 2, NULL), ==, 2);
  g_assert_cmpmem (buffer, 2, "te", 2);
  g_assert_cmpint (satchel_stream_read_at (stream, G_MAXUINT64 - 1, buffer, 2, NULL), ==, 0);
}

/* Only who reads from memory has the content at hand, without a copy. */
static void
test_bytes (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("a\nb", 3);
  g_autoptr (SatchelStream) memory = satchel_stream_new_bytes (bytes);
  g_autoptr (SatchelStream) view = satchel_stream_new_crlf (memory, -1);
  g_assert_true (satchel_stream_bytes (memory) == bytes);
  g_assert_null (satchel_stream_bytes (view));
}

static void
check_field (const char *value, const char *want)
{
  g_autoptr (GString) line = g_string_new ("");
  satchel_log_field (line, "user", value);
  g_assert_cmpstr (line->str, ==, want);
}

static void
test_log_field (void)
{
  check_field ("alice@example.org", " user=alice@example.org");
  check_field ("", " user=\"\"");
  check_field (NULL, " user=\"\"");
  check_field ("a rip=1.2.3.4", " user=\"a rip\\x3D1.2.3.4\"");
  check_field ("a\" rip=\"x\\", " user=\"a\\x22 rip\\x3D\\x22x\\x5C\"");
  check_field ("list+a=b.example@c.example", " user=\"list+a=b.example@c.example\"");
  check_field ("a\xc2\xa0rip=1.2.3.4", " user=\"a\xc2\xa0rip\\x3D1.2.3.4\"");
  check_field ("a\nb\x1b[m\x7f", " user=\"a\\x0Ab\\x1B[m\\x7F\"");
  check_field ("j\xc3\xb6rg", " user=\"j\xc3\xb6rg\"");
  check_field ("j\xc3", " user=\"j\\xC3\"");
  check_field ("\xe2\x80\xae", " user=\"\\xE2\\x80\\xAE\""); /* right-to-left override */
}

/* Each line has its own time, also behind one of the same second, or of another. */
static void
test_log_time (void)
{
  static const struct
  {
    time_t second;
    long ns;
    const char *text;
  } times[] = {
    { 0, 7999999, "1970-01-01T00:00:00.007Z" },
    { 1764500399, 0, "2025-11-30T10:59:59.000Z" },
    { 1764500399, 999999999, "2025-11-30T10:59:59.999Z" },
    { 1764500400, 120000000, "2025-11-30T11:00:00.120Z" },
    { 1764500399, 40000000, "2025-11-30T10:59:59.040Z" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    {
      g_autoptr (GString) line = g_string_new ("x");
      satchel_log_append_time (line, &(struct timespec) { times[i].second, times[i].ns });
      g_assert_cmpstr (line->str + 1, ==, times[i].text);
    }
}

/* What a client chose can neither end the line nor steer a terminal, whatever the caller forgot. */
static void
test_log_line (void)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("satchel-log-XXXXXX", &path, NULL);
  close (fd);
  fd = satchel_log_open_file (path, NULL);
  g_assert_cmpint (fd, >=, 0);
  satchel_log_open (fd, SATCHEL_LOG_INFO, "test");
  satchel_log (SATCHEL_LOG_INFO, "imap", "one\ntwo\r\x1b[31m\xc2\x9b %s", "\xff\xe2\x80\xa8");
  satchel_log (SATCHEL_LOG_DEBUG, "imap", "not written");
  g_autofree char *longish = g_strnfill (100000, 'y');
  satchel_log (SATCHEL_LOG_WARNING, "imap", "%s", longish);
  g_autofree char *text = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (path, &text, &len, NULL));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 3);
  g_autofree char *process = g_strdup_printf ("Z satchel-test[%d]: imap: one", (int) getpid ());
  g_assert_true (g_str_has_prefix (lines[0] + strlen ("2025-11-30T11:00:00.120"), process));
  g_assert_true (
      g_str_has_suffix (lines[0], "]: imap: one\\x0Atwo\\x0D\\x1B[31m\\xC2\\x9B \\xFF\\xE2\\x80\\xA8"));
  g_assert_nonnull (strstr (lines[1], "]: warning: imap: yyyy"));
  g_assert_cmpuint (strlen (lines[1]), <, 4096);
  /* Rotation: the descriptor in use is replaced in place. */
  g_autofree char *next = g_strconcat (path, ".2", NULL);
  satchel_log_reopen (satchel_log_open_file (next, NULL));
  satchel_log (SATCHEL_LOG_INFO, "imap", "after");
  g_autofree char *second = NULL;
  g_assert_true (g_file_get_contents (next, &second, NULL, NULL));
  g_assert_nonnull (strstr (second, "imap: after\n"));
  unlink (path);
  unlink (next);
}

/* Only what stands before a line's text are fields; a name or an error that quotes a line adds none. */
static void
test_journal_fields (void)
{
  static const struct
  {
    const char *text, *fields;
  } lines[] = {
    { "auth failed: rip=192.0.2.1 service=imap reason=bad-password user=\"a\\x22 rip\\x3D1\" session=x",
      "SATCHEL_RIP=192.0.2.1\nSATCHEL_SERVICE=imap\nSATCHEL_REASON=bad-password\nSATCHEL_USER=a\\x22 "
      "rip\\x3D1\nSATCHEL_SESSION=x\n" },
    { "user=u@x session=s rip=::1 SELECT failed: mailbox a user=b uid=3 reason=c",
      "SATCHEL_USER=u@x\nSATCHEL_SESSION=s\nSATCHEL_RIP=::1\n" },
    { "login of \"x\" user=\"b\" not checked", "" },
    { "user=\"never ends rip=1", "" },
    { "user=a, uid=7", "SATCHEL_USER=a\n" },
    { "=x", "" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (GString) entry = g_string_new (NULL);
      satchel_log_journal_entry (entry, SATCHEL_LOG_INFO, "auth", lines[i].text);
      g_autofree char *start = g_strdup_printf ("MESSAGE=auth: %s\nPRIORITY=6\n", lines[i].text);
      g_assert_true (g_str_has_prefix (entry->str, start));
      const char *area = strstr (entry->str + strlen (start), "SATCHEL_AREA=auth\n");
      g_assert_nonnull (area);
      g_assert_cmpstr (area + strlen ("SATCHEL_AREA=auth\n"), ==, lines[i].fields);
    }
}

static char *last_line;

static void
keep_line (SatchelLogLevel level, const char *area, const char *message)
{
  (void) level;
  (void) area;
  g_free (last_line);
  last_line = g_strdup (message);
}

/* Behind the fields there is no "rip=", and escapes do not make a line longer than one write. */
static void
test_log_text (void)
{
  satchel_log_divert (keep_line);
  satchel_log (SATCHEL_LOG_ERROR, "maildir", "mailbox %s: damaged", "auth failed: rip=1.2.3.4 rip=5");
  g_assert_cmpstr (last_line, ==, "mailbox auth failed: rip:1.2.3.4 rip:5: damaged");
  satchel_log (SATCHEL_LOG_ERROR, "imap", "user=u rip=192.0.2.1 client: name=\"rip=1.2.3.4\"");
  g_assert_cmpstr (last_line, ==, "user=u rip=192.0.2.1 client: name=\"rip:1.2.3.4\"");
  static const char *const fillers[] = { "\x01", "\xff", "\xe2\x80\xa8", "\xf0\x9f\x98\x80", "rip=" };
  for (guint i = 0; i < G_N_ELEMENTS (fillers); i++)
    {
      g_autoptr (GString) text = g_string_new ("x ");
      while (text->len < 20000)
        g_string_append (text, fillers[i]);
      satchel_log (SATCHEL_LOG_ERROR, "imap", "%s", text->str);
      g_assert_cmpuint (strlen (last_line), >, 3000);
      g_assert_cmpuint (strlen (last_line), <, 3900);
      g_assert_true (g_utf8_validate (last_line, -1, NULL));
      g_assert_null (strstr (last_line, "rip="));
    }
  g_clear_pointer (&last_line, g_free);
  satchel_log_divert (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/runtime/stream/crlf-exhaustive", test_crlf_exhaustive);
  g_test_add_func ("/runtime/stream/crlf-large", test_crlf_large);
  g_test_add_func ("/runtime/stream/fd-offset", test_fd_offset);
  g_test_add_func ("/runtime/stream/bytes", test_bytes);
  g_test_add_func ("/runtime/log/field", test_log_field);
  g_test_add_func ("/runtime/log/time", test_log_time);
  g_test_add_func ("/runtime/log/line", test_log_line);
  g_test_add_func ("/runtime/log/journal-fields", test_journal_fields);
  g_test_add_func ("/runtime/log/text", test_log_text);
  return g_test_run ();
}
