/* SPDX-License-Identifier: MIT
 * This program tests the body files of a volume: that bodies can be read, that room is given back only when
 * it is durable that nobody uses it, and that what a crash left is found while everything that a record
 * names stays.
 */
#include "config.h"

#include "modules/bdb/tests/place.h"
#include "body/body_files_private.h"
#include "body/body_notes.h"
#include "volume/backup_lock.h"
#include "volume/volume_private.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/fd.h>
#include <string.h>
#include <sys/stat.h>

#define BODY_BYTES 20000u
#define ROOM_BYTES 20480u /* BODY_BYTES, in whole blocks */
#define USER 7u

/* ---- calls that are watched ---- */

static GString *calls; /* "sync NAME" and "punch NAME", in order; NULL: calls are not recorded */

static void
note_call (const char *what, int fd)
{
  char link[64], path[4096];
  if (calls == NULL)
    return;
  g_snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink (link, path, sizeof path - 1);
  g_assert_cmpint (n, >, 0);
  path[n] = '\0';
  g_string_append_printf (calls, "%s %s\n", what, strrchr (path, '/') + 1);
}

/* This replaces the function of the C library, for Berkeley DB as well. */
int
fdatasync (int fd)
{
  int (*next) (int) = (int (*) (int)) dlsym (RTLD_NEXT, "fdatasync");
  note_call ("sync", fd);
  return next (fd);
}

int
fallocate (int fd, int mode, off_t offset, off_t len)
{
  int (*next) (int, int, off_t, off_t) = (int (*) (int, int, off_t, off_t)) dlsym (RTLD_NEXT, "fallocate");
  if (mode & FALLOC_FL_PUNCH_HOLE)
    note_call ("punch", fd);
  return next (fd, mode, offset, len);
}

static char *
stop_watching (void)
{
  return g_string_free (g_steal_pointer (&calls), FALSE);
}

/* ---- a volume ---- */

typedef struct Volume
{
  char *root;
  int root_fd;
  BdbVolume *volume;
} Volume;

static void
open_volume (Volume *place)
{
  GError *error = NULL;
  place->volume = open_small_volume (place->root_fd, "", &error);
  g_assert_no_error (error);
}

static void
make_volume (Volume *place, gconstpointer unused)
{
  place->root = g_dir_make_tmp ("satchel-bodies-XXXXXX", NULL);
  place->root_fd = open (place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  open_volume (place);
}

static void
drop_volume (Volume *place, gconstpointer unused)
{
  g_clear_pointer (&place->volume, bdb_volume_unref);
  close (place->root_fd);
  remove_tree (place->root);
  g_free (place->root);
}

static void
reopen (Volume *place)
{
  bdb_volume_unref (place->volume);
  open_volume (place);
}

/* ---- bodies ---- */

typedef struct Body
{
  guint64 content;
  GByteArray *record;
  guint8 *data;
  gsize len;
} Body;

static void
body_clear (Body *body)
{
  g_clear_pointer (&body->record, g_byte_array_unref);
  g_clear_pointer (&body->data, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Body, body_clear)

/* Writes a body whose bytes follow from @content. */
static Body
write_body (Volume *place, BdbBodyTicket *ticket, guint64 content, gsize len)
{
  BdbBodyPlace at;
  GError *error = NULL;
  Body body = { .content = content, .record = bdb_body_record_new (), .data = g_malloc (len), .len = len };
  for (gsize i = 0; i < len; i++)
    body.data[i] = (guint8) (content * 31 + i * 7 + i / 251);
  for (gsize i = 0; i < len; i += BDB_BODY_EXTENT_BYTES)
    {
      gsize n = MIN (len - i, BDB_BODY_EXTENT_BYTES);
      bdb_body_files_write (bdb_volume_bodies (place->volume), ticket, body.data + i, n, &at, &error);
      g_assert_no_error (error);
      bdb_body_record_add (body.record, at, body.data + i, n);
    }
  return body;
}

static gboolean
save_body (BdbWrite *write, gpointer data, GError **error)
{
  const Body *body = data;
  BdbKey key, user;
  guint32 little = GUINT32_TO_LE (USER);
  bdb_key_of_user (&user, "example.org/somebody");
  bdb_key_begin (&key, USER, BDB_KIND_BODY);
  bdb_key_u64 (&key, body->content);
  return bdb_put (write, BDB_RECORDS, &user, &little, sizeof little, error)
         && bdb_put (write, BDB_RECORDS, &key, body->record->data, body->record->len, error);
}

static void
commit_body (Volume *place, Body *body)
{
  GError *error = NULL;
  bdb_write (place->volume, BDB_DURABLE, save_body, body, &error);
  g_assert_no_error (error);
}

/* Stores a body that a record names, by a writer that has ended. */
static Body
store_body (Volume *place, guint64 content, gsize len)
{
  BdbBodyTicket ticket;
  GError *error = NULL;
  BdbBodyFiles *files = bdb_volume_bodies (place->volume);
  bdb_body_files_begin_writer (files, &ticket);
  Body body = write_body (place, &ticket, content, len);
  bdb_body_files_sync (files, &ticket, &error);
  g_assert_no_error (error);
  commit_body (place, &body);
  bdb_body_files_end_writer (files, FALSE);
  return body;
}

static void
assert_body (Volume *place, const Body *body)
{
  g_autofree guint8 *buffer = g_malloc (BDB_BODY_PIECE_BYTES);
  for (guint64 i = 0; i * BDB_BODY_PIECE_BYTES < body->len; i++)
    {
      GError *error = NULL;
      BdbBodyPiece piece = bdb_body_record_piece (body->record->data, body->record->len, i);
      bdb_body_files_read (bdb_volume_bodies (place->volume), piece.place, buffer, piece.length, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (buffer, piece.length, body->data + i * BDB_BODY_PIECE_BYTES,
                       MIN (body->len - i * BDB_BODY_PIECE_BYTES, BDB_BODY_PIECE_BYTES));
      g_assert_true (bdb_body_piece_is_right (&piece, buffer));
    }
}

static guint64
usage (Volume *place)
{
  return bdb_body_files_usage (bdb_volume_bodies (place->volume));
}

static void
reclaim (Volume *place)
{
  GError *error = NULL;
  bdb_body_reclaim (place->volume, &error);
  g_assert_no_error (error);
}

static gboolean
erase_body (BdbWrite *write, gpointer data, GError **error)
{
  const Body *body = data;
  g_autoptr (GByteArray) freed = g_byte_array_new ();
  return bdb_content_erase (write, USER, body->content, freed, error)
         && bdb_body_note_freed (write, USER, body->content, freed, error);
}

static void
erase (Volume *place, Body *body)
{
  GError *error = NULL;
  bdb_write (place->volume, BDB_LATER, erase_body, body, &error);
  g_assert_no_error (error);
}

/* ---- tests ---- */

static void
test_sizes (Volume *place, gconstpointer unused)
{
  static const gsize sizes[] = { 1,
                                 4095,
                                 4096,
                                 4097,
                                 BDB_BODY_PIECE_BYTES,
                                 BDB_BODY_PIECE_BYTES + 1,
                                 BDB_BODY_EXTENT_BYTES,
                                 BDB_BODY_EXTENT_BYTES + 1,
                                 3 * BDB_BODY_EXTENT_BYTES - 1 };
  Body bodies[G_N_ELEMENTS (sizes)];
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    bodies[i] = store_body (place, i, sizes[i]);
  reopen (place);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      guint64 length;
      g_assert_true (bdb_body_record_length (bodies[i].record->data, bodies[i].record->len, &length));
      g_assert_cmpuint (length, ==, sizes[i]);
      assert_body (place, &bodies[i]);
      body_clear (&bodies[i]);
    }
}

/* There may be more files than are kept open. */
static void
test_many_files (Volume *place, gconstpointer unused)
{
  enum
  {
    N = BDB_BODY_OPEN_FILES + 8
  };
  Body bodies[N];
  BdbBodyFiles *files = bdb_volume_bodies (place->volume);
  for (guint i = 0; i < N; i++)
    {
      bodies[i] = store_body (place, i, BODY_BYTES);
      files->end.offset = BDB_BODY_FILE_BYTES; /* the file looks full */
    }
  for (guint i = 0; i < N; i++)
    assert_body (place, &bodies[i]);
  for (guint i = 0; i < N; i++)
    body_clear (&bodies[i]);
  g_assert_cmpuint (files->end.file, ==, N);
}

/* A file that is being read stays open when another one wants its slot. */
static void
test_slots (Volume *place, gconstpointer unused)
{
  enum
  {
    OTHER = 1 + BDB_BODY_OPEN_FILES
  };
  char byte;
  BdbBodyFiles *files = bdb_volume_bodies (place->volume);
  g_auto (Body) first = store_body (place, 1, BODY_BYTES);
  files->end = (BdbBodyPlace) { OTHER - 1, BDB_BODY_FILE_BYTES };
  g_auto (Body) second = store_body (place, 2, BODY_BYTES);
  int one = bdb_body_files_get (files, 1), two = bdb_body_files_get (files, OTHER);
  g_assert_cmpint (pread (one, &byte, 1, 0), ==, 1);
  g_assert_cmpint (byte, ==, (char) first.data[0]);
  bdb_body_files_put (files, OTHER, two);
  bdb_body_files_put (files, 1, one);
  assert_body (place, &first);
  assert_body (place, &second);
}

/* A writer that was slow to write into a file, which has become full since, has it synced all the same. */
static void
test_sync (Volume *place, gconstpointer unused)
{
  BdbBodyTicket ticket;
  GError *error = NULL;
  BdbBodyFiles *files = bdb_volume_bodies (place->volume);
  g_auto (Body) first = store_body (place, 1, BODY_BYTES);
  const BdbBodyPlace slow_end = files->end;
  files->end.offset = BDB_BODY_FILE_BYTES;
  g_auto (Body) second = store_body (place, 2, BODY_BYTES);
  const BdbBodyPlace end = files->end;
  bdb_body_files_begin_writer (files, &ticket);
  files->end = slow_end; /* as if the writer had taken its place before the second body came */
  g_auto (Body) slow = write_body (place, &ticket, 3, BODY_BYTES);
  files->end = end;
  calls = g_string_new (NULL);
  bdb_body_files_sync (files, &ticket, &error);
  g_assert_no_error (error);
  g_autofree char *said = stop_watching ();
  g_assert_nonnull (strstr (said, "sync 0000000001\n"));
  bdb_body_files_end_writer (files, TRUE);
}

/* Writers that wait at the same time share a sync. */
static void
test_shared_sync (Volume *place, gconstpointer unused)
{
  BdbBodyTicket one, two;
  GError *error = NULL;
  BdbBodyFiles *files = bdb_volume_bodies (place->volume);
  bdb_body_files_begin_writer (files, &one);
  bdb_body_files_begin_writer (files, &two);
  g_auto (Body) first = write_body (place, &one, 1, BODY_BYTES);
  g_auto (Body) second = write_body (place, &two, 2, BODY_BYTES);
  calls = g_string_new (NULL);
  bdb_body_files_sync (files, &one, &error);
  g_assert_no_error (error);
  bdb_body_files_sync (files, &two, &error);
  g_assert_no_error (error);
  g_autofree char *said = stop_watching ();
  g_assert_cmpstr (said, ==, "sync 0000000001\n");
  bdb_body_files_end_writer (files, TRUE);
  bdb_body_files_end_writer (files, TRUE);
}

static void
test_room (Volume *place, gconstpointer unused)
{
  g_auto (Body) first = store_body (place, 1, BODY_BYTES), second = store_body (place, 2, BODY_BYTES),
                third = store_body (place, 3, BODY_BYTES);
  reclaim (place);
  g_assert_cmpuint (usage (place), ==, 3 * ROOM_BYTES);
  erase (place, &second);
  calls = g_string_new (NULL);
  reclaim (place);
  /* It is durable that nobody uses the body before its room is given back. */
  g_autofree char *said = stop_watching ();
  g_assert_true (g_str_has_prefix (said, "sync log.") && strstr (said, "\npunch 0000000001\n") != NULL);
  g_assert_cmpuint (usage (place), ==, 2 * ROOM_BYTES);
  assert_body (place, &first);
  assert_body (place, &third);
}

/* A file in which nothing is used is removed, unless it is the one that is written to. */
static void
test_empty_file (Volume *place, gconstpointer unused)
{
  BdbBodyFiles *files = bdb_volume_bodies (place->volume);
  g_auto (Body) first = store_body (place, 1, BODY_BYTES);
  files->end.offset = BDB_BODY_FILE_BYTES;
  g_auto (Body) second = store_body (place, 2, BODY_BYTES);
  erase (place, &first);
  erase (place, &second);
  reclaim (place);
  g_assert_cmpuint (bdb_body_files_length (files, 1), ==, 0);
  g_assert_cmpuint (bdb_body_files_length (files, 2), >, 0);
  g_auto (Body) third = store_body (place, 3, BODY_BYTES);
  assert_body (place, &third);
}

/* While the volume is copied, the bodies that its tables name stay. */
static void
test_backup (Volume *place, gconstpointer unused)
{
  GError *error = NULL;
  g_auto (Body) body = store_body (place, 1, BODY_BYTES);
  {
    g_auto (SatchelFd) lock = bdb_backup_lock_share (place->volume->home_fd, &error);
    g_assert_no_error (error);
    erase (place, &body);
    reclaim (place);
    assert_body (place, &body);
  }
  reclaim (place);
  g_assert_cmpuint (usage (place), ==, 0);
}

/* A process may end before it has committed what it wrote. */
static void
test_crash (Volume *place, gconstpointer unused)
{
  BdbBodyTicket ticket;
  g_auto (Body) kept = store_body (place, 1, BODY_BYTES);
  reclaim (place);
  bdb_body_files_begin_writer (bdb_volume_bodies (place->volume), &ticket);
  g_auto (Body) lost = write_body (place, &ticket, 2, BODY_BYTES);
  g_auto (Body) later = store_body (place, 3, BODY_BYTES);
  reclaim (place);
  g_assert_cmpuint (usage (place), ==, 3 * ROOM_BYTES); /* the writer may still commit */
  reopen (place);                                       /* the writer never ended */
  bdb_body_files_begin_writer (bdb_volume_bodies (place->volume), &ticket);
  g_auto (Body) under_way = write_body (place, &ticket, 4, BODY_BYTES);
  g_auto (Body) new = store_body (place, 5, BODY_BYTES);
  reclaim (place);
  g_assert_cmpuint (usage (place), ==, 4 * ROOM_BYTES);
  assert_body (place, &kept);
  assert_body (place, &later);
  assert_body (place, &under_way);
  assert_body (place, &new);
}

/* Places that a writer has left may be named by a record, so they stay until the next opening looks. */
static void
test_leftovers (Volume *place, gconstpointer unused)
{
  BdbBodyTicket ticket;
  BdbBodyFiles *files = bdb_volume_bodies (place->volume);
  bdb_body_files_begin_writer (files, &ticket);
  g_auto (Body) left = write_body (place, &ticket, 1, BODY_BYTES);
  bdb_body_files_end_writer (files, TRUE);
  reclaim (place);
  g_assert_cmpuint (usage (place), ==, ROOM_BYTES);
  reopen (place);
  reclaim (place);
  g_assert_cmpuint (usage (place), ==, 0);
}

static void
test_epoch (Volume *place, gconstpointer unused)
{
  BdbBodyTicket ticket;
  GError *error = NULL;
  BdbBodyFiles *files = bdb_volume_bodies (place->volume);
  bdb_body_files_begin_writer (files, &ticket);
  g_auto (Body) body = write_body (place, &ticket, 1, BODY_BYTES);
  g_assert_true (bdb_body_files_is_current (files, &ticket, NULL));
  bdb_body_files_begin_epoch (files);
  g_assert_false (bdb_body_files_is_current (files, &ticket, &error));
  g_assert_cmpint (error->code, ==, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_false (bdb_body_files_sync (files, &ticket, NULL));
  bdb_body_files_end_writer (files, TRUE);
}

static void
test_damage (Volume *place, gconstpointer unused)
{
  GError *error = NULL;
  g_auto (Body) body = store_body (place, 1, 2 * BDB_BODY_PIECE_BYTES);
  bdb_body_verify (place->volume, &error);
  g_assert_no_error (error);
  g_autofree char *path = g_build_filename (place->root, "bdb/default/bodies/0000000001", NULL);
  g_auto (SatchelFd) fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (pwrite (fd, "x", 1, BDB_BODY_PIECE_BYTES + 5), ==, 1);
  g_assert_false (bdb_body_verify (place->volume, &error));
  g_assert_cmpint (error->code, ==, SATCHEL_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, "content 1 of user number 7"));
  g_clear_error (&error);
  g_assert_cmpint (ftruncate (fd, BDB_BODY_PIECE_BYTES + 5), ==, 0);
  g_assert_false (bdb_body_verify (place->volume, &error));
  g_assert_cmpint (error->code, ==, SATCHEL_ERROR_CORRUPT);
  g_clear_error (&error);
}

/* A record that cannot be read may name any place, so nothing is given back. */
static void
test_bad_record (Volume *place, gconstpointer unused)
{
  BdbBodyTicket ticket;
  GError *error = NULL;
  g_auto (Body) bad = store_body (place, 1, BODY_BYTES);
  g_byte_array_set_size (bad.record, bad.record->len - 1);
  commit_body (place, &bad);
  bdb_body_files_begin_writer (bdb_volume_bodies (place->volume), &ticket);
  g_auto (Body) lost = write_body (place, &ticket, 2, BODY_BYTES);
  reopen (place);
  g_assert_false (bdb_body_reclaim (place->volume, &error));
  g_assert_cmpint (error->code, ==, SATCHEL_ERROR_CORRUPT);
  g_clear_error (&error);
  g_assert_cmpuint (usage (place), ==, 2 * ROOM_BYTES);
}

#define ADD(name, function) g_test_add ("/bdb/bodies/" name, Volume, NULL, make_volume, function, drop_volume)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("sizes", test_sizes);
  ADD ("many-files", test_many_files);
  ADD ("slots", test_slots);
  ADD ("sync", test_sync);
  ADD ("shared-sync", test_shared_sync);
  ADD ("room", test_room);
  ADD ("empty-file", test_empty_file);
  ADD ("backup", test_backup);
  ADD ("crash", test_crash);
  ADD ("leftovers", test_leftovers);
  ADD ("epoch", test_epoch);
  ADD ("damage", test_damage);
  ADD ("bad-record", test_bad_record);
  return g_test_run ();
}
