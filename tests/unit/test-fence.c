/* SPDX-License-Identifier: MIT
 * Whoever waits for the write lock of a store while the user gets another place changes nothing: each call
 * that writes looks at the fence when it has the lock, since what it saw before may be outdated.
 */
#include "config.h"

#include "core/storage/store/store_private.h"
#include "tests/lib/loop.h"

#include <satchel/module.h>
#include <string.h>
#include <unistd.h>

static SatchelStore *store;
static SatchelMailbox *inbox;

static void
set_up (void)
{
  static guint n;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/fence%u", ++n);
  SatchelStoreLevel levels[] = { { "memory", satchel_module ()->provides[0].ops, NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = path, .root_fd = -1, .levels = levels, .n_levels = 1
  };
  store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  inbox = satchel_store_open_mailbox (store, "INBOX", &error);
  g_assert_no_error (error);
}

static void
take_down (void)
{
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  g_clear_pointer (&store, satchel_store_unref);
}

/* ---- who waits ---- */

typedef gboolean (*WriteFunc) (GError **error);
typedef struct Waiter
{
  WriteFunc write;
  gint thread_id; /* atomic; 0: it has not begun */
  GError *error;
} Waiter;

static gpointer
wait_and_write (gpointer data)
{
  Waiter *waiter = data;
  g_atomic_int_set (&waiter->thread_id, gettid ());
  return GINT_TO_POINTER (waiter->write (&waiter->error));
}

/* It has nothing to wait for but the lock. */
static gboolean
is_asleep (Waiter *waiter)
{
  g_autofree char *text = NULL;
  const gint id = g_atomic_int_get (&waiter->thread_id);
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/stat", id);
  if (id == 0 || !g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  const char *state = strrchr (text, ')');
  return state != NULL && g_str_has_prefix (state, ") S");
}

/* The fence comes up while @write waits. */
static void
assert_fenced_off (WriteFunc write)
{
  Waiter waiter = { .write = write };
  satchel_store_begin_write (store->core);
  GThread *thread = g_thread_new ("waiter", wait_and_write, &waiter);
  loop_until (is_asleep (&waiter));
  g_atomic_int_set (&store->core->is_fenced, TRUE);
  satchel_store_end_write (store->core);
  g_assert_false (GPOINTER_TO_INT (g_thread_join (thread)));
  g_assert_error (waiter.error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&waiter.error);
}

/* ---- what is written ---- */

static gboolean
append (GError **error)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  SatchelStage *stage = satchel_stage_new (store, 0, error);
  g_assert_true (satchel_stage_write (stage, "x", 1, error) && satchel_stage_finish (stage, error));
  satchel_transaction_append (transaction, inbox, stage, 0, NULL, 1);
  return satchel_transaction_commit (transaction, error);
}

static gboolean
create (GError **error)
{
  return satchel_store_create (store, "Waited", 0, error);
}

static gboolean
put_blob (GError **error)
{
  g_autoptr (GBytes) value = g_bytes_new_static ("x", 1);
  const SatchelBlob blob = { "name", value };
  return satchel_store_put_blobs (store, "space", &blob, 1, error);
}

/* ---- cases ---- */

static void
test_commit (void)
{
  set_up ();
  assert_fenced_off (append);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (snapshot->state.n_messages, ==, 0);
  take_down ();
}

static void
test_names (void)
{
  g_autoptr (GError) error = NULL;
  set_up ();
  assert_fenced_off (create);
  g_autoptr (GPtrArray) infos = satchel_store_list (store, &error);
  g_assert_no_error (error);
  g_assert_null (satchel_list_find (infos, "Waited"));
  take_down ();
}

static void
test_blobs (void)
{
  g_autoptr (GError) error = NULL;
  set_up ();
  assert_fenced_off (put_blob);
  g_autoptr (GBytes) value = satchel_store_get_blob (store, "space", "name", &error);
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_assert_null (value);
  take_down ();
}

/* Without a fence the same calls succeed, so that they failed because of it. */
static void
test_unfenced (void)
{
  g_autoptr (GError) error = NULL;
  set_up ();
  g_assert_true (append (&error) && create (&error) && put_blob (&error));
  g_assert_no_error (error);
  take_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fence/unfenced", test_unfenced);
  g_test_add_func ("/fence/commit", test_commit);
  g_test_add_func ("/fence/names", test_names);
  g_test_add_func ("/fence/blobs", test_blobs);
  return g_test_run ();
}
