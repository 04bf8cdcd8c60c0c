/* SPDX-License-Identifier: MIT
 * What only the index can say of new messages is there before they are: a copy of the files is made before
 * each sync of a commit, as a process that is killed there leaves them, and opened.
 */
#include "config.h"

#include "core/runtime/log/log_private.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/index/index.h"
#include "modules/maildir/tests/harness.h"
#include "tests/lib/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- copies of the files ---- */

typedef void (*CopyFunc) (Place *copy);

static const Place *original;
static CopyFunc copy_func;
static guint n_copies, n_found; /* found: what @copy_func says */
static int (*real_sync) (int fd);

static void
look_at_copy (void)
{
  g_autofree char *top = g_dir_make_tmp ("satchel-ahead-XXXXXX", NULL);
  g_autofree char *root = g_build_filename (top, "root", NULL);
  const char *argv[] = { "cp", "-a", original->root, root, NULL };
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  Place copy = { .root = root, .section = original->section };
  copy.root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int (*hook) (int fd) = md_calls.fsync;
  md_calls.fsync = md_calls.fdatasync = real_sync;
  place_open (&copy);
  copy_func (&copy);
  place_close (&copy);
  md_calls.fsync = md_calls.fdatasync = hook;
  close (copy.root_fd);
  facts_remove_tree (top);
  n_copies++;
}

static int
sync_and_copy (int fd)
{
  look_at_copy ();
  return real_sync (fd);
}

static void
start_copies (const Place *place, CopyFunc func)
{
  original = place;
  copy_func = func;
  n_copies = n_found = 0;
  real_sync = md_calls.fsync;
  md_calls.fsync = md_calls.fdatasync = sync_and_copy;
}

static void
stop_copies (void)
{
  md_calls.fsync = md_calls.fdatasync = real_sync;
  look_at_copy ();
}

/* ---- messages ---- */

static void
note_item (guint32 uid, const char *key, GBytes *value, gpointer data)
{
  gsize len;
  const char *text = g_bytes_get_data (value, &len);
  g_string_append_printf (data, " %s=%.*s", key, (int) len, text);
}

static char *
metadata_of (SatchelMailbox *mailbox, guint32 uid)
{
  GString *text = g_string_new (NULL);
  g_assert_true (satchel_mailbox_list_metadata (mailbox, &uid, 1, note_item, text, NULL));
  return g_string_free (text, FALSE);
}

static gboolean
row_of (const SatchelSnapshot *snapshot, guint32 uid, SatchelMessageRow *ret)
{
  guint32 index;
  guint row;
  if (!satchel_snapshot_find (snapshot, uid, &index))
    return FALSE;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
  satchel_chunk_get_row (chunk, row, ret);
  return TRUE;
}

/* ---- numbers of another store ---- */

#define UID 50u
#define MODSEQ 5000000000000000u
#define SAVED 1400000000

static gboolean
import_message (SatchelMailbox *mailbox, const char *value, GError **error)
{
  SatchelStore *store = satchel_mailbox_store (mailbox);
  SatchelStage *stage = satchel_stage_new (store, 0, error);
  g_assert_true (satchel_stage_write (stage, "text\r\n", 6, error) && satchel_stage_finish (stage, error));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  SatchelOperation *append =
      satchel_transaction_append (transaction, mailbox, stage, SATCHEL_FLAG_SEEN, NULL, 1600000000);
  append->uid = UID;
  append->modseq = MODSEQ;
  append->save_date = SAVED;
  if (value != NULL)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (value, strlen (value));
      satchel_operation_set_metadata (append, "k", bytes);
    }
  return satchel_transaction_commit (transaction, error);
}

static void
check_imported (Place *copy, const char *metadata)
{
  g_autoptr (SatchelMailbox) inbox = place_mailbox (copy, "INBOX");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  SatchelMessageRow row;
  if (!row_of (snapshot, UID, &row))
    return;
  n_found++;
  g_autofree char *found = metadata_of (inbox, UID);
  g_assert_cmpstr (found, ==, metadata);
  g_assert_cmpuint (row.modseq, ==, MODSEQ);
  g_assert_cmpuint (snapshot->state.highestmodseq, ==, MODSEQ);
  g_assert_cmpuint (snapshot->state.uidnext, ==, UID + 1);
  g_assert_cmpint (row.save_date, ==, SAVED);
  g_assert_cmpint (row.internal_date, ==, 1600000000);
  g_assert_cmpuint (row.size, ==, 6);
  g_assert_cmpuint (row.flags, ==, SATCHEL_FLAG_SEEN);
}

static void
check_with_metadata (Place *copy)
{
  check_imported (copy, " k=v");
}

static void
check_without_metadata (Place *copy)
{
  check_imported (copy, "");
}

static void
test_import (gconstpointer data)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "before\r\n", 0, NULL, NULL);
  start_copies (&place, data != NULL ? check_with_metadata : check_without_metadata);
  import_message (inbox, data, &error);
  g_assert_no_error (error);
  satchel_mailbox_unref (inbox);
  stop_copies ();
  /* In one copy the message has a file, and not yet a row. */
  g_assert_cmpuint (n_found, >, 1);
  g_assert_cmpuint (n_copies, >, n_found);
  place_remove (&place);
}

/* An index that could not be written is written anew before the transaction is planned. */
static void
test_broken_index (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  md_index_distrust (inbox->core->handle.driver);
  start_copies (&place, check_with_metadata);
  import_message (inbox, "v", &error);
  g_assert_no_error (error);
  satchel_mailbox_unref (inbox);
  stop_copies ();
  g_assert_cmpuint (n_found, >, 1);
  place_remove (&place);
}

static int (*real_renameat) (int from, const char *old, int to, const char *new);

static int
fail_renameat (int from, const char *old, int to, const char *new)
{
  errno = EIO;
  return -1;
}

/* What was planned for a message that did not come is not taken for another one under its UID. */
static void
test_failed_import (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  real_renameat = md_calls.renameat;
  md_calls.renameat = fail_renameat;
  g_assert_false (import_message (inbox, "other", NULL));
  md_calls.renameat = real_renameat;
  start_copies (&place, check_without_metadata);
  import_message (inbox, NULL, &error);
  g_assert_no_error (error);
  satchel_mailbox_unref (inbox);
  stop_copies ();
  g_assert_cmpuint (n_found, >, 1);
  place_remove (&place);
}

static guint n_failed_syncs;

static int
fail_sync_of_index (int fd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *path = g_file_read_link (link, NULL);
  if (path == NULL || !g_str_has_suffix (path, MD_INDEX_FILE))
    return real_sync (fd);
  g_assert_cmpuint (++n_failed_syncs, <, 100); /* the commit ends */
  errno = EIO;
  return -1;
}

/* If what only the index says of a message cannot be written, the message does not come, and the client hears
 * so; later the same is done. */
static void
test_not_written (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  real_sync = md_calls.fdatasync;
  int (*real_fsync) (int fd) = md_calls.fsync;
  n_failed_syncs = 0;
  md_calls.fdatasync = md_calls.fsync = fail_sync_of_index;
  g_assert_false (import_message (inbox, "v", &error));
  md_calls.fdatasync = real_sync;
  md_calls.fsync = real_fsync;
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_IO);
  g_assert_cmpuint (n_failed_syncs, >, 0);
  g_clear_error (&error);
  g_autofree char *none = describe (inbox);
  g_assert_cmpstr (none, ==, "");
  import_message (inbox, "v", &error);
  g_assert_no_error (error);
  satchel_mailbox_unref (inbox);
  n_found = 0;
  check_with_metadata (&place);
  g_assert_cmpuint (n_found, ==, 1);
  place_remove (&place);
}

/* ---- many at once ---- */

#define N_MESSAGES 20u
#define N_KEYS 60u

/* Together they take several frames of the index. */
static void
append_heavy (SatchelMailbox *inbox)
{
  SatchelStore *store = satchel_mailbox_store (inbox);
  g_autofree char *text = g_strnfill (1000, 'v');
  g_autoptr (GBytes) value = g_bytes_new (text, 1000);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < N_MESSAGES; i++)
    {
      SatchelStage *stage = satchel_stage_new (store, 0, &error);
      g_assert_true (satchel_stage_write (stage, "text\r\n", 6, &error)
                     && satchel_stage_finish (stage, &error));
      SatchelOperation *append = satchel_transaction_append (transaction, inbox, stage, 0, NULL, 1600000000);
      for (guint k = 0; k < N_KEYS; k++)
        {
          g_autofree char *key = g_strdup_printf ("k%u", k);
          satchel_operation_set_metadata (append, key, value);
        }
    }
  satchel_transaction_commit (transaction, &error);
  g_assert_no_error (error);
}

static guint
count_heavy (Place *place, const char *name)
{
  g_autoptr (SatchelMailbox) mailbox = place_mailbox (place, name);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      g_autofree char *metadata = metadata_of (mailbox, chunk->uid[row]);
      g_assert_cmpuint (strlen (metadata), >, N_KEYS * 1000);
    }
  return snapshot->state.n_messages;
}

static void
check_heavy (Place *copy)
{
  guint n_moved = count_heavy (copy, "Dest");
  g_assert_cmpuint (count_heavy (copy, "INBOX") + n_moved, ==, N_MESSAGES);
  n_found += n_moved == N_MESSAGES;
}

static void
test_move (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "Dest", 0, &error));
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *dest = place_mailbox (&place, "Dest");
  append_heavy (inbox);
  start_copies (&place, check_heavy);
  g_assert_true (transfer (inbox, 1, G_MAXUINT32, dest, TRUE, &error));
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (dest);
  stop_copies ();
  g_assert_cmpuint (n_found, >, 1);
  g_assert_cmpuint (n_copies, >, n_found);
  place_remove (&place);
}

/* ---- what is half done ---- */

static guint n_renames;

/* The second rename fails, and so does what puts the first one back. */
static int
fail_from_second (int from, const char *old, int to, const char *new)
{
  if (++n_renames == 1)
    return real_renameat (from, old, to, new);
  errno = EIO;
  return -1;
}

/* The journal does the change later, while the store is open, or when it is opened again. */
static void
test_half_done (gconstpointer data)
{
  const gboolean reopens = data != NULL;
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "Dest", 0, &error));
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *dest = place_mailbox (&place, "Dest");
  append_heavy (inbox);
  real_renameat = md_calls.renameat;
  n_renames = 0;
  md_calls.renameat = fail_from_second;
  g_assert_false (transfer (inbox, 1, G_MAXUINT32, dest, TRUE, &error));
  md_calls.renameat = real_renameat;
  g_assert_cmpuint (n_renames, >, 2);
  if (!reopens)
    {
      sync_later (dest);
      sync_later (inbox);
      g_assert_cmpuint (count_heavy (&place, "Dest"), ==, N_MESSAGES);
    }
  else /* an index that is written anew meanwhile keeps what was planned */
    md_index_checkpoint (dest->core->handle.driver);
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (dest);
  place_close (&place);
  place_open (&place);
  g_assert_cmpuint (count_heavy (&place, "Dest"), ==, N_MESSAGES);
  g_assert_cmpuint (count_heavy (&place, "INBOX"), ==, 0);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  if (g_getenv ("TMPDIR") == NULL && access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
  satchel_log_set_level (SATCHEL_LOG_ERROR);
  g_test_add_data_func ("/maildir/ahead/import", NULL, test_import);
  g_test_add_data_func ("/maildir/ahead/import-with-metadata", "v", test_import);
  g_test_add_func ("/maildir/ahead/broken-index", test_broken_index);
  g_test_add_func ("/maildir/ahead/failed-import", test_failed_import);
  g_test_add_func ("/maildir/ahead/not-written", test_not_written);
  g_test_add_func ("/maildir/ahead/move", test_move);
  g_test_add_data_func ("/maildir/ahead/half-done", NULL, test_half_done);
  g_test_add_data_func ("/maildir/ahead/half-done-and-opened", "opened", test_half_done);
  return g_test_run ();
}
