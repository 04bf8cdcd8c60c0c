/* SPDX-License-Identifier: MIT
 * Methods of a driver that no client asks for: files of the core, syncs that are held, upkeep, and looks at a
 * place where nothing is.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

/* The driver of a stack without layers. */
static SatchelStorage *
driver_of (Fixture *fixture)
{
  return satchel_store_level (fixture->store, fixture->backend->levels[0].ops);
}

/* ---- files of the core ---- */

static void
write_text (Fixture *fixture, const char *name, guint64 offset, const char *text, SatchelFileWrite how)
{
  SatchelStorage *driver = driver_of (fixture);
  g_autoptr (GBytes) data = g_bytes_new_static (text, strlen (text));
  OK (driver->ops->write_file (driver, satchel_store_access (fixture->store), name, offset, data, how, E));
}

static void
assert_file (Fixture *fixture, const char *name, guint64 offset, gsize max, const char *expected)
{
  SatchelStorage *driver = driver_of (fixture);
  g_autoptr (GByteArray) data = g_byte_array_new ();
  OK (driver->ops->read_file (driver, satchel_store_access (fixture->store), name, offset, max, data, E));
  g_assert_cmpmem (data->data, data->len, expected, strlen (expected));
}

static void
case_files (Fixture *fixture)
{
  if (!SATCHEL_HAS (driver_of (fixture)->ops, write_file))
    {
      g_test_skip ("the driver keeps no files of the core");
      return;
    }
  write_text (fixture, "log-0", 0, "one two three", SATCHEL_FILE_SYNC);
  write_text (fixture, "log-0", 4, "2", SATCHEL_FILE_WRITE); /* the file ends there */
  write_text (fixture, "cursor", 0, "first and longer", SATCHEL_FILE_REPLACE);
  write_text (fixture, "cursor", 0, "second", SATCHEL_FILE_REPLACE_SYNC);
  for (guint pass = 0; pass < 2; pass++)
    {
      assert_file (fixture, "log-0", 0, 100, "one 2");
      assert_file (fixture, "log-0", 2, 2, "e ");
      assert_file (fixture, "log-0", 5, 100, "");
      assert_file (fixture, "cursor", 0, 100, "second");
      assert_file (fixture, "log-1", 0, 100, "");
      fixture_reopen (fixture);
    }
}

/* ---- what exporters and importers ask ---- */

static void
case_held_syncs (Fixture *fixture)
{
  SatchelStorage *driver = driver_of (fixture);
  const SatchelAccess *access = satchel_store_access (fixture->store);
  if (!SATCHEL_HAS (driver->ops, hold_syncs))
    {
      g_test_skip ("the driver does not hold syncs");
      return;
    }
  OK (driver->ops->hold_syncs (driver, access, TRUE, E));
  OK (driver->ops->create (driver, access, "held", SATCHEL_USE_JUNK, E));
  OK (driver->ops->create (driver, access, "held/too", 0, E));
  OK (driver->ops->subscribe (driver, access, "held", TRUE, E));
  OK (driver->ops->hold_syncs (driver, access, FALSE, E));
  fixture_reopen (fixture);
  g_autoptr (GPtrArray) infos = NULL;
  OK ((infos = satchel_store_list (fixture->store, E)) != NULL);
  const SatchelMailboxInfo *held = list_find (infos, "held"), *too = list_find (infos, "held/too");
  g_assert_true (held != NULL && held->is_selectable && held->is_subscribed);
  g_assert_cmpuint (held->special_use, ==, SATCHEL_USE_JUNK);
  g_assert_true (too != NULL && too->is_selectable);
}

/* ---- upkeep ---- */

static void
case_upkeep (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  for (guint i = 0; i < 20; i++)
    fixture_put (fixture, inbox, "x");
  fixture_expunge (fixture, inbox, 3, 12);
  g_autofree char *before = describe_mailbox (inbox);
  SatchelMaintenance maintenance = { .size = sizeof maintenance,
                                     .now_s = g_get_real_time () / G_USEC_PER_SEC,
                                     .end_us = G_MAXINT64 };
  guint step = 0, n_failed = 0, n = 0;
  while (satchel_store_maintain (fixture->store, &maintenance, &step, &n_failed) == SATCHEL_MAINTAIN_MORE)
    g_assert_cmpuint (n++, <, 1000); /* it comes to an end */
  g_assert_cmpuint (n_failed, ==, 0);
  g_autofree char *after = describe_mailbox (inbox);
  g_assert_cmpstr (after, ==, before);
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  inbox = fixture_open (fixture, "INBOX");
  g_autofree char *reopened = describe_mailbox (inbox);
  g_assert_cmpstr (reopened, ==, before);
}

/* ---- where nothing is ---- */

static void
refuse_found (const SatchelExamined *found, gpointer data)
{
  g_error ("something is found where nothing is: %s", found->name != NULL ? found->name : "a user");
}

static void
case_nothing_there (Fixture *fixture)
{
  const SatchelStoreLevel *driver = &fixture->backend->levels[0];
  const SatchelStorageIdentity identity = { .user = "nobody@example.org",
                                            .path = "example.org/nobody",
                                            .root_fd = fixture->root_fd,
                                            .profile = "default",
                                            .volume = "" };
  for (guint pass = 0; pass < 2; pass++) /* a look changes nothing */
    {
      g_autoptr (GError) error = NULL;
      if (SATCHEL_HAS (driver->ops, exists))
        g_assert_false (driver->ops->exists (&identity, driver->section));
      if (!SATCHEL_HAS (driver->ops, examine))
        continue;
      g_assert_false (driver->ops->examine (&identity, driver->section, refuse_found, NULL, &error));
      g_assert_true (error != NULL && error->domain == SATCHEL_ERROR && error->message[0] != '\0');
    }
  if (SATCHEL_HAS (driver->ops, has_volume))
    g_assert_false (driver->ops->has_volume ("no-such-volume", driver->section));
}

const ConformanceCase conformance_driver[] = {
  { "files", case_files },
  { "held-syncs", case_held_syncs },
  { "upkeep", case_upkeep },
  { "nothing-there", case_nothing_there },
  { NULL, NULL },
};
