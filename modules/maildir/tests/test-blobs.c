/* SPDX-License-Identifier: MIT
 * Blobs of modules: damaged files, saves that fail.
 */
#include "config.h"

#include "modules/maildir/names/folder_name.h"
#include "modules/maildir/files/maildir_sys.h"

#include "core/runtime/log/log_private.h"
#include "modules/maildir/tests/harness.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME MD_BLOBS_FILE "sieve"

static void
ignore_log (SatchelLogLevel level, const char *area, const char *message)
{
}

/* The error, or 0. */
static int
put (const Place *place, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) value = g_bytes_new (text, strlen (text));
  return satchel_store_put_blobs (place->store, "sieve", &(SatchelBlob) { name, value }, 1, &error)
             ? 0
             : error->code;
}

/* The text, or "!" and the error. */
static void
assert_blob (const Place *place, const char *name, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) value = satchel_store_get_blob (place->store, "sieve", name, &error);
  g_autofree char *text = value != NULL ? g_strndup (g_bytes_get_data (value, NULL), g_bytes_get_size (value))
                                        : g_strdup_printf ("!%d", error->code);
  g_assert_cmpstr (text, ==, expected);
}

/* Changes the byte before the last. */
static void
damage (const Place *place, const char *file)
{
  g_autofree char *path = place_path (place, "%s", file), *data = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (path, &data, &len, NULL));
  data[len - 2] ^= 1;
  g_assert_true (g_file_set_contents (path, data, (gssize) len, NULL));
}

static void
test_damaged (void)
{
  g_autofree char *corrupt = g_strdup_printf ("!%d", SATCHEL_ERROR_CORRUPT);
  Place place;
  place_make (&place);
  place_open (&place);
  g_assert_cmpint (put (&place, "a", "one"), ==, 0);
  g_assert_cmpint (put (&place, "a", "two"), ==, 0);
  damage (&place, FILE_NAME);
  assert_blob (&place, "a", "one");
  /* What is whole stays until something newer is durable. */
  g_assert_cmpint (put (&place, "b", "three"), ==, 0);
  assert_blob (&place, "a", "one");
  assert_blob (&place, "b", "three");
  damage (&place, FILE_NAME);
  assert_blob (&place, "a", "one");
  g_autofree char *missing = g_strdup_printf ("!%d", SATCHEL_ERROR_NONEXISTENT);
  assert_blob (&place, "b", missing);
  damage (&place, FILE_NAME ".old");
  assert_blob (&place, "a", corrupt);
  g_assert_cmpint (put (&place, "a", "four"), ==, SATCHEL_ERROR_CORRUPT);
  /* Cut off anywhere, it is not taken for whole. */
  g_autofree char *path = place_path (&place, FILE_NAME), *old = place_path (&place, FILE_NAME ".old");
  g_assert_cmpint (unlink (path) | unlink (old), ==, 0);
  g_assert_cmpint (put (&place, "a", "one"), ==, 0);
  g_autofree char *data = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (path, &data, &len, NULL));
  for (gsize n = 0; n < len; n++)
    {
      g_assert_true (g_file_set_contents (path, data, (gssize) n, NULL));
      assert_blob (&place, "a", corrupt);
    }
  place_remove (&place);
}

static guint fails_at, n_calls;

static int
failing_fsync (int fd)
{
  if (++n_calls != fails_at)
    return fsync (fd);
  errno = EIO;
  return -1;
}

/* The content's sync, or that of its name: what was there before is there. */
static void
test_failed (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  for (guint round = 0; round < 2; round++)
    for (fails_at = 1; fails_at <= 2; fails_at++)
      {
        n_calls = 0;
        md_calls.fsync = failing_fsync;
        g_assert_cmpint (put (&place, "a", "new"), ==, SATCHEL_ERROR_IO);
        md_sys_reset ();
        g_assert_cmpuint (n_calls, >=, fails_at);
        if (round == 1)
          {
            assert_blob (&place, "a", "old");
            place_close (&place);
            place_open (&place);
            assert_blob (&place, "a", "old");
          }
        else
          {
            g_autofree char *missing = g_strdup_printf ("!%d", SATCHEL_ERROR_NONEXISTENT);
            assert_blob (&place, "a", missing);
          }
        g_assert_cmpint (put (&place, "a", round == 1 || fails_at == 2 ? "old" : "x"), ==, 0);
        if (round == 0 && fails_at == 1)
          {
            g_autofree char *path = place_path (&place, FILE_NAME),
                            *old = place_path (&place, FILE_NAME ".old");
            unlink (path);
            unlink (old);
          }
      }
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  satchel_log_divert (ignore_log);
  g_test_add_func ("/maildir/blobs/damaged", test_damaged);
  g_test_add_func ("/maildir/blobs/failed", test_failed);
  return g_test_run ();
}
