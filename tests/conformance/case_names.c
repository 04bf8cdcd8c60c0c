/* SPDX-License-Identifier: MIT
 * Names: list, create, delete, rename, subscribe (RFC 3501 6.3.3 to 6.3.9).
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

/* What a layer shows in a namespace of its own is not what the case made. */
static gboolean
is_of_a_layer (Fixture *fixture, const char *name)
{
  for (const char *const *root = satchel_store_namespace_names (fixture->store); *root != NULL; root++)
    if (g_str_has_prefix (name, *root))
      return TRUE;
  return FALSE;
}

/* "A+ (B) [C]": names in order; + subscribed, () cannot be selected, [] subscribed only. */
static char *
list_text (Fixture *fixture)
{
  g_autoptr (GPtrArray) infos = NULL;
  OK ((infos = satchel_store_list (fixture->store, E)) != NULL);
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (is_of_a_layer (fixture, info->name))
        continue;
      const char *marks = !info->exists ? "[]" : !info->is_selectable ? "()" : "";
      g_assert_true (info->exists || (info->is_subscribed && !info->is_selectable));
      if (text->len > 0)
        g_string_append_c (text, ' ');
      g_string_append_printf (text, "%.1s%s%s", marks, info->name, marks[0] != '\0' ? marks + 1 : "");
      if (info->is_subscribed && info->exists)
        g_string_append_c (text, '+');
    }
  return g_string_free (text, FALSE);
}

static void
assert_list (Fixture *fixture, const char *expected)
{
  g_autofree char *text = list_text (fixture);
  g_assert_cmpstr (text, ==, expected);
}

static gboolean
exists (Fixture *fixture, const char *name)
{
  g_autoptr (GPtrArray) infos = NULL;
  OK ((infos = satchel_store_list (fixture->store, E)) != NULL);
  const SatchelMailboxInfo *info = list_find (infos, name);
  return info != NULL && info->exists;
}

static void
case_empty_store (Fixture *fixture)
{
  assert_list (fixture, "INBOX");
  g_autoptr (SatchelMailbox) inbox = NULL;
  OK ((inbox = satchel_store_open_mailbox (fixture->store, "INBOX", E)) != NULL);
  SatchelMailboxState state = state_of (inbox);
  g_assert_cmpuint (state.n_messages, ==, 0);
  g_assert_cmpuint (state.uidvalidity, !=, 0);
  g_assert_cmpuint (state.uidnext, >=, 1);
  g_assert_cmpuint (state.highestmodseq, >=, 1);
  g_assert_cmpstr (satchel_store_user (fixture->store), ==, fixture->user);
}

static void
case_create (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "Work", 0, E));
  OK (satchel_store_create (fixture->store, "Alpha", 0, E));
  assert_list (fixture, "INBOX Alpha Work");
  fixture_reopen (fixture);
  assert_list (fixture, "INBOX Alpha Work");
}

static void
case_create_twice (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "Work", 0, E));
  FAILS (SATCHEL_ERROR_ALREADYEXISTS, satchel_store_create (fixture->store, "Work", 0, E));
  FAILS (SATCHEL_ERROR_ALREADYEXISTS, satchel_store_create (fixture->store, "INBOX", 0, E));
  assert_list (fixture, "INBOX Work");
}

static void
case_create_deep (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "a/b/c", 0, E));
  g_assert_true (exists (fixture, "a") && exists (fixture, "a/b") && exists (fixture, "a/b/c"));
  OK (satchel_store_create (fixture->store, "INBOX/child", 0, E));
  g_assert_true (exists (fixture, "INBOX/child"));
  g_autoptr (GPtrArray) infos = NULL;
  OK ((infos = satchel_store_list (fixture->store, E)) != NULL);
  g_assert_true (list_find (infos, "a/b/c")->is_selectable);
  if (!list_find (infos, "a")->is_selectable)
    {
      FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_store_open_mailbox (fixture->store, "a", E));
      OK (satchel_store_create (fixture->store, "a", 0, E)); /* makes it a mailbox */
    }
  g_autoptr (SatchelMailbox) opened = NULL;
  OK ((opened = satchel_store_open_mailbox (fixture->store, "a", E)) != NULL);
}

static void
case_bad_names (Fixture *fixture)
{
  g_autofree char *too_long = g_strnfill (1025, 'x');
  const char *const names[] = {
    "",    "/",    "a/",    "/a",       "a//b", ".",     "..",          "a/../b",
    "./a", "a\nb", "a\x7f", "\xc0\xaf", "\xff", "inbox", "Inbox/child", too_long
  };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      FAILS (SATCHEL_ERROR_INVALID, satchel_store_create (fixture->store, names[i], 0, E));
      FAILS (SATCHEL_ERROR_INVALID, satchel_store_delete (fixture->store, names[i], E));
      FAILS (SATCHEL_ERROR_INVALID, satchel_store_rename (fixture->store, "INBOX", names[i], E));
      FAILS (SATCHEL_ERROR_INVALID, satchel_store_subscribe (fixture->store, names[i], TRUE, E));
      FAILS (SATCHEL_ERROR_INVALID, satchel_store_open_mailbox (fixture->store, names[i], E));
    }
  assert_list (fixture, "INBOX");
}

/* A name is kept exactly, or refused for good: never changed, never mixed up with another.  A driver may
 * refuse some, not all of them. */
static void
case_odd_names (Fixture *fixture)
{
  const char *const names[] = { "a.b",
                                "a",
                                ".hidden",
                                "with space",
                                " lead",
                                "trail ",
                                "per%cent",
                                "star*",
                                "back\\slash",
                                "tilde~",
                                "~root",
                                "&",
                                "&-",
                                "quote\"",
                                "new",
                                "cur",
                                "tmp",
                                "dovecot-uidlist",
                                "#x",
                                "Entw\xc3\xbcrfe",
                                "\xe6\x97\xa5\xe6\x9c\xac",
                                "\xf0\x9f\x93\xa7 mail",
                                "inbox2",
                                "INBOX2",
                                "INBOX.x",
                                "=2F",
                                "-",
                                ",",
                                ":2,S",
                                "A",
                                "x/new",
                                "x/.y",
                                "x/y.z" };
  gboolean is_made[G_N_ELEMENTS (names)];
  guint n_made = 0;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      is_made[i] = satchel_store_create (fixture->store, names[i], 0, &error);
      if (!is_made[i])
        {
          g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
          g_test_message ("the driver refuses \"%s\": %s", names[i], error->message);
        }
      else
        {
          n_made++;
          g_autoptr (SatchelMailbox) mailbox = NULL;
          OK ((mailbox = satchel_store_open_mailbox (fixture->store, names[i], E)) != NULL);
          g_assert_cmpuint (state_of (mailbox).n_messages, ==, 0);
          fixture_put (fixture, mailbox, names[i]);
        }
    }
  g_assert_cmpuint (n_made, >, 0);
  fixture_reopen (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_assert_cmpint (exists (fixture, names[i]), ==, is_made[i]);
      if (!is_made[i])
        continue;
      g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, names[i]);
      g_assert_cmpuint (state_of (mailbox).n_messages, ==, 1);
    }
}

static void
case_long_names (Fixture *fixture)
{
  guint n_made = 0;
  for (guint len = 200; len <= 1024; len += 206)
    {
      g_autofree char *name = g_strnfill (len, 'n');
      g_autoptr (GError) error = NULL;
      if (satchel_store_create (fixture->store, name, 0, &error))
        {
          n_made++;
          g_assert_true (exists (fixture, name));
        }
      else
        {
          g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
          g_assert_false (exists (fixture, name));
        }
    }
  if (n_made == 0)
    g_test_skip ("the driver takes no name of 200 octets");
}

static void
case_delete (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "Work", 0, E));
  OK (satchel_store_delete (fixture->store, "Work", E));
  assert_list (fixture, "INBOX");
  FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_store_delete (fixture->store, "Work", E));
  FAILS (SATCHEL_ERROR_CANNOT, satchel_store_delete (fixture->store, "INBOX", E));
  fixture_reopen (fixture);
  assert_list (fixture, "INBOX");
}

/* RFC 3501 6.3.4: with inferiors the name stays, and cannot be selected. */
static void
case_delete_parent (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) parent = fixture_open (fixture, "p");
  fixture_put (fixture, parent, "lost");
  OK (satchel_store_create (fixture->store, "p/child", 0, E));
  OK (satchel_store_delete (fixture->store, "p", E));
  assert_list (fixture, "INBOX (p) p/child");
  FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_store_open_mailbox (fixture->store, "p", E));
  FAILS (SATCHEL_ERROR_CANNOT, satchel_store_delete (fixture->store, "p", E));
  g_clear_pointer (&parent, satchel_mailbox_unref);
  fixture_reopen (fixture);
  assert_list (fixture, "INBOX (p) p/child");
  OK (satchel_store_create (fixture->store, "p", 0, E));
  g_autoptr (SatchelMailbox) again = fixture_open (fixture, "p");
  g_assert_cmpuint (state_of (again).n_messages, ==, 0);
}

static void
case_rename (Fixture *fixture)
{
  g_autofree char *before = NULL;
  {
    g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "old");
    fixture_put (fixture, mailbox, "one");
    guint32 uid = fixture_put (fixture, mailbox, "two");
    fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, "$Kept");
    OK (satchel_store_rename (fixture->store, "old", "new name", E));
    g_autofree char *name = satchel_mailbox_name (mailbox);
    g_assert_cmpstr (name, ==, "new name");
    g_assert_false (satchel_mailbox_is_deleted (mailbox));
    before = describe_mailbox (mailbox);
    g_autoptr (SatchelMailbox) same = fixture_open (fixture, "new name");
    g_assert_true (same == mailbox);
    guint32 uidnext = state_of (mailbox).uidnext;
    g_assert_cmpuint (fixture_put (fixture, mailbox, "three"), >=, uidnext);
    fixture_expunge (fixture, mailbox, uidnext, G_MAXUINT32);
  }
  assert_list (fixture, "INBOX new name");
  fixture_reopen (fixture);
  assert_list (fixture, "INBOX new name");
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "new name");
  g_autofree char *after = describe_mailbox (mailbox);
  /* The first line has counters that moved on. */
  g_assert_cmpstr (strchr (after, '\n'), ==, strchr (before, '\n'));
  g_assert_cmpint (strncmp (after, before, 32), ==, 0);
}

static void
case_rename_tree (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) child = fixture_open (fixture, "top/child");
  g_autoptr (SatchelMailbox) grandchild = fixture_open (fixture, "top/child/leaf");
  OK (satchel_store_create (fixture->store, "topmost", 0, E));
  guint32 uid = fixture_put (fixture, grandchild, "deep");
  OK (satchel_store_rename (fixture->store, "top", "x/other", E));
  g_assert_false (exists (fixture, "top/child"));
  g_assert_true (exists (fixture, "x/other") && exists (fixture, "x/other/child")
                 && exists (fixture, "topmost"));
  g_autofree char *name = satchel_mailbox_name (grandchild);
  g_assert_cmpstr (name, ==, "x/other/child/leaf");
  SatchelMessageRow row;
  g_assert_true (row_of (grandchild, uid, &row));
  g_clear_pointer (&child, satchel_mailbox_unref);
  g_clear_pointer (&grandchild, satchel_mailbox_unref);
  fixture_reopen (fixture);
  grandchild = fixture_open (fixture, "x/other/child/leaf");
  g_assert_true (row_of (grandchild, uid, &row));
}

static void
case_rename_refused (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "a", 0, E));
  OK (satchel_store_create (fixture->store, "b", 0, E));
  FAILS (SATCHEL_ERROR_ALREADYEXISTS, satchel_store_rename (fixture->store, "a", "b", E));
  FAILS (SATCHEL_ERROR_ALREADYEXISTS, satchel_store_rename (fixture->store, "a", "a", E));
  FAILS (SATCHEL_ERROR_ALREADYEXISTS, satchel_store_rename (fixture->store, "a", "INBOX", E));
  FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_store_rename (fixture->store, "c", "d", E));
  FAILS (SATCHEL_ERROR_CANNOT, satchel_store_rename (fixture->store, "a", "a/b", E));
  assert_list (fixture, "INBOX a b");
}

/* RFC 3501 6.3.5: all messages move to a new mailbox, INBOX is left, and so are its inferiors. */
static void
case_rename_inbox (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) child G_GNUC_UNUSED = fixture_open (fixture, "INBOX/child");
  guint32 first = fixture_put (fixture, inbox, "one");
  guint32 second = fixture_put (fixture, inbox, "two");
  fixture_set_flags (fixture, inbox, second, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, "$Tag");
  SatchelMailboxState before = state_of (inbox);
  g_autoptr (GBytes) content = content_of (inbox, first);
  OK (satchel_store_rename (fixture->store, "INBOX", "archive", E));
  SatchelMailboxState after = state_of (inbox);
  g_assert_cmpuint (after.n_messages, ==, 0);
  g_assert_cmpuint (after.uidvalidity, ==, before.uidvalidity);
  g_assert_cmpuint (after.uidnext, >=, before.uidnext);
  g_assert_cmpuint (after.highestmodseq, >, before.highestmodseq);
  g_assert_true (exists (fixture, "INBOX/child"));
  g_assert_false (exists (fixture, "archive/child"));
  g_autoptr (SatchelMailbox) archive = fixture_open (fixture, "archive");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (archive);
  g_assert_cmpuint (snapshot->state.n_messages, ==, 2);
  g_assert_cmpint (memcmp (snapshot->state.mailbox_id, before.mailbox_id, 16), !=, 0);
  const SatchelChunk *chunk = snapshot->chunks[0];
  assert_content (archive, chunk->uid[0], g_bytes_get_data (content, NULL), g_bytes_get_size (content));
  g_assert_cmpuint (chunk->flags[1], ==, SATCHEL_FLAG_FLAGGED);
  g_autofree char *keywords = keywords_of (archive, chunk->uid[1]);
  g_assert_cmpstr (keywords, ==, "$Tag");
  g_assert_cmpuint (fixture_put (fixture, inbox, "three"), >, second);
}

static void
case_subscribe (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "a", 0, E));
  OK (satchel_store_subscribe (fixture->store, "a", TRUE, E));
  OK (satchel_store_subscribe (fixture->store, "a", TRUE, E));
  OK (satchel_store_subscribe (fixture->store, "INBOX", TRUE, E));
  OK (satchel_store_subscribe (fixture->store, "not/there", TRUE, E));
  assert_list (fixture, "INBOX+ a+ [not/there]");
  fixture_reopen (fixture);
  assert_list (fixture, "INBOX+ a+ [not/there]");
  FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_store_open_mailbox (fixture->store, "not/there", E));
  OK (satchel_store_subscribe (fixture->store, "not/there", FALSE, E));
  OK (satchel_store_subscribe (fixture->store, "never/was", FALSE, E));
  OK (satchel_store_subscribe (fixture->store, "a", FALSE, E));
  assert_list (fixture, "INBOX+ a");
  fixture_reopen (fixture);
  assert_list (fixture, "INBOX+ a");
}

/* RFC 3501 6.3.6: the server does not take a name off the list because its mailbox went. */
static void
case_subscription_stays (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "a", 0, E));
  OK (satchel_store_subscribe (fixture->store, "a", TRUE, E));
  OK (satchel_store_delete (fixture->store, "a", E));
  assert_list (fixture, "INBOX [a]");
  OK (satchel_store_create (fixture->store, "a", 0, E));
  assert_list (fixture, "INBOX a+");
}

/* They go along with a mailbox that is renamed, and with what is below it; INBOX keeps its own. */
static void
case_subscription_follows (Fixture *fixture)
{
  OK (satchel_store_create (fixture->store, "a", 0, E));
  OK (satchel_store_create (fixture->store, "a/child", 0, E));
  OK (satchel_store_create (fixture->store, "a/quiet", 0, E));
  OK (satchel_store_create (fixture->store, "aa", 0, E));
  OK (satchel_store_subscribe (fixture->store, "a", TRUE, E));
  OK (satchel_store_subscribe (fixture->store, "a/child", TRUE, E));
  OK (satchel_store_subscribe (fixture->store, "a/gone", TRUE, E));
  OK (satchel_store_subscribe (fixture->store, "aa", TRUE, E));
  OK (satchel_store_subscribe (fixture->store, "INBOX", TRUE, E));
  OK (satchel_store_rename (fixture->store, "a", "b", E));
  assert_list (fixture, "INBOX+ aa+ b+ b/child+ [b/gone] b/quiet");
  OK (satchel_store_rename (fixture->store, "INBOX", "old", E));
  FAILS (SATCHEL_ERROR_ALREADYEXISTS, satchel_store_rename (fixture->store, "aa", "old", E));
  assert_list (fixture, "INBOX+ aa+ b+ b/child+ [b/gone] b/quiet old");
  fixture_reopen (fixture);
  assert_list (fixture, "INBOX+ aa+ b+ b/child+ [b/gone] b/quiet old");
}

static void
case_cached_list (Fixture *fixture)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *name = g_strdup_printf ("m%02u", i);
      OK (satchel_store_create (fixture->store, name, 0, E));
      g_autoptr (GPtrArray) list = NULL;
      OK ((list = satchel_store_list (fixture->store, E)) != NULL);
      g_assert_nonnull (list_find (list, name));
      g_autoptr (GPtrArray) cached = satchel_store_list_cached (fixture->store);
      g_assert_true (cached == NULL || list_find (cached, name) != NULL);
      if (i % 3 != 0)
        continue;
      OK (satchel_store_delete (fixture->store, name, E));
      g_autoptr (GPtrArray) later = satchel_store_list_cached (fixture->store);
      g_assert_true (later == NULL || list_find (later, name) == NULL);
      g_assert_nonnull (list_find (list, name)); /* what was given out does not change */
    }
}

static void
case_status (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "box");
  guint32 uid = fixture_put (fixture, mailbox, "one");
  fixture_put (fixture, mailbox, "two");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DELETED,
                     NULL);
  SatchelMailboxState open = state_of (mailbox), told;
  OK (satchel_store_status (fixture->store, "box", &told, E));
  g_assert_cmpmem (&told, sizeof (told), &open, sizeof (open));
  g_assert_cmpuint (told.n_messages, ==, 2);
  g_assert_cmpuint (told.n_unseen, ==, 1);
  g_assert_cmpuint (told.n_deleted, ==, 1);
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  SatchelMailboxState closed;
  OK (satchel_store_status (fixture->store, "box", &closed, E));
  g_assert_cmpuint (closed.uidvalidity, ==, open.uidvalidity);
  g_assert_cmpuint (closed.uidnext, >=, open.uidnext);
  g_assert_cmpuint (closed.n_messages, ==, open.n_messages);
  g_assert_cmpuint (closed.n_unseen, ==, open.n_unseen);
  g_assert_cmpuint (closed.n_deleted, ==, open.n_deleted);
  g_assert_cmpuint (closed.size_bytes, ==, open.size_bytes);
  g_assert_cmpmem (closed.mailbox_id, 16, open.mailbox_id, 16);
  SatchelMailboxState poisoned;
  memset (&poisoned, 0xa5, sizeof (poisoned));
  FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_store_status (fixture->store, "nowhere", &poisoned, E));
  for (guint i = 0; i < sizeof (poisoned); i++)
    g_assert_cmpuint (((guint8 *) &poisoned)[i], ==, 0xa5);
}

const ConformanceCase conformance_names[] = {
  { "empty-store", case_empty_store },
  { "create", case_create },
  { "create-twice", case_create_twice },
  { "create-deep", case_create_deep },
  { "bad-names", case_bad_names },
  { "odd-names", case_odd_names },
  { "long-names", case_long_names },
  { "delete", case_delete },
  { "delete-parent", case_delete_parent },
  { "rename", case_rename },
  { "rename-tree", case_rename_tree },
  { "rename-refused", case_rename_refused },
  { "rename-inbox", case_rename_inbox },
  { "subscribe", case_subscribe },
  { "subscription-stays", case_subscription_stays },
  { "subscription-follows", case_subscription_follows },
  { "cached-list", case_cached_list },
  { "status", case_status },
  { NULL, NULL },
};
