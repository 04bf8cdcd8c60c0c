/* SPDX-License-Identifier: MIT
 * The driver's own methods, asked without the core in between, fail as the header says: FALSE or NULL, an
 * error of this domain, and out-parameters as they were.  The core sets some of these itself, and so hides
 * what a driver does to them.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

#define NO_UID 4711u
#define POISON 0xa5

static SatchelStorage *
driver_of (Fixture *fixture)
{
  const SatchelConformanceBackend *backend = fixture->backend;
  SatchelStorage *driver = satchel_store_level (fixture->store, backend->levels[backend->n_levels - 1].ops);
  g_assert_nonnull (driver);
  return driver;
}

/* The handle that the driver made for @name, borrowed. */
static SatchelStorageMailbox *
handle_of (Fixture *fixture, const char *name)
{
  SatchelStorageMailbox *handle = satchel_storage_find_mailbox (driver_of (fixture), name);
  g_assert_nonnull (handle);
  return handle;
}

static gboolean
is_poisoned (gconstpointer bytes, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (((const guint8 *) bytes)[i] != POISON)
      return FALSE;
  return TRUE;
}

static void
case_no_message (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  fixture_put (fixture, inbox, "another");
  SatchelStorage *driver = driver_of (fixture);
  SatchelStorageMailbox *handle = handle_of (fixture, "INBOX");
  const SatchelAccess *access = satchel_store_access (fixture->store);
  guint8 id[16];
  memset (id, POISON, sizeof id);
  FAILS (SATCHEL_ERROR_GONE, driver->ops->email_id (driver, access, handle, NO_UID, id, E));
  g_assert_true (is_poisoned (id, sizeof id));
  g_assert_false (driver->ops->email_id (driver, access, handle, NO_UID, id, NULL));
  FAILS (SATCHEL_ERROR_GONE, driver->ops->open_message (driver, access, handle, NO_UID, E) != NULL);
  g_assert_null (driver->ops->open_message (driver, access, handle, NO_UID, NULL));
  if (SATCHEL_HAS (driver->ops, peek_message))
    g_assert_null (driver->ops->peek_message (driver, access, handle, NO_UID));
  if (SATCHEL_HAS (driver->ops, unique_ids))
    {
      const guint32 uid = NO_UID;
      char *unique_id = NULL;
      OK (driver->ops->unique_ids (driver, access, handle, &uid, 1, &unique_id, E));
      g_assert_null (unique_id);
    }
}

static void
case_no_attributes (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  SatchelStorage *driver = driver_of (fixture);
  const guint32 uids[] = { NO_UID, fixture_put (fixture, inbox, "one") };
  GBytes *got[2] = { NULL, NULL };
  SatchelErrorCode codes[2] = { 0, 0 };
  OK (driver->ops->get_attributes (driver, satchel_store_access (fixture->store),
                                   handle_of (fixture, "INBOX"), uids, 2, got, codes, E));
  g_assert_null (got[0]);
  g_assert_true (got[1] != NULL || codes[1] == 0); /* the core makes them from the content */
  g_clear_pointer (&got[1], g_bytes_unref);
}

static void
case_no_metadata (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, inbox, "one");
  SatchelStorage *driver = driver_of (fixture);
  const SatchelAccess *access = satchel_store_access (fixture->store);
  if (!SATCHEL_HAS (driver->ops, get_metadata))
    {
      g_test_skip ("the driver keeps no metadata");
      return;
    }
  SatchelStorageMailbox *handle = handle_of (fixture, "INBOX");
  GBytes *const poison = (GBytes *) 1;
  GBytes *value = poison;
  g_autoptr (GError) error = NULL;
  g_assert_false (driver->ops->get_metadata (driver, access, handle, NO_UID, "key", &value, &error));
  g_assert_true (value == poison);
  g_assert_true (error != NULL && error->domain == SATCHEL_ERROR);
  if (!driver->ops->get_metadata (driver, access, handle, uid, "key", &value, NULL))
    g_assert_true (value == poison);
  else
    g_assert_null (value);
}

static char *
text_of (Fixture *fixture, const char *name, guint32 uid, const char *key)
{
  gsize len = 0;
  g_autoptr (GBytes) value = NULL;
  SatchelStorage *driver = driver_of (fixture);
  OK (driver->ops->get_metadata (driver, satchel_store_access (fixture->store), handle_of (fixture, name),
                                 uid, key, &value, E));
  const char *text = value != NULL ? g_bytes_get_data (value, &len) : "none";
  return value != NULL ? g_strndup (text, len) : g_strdup (text);
}

static void
assert_texts (Fixture *fixture, guint32 uid, const char *expected)
{
  g_autofree char *a = text_of (fixture, "to", uid, "a"), *b = text_of (fixture, "to", uid, "b"),
                  *found = g_strconcat (a, " ", b, NULL);
  g_assert_cmpstr (found, ==, expected);
}

/* Copies that got the same metadata: what is set or removed of one is so of this one alone. */
static void
case_metadata_of_one_copy (Fixture *fixture)
{
  SatchelStorage *driver = driver_of (fixture);
  if (!SATCHEL_HAS (driver->ops, put_metadata))
    {
      g_test_skip ("the driver keeps no metadata");
      return;
    }
  g_autoptr (SatchelMailbox) from = fixture_open (fixture, "INBOX");
  SatchelMailbox *to = fixture_open (fixture, "to");
  for (guint i = 0; i < 4; i++)
    fixture_put (fixture, from, "one");
  g_auto (SatchelUidSet) all = { NULL, 0 };
  satchel_uid_set_add (&all, 1, 4);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *copy = satchel_transaction_copy (transaction, from, &all, to);
  g_autoptr (GBytes) one = g_bytes_new_static ("1", 1), two = g_bytes_new_static ("2", 1);
  satchel_operation_set_metadata (copy, "a", one);
  satchel_operation_set_metadata (copy, "b", one);
  OK (satchel_transaction_commit (transaction, E));
  const SatchelAccess *access = satchel_store_access (fixture->store);
  SatchelStorageMailbox *handle = handle_of (fixture, "to");
  OK (driver->ops->put_metadata (driver, access, handle, 2, "a", NULL, E));
  OK (driver->ops->put_metadata (driver, access, handle, 3, "b", two, E));
  OK (driver->ops->put_metadata (driver, access, handle, 4, "a", two, E));
  OK (driver->ops->put_metadata (driver, access, handle, 4, "a", NULL, E));
  OK (driver->ops->put_metadata (driver, access, handle, 4, "b", NULL, E));
  OK (driver->ops->put_metadata (driver, access, handle, 4, "b", two, E));
  for (guint i = 0; i < 2; i++)
    {
      assert_texts (fixture, 1, "1 1");
      assert_texts (fixture, 2, "none 1");
      assert_texts (fixture, 3, "1 2");
      assert_texts (fixture, 4, "none 2");
      g_clear_pointer (&to, satchel_mailbox_unref);
      if (i == 0)
        {
          fixture_put (fixture, from, "so that what was put is durable");
          g_clear_pointer (&from, satchel_mailbox_unref);
          fixture_reopen (fixture);
          driver = driver_of (fixture);
          to = fixture_open (fixture, "to");
        }
    }
}

static void
case_no_mailbox (Fixture *fixture)
{
  SatchelStorage *driver = driver_of (fixture);
  const SatchelAccess *access = satchel_store_access (fixture->store);
  SatchelMailboxState state;
  memset (&state, POISON, sizeof state);
  FAILS (SATCHEL_ERROR_NONEXISTENT, driver->ops->status (driver, access, "nowhere", &state, E));
  g_assert_true (is_poisoned (&state, sizeof state));
  g_assert_false (driver->ops->status (driver, access, "nowhere", &state, NULL));
  FAILS (SATCHEL_ERROR_NONEXISTENT, driver->ops->open_mailbox (driver, access, "nowhere", E) != NULL);
  FAILS (SATCHEL_ERROR_NONEXISTENT, driver->ops->remove (driver, access, "nowhere", E));
  FAILS (SATCHEL_ERROR_NONEXISTENT,
         driver->ops->set_special_use (driver, access, "nowhere", SATCHEL_USE_SENT, E));
  OK (satchel_store_create (fixture->store, "there", 0, E));
  FAILS (SATCHEL_ERROR_ALREADYEXISTS, driver->ops->create (driver, access, "there", 0, E));
  g_assert_false (driver->ops->create (driver, access, "there", 0, NULL));
}

static void
case_refused_import (Fixture *fixture)
{
  SatchelStorage *driver = driver_of (fixture);
  if (!SATCHEL_HAS (driver->ops, import_mailbox))
    {
      g_test_skip ("the driver imports no mailboxes");
      return;
    }
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  fixture_put (fixture, inbox, "in the way");
  SatchelMailboxImport import = {
    .size = sizeof import, .mailbox_id = { 1 }, .uidvalidity = 7, .uidnext = 5, .highestmodseq = 9
  };
  g_autofree char *before = describe_mailbox (inbox);
  FAILS (SATCHEL_ERROR_CANNOT,
         driver->ops->import_mailbox (driver, satchel_store_access (fixture->store), "INBOX", &import, E));
  g_autofree char *after = describe_mailbox (inbox);
  g_assert_cmpstr (after, ==, before);
}

static void
case_no_blob (Fixture *fixture)
{
  SatchelStorage *driver = driver_of (fixture);
  const SatchelAccess *access = satchel_store_access (fixture->store);
  if (SATCHEL_HAS (driver->ops, get_blob))
    {
      g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
      FAILS (SATCHEL_ERROR_NONEXISTENT, driver->ops->get_blob (driver, access, "space", "name", E) != NULL);
      OK (driver->ops->list_blobs (driver, access, "space", names, E));
      g_assert_cmpuint (names->len, ==, 0);
    }
  if (SATCHEL_HAS (driver->ops, read_file))
    {
      g_autoptr (GByteArray) data = g_byte_array_new ();
      g_byte_array_append (data, (const guint8 *) "kept", 4);
      OK (driver->ops->read_file (driver, access, "no-such-file", 0, 4096, data, E));
      g_assert_cmpmem (data->data, data->len, "kept", 4);
    }
}

const ConformanceCase conformance_ops[] = {
  { "no-message", case_no_message },   { "no-attributes", case_no_attributes },
  { "no-metadata", case_no_metadata }, { "metadata-of-one-copy", case_metadata_of_one_copy },
  { "no-mailbox", case_no_mailbox },   { "refused-import", case_refused_import },
  { "no-blob", case_no_blob },         { NULL, NULL },
};
