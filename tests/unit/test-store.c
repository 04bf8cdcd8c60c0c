/* SPDX-License-Identifier: MIT
 * What the core does between protocols and drivers: layers, composed operations, the commit queue, listeners,
 * the cache of open stores.  Over the driver `memory`, whose objects are linked in.
 */
#include "config.h"

#include "tests/lib/toy_layers.h"

static GString *told;

/* ---- layers ---- */

/* ---- links ---- */

static guint n_linked;

static gboolean
note_link (SatchelStorage *storage, const SatchelAccess *access, const char *path, gboolean is_lf,
           SatchelStaged *staged, GError **error)
{
  n_linked++;
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "no links here");
}

/* A layer that makes other content of what comes in ends linking; one that only looks at what is appended
 * does not. */
static void
test_links (void)
{
  SatchelStorageOps layer = LAYER (SATCHEL_CLASS_CONTENT_IN, SATCHEL_OPERATION_MOVE, note_plan);
  SatchelStorageOps driver = *memory_ops ();
  driver.stage_spooled = note_link;
  g_autoptr (GError) error = NULL;
  g_autofree char *root = g_dir_make_tmp ("satchel-store-XXXXXX", &error);
  g_autofree char *spool = g_build_filename (root, "spool", NULL),
                  *file = g_build_filename (spool, "1", NULL);
  g_assert_no_errno (g_mkdir (spool, 0700));
  g_assert_true (g_file_set_contents (file, "x", 1, &error));
  for (guint i = 0; i < 2; i++)
    {
      layer.stage = i == 0 ? NULL : satchel_storage_stage;
      g_autoptr (SatchelStore) store = open_stack (&layer, &driver);
      store->core->identity.root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      g_autoptr (SatchelStage) stage = satchel_stage_new_spooled (store, "spool/1", FALSE, 1, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (satchel_stage_size (stage), ==, 1);
      close (store->core->identity.root_fd);
      g_assert_cmpuint (n_linked, ==, 1);
    }
  g_unlink (file);
  g_rmdir (spool);
  g_rmdir (root);
}

/* ---- modules that fail without a word ---- */

static gboolean
fail_silently (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  return FALSE;
}

static SatchelStream *
open_nothing (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
              guint32 uid, GError **error)
{
  return NULL;
}

static gboolean
plan_nothing (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  return FALSE;
}

static void
commit_nothing (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
}

static void
assert_silent (GError **error, const char *module)
{
  g_assert_error (*error, SATCHEL_ERROR, SATCHEL_ERROR_IO);
  g_assert_nonnull (strstr ((*error)->message, module));
  g_assert_nonnull (strstr ((*error)->message, "failed without giving a reason"));
  g_clear_error (error);
}

static void
test_silent_failures (void)
{
  static const SatchelStorageOps layer = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, plan_nothing);
  g_autoptr (GError) error = NULL;
  SatchelStorageOps silent = *memory_ops ();
  silent.remove = fail_silently;
  silent.open_message = open_nothing;
  g_autoptr (SatchelStore) store = open_stack (&layer, &silent);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  put (store, inbox);
  g_assert_false (satchel_store_delete (store, "x", &error));
  assert_silent (&error, "memory");
  g_assert_null (satchel_mailbox_open_message (inbox, 1, &error));
  assert_silent (&error, "memory");
  g_autoptr (SatchelTransaction) expunge = satchel_transaction_new (store);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_transaction_expunge (expunge, inbox, &uids, FALSE);
  g_assert_false (satchel_transaction_commit (expunge, &error));
  assert_silent (&error, "layer");
  silent.commit = commit_nothing;
  g_autoptr (SatchelTransaction) lost = append_to (store, inbox);
  g_assert_false (satchel_transaction_commit (lost, &error));
  assert_silent (&error, "memory");
}

/* ---- the commit queue ---- */

#define LEFT 4u /* that do not fit into the second round */
#define WAITING (SATCHEL_ROUND_MAX + LEFT)

static guint batches[16], n_batches; /* transactions that the driver got in each call */
static guint n_waiting;              /* that the first call waits for */
static SatchelStore *queue_store;
static gint has_begun; /* the first call */

static void
wait_for_queue (guint len)
{
  for (gboolean is_long = FALSE; !is_long; g_thread_yield ())
    {
      g_mutex_lock (&queue_store->core->queue_lock);
      is_long = queue_store->core->queue.length == len;
      g_mutex_unlock (&queue_store->core->queue_lock);
    }
}

/* The first call takes until all others wait in line. */
static void
slow_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
  g_atomic_int_set (&has_begun, TRUE);
  if (n_batches == 0)
    wait_for_queue (n_waiting);
  g_assert_cmpuint (n_batches, <, G_N_ELEMENTS (batches));
  batches[n_batches++] = n;
  memory_ops ()->commit (storage, transactions, n, results);
}

static gpointer
commit_one (gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelTransaction) transaction = data;
  g_assert_true (satchel_transaction_commit (transaction, &error));
  return NULL;
}

/* Commits the @n transactions: the first is alone in its round, the others come when that is under way, in
 * their order. */
static void
commit_behind (SatchelStore *store, SatchelTransaction **transactions, guint n)
{
  g_autofree GThread **threads = g_new (GThread *, n);
  queue_store = store;
  n_waiting = n - 1;
  n_batches = 0;
  g_atomic_int_set (&has_begun, FALSE);
  threads[0] = g_thread_new ("commit", commit_one, transactions[0]);
  while (!g_atomic_int_get (&has_begun))
    g_thread_yield ();
  for (guint i = 1; i < n; i++)
    {
      threads[i] = g_thread_new ("commit", commit_one, transactions[i]);
      if (i < n - 1)
        wait_for_queue (i);
    }
  for (guint i = 0; i < n; i++)
    g_thread_join (threads[i]);
}

static void
test_merged_commits (void)
{
  SatchelStorageOps slow = *memory_ops ();
  slow.commit = slow_commit;
  SatchelTransaction *transactions[WAITING + 1];
  g_autoptr (SatchelStore) store = open_stack (NULL, &slow);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  for (guint i = 0; i <= WAITING; i++)
    transactions[i] = append_to (store, inbox);
  commit_behind (store, transactions, WAITING + 1);
  g_assert_cmpuint (n_batches, ==, 3);
  g_assert_cmpuint (batches[0], ==, 1);
  g_assert_cmpuint (batches[1], ==, SATCHEL_ROUND_MAX);
  g_assert_cmpuint (batches[2], ==, LEFT);
  g_assert_cmpuint (count (inbox), ==, WAITING + 1);
}

/* What waits before a transaction that a layer plans is carried out first, and once. */
static void
test_planned_between (void)
{
  static const SatchelStorageOps layer = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, note_plan);
  SatchelStorageOps slow = *memory_ops ();
  slow.commit = slow_commit;
  g_autoptr (SatchelStore) store = open_stack (&layer, &slow);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  SatchelTransaction *transactions[] = { append_to (store, inbox), append_to (store, inbox),
                                         satchel_transaction_new (store) };
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 2, 2); /* the message of the second one */
  satchel_transaction_expunge (transactions[2], inbox, &uids, FALSE);
  commit_behind (store, transactions, G_N_ELEMENTS (transactions));
  g_assert_cmpstr (seen->str, ==, "expunge ");
  g_assert_cmpuint (n_batches, ==, 3);
  for (guint i = 0; i < n_batches; i++)
    g_assert_cmpuint (batches[i], ==, 1);
  g_assert_cmpuint (count (inbox), ==, 1);
}

/* ---- attributes ---- */

static gboolean
know_nothing (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
              const guint32 *uids, guint n, GBytes **ret, SatchelErrorCode *ret_codes, GError **error)
{
  return TRUE;
}

static guint n_kept;

static gboolean
count_kept (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
            const guint32 *uids, guint n, GBytes *const *attributes, const guint64 *sizes, GError **error)
{
  n_kept += n;
  return TRUE;
}

/* What the store has not is computed and handed down; a message that crashed the scanner is never scanned
 * again. */
static void
test_attributes (void)
{
  SatchelStorageOps forgetful = *memory_ops ();
  forgetful.get_attributes = know_nothing;
  forgetful.put_attributes = count_kept;
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_stack (NULL, &forgetful);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  for (guint i = 0; i < 100; i++)
    put (store, inbox);
  guint32 uids[101];
  GBytes *got[101];
  for (guint i = 0; i < 101; i++)
    uids[i] = i + 1;
  g_assert_true (satchel_mailbox_attributes (inbox, uids, 101, got, NULL, &error));
  g_assert_null (got[100]);
  for (guint i = 0; i < 100; i++)
    {
      g_assert_true (satchel_attributes_is_parsed (got[i]));
      g_bytes_unref (got[i]);
    }
  g_assert_cmpuint (n_kept, ==, 100);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_autoptr (GString) crumb = g_string_new (NULL);
  for (guint i = 0; i < 16; i++)
    g_string_append_printf (crumb, "%02x", snapshot->state.mailbox_id[i]);
  g_string_append (crumb, " 2");
  satchel_store_add_suspect (crumb->str);
  g_assert_true (satchel_mailbox_attributes (inbox, uids, 3, got, NULL, &error));
  g_assert_true (satchel_attributes_is_parsed (got[0]));
  g_assert_false (satchel_attributes_is_parsed (got[1]));
  g_assert_cmpuint (satchel_attributes_size (got[1]), ==, 1);
  for (guint i = 0; i < 3; i++)
    g_bytes_unref (got[i]);
}

/* Content on its way in: a suspect is stored whole, and unparsed; the size is said beforehand and names it,
 * too. */
static void
test_suspect_content (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_stack (NULL, memory_ops ());
  g_autofree char *large = g_strnfill (100000, 'a');
  g_autofree char *crumb = satchel_suspect_crumb (large, 65536, 100000);
  for (guint round = 0; round < 2; round++)
    for (guint piece = 1000; piece <= 100000; piece *= 100)
      {
        g_autoptr (SatchelStage) stage = satchel_stage_new (store, 100000, &error);
        for (guint at = 0; at < 100000; at += piece)
          g_assert_true (satchel_stage_write (stage, large + at, piece, &error));
        g_assert_true (satchel_stage_finish (stage, &error));
        g_assert_cmpint (satchel_attributes_is_parsed (satchel_stage_attributes (stage)), ==, round == 0);
        g_assert_cmpuint (satchel_attributes_size (satchel_stage_attributes (stage)), ==, 100000);
        if (round == 0 && piece == 100000)
          satchel_store_add_suspect (crumb);
      }
}

/* ---- listeners ---- */

static void
note_event (const SatchelMailboxEvent *event)
{
  g_autofree char *name = satchel_storage_mailbox_name (event->mailbox);
  g_assert_cmpuint (event->operation->ret_modseq, >, 0); /* it has happened */
  g_string_append_printf (told, "%d:%s:%s ", event->kind, event->user, name);
}

static void
test_listeners (void)
{
  static const SatchelMailboxListenerOps ops = { sizeof (SatchelMailboxListenerOps), 1, note_event };
  const SatchelStoreListener listener = { "note", &ops };
  g_autoptr (GError) error = NULL;
  told = g_string_new (NULL);
  g_autoptr (SatchelStore) store = open_stack (NULL, NULL);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  satchel_store_set_listeners (&listener, 1);
  put (store, inbox);
  g_assert_cmpstr (told->str, ==, "1:u@example.org:INBOX ");
  g_string_truncate (told, 0);
  /* Nothing for what changes nothing, nothing for what fails. */
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 77, 77);
  g_autoptr (SatchelTransaction) nothing = satchel_transaction_new (store);
  satchel_transaction_expunge (nothing, inbox, &uids, FALSE);
  g_assert_true (satchel_transaction_commit (nothing, &error));
  g_autoptr (SatchelMailbox) gone = open_box (store, "gone");
  g_autoptr (SatchelTransaction) failing = append_to (store, gone);
  g_assert_true (satchel_store_delete (store, "gone", &error));
  g_assert_false (satchel_transaction_commit (failing, NULL));
  g_assert_cmpstr (told->str, ==, "");
  satchel_store_set_listeners (NULL, 0);
  g_string_free (told, TRUE);
}

/* A listener hears what the client did, whatever layers made of it. */
static void
told_through (const SatchelStorageOps *layer, gboolean is_move, const char *expected)
{
  static const SatchelMailboxListenerOps ops = { sizeof (SatchelMailboxListenerOps), 1, note_event };
  const SatchelStoreListener listener = { "note", &ops };
  told = g_string_new (NULL);
  g_autoptr (SatchelStore) store = open_stack (layer, NULL);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  g_autoptr (SatchelMailbox) to = open_box (store, "to");
  put (store, inbox);
  satchel_store_set_listeners (&listener, 1);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 1, 1);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  if (is_move)
    satchel_transaction_move (transaction, inbox, &uids, to);
  else
    satchel_transaction_expunge (transaction, inbox, &uids, FALSE);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
  g_assert_cmpstr (told->str, ==, expected);
  satchel_store_set_listeners (NULL, 0);
  g_string_free (told, TRUE);
}

static void
test_listeners_hear_the_client (void)
{
  static const SatchelStorageOps old = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_EXPUNGE, note_plan);
  static const SatchelStorageOps keeper = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, keep_expunged);
  told_through (&old, TRUE, "5:u@example.org:INBOX ");
  told_through (&keeper, FALSE, "4:u@example.org:INBOX ");
}

/* ---- the cache ---- */

static SatchelConfigSet *
load_settings (SatchelLoader *loader, const char *idle)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("satchel-store-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *store_idle = g_strdup_printf ("limits.store_idle=\"%s\"", idle);
  const char *const overrides[] = { "storage.driver=\"memory\"", store_idle, NULL };
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  SatchelConfigSet *set = satchel_config_load (dir, dir, overrides, satchel_loader_schema, loader, problems);
  for (guint i = 0; set == NULL && i < problems->len; i++)
    g_test_message ("%s", ((SatchelConfigProblem *) problems->pdata[i])->text);
  g_assert_nonnull (set);
  g_rmdir (dir);
  return set;
}

static SatchelAccess *
access_of (const char *user)
{
  return satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                .cause = SATCHEL_CAUSE_SESSION,
                                                .user = user,
                                                .owner = user,
                                                .rights = SATCHEL_RIGHTS_ALL });
}

static guint64 acquire_epoch;
static const SatchelPlace shared_place = { .path = "example.org/shared",
                                           .profile = SATCHEL_DEFAULT_PROFILE,
                                           .volume = "" };

static gpointer
acquire_one (gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelAccess) access = access_of (data);
  SatchelPlace place = shared_place;
  place.epoch = acquire_epoch;
  SatchelStore *store = satchel_store_acquire (access, &place, &error);
  g_assert_no_error (error);
  return store;
}

static void
note_released (const char *user, guint64 epoch, SatchelLook look, const char *what, gpointer data)
{
  g_assert_cmpuint (epoch, ==, 1);
  g_assert_cmpint (look, ==, SATCHEL_LOOK_FREE);
  g_string_append_printf (data, "%s ", user);
}

static void
test_cache (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelLoader) loader = satchel_loader_new (SATCHEL_ROLE_MAIL, NULL);
  g_autoptr (SatchelAccess) early = access_of ("early@example.org"), access = access_of ("a@example.org");
  g_assert_null (satchel_store_acquire (early, &shared_place, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_true (satchel_loader_add (loader, satchel_module (), FALSE, &error));
  g_assert_no_error (error);
  g_autoptr (SatchelConfigSet) set = load_settings (loader, "1h");
  g_assert_true (satchel_stores_configure (loader, set, 3, -1, &error));
  g_assert_no_error (error);

  /* Many at once open it once. */
  GThread *threads[8];
  SatchelStore *stores[8];
  SatchelPlace place = shared_place;
  place.epoch = 1;
  g_assert_null (satchel_store_peek (access));
  g_assert_null (satchel_store_acquire_open (access, &place));
  acquire_epoch = 1;
  for (guint i = 0; i < 8; i++)
    threads[i] = g_thread_new ("acquire", acquire_one, (gpointer) "a@example.org");
  for (guint i = 0; i < 8; i++)
    {
      stores[i] = g_thread_join (threads[i]);
      g_assert_true (stores[i]->core == stores[0]->core); /* a handle each, of the one that is open */
    }
  g_assert_cmpuint (satchel_stores_n_open (), ==, 1);
  g_autofree char *trash = satchel_store_find_special_use (stores[0], SATCHEL_USE_TRASH, &error);
  g_assert_cmpstr (trash, ==, "Trash"); /* made at opening */
  for (guint i = 1; i < 8; i++)
    satchel_store_unref (stores[i]);
  SatchelStore *in_loop = satchel_store_acquire_open (access, &place);
  g_assert_true (in_loop->core == stores[0]->core);
  satchel_store_unref (in_loop);

  /* RELEASE waits for those who hold it as of this epoch, and nobody new gets it. */
  g_autoptr (GString) released = g_string_new (NULL);
  satchel_store_release ("a@example.org", &place, NULL, note_released, released);
  satchel_store_release ("never@example.org", &place, NULL, note_released, released);
  loop_until (released->len > 0);
  g_assert_cmpstr (released->str, ==, "never@example.org ");
  g_assert_null (satchel_store_acquire (access, &shared_place, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_null (satchel_store_acquire_open (access, &place));
  g_string_truncate (released, 0);
  satchel_store_unref (stores[0]);
  loop_until (released->len > 0);
  g_assert_cmpstr (released->str, ==, "a@example.org ");
  g_assert_cmpuint (satchel_stores_n_open (), ==, 0);
  satchel_store_adopt ("a@example.org", 2);
  g_assert_null (
      satchel_store_acquire (access, &place, &error)); /* whoever comes with the old epoch comes too late */
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  acquire_epoch = 2;
  satchel_store_unref (acquire_one ((gpointer) "a@example.org"));
  g_assert_cmpuint (satchel_stores_n_open (), ==, 1); /* stays a while */
  satchel_stores_close ();
  g_assert_cmpuint (satchel_stores_n_open (), ==, 0);

  /* store_idle = 0: gone with the last who holds it. */
  g_autoptr (SatchelConfigSet) hasty = load_settings (loader, "0s");
  g_assert_true (satchel_stores_configure (loader, hasty, 3, -1, NULL));
  satchel_store_unref (acquire_one ((gpointer) "b@example.org"));
  loop_until (satchel_stores_n_open () == 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/links", test_links);
  g_test_add_func ("/store/silent-failures", test_silent_failures);
  g_test_add_func ("/store/commit/merged", test_merged_commits);
  g_test_add_func ("/store/commit/planned-between", test_planned_between);
  g_test_add_func ("/store/attributes", test_attributes);
  g_test_add_func ("/store/suspect-content", test_suspect_content);
  g_test_add_func ("/store/listeners", test_listeners);
  g_test_add_func ("/store/listeners/client", test_listeners_hear_the_client);
  g_test_add_func ("/store/cache", test_cache);
  return g_test_run ();
}
