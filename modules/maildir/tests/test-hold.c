/* SPDX-License-Identifier: MIT
 * Mailboxes made together, and messages staged together: nothing is synced before the end of the hold,
 * everything by it.
 */
#include "config.h"

#include "modules/maildir/mailbox/mailbox.h"
#include "modules/maildir/store/maildir_store.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/store/user_file.h"

#include "core/storage/store/store_private.h"
#include "modules/maildir/tests/harness.h"

#include <errno.h>
#include <sys/stat.h>

static const char *const names[] = { "Drafts", "Sent", "Trash" };

/* Files and directories that were synced. */
static GHashTable *synced;
static guint n_syncs;
static gboolean fails;

static int
count_fsync (int fd)
{
  struct stat st;
  n_syncs++;
  if (fails)
    {
      errno = EIO;
      return -1;
    }
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_hash_table_add (synced, GSIZE_TO_POINTER (st.st_ino));
  return 0;
}

static void
assert_synced (const Place *place, const char *relative)
{
  struct stat st;
  g_autofree char *path = place_path (place, "%s", relative);
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_true (g_hash_table_contains (synced, GSIZE_TO_POINTER (st.st_ino)));
}

/* As at a first login; returns what the end of the hold said. */
static gboolean
make_together (Place *place, GError **error)
{
  GError *local = NULL;
  SatchelStorage *driver = &place->store->core->levels[0];
  g_assert_true (driver->ops->hold_syncs (driver, NULL, TRUE, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      satchel_store_create (place->store, names[i], SATCHEL_USE_DRAFTS << i, &local);
      g_assert_no_error (local);
      satchel_store_subscribe (place->store, names[i], TRUE, &local);
      g_assert_no_error (local);
    }
  g_assert_cmpuint (n_syncs, ==, 0);
  return driver->ops->hold_syncs (driver, NULL, FALSE, error);
}

static void
test_together (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  synced = g_hash_table_new (NULL, NULL);
  n_syncs = 0;
  md_calls.fsync = count_fsync;
  g_assert_true (make_together (&place, &error));
  g_assert_no_error (error);
  /* Each once: state and directory of each mailbox, the user's file in two generations, the user's directory.
   */
  g_assert_cmpuint (n_syncs, ==, g_hash_table_size (synced));
  g_assert_cmpuint (n_syncs, <=, 2 * G_N_ELEMENTS (names) + 3);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *dir = g_strconcat (".", names[i], NULL),
                      *state = g_strconcat (dir, "/", MD_STATE_FILE, NULL);
      assert_synced (&place, dir);
      assert_synced (&place, state);
    }
  assert_synced (&place, MD_USER_FILE);
  assert_synced (&place, ".");
  /* What comes after is synced by itself again. */
  n_syncs = 0;
  g_assert_true (satchel_store_subscribe (place.store, "Sent", FALSE, NULL));
  g_assert_cmpuint (n_syncs, >, 0);
  md_sys_reset ();
  g_hash_table_unref (synced);
  place_remove (&place);
}

static void
test_failure (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  n_syncs = 0;
  fails = TRUE;
  md_calls.fsync = count_fsync;
  g_assert_false (make_together (&place, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_IO);
  g_clear_error (&error);
  md_sys_reset ();
  place_remove (&place);
}

static void
test_staged (void)
{
  static const char text[] = "Subject: x\r\n\r\nx\r\n";
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelStorage *driver = &place.store->core->levels[0];
  synced = g_hash_table_new (NULL, NULL);
  n_syncs = 0;
  md_calls.fsync = md_calls.fdatasync = count_fsync;
  g_assert_true (driver->ops->hold_syncs (driver, NULL, TRUE, NULL));
  SatchelStage *stages[3];
  for (guint i = 0; i < G_N_ELEMENTS (stages); i++)
    {
      stages[i] = satchel_stage_new (place.store, sizeof text - 1, &error);
      g_assert_no_error (error);
      satchel_stage_set_internal_date (stages[i], 1000000000 + i);
      g_assert_true (satchel_stage_write (stages[i], text, sizeof text - 1, &error)
                     && satchel_stage_finish (stages[i], &error));
    }
  g_assert_cmpuint (n_syncs, ==, 0);
  g_assert_true (driver->ops->hold_syncs (driver, NULL, FALSE, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_syncs, ==, G_N_ELEMENTS (stages));
  g_assert_cmpuint (g_hash_table_size (synced), ==, G_N_ELEMENTS (stages));
  for (guint i = 0; i < G_N_ELEMENTS (stages); i++)
    satchel_stage_free (stages[i]);
  /* What comes after is synced by itself again. */
  n_syncs = 0;
  SatchelStage *stage = satchel_stage_new (place.store, sizeof text - 1, NULL);
  g_assert_true (satchel_stage_write (stage, text, sizeof text - 1, NULL)
                 && satchel_stage_finish (stage, NULL));
  g_assert_cmpuint (n_syncs, ==, 1);
  satchel_stage_free (stage);
  md_sys_reset ();
  g_hash_table_unref (synced);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/hold/together", test_together);
  g_test_add_func ("/maildir/hold/staged", test_staged);
  g_test_add_func ("/maildir/hold/failure", test_failure);
  return g_test_run ();
}
