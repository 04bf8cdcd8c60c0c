/* SPDX-License-Identifier: MIT
 * Memory of volumes that fail: Berkeley DB frees nothing of an environment that it has stopped, and a process
 * that opens a damaged volume again and again does not grow all the same.  Under AddressSanitizer, which has
 * no count of allocated bytes, its search for leaks says the same.
 */
#include "config.h"

#include "modules/bdb/tests/place.h"
#include "format/keys.h"
#include "volume/copy.h"
#include "volume/volume_private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <malloc.h>
#include <satchel/fd.h>
#include <string.h>
#include <sys/stat.h>

#define N_RECORDS 400u
#define RECORD_BYTES 1000u
#define PAGE_BYTES 4096u
#define N_FIRST 20u /* failures until all that is allocated once is allocated */
#define N_FAILURES 300u
#define N_STOPS 60u /* each is followed by a recovery that brings everything back */
/* What other threads have in hand; a stopped environment has more than 1 MiB. */
#define GROWTH_BYTES (64u * 1024u)
#define FILES_IN_HAND 5u
#define LAST_TURN 255

/* ---- a volume ---- */

typedef struct Volume
{
  char *root;
  int root_fd;
  BdbVolume *volume;
} Volume;

static void
make_key (BdbKey *key, guint number)
{
  bdb_key_begin (key, 1, BDB_KIND_BLOB);
  g_snprintf ((char *) key->bytes + key->len, 16, "%08u", number);
  key->len += 8;
}

/* Writes all records with @fill as their content. */
static gboolean
put_all (BdbWrite *write, gpointer fill, GError **error)
{
  g_autofree guint8 *value = g_malloc (RECORD_BYTES);
  memset (value, GPOINTER_TO_INT (fill), RECORD_BYTES);
  for (guint i = 0; i < N_RECORDS; i++)
    {
      BdbKey key;
      make_key (&key, i);
      if (!bdb_put (write, BDB_RECORDS, &key, value, RECORD_BYTES, error))
        return FALSE;
    }
  return TRUE;
}

/* All records can be read, and have one content. */
static void
check_all (BdbVolume *volume, guint8 fill)
{
  g_autoptr (GByteArray) value = g_byte_array_new ();
  for (guint i = 0; i < N_RECORDS; i++)
    {
      BdbKey key;
      gboolean is_found;
      GError *error = NULL;
      make_key (&key, i);
      g_assert_true (bdb_get (volume, NULL, BDB_RECORDS, &key, value, &is_found, &error));
      g_assert_no_error (error);
      g_assert_true (is_found);
      g_assert_cmpuint (value->len, ==, RECORD_BYTES);
      g_assert_cmpuint (value->data[RECORD_BYTES - 1], ==, fill);
    }
}

static void
make_volume (Volume *place, gconstpointer unused)
{
  GError *error = NULL;
  place->root = g_dir_make_tmp ("satchel-memory-XXXXXX", NULL);
  place->root_fd = open (place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  place->volume = open_small_volume (place->root_fd, "one", &error);
  g_assert_no_error (error);
  g_assert_true (bdb_write (place->volume, BDB_LATER, put_all, GINT_TO_POINTER (1), &error));
}

static void
drop_volume (Volume *place, gconstpointer unused)
{
  g_clear_pointer (&place->volume, bdb_volume_unref);
  remove_tree (place->root);
  satchel_fd_clear (&place->root_fd);
  g_free (place->root);
}

/* ---- what the process has ---- */

static gsize
count_bytes (void)
{
  struct mallinfo2 info = mallinfo2 ();
  return info.uordblks + info.hblkhd;
}

static guint
count_files (void)
{
  guint n = 0;
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

typedef void (*FailFunc) (Volume *place);

/* Has a volume fail many times. */
static void
fail_often (Volume *place, FailFunc fail, guint n_failures)
{
  for (guint i = 0; i < N_FIRST; i++)
    fail (place);
  const gsize bytes = count_bytes ();
  const guint files = count_files ();
  for (guint i = N_FIRST; i < n_failures; i++)
    fail (place);
  const gsize bytes_after = count_bytes ();
  g_test_message ("allocated: %" G_GSIZE_FORMAT " bytes, then %" G_GSIZE_FORMAT, bytes, bytes_after);
  g_assert_cmpuint (bytes_after, <=, bytes + GROWTH_BYTES);
  g_assert_cmpuint (count_files (), <=, files + FILES_IN_HAND);
}

/* ---- cases ---- */

/* Overwrites @n pages of the records from @page on. */
static void
damage (const Volume *place, guint page, guint n)
{
  g_autofree char *path = g_build_filename (place->root, "bdb", "one", "records.db", NULL);
  g_auto (SatchelFd) fd = open (path, O_WRONLY | O_CLOEXEC);
  const gsize len = n * PAGE_BYTES;
  g_autofree guint8 *bytes = g_malloc (len);
  memset (bytes, 0xa5, len);
  g_assert_cmpint (pwrite (fd, bytes, len, (goffset) page * PAGE_BYTES), ==, (gssize) len);
}

static void
open_damaged (Volume *place)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (open_small_volume (place->root_fd, "one", &error));
  g_assert_nonnull (error);
}

/* Has the library stop the volume, with pages in its cache, in the middle of a transaction. */
static gboolean
stop_in_transaction (BdbWrite *write, gpointer fill, GError **error)
{
  DB_ENV *env = write->volume->environment.env;
  if (!put_all (write, fill, error))
    return FALSE;
  env->set_flags (env, DB_PANIC_ENVIRONMENT, 1);
  return TRUE;
}

/* Recovery meets the damage, and the library stops the environment while it is opened. */
static void
test_volume_is_damaged (Volume *place, gconstpointer unused)
{
  GError *error = NULL;
  g_clear_pointer (&place->volume, bdb_volume_unref);
  place->volume = open_small_volume (place->root_fd, "one", &error);
  g_assert_no_error (error);
  g_assert_true (bdb_write (place->volume, BDB_WRITTEN, put_all, GINT_TO_POINTER (3), &error));
  g_assert_false (bdb_write (place->volume, BDB_LATER, stop_in_transaction, GINT_TO_POINTER (2), NULL));
  g_clear_pointer (&place->volume, bdb_volume_unref);
  damage (place, 1, N_RECORDS * RECORD_BYTES / PAGE_BYTES);
  fail_often (place, open_damaged, N_FAILURES);
}

static void
stop (Volume *place)
{
  GError *error = NULL;
  g_assert_false (bdb_write (place->volume, BDB_LATER, stop_in_transaction, GINT_TO_POINTER (2), &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  place->volume->retry_us = 0; /* without the seconds of waiting */
  check_all (place->volume, 1);
}

typedef struct Neighbour
{
  BdbVolume *volume;
  GAsyncQueue *turns; /* a content for each turn, and LAST_TURN */
} Neighbour;

/* Writes and reads another volume while this one fails. */
static gpointer
use_volume (gpointer data)
{
  Neighbour *neighbour = data;
  gpointer fill;
  while ((fill = g_async_queue_pop (neighbour->turns)) != GINT_TO_POINTER (LAST_TURN))
    {
      GError *error = NULL;
      g_assert_true (bdb_write (neighbour->volume, BDB_LATER, put_all, fill, &error));
      g_assert_no_error (error);
      check_all (neighbour->volume, (guint8) GPOINTER_TO_INT (fill));
    }
  return NULL;
}

static Neighbour neighbour;

static void
stop_beside (Volume *place)
{
  static gint fill;
  fill = fill % 200 + 1;
  g_async_queue_push (neighbour.turns, GINT_TO_POINTER (fill));
  stop (place);
}

/* Who uses another volume of the process meanwhile notices nothing. */
static void
test_volume_is_stopped (Volume *place, gconstpointer unused)
{
  GError *error = NULL;
  neighbour = (Neighbour) { open_small_volume (place->root_fd, "two", &error), g_async_queue_new () };
  g_assert_no_error (error);
  GThread *thread = g_thread_new ("neighbour", use_volume, &neighbour);
  fail_often (place, stop_beside, N_STOPS);
  g_async_queue_push (neighbour.turns, GINT_TO_POINTER (LAST_TURN));
  g_thread_join (thread);
  g_async_queue_unref (neighbour.turns);
  bdb_volume_unref (neighbour.volume);
}

/* What is saved of a damaged volume, and a copy of it that is checked, leave nothing either. */
static void
salvage (Volume *place)
{
  GError *error = NULL;
  guint64 n_records;
  g_autofree char *home = g_build_filename (place->root, "bdb", "one", NULL);
  g_autofree char *target = g_build_filename (home, "salvage", NULL);
  g_assert_true (bdb_copy_salvage (home, &n_records, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_records, >, N_RECORDS / 2);
  g_assert_cmpuint (n_records, <, N_RECORDS);
  remove_tree (target);
}

static void
test_is_saved (Volume *place, gconstpointer unused)
{
  g_clear_pointer (&place->volume, bdb_volume_unref);
  damage (place, 20, 1);
  salvage (place);
  const gsize bytes = count_bytes ();
  salvage (place);
  g_assert_cmpuint (count_bytes (), <=, bytes + GROWTH_BYTES);
}

/* A copy finds the damage. */
static void
verify_damaged (Volume *place)
{
  GError *error = NULL;
  g_assert_false (bdb_copy_verify (place->volume, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
}

static void
test_is_verified (Volume *place, gconstpointer unused)
{
  GError *error = NULL;
  g_clear_pointer (&place->volume, bdb_volume_unref);
  damage (place, 20, 1);
  place->volume = open_small_volume (place->root_fd, "one", &error);
  g_assert_no_error (error);
  verify_damaged (place);
  const gsize bytes = count_bytes ();
  verify_damaged (place);
  g_clear_pointer (&place->volume, bdb_volume_unref);
  g_assert_cmpuint (count_bytes (), <=, bytes);
  place->volume = open_small_volume (place->root_fd, "one", &error);
  g_assert_no_error (error);
  verify_damaged (place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Volume, NULL, make_volume, func, drop_volume)
  ADD ("/bdb/memory/damaged", test_volume_is_damaged);
  ADD ("/bdb/memory/stopped", test_volume_is_stopped);
  ADD ("/bdb/memory/saved", test_is_saved);
  ADD ("/bdb/memory/verified", test_is_verified);
  return g_test_run ();
}
