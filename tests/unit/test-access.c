/* SPDX-License-Identifier: MIT
 * Who acts: what a handle's access is to layers, drivers and listeners, keys that come and go, secrets.  Over
 * the driver `memory`, whose objects are linked in.  What is locked for whom is in
 * tests/conformance/case_access.c.
 */
#include "config.h"

#include "core/storage/store/store_private.h"
#include "tests/lib/loop.h"

#include <satchel/module.h>
#include <string.h>

static guint n_users;
static GString *seen; /* "METHOD=CAUSE:USER " of each call that reached the layer */

static void
note (const char *method, const SatchelAccess *access)
{
  g_string_append_printf (seen, "%s=%s:%s ", method, satchel_cause_name (access->cause), access->user);
}

static gboolean
layer_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static void
layer_attach (SatchelStorage *storage, const SatchelAccess *access)
{
  note ("attach", access);
}

static void
layer_detach (SatchelStorage *storage, const SatchelAccess *access)
{
  note ("detach", access);
}

static gboolean
layer_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
              GError **error)
{
  note ("create", access);
  return satchel_storage_create (storage, access, name, special_use, error);
}

/* Only whoever is "boss" sees what is called secret. */
static gboolean
layer_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  note ("list", access);
  if (!satchel_storage_list (storage, access, infos, error))
    return FALSE;
  for (guint i = infos->len; i > 0; i--)
    if (strcmp (((SatchelMailboxInfo *) infos->pdata[i - 1])->name, "secret") == 0
        && strcmp (access->user, "boss") != 0)
      g_ptr_array_remove_index (infos, i - 1);
  return TRUE;
}

static SatchelStorageMailbox *
layer_open_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  note ("open_mailbox", access);
  return satchel_storage_open_mailbox (storage, access, name, error);
}

static SatchelWriter *
layer_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint, SatchelStaged *staged,
             GError **error)
{
  note ("stage", access);
  return satchel_storage_stage (storage, access, size_hint, staged, error);
}

static gboolean
layer_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  note ("plan", satchel_transaction_access (transaction));
  return TRUE;
}

static SatchelStream *
layer_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                    guint32 uid, GError **error)
{
  note ("open_message", access);
  return satchel_storage_open_message (storage, access, mailbox, uid, error);
}

static const SatchelStorageOps layer_ops = {
  .size = sizeof layer_ops,
  .band = 1,
  .classes = SATCHEL_CLASS_CONTENT_IN | SATCHEL_CLASS_CONTENT_OUT | SATCHEL_CLASS_LIST,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = layer_open,
  .attach = layer_attach,
  .detach = layer_detach,
  .list = layer_list,
  .list_is_current = satchel_storage_list_is_current,
  .create = layer_create,
  .open_mailbox = layer_open_mailbox,
  .stage = layer_stage,
  .plan = layer_plan,
  .open_message = layer_open_message,
};

/* ---- handles ---- */

static SatchelStore *
open_store (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/access%u", ++n_users);
  const SatchelStoreLevel levels[] = { { "layer", &layer_ops, NULL },
                                       { "memory", satchel_module ()->provides[0].ops, NULL } };
  const SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = path, .root_fd = -1, .levels = levels, .n_levels = G_N_ELEMENTS (levels)
  };
  seen = g_string_new (NULL);
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
}

static void
close_store (SatchelStore *store)
{
  loop_settle ();
  satchel_store_unref (store);
  g_string_free (g_steal_pointer (&seen), TRUE);
}

static SatchelStore *
handle_of (SatchelStore *store, SatchelCause cause, const char *user, GBytes *key)
{
  const SatchelAccess from = { .size = sizeof from,
                               .cause = cause,
                               .user = user,
                               .owner = "u@example.org",
                               .key = key,
                               .rights = SATCHEL_RIGHTS_ALL };
  g_autoptr (SatchelAccess) access = satchel_access_new (&from);
  return satchel_store_with_access (store, access);
}

static void
assert_seen (const char *expected)
{
  g_assert_cmpstr (seen->str, ==, expected);
  g_string_truncate (seen, 0);
}

static char *told; /* who did it, to a listener */

static void
note_event (const SatchelMailboxEvent *event)
{
  g_free (told);
  told = g_strdup_printf ("%s:%s for %s", satchel_cause_name (event->access->cause), event->access->user,
                          event->user);
}

static void
deliver (SatchelStore *store, SatchelMailbox *mailbox)
{
  g_autoptr (GError) error = NULL;
  SatchelStage *stage = satchel_stage_new (store, 1, &error);
  g_assert_true (satchel_stage_write (stage, "x", 1, &error) && satchel_stage_finish (stage, &error));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_append (transaction, mailbox, stage, 0, NULL, 1);
  g_assert_true (satchel_transaction_commit (transaction, &error));
}

/* Each call is made in the name of the handle that it went through, whatever other handles there are. */
static void
test_who (void)
{
  static const SatchelMailboxListenerOps ops = { sizeof (SatchelMailboxListenerOps), 1, note_event };
  const SatchelStoreListener listener = { "note", &ops };
  g_autoptr (GError) error = NULL;
  SatchelStore *base = open_store ();
  SatchelStore *anna = handle_of (base, SATCHEL_CAUSE_SESSION, "anna", NULL),
               *mta = handle_of (base, SATCHEL_CAUSE_DELIVERY, "", NULL);
  satchel_store_set_listeners (&listener, 1);
  g_assert_true (satchel_store_is_same (anna, mta) && !satchel_store_is_same (anna, NULL));
  g_assert_cmpstr (satchel_store_user (anna), ==, "u@example.org");
  g_assert_true (satchel_store_create (anna, "box", 0, &error));
  assert_seen ("list=session:anna create=session:anna ");
  SatchelMailbox *by_mta = satchel_store_open_mailbox (mta, "box", &error);
  SatchelMailbox *by_anna = satchel_store_open_mailbox (anna, "box", &error);
  assert_seen ("open_mailbox=delivery: "); /* it was open already */
  g_assert_true (by_mta != by_anna && satchel_mailbox_store (by_anna) == anna);
  deliver (mta, by_mta);
  assert_seen ("stage=delivery: plan=delivery: ");
  g_assert_cmpstr (told, ==, "delivery: for u@example.org");
  g_autoptr (SatchelStream) content = satchel_mailbox_open_message (by_anna, 1, &error);
  assert_seen ("open_message=session:anna ");
  /* A mailbox of another handle of the store may be in a transaction: who made that is who does it. */
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (anna);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 1, 1);
  satchel_transaction_copy (transaction, by_mta, &uids, by_anna);
  g_assert_true (satchel_transaction_commit (transaction, &error));
  assert_seen ("plan=session:anna ");
  g_assert_cmpstr (told, ==, "session:anna for u@example.org");
  satchel_store_set_listeners (NULL, 0);
  satchel_mailbox_unref (by_mta);
  satchel_mailbox_unref (by_anna);
  satchel_store_unref (mta);
  satchel_store_unref (anna);
  g_clear_pointer (&told, g_free);
  close_store (base);
}

static gboolean
lists (SatchelStore *store, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) infos = satchel_store_list (store, &error);
  g_assert_no_error (error);
  return satchel_list_find (infos, name) != NULL;
}

/* What a layer lists for one is not what another sees; each is asked once. */
static void
test_lists (void)
{
  g_autoptr (GError) error = NULL;
  SatchelStore *base = open_store ();
  SatchelStore *boss = handle_of (base, SATCHEL_CAUSE_SESSION, "boss", NULL),
               *anna = handle_of (base, SATCHEL_CAUSE_SESSION, "anna", NULL);
  g_assert_true (satchel_store_create (boss, "secret", 0, &error));
  g_string_truncate (seen, 0);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (lists (boss, "secret"));
      g_assert_false (lists (anna, "secret"));
    }
  assert_seen ("list=session:boss list=session:anna ");
  g_assert_true (satchel_store_create (anna, "new", 0, &error));
  g_assert_true (lists (boss, "new") && lists (anna, "new"));
  satchel_store_unref (anna);
  satchel_store_unref (boss);
  close_store (base);
}

/* ---- keys ---- */

static void
count_gone (gpointer data)
{
  ++*(guint *) data;
}

/* The first of a key attaches, the last detaches; and then nobody holds it any more. */
static void
test_keys (void)
{
  guint n_gone = 0;
  SatchelStore *base = open_store ();
  assert_seen ("");
  GBytes *key = g_bytes_new_with_free_func ("k", 1, count_gone, &n_gone), *same = g_bytes_new_static ("k", 1);
  g_autoptr (GBytes) other = satchel_secret_new ("other", 5);
  SatchelStore *first = handle_of (base, SATCHEL_CAUSE_SESSION, "first", key);
  g_bytes_unref (key);
  assert_seen ("attach=session:first ");
  SatchelStore *second = handle_of (base, SATCHEL_CAUSE_SESSION, "second", same);
  g_bytes_unref (same);
  SatchelStore *without = handle_of (base, SATCHEL_CAUSE_SESSION, "without", NULL);
  assert_seen ("");
  SatchelStore *third = handle_of (base, SATCHEL_CAUSE_SESSION, "third", other);
  assert_seen ("attach=session:third ");
  satchel_store_unref (first);
  satchel_store_unref (without);
  assert_seen ("");
  /* A mailbox keeps its handle, and that its key. */
  SatchelMailbox *inbox = satchel_store_open_mailbox (second, "INBOX", NULL);
  satchel_store_unref (second);
  assert_seen ("open_mailbox=session:second ");
  g_assert_cmpuint (n_gone, ==, 0);
  satchel_mailbox_unref (inbox);
  assert_seen ("detach=session:second ");
  g_assert_cmpuint (n_gone, ==, 1);
  satchel_store_unref (third);
  assert_seen ("detach=session:third ");
  close_store (base);
}

/* What was made of mail with a key goes with the key, also while others have the mailbox open. */
static void
test_forgotten (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) key = satchel_secret_new ("k", 1);
  const guint32 uid = 1;
  SatchelStore *base = open_store (), *with = handle_of (base, SATCHEL_CAUSE_SESSION, "with", key);
  SatchelMailbox *inbox = satchel_store_open_mailbox (base, "INBOX", &error),
                 *opened = satchel_store_open_mailbox (with, "INBOX", &error);
  deliver (base, inbox);
  g_assert_true (satchel_mailbox_keys (opened, SATCHEL_KEY_SUBJECT, &uid, 1, NULL, NULL, NULL, &error));
  g_assert_cmpuint (inbox->core->keys->len, ==, 1);
  g_assert_true (satchel_mailbox_keys (inbox, SATCHEL_KEY_SUBJECT, &uid, 1, NULL, NULL, NULL, &error));
  g_assert_cmpuint (inbox->core->keys->len, ==, 2);
  satchel_mailbox_unref (opened);
  satchel_store_unref (with);
  g_assert_cmpuint (inbox->core->keys->len, ==, 1);
  satchel_mailbox_unref (inbox);
  close_store (base);
}

static void
test_secrets (void)
{
  g_autofree char *large = g_strnfill (SATCHEL_SECRET_BYTES_MAX + 1, 's');
  g_assert_null (satchel_secret_new (large, 0));
  g_assert_null (satchel_secret_new (large, SATCHEL_SECRET_BYTES_MAX + 1));
  g_autoptr (GBytes) largest = satchel_secret_new (large, SATCHEL_SECRET_BYTES_MAX);
  g_assert_cmpmem (g_bytes_get_data (largest, NULL), g_bytes_get_size (largest), large,
                   SATCHEL_SECRET_BYTES_MAX);
  g_autoptr (GBytes) one = satchel_secret_new ("ab", 2), same = satchel_secret_new ("ab", 2),
                     other = satchel_secret_new ("ac", 2), longer = satchel_secret_new ("abc", 3);
  g_assert_true (satchel_secret_equal (one, same) && satchel_secret_equal (NULL, NULL));
  g_assert_false (satchel_secret_equal (one, other) || satchel_secret_equal (one, longer)
                  || satchel_secret_equal (one, NULL));
}

#define SECRETS 300u

/* Many secrets of all lengths keep what they have, whichever of them go; a small one's memory, which stays
 * for the next, has nothing of it. */
static void
test_many_secrets (void)
{
  GBytes *secrets[SECRETS] = { NULL };
  guint8 content[SECRETS], zero[32] = { 0 };
  for (guint round = 0; round < 2000; round++)
    {
      const guint at = (guint) g_test_rand_int_range (0, SECRETS), len = at + 1;
      memset (content, (int) at, sizeof content);
      if (secrets[at] == NULL)
        secrets[at] = satchel_secret_new (content, len);
      else
        {
          g_assert_cmpmem (g_bytes_get_data (secrets[at], NULL), g_bytes_get_size (secrets[at]), content,
                           len);
          g_clear_pointer (&secrets[at], g_bytes_unref);
        }
    }
  for (guint at = 0; at < SECRETS; at++)
    g_clear_pointer (&secrets[at], g_bytes_unref);
  GBytes *small = satchel_secret_new ("01234567890123456789012345678901", 32);
  const guint8 *place = g_bytes_get_data (small, NULL);
  g_bytes_unref (small);
  g_assert_cmpmem (place, sizeof zero, zero, sizeof zero);
}

/* A module that was built when the struct was shorter makes one all the same. */
static void
test_struct (void)
{
  struct
  {
    SatchelAccess access;
    guint8 beyond[16];
  } given = { .access = { .size = offsetof (SatchelAccess, service),
                          .cause = SATCHEL_CAUSE_ADMIN,
                          .user = "root",
                          .owner = "u" } };
  memset ((char *) &given + given.access.size, 0xff, sizeof given - given.access.size);
  g_autoptr (SatchelAccess) access = satchel_access_new (&given.access);
  g_assert_cmpuint (access->size, ==, sizeof (SatchelAccess));
  g_assert_cmpstr (access->user, ==, "root");
  g_assert_cmpstr (access->service, ==, "");
  g_assert_cmpstr (access->client_name, ==, "");
  g_assert_null (access->key);
  g_assert_cmpuint (access->rights, ==, SATCHEL_RIGHTS_ALL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/access/who", test_who);
  g_test_add_func ("/access/lists", test_lists);
  g_test_add_func ("/access/keys", test_keys);
  g_test_add_func ("/access/forgotten", test_forgotten);
  g_test_add_func ("/access/secrets", test_secrets);
  g_test_add_func ("/access/many-secrets", test_many_secrets);
  g_test_add_func ("/access/struct", test_struct);
  return g_test_run ();
}
