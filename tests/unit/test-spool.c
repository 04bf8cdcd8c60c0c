/* SPDX-License-Identifier: MIT
 * The spool of a delivery: what was written comes out again, whatever its line ends and in whatever parts it
 * came; the file has LF where every line end was CRLF; nothing is left of it.
 */
#include "config.h"

#include "core/session/delivery/delivery_private.h"
#include "core/session/delivery/spool_seal.h"
#include "core/storage/mailbox/suspects.h"

#include "tests/lib/rounds.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *root;
static SatchelDeliveryHost host;

static void
set_up (void)
{
  root = g_dir_make_tmp ("satchel-spool-XXXXXX", NULL);
  host = (SatchelDeliveryHost) { .root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
  satchel_delivery_set_host (&host);
}

static guint
n_files (void)
{
  g_autofree char *path = g_build_filename (root, "spool", NULL);
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  guint n = 0;
  while (directory != NULL && g_dir_read_name (directory) != NULL)
    n++;
  return n;
}

static void
take_down (void)
{
  g_assert_cmpuint (n_files (), ==, 0);
  g_autofree char *path = g_build_filename (root, "spool", NULL);
  g_rmdir (path);
  g_assert_cmpint (g_rmdir (root), ==, 0);
  close (host.root_fd);
  g_free (root);
}

/* @fill lines before a few bytes that are likely to be line ends, or halves of one. */
static GString *
make_content (guint n_fill)
{
  static const char *const parts[] = { "a", "\r\n", "\r\n", "\r\n", "\r", "\n", "bc" };
  GString *content = g_string_new (NULL);
  for (guint i = 0; i < n_fill; i++)
    g_string_append (content, "0123456789\r\n");
  gboolean is_pure = g_test_rand_bit ();
  for (gint32 i = g_test_rand_int_range (0, 12); i > 0; i--)
    {
      const char *part = parts[g_test_rand_int_range (0, G_N_ELEMENTS (parts))];
      if (!is_pure || (strcmp (part, "\r") != 0 && strcmp (part, "\n") != 0))
        g_string_append (content, part);
    }
  return content;
}

static gboolean
has_only_crlf (const GString *content)
{
  for (gsize i = 0; i < content->len; i++)
    if ((content->str[i] == '\n' && (i == 0 || content->str[i - 1] != '\r'))
        || (content->str[i] == '\r' && content->str[i + 1] != '\n'))
      return FALSE;
  return TRUE;
}

static void
write_in_parts (SatchelSpool *spool, const GString *content)
{
  g_autoptr (GError) error = NULL;
  for (gsize at = 0; at < content->len;)
    {
      /* In the filler in pieces of any size, then byte by byte or a few at once. */
      gsize left = content->len - at;
      guint most = left > 40 ? (guint) left - 30 : MIN (3, (guint) left);
      gsize len = (gsize) g_test_rand_int_range (1, (gint32) most + 1);
      g_assert_true (satchel_spool_write (spool, content->str + at, len, &error));
      g_assert_no_error (error);
      at += len;
    }
}

static void
assert_stream (SatchelStream *stream, const GString *content)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *buffer = g_malloc (content->len + 1);
  gsize len = 0;
  gssize n;
  while ((n = satchel_stream_read_at (stream, len, buffer + len, content->len + 1 - len, &error)) > 0)
    len += (gsize) n;
  g_assert_no_error (error);
  g_assert_cmpmem (buffer, len, content->str, content->len);
  g_assert_cmpint (satchel_stream_length (stream, &error), ==, (gint64) content->len);
}

static void
assert_content (SatchelSpool *spool, const GString *content)
{
  g_autoptr (SatchelStream) stream = satchel_spool_content (spool);
  assert_stream (stream, content);
  g_assert_cmpuint (satchel_spool_size (spool), ==, content->len);
}

/* The file holds the content, with LF for CRLF if that can be undone. */
static void
assert_file (SatchelSpool *spool, const GString *content)
{
  g_autofree char *path = g_build_filename (root, satchel_spool_path (spool), NULL), *text = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (path, &text, &len, NULL));
  g_assert_cmpint (satchel_spool_is_lf (spool), ==, has_only_crlf (content));
  g_autoptr (GString) expected = g_string_new_len (content->str, (gssize) content->len);
  if (has_only_crlf (content))
    g_string_replace (expected, "\r\n", "\n", 0);
  g_assert_cmpmem (text, len, expected->str, expected->len);
}

/* The file has nothing of the content, and only its key opens it. */
static void
assert_sealed (SatchelSpool *spool, const GString *content)
{
  g_autofree char *path = g_build_filename (root, satchel_spool_path (spool), NULL), *text = NULL;
  gsize len;
  g_autoptr (GError) error = NULL;
  g_assert_true (g_file_get_contents (path, &text, &len, NULL));
  for (gsize at = 0; content->len >= 8 && at + 8 <= len; at++)
    g_assert_cmpint (memcmp (text + at, content->str, 8), !=, 0);
  g_autoptr (GBytes) other = satchel_spool_key_new (&error);
  g_autoptr (SatchelStream) stream =
      satchel_spool_open (satchel_spool_path (spool), FALSE, content->len, other, &error);
  char byte;
  g_assert_cmpint (satchel_stream_read_at (stream, 0, &byte, 1, &error), ==, content->len > 0 ? -1 : 0);
  if (content->len > 0)
    g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
}

static void
test_content (void)
{
  static const guint n_fills[] = { 0, 0, 1, 5400, 5461, 5462, 9000 }; /* 5461 lines are 65532 bytes */
  set_up ();
  for (guint i = 0; i < count_rounds (400, 4000); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *id = g_strdup_printf ("id%u", i);
      g_autoptr (GString) content = make_content (n_fills[i % G_N_ELEMENTS (n_fills)]);
      gboolean is_sealed = i / G_N_ELEMENTS (n_fills) % 2 == 1;
      SatchelSpool *spool = satchel_spool_new (id, is_sealed);
      write_in_parts (spool, content);
      g_assert_cmpint (satchel_spool_memory (spool) != NULL, ==, content->len <= SATCHEL_SPOOL_MEMORY_BYTES);
      g_assert_cmpuint (n_files (), ==, content->len <= SATCHEL_SPOOL_MEMORY_BYTES ? 0 : 1);
      g_assert_true (satchel_spool_end (spool, &error));
      assert_content (spool, content);
      if (i % 3 != 0)
        {
          g_assert_true (satchel_spool_sync (spool, &error));
          g_assert_no_error (error);
          g_assert_null (satchel_spool_memory (spool));
          g_assert_true (satchel_spool_is_path (satchel_spool_path (spool)));
          assert_content (spool, content);
          if (is_sealed)
            assert_sealed (spool, content);
          else
            assert_file (spool, content);
          g_autoptr (GBytes) bytes = g_bytes_new (content->str, content->len);
          g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (bytes);
          g_autoptr (GBytes) scanned = satchel_scan_spooled (stream, content->len, &error);
          g_assert_true (g_bytes_equal (satchel_spool_attributes (spool, &error), scanned));
        }
      satchel_spool_free (spool);
      g_assert_cmpuint (n_files (), ==, 0);
    }
  take_down ();
}

/* Other content takes the place of what there is, small or large; where that fails nothing has changed. */
static void
test_replace (void)
{
  set_up ();
  for (guint i = 0; i < count_rounds (100, 1000); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GString) before = make_content (i % 2 == 0 ? 1 : 6000),
                          after = make_content (i % 4 < 2 ? 2 : 7000);
      SatchelSpool *spool = satchel_spool_new ("id", i % 3 == 0);
      write_in_parts (spool, before);
      g_assert_true (satchel_spool_end (spool, &error));
      g_autoptr (GBytes) bytes = g_bytes_new (after->str, after->len);
      g_autoptr (SatchelStream) content = satchel_stream_new_bytes (bytes);
      g_assert_true (satchel_spool_replace (&spool, content, &error));
      g_assert_no_error (error);
      assert_content (spool, after);
      g_assert_cmpuint (n_files (), ==, after->len > SATCHEL_SPOOL_MEMORY_BYTES ? 1 : 0);
      g_autoptr (SatchelStream) missing = satchel_spool_stream_new ("spool/missing", FALSE, 5, NULL);
      g_assert_false (satchel_spool_replace (&spool, missing, &error));
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
      assert_content (spool, after);
      satchel_spool_free (spool);
    }
  take_down ();
}

/* A stream that was read from outlives the file; one that was not says that the file is gone. */
static void
test_gone (void)
{
  set_up ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) content = make_content (6000);
  SatchelSpool *spool = satchel_spool_new ("id", FALSE);
  write_in_parts (spool, content);
  g_assert_true (satchel_spool_end (spool, &error));
  g_autoptr (SatchelStream) used = satchel_spool_content (spool), unused = satchel_spool_content (spool);
  char byte;
  g_assert_cmpint (satchel_stream_read_at (used, 0, &byte, 1, &error), ==, 1);
  satchel_spool_free (spool);
  assert_stream (used, content);
  g_assert_cmpint (satchel_stream_read_at (unused, 0, &byte, 1, &error), ==, -1);
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_clear_error (&error);
  g_assert_cmpint (satchel_stream_length (unused, &error), ==, -1);
  take_down ();
}

/* Where no file can be made: an error, and memory is not taken for it. */
static void
test_no_room (void)
{
  set_up ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) content = make_content (6000);
  g_autofree char *path = g_build_filename (root, "spool", NULL);
  g_assert_true (g_file_set_contents (path, "a file", -1, NULL));
  SatchelSpool *spool = satchel_spool_new ("id", FALSE);
  g_assert_false (satchel_spool_write (spool, content->str, content->len, &error));
  g_assert_nonnull (error);
  satchel_spool_free (spool);
  g_assert_cmpint (g_unlink (path), ==, 0);
  take_down ();
}

/* Another process says where the content is: only a file of the spool. */
static void
test_paths (void)
{
  static const char *const good[] = { "spool/a", "spool/id1f", "spool/a.b" };
  static const char *const bad[] = { "",          "spool",  "spool/", "spool/.",  "spool/..", "spool/.a",
                                     "spool/a/b", "spoola", "a",      "/spool/a", "spool//a", "./spool/a" };
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (satchel_spool_is_path (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (satchel_spool_is_path (bad[i]));
}

/* Files of deliveries that may be going on stay; so does what is no such file. */
static void
test_clean (void)
{
  set_up ();
  g_autoptr (GError) error = NULL;
  satchel_spool_clean (); /* there is no spool yet */
  SatchelSpool *spool = satchel_spool_new ("id", FALSE);
  g_assert_true (satchel_spool_write (spool, "x", 1, &error) && satchel_spool_sync (spool, &error));
  satchel_spool_clean ();
  g_assert_cmpuint (n_files (), ==, 1);
  satchel_spool_free (spool);
  take_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/spool/content", test_content);
  g_test_add_func ("/spool/replace", test_replace);
  g_test_add_func ("/spool/gone", test_gone);
  g_test_add_func ("/spool/no-room", test_no_room);
  g_test_add_func ("/spool/paths", test_paths);
  g_test_add_func ("/spool/clean", test_clean);
  return g_test_run ();
}
