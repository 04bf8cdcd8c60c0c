/* SPDX-License-Identifier: MIT
 * Special use (RFC 6154) and the bound on mailboxes.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

static const SatchelConfigRow *
core_rows (const char *group)
{
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
    if (strcmp (schema->group, group) == 0)
      return schema->rows;
  g_assert_not_reached ();
}

static SatchelConfigSet *
settings (const char *group, const char *text)
{
  SatchelConfigSet *set;
  OK ((set = satchel_config_set_from_text (group, core_rows (group), text, E)) != NULL);
  return set;
}

static guint
use_of (Fixture *fixture, const char *name)
{
  g_autoptr (GPtrArray) infos = NULL;
  OK ((infos = satchel_store_list (fixture->store, E)) != NULL);
  const SatchelMailboxInfo *info = list_find (infos, name);
  return info != NULL ? info->special_use : 0;
}

static void
assert_found (Fixture *fixture, guint special_use, const char *expected)
{
  g_autofree char *name = NULL;
  if (expected == NULL)
    FAILS (SATCHEL_ERROR_NONEXISTENT, name = satchel_store_find_special_use (fixture->store, special_use, E));
  else
    OK (name = satchel_store_find_special_use (fixture->store, special_use, E));
  g_assert_cmpstr (name, ==, expected);
}

static void
case_set (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "Bin", SATCHEL_USE_TRASH, E));
  OK (satchel_store_create (fixture->store, "Other", 0, E));
  g_assert_cmpuint (use_of (fixture, "Bin"), ==, SATCHEL_USE_TRASH);
  assert_found (fixture, SATCHEL_USE_TRASH, "Bin");
  assert_found (fixture, SATCHEL_USE_SENT, NULL);
  OK (satchel_store_set_special_use (fixture->store, "Other", SATCHEL_USE_SENT | SATCHEL_USE_ARCHIVE, E));
  fixture_reopen (fixture);
  g_assert_cmpuint (use_of (fixture, "Bin"), ==, SATCHEL_USE_TRASH);
  g_assert_cmpuint (use_of (fixture, "Other"), ==, SATCHEL_USE_SENT | SATCHEL_USE_ARCHIVE);
  OK (satchel_store_set_special_use (fixture->store, "Other", 0, E));
  g_assert_cmpuint (use_of (fixture, "Other"), ==, 0);
  FAILS (SATCHEL_ERROR_NONEXISTENT,
         satchel_store_set_special_use (fixture->store, "nowhere", SATCHEL_USE_SENT, E));
}

/* At most one mailbox an attribute. */
static void
case_taken_over (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "a", SATCHEL_USE_TRASH | SATCHEL_USE_JUNK, E));
  OK (satchel_store_create (fixture->store, "b", SATCHEL_USE_TRASH, E));
  g_assert_cmpuint (use_of (fixture, "a"), ==, SATCHEL_USE_JUNK);
  g_assert_cmpuint (use_of (fixture, "b"), ==, SATCHEL_USE_TRASH);
  OK (satchel_store_set_special_use (fixture->store, "b", SATCHEL_USE_JUNK, E));
  g_assert_cmpuint (use_of (fixture, "a"), ==, 0);
  g_assert_cmpuint (use_of (fixture, "b"), ==, SATCHEL_USE_JUNK);
  fixture_reopen (fixture);
  g_assert_cmpuint (use_of (fixture, "a"), ==, 0);
  g_assert_cmpuint (use_of (fixture, "b"), ==, SATCHEL_USE_JUNK);
}

static void
case_follows_mailbox (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "top/sent", SATCHEL_USE_SENT, E));
  OK (satchel_store_rename (fixture->store, "top", "moved", E));
  assert_found (fixture, SATCHEL_USE_SENT, "moved/sent");
  OK (satchel_store_delete (fixture->store, "moved/sent", E));
  assert_found (fixture, SATCHEL_USE_SENT, NULL);
  OK (satchel_store_create (fixture->store, "moved/sent", 0, E));
  assert_found (fixture, SATCHEL_USE_SENT, NULL);
}

static void
case_made_at_opening (Fixture *fixture)
{
  g_autoptr (SatchelConfigSet) set = settings ("mailboxes", "trash = \"Wastebasket\"; archive = \"\";");
  OK (satchel_store_create (fixture->store, "Sent Items", 0, E));
  OK (satchel_store_create (fixture->store, "Sent Messages", 0, E));
  fixture->mailboxes = satchel_config_set_group (set, "mailboxes");
  fixture_reopen (fixture);
  assert_found (fixture, SATCHEL_USE_SENT, "Sent Items"); /* the first known name there is */
  assert_found (fixture, SATCHEL_USE_DRAFTS, "Drafts");
  assert_found (fixture, SATCHEL_USE_JUNK, "Junk");
  assert_found (fixture, SATCHEL_USE_TRASH, "Wastebasket");
  assert_found (fixture, SATCHEL_USE_ARCHIVE, NULL);
  g_autoptr (GPtrArray) infos = NULL;
  OK ((infos = satchel_store_list (fixture->store, E)) != NULL);
  g_assert_true (list_find (infos, "Drafts")->is_subscribed);
  g_assert_null (list_find (infos, "Sent"));
  g_assert_null (list_find (infos, "Archive"));
  /* Once more changes nothing; what the user chose stays. */
  OK (satchel_store_rename (fixture->store, "Junk", "My junk", E));
  guint n = infos->len;
  fixture_reopen (fixture);
  assert_found (fixture, SATCHEL_USE_JUNK, "My junk");
  g_clear_pointer (&infos, g_ptr_array_unref);
  OK ((infos = satchel_store_list (fixture->store, E)) != NULL);
  g_assert_cmpuint (infos->len, ==, n); /* the subscription of Junk went along */
  g_assert_true (list_find (infos, "My junk")->is_subscribed);
  /* What was deleted comes back. */
  OK (satchel_store_delete (fixture->store, "My junk", E));
  fixture_reopen (fixture);
  assert_found (fixture, SATCHEL_USE_JUNK, "Junk");
  g_clear_pointer (&fixture->store, satchel_store_unref);
  fixture->mailboxes = NULL;
  fixture_reopen (fixture);
}

static gboolean
is_subscribed (Fixture *fixture, const char *name)
{
  g_autoptr (GPtrArray) infos = NULL;
  OK ((infos = satchel_store_list (fixture->store, E)) != NULL);
  const SatchelMailboxInfo *info = list_find (infos, name);
  return info != NULL && info->is_subscribed;
}

/* INBOX is subscribed with what a first login makes; where there was anything, subscriptions are the user's
 * own. */
static void
case_inbox_subscribed (Fixture *fixture)
{
  g_autoptr (SatchelConfigSet) set = settings ("mailboxes", "");
  fixture->mailboxes = satchel_config_set_group (set, "mailboxes");
  fixture_reopen (fixture);
  g_assert_true (is_subscribed (fixture, "Drafts") && is_subscribed (fixture, "INBOX"));
  OK (satchel_store_subscribe (fixture->store, "INBOX", FALSE, E));
  OK (satchel_store_delete (fixture->store, "Drafts", E));
  fixture_reopen (fixture);
  g_assert_true (is_subscribed (fixture, "Drafts"));
  g_assert_false (is_subscribed (fixture, "INBOX"));
  g_clear_pointer (&fixture->store, satchel_store_unref);
  fixture->mailboxes = NULL;
  fixture_reopen (fixture);
}

static void
case_inbox_of_others (Fixture *fixture)
{
  g_autoptr (SatchelConfigSet) set = settings ("mailboxes", "");
  OK (satchel_store_create (fixture->store, "Projects", 0, E));
  fixture->mailboxes = satchel_config_set_group (set, "mailboxes");
  fixture_reopen (fixture);
  g_assert_true (is_subscribed (fixture, "Drafts"));
  g_assert_false (is_subscribed (fixture, "INBOX") || is_subscribed (fixture, "Projects"));
  g_clear_pointer (&fixture->store, satchel_store_unref);
  fixture->mailboxes = NULL;
  fixture_reopen (fixture);
}

static void
case_limit (Fixture *fixture)
{
  g_autoptr (SatchelConfigSet) set = settings ("limits", "mailboxes = 10;");
  fixture->limits = satchel_config_set_group (set, "limits");
  fixture_reopen (fixture);
  for (guint i = 0; i < 9; i++)
    {
      g_autofree char *name = g_strdup_printf ("m%u", i);
      OK (satchel_store_create (fixture->store, name, 0, E));
    }
  FAILS (SATCHEL_ERROR_LIMIT, satchel_store_create (fixture->store, "one too many", 0, E));
  FAILS (SATCHEL_ERROR_LIMIT, satchel_store_subscribe (fixture->store, "not there", TRUE, E));
  FAILS (SATCHEL_ERROR_LIMIT, satchel_store_rename (fixture->store, "INBOX", "more", E));
  OK (satchel_store_subscribe (fixture->store, "m1", TRUE, E));
  OK (satchel_store_rename (fixture->store, "m2", "m2 renamed", E));
  OK (satchel_store_delete (fixture->store, "m3", E));
  OK (satchel_store_create (fixture->store, "now it fits", 0, E));
  g_clear_pointer (&fixture->store, satchel_store_unref);
}

const ConformanceCase conformance_uses[] = {
  { "set", case_set },
  { "taken-over", case_taken_over },
  { "inbox-subscribed", case_inbox_subscribed },
  { "inbox-of-others", case_inbox_of_others },
  { "follows-mailbox", case_follows_mailbox },
  { "made-at-opening", case_made_at_opening },
  { "limit", case_limit },
  { NULL, NULL },
};
