/* SPDX-License-Identifier: MIT
 * trials.h
 */
#include "config.h"

#include "calls.h"
#include "trials.h"

#include <string.h>

#define LONG_BYTES 200000u
static const guint8 import_id[16] = { 7, 7, 7, 1 };

/* ---- transactions ---- */

static gboolean
add_append (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *mailbox, const char *text,
            gsize len, GError **error)
{
  const char *const keywords[] = { "Kept", NULL };
  g_autoptr (SatchelStage) stage = satchel_stage_new (user->store, len, error);
  if (stage == NULL || !satchel_stage_write (stage, text, len, error) || !satchel_stage_finish (stage, error))
    return FALSE;
  satchel_transaction_append (transaction, mailbox, g_steal_pointer (&stage), SATCHEL_FLAG_SEEN, keywords,
                              1700000000);
  return TRUE;
}

static gboolean
build_append (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox, SatchelMailbox *other,
              GError **error)
{
  const char text[] = "Subject: appended\r\n\r\nshort\r\n";
  return add_append (user, transaction, inbox, text, strlen (text), error);
}

/* With all that it has from another store. */
static gboolean
build_append_imported (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox,
                       SatchelMailbox *other, GError **error)
{
  if (!build_append (user, transaction, inbox, other, error))
    return FALSE;
  SatchelOperation *append = satchel_transaction_operation (transaction, 0);
  append->uid = state_of (inbox).uidnext + 100;
  append->modseq = state_of (inbox).highestmodseq + 1000;
  append->save_date = IMPORTED_SAVE_DATE;
  g_autoptr (GBytes) value = g_bytes_new_static ("import", 6);
  satchel_operation_set_metadata (append, METADATA_PREFIX "from", value);
  return TRUE;
}

static gboolean
build_append_long (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox,
                   SatchelMailbox *other, GError **error)
{
  g_autofree char *text = g_strnfill (LONG_BYTES, 'l');
  return add_append (user, transaction, other, text, LONG_BYTES, error);
}

static gboolean
build_append_twice (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox,
                    SatchelMailbox *other, GError **error)
{
  return build_append (user, transaction, inbox, other, error)
         && add_append (user, transaction, other, "second\n", 7, error);
}

static gboolean
build_flags (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox, SatchelMailbox *other,
             GError **error)
{
  const char *const keywords[] = { "New", NULL };
  g_auto (SatchelUidSet) uids = uid_range (1, G_MAXUINT32);
  satchel_transaction_flags (transaction, inbox, &uids, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, keywords,
                             G_MAXUINT64);
  return TRUE;
}

static gboolean
build_copy (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox, SatchelMailbox *other,
            GError **error)
{
  g_auto (SatchelUidSet) uids = uid_range (1, 2);
  satchel_transaction_copy (transaction, inbox, &uids, other);
  return TRUE;
}

static gboolean
build_move (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox, SatchelMailbox *other,
            GError **error)
{
  g_auto (SatchelUidSet) uids = uid_range (2, 3);
  satchel_transaction_move (transaction, inbox, &uids, other);
  return TRUE;
}

static gboolean
build_expunge (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox, SatchelMailbox *other,
               GError **error)
{
  g_auto (SatchelUidSet) uids = uid_range (1, 2);
  satchel_transaction_expunge (transaction, inbox, &uids, FALSE);
  return TRUE;
}

/* As EXPUNGE and CLOSE do. */
static gboolean
build_expunge_deleted (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox,
                       SatchelMailbox *other, GError **error)
{
  g_auto (SatchelUidSet) deleted = uid_range (2, 3), uids = uid_range (1, G_MAXUINT32);
  satchel_transaction_flags (transaction, inbox, &deleted, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, NULL,
                             G_MAXUINT64);
  satchel_transaction_expunge (transaction, inbox, &uids, TRUE);
  return TRUE;
}

static gboolean
build_replace (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox, SatchelMailbox *other,
               GError **error)
{
  g_auto (SatchelUidSet) uids = uid_range (1, 1);
  if (!build_append (user, transaction, other, inbox, error))
    return FALSE;
  satchel_transaction_expunge (transaction, other, &uids, FALSE);
  return TRUE;
}

static gboolean
build_several (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox, SatchelMailbox *other,
               GError **error)
{
  return build_flags (user, transaction, inbox, other, error)
         && build_move (user, transaction, inbox, other, error)
         && build_append (user, transaction, inbox, other, error);
}

/* ---- calls of the store ---- */

static gboolean
run_open (Fixture *user, GError **error)
{
  return fixture_try_open_store (user, error);
}

static gboolean
run_create (Fixture *user, GError **error)
{
  return satchel_store_create (user->store, "New/deep", 0, error);
}

static gboolean
run_create_with_use (Fixture *user, GError **error)
{
  return satchel_store_create (user->store, "Used", SATCHEL_USE_ARCHIVE, error);
}

static gboolean
create_without_use (Fixture *user, GError **error)
{
  return satchel_store_create (user->store, "Used", 0, error);
}

static gboolean
run_delete (Fixture *user, GError **error)
{
  return satchel_store_delete (user->store, "Leaf", error);
}

static gboolean
run_delete_parent (Fixture *user, GError **error)
{
  return satchel_store_delete (user->store, "Other", error);
}

static gboolean
run_rename (Fixture *user, GError **error)
{
  return satchel_store_rename (user->store, "Other", "Moved/here", error);
}

static gboolean
run_rename_inbox (Fixture *user, GError **error)
{
  return satchel_store_rename (user->store, "INBOX", "Old", error);
}

static gboolean
make_target_of_inbox (Fixture *user, GError **error)
{
  return satchel_store_create (user->store, "Old", 0, error);
}

static gboolean
run_subscribe (Fixture *user, GError **error)
{
  return satchel_store_subscribe (user->store, "Other", TRUE, error);
}

static gboolean
run_unsubscribe (Fixture *user, GError **error)
{
  return satchel_store_subscribe (user->store, "Leaf", FALSE, error);
}

static gboolean
run_special_use (Fixture *user, GError **error)
{
  return satchel_store_set_special_use (user->store, "Other", SATCHEL_USE_ARCHIVE, error);
}

static gboolean
run_recent (Fixture *user, GError **error)
{
  guint32 first;
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (user->store, "INBOX", error);
  return inbox != NULL && satchel_mailbox_claim_recent (inbox, state_of (inbox).uidnext, &first, error);
}

static gboolean
run_blobs (Fixture *user, GError **error)
{
  g_autoptr (GBytes) value = g_bytes_new_static ("anew", 4);
  const SatchelBlob changes[] = { { "a", NULL }, { "b", value }, { "c", value } };
  return satchel_store_put_blobs (user->store, TRIALS_SPACE, changes, G_N_ELEMENTS (changes), error);
}

/* The messages have the same contents before and after, so that what is seen never differs. */
static gboolean
run_exchange (Fixture *user, GError **error)
{
  const guint32 uids[] = { 1, 2, 3 };
  SatchelStage *stages[G_N_ELEMENTS (uids)] = { NULL };
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (user->store, "INBOX", error);
  gboolean ok = inbox != NULL;
  for (guint i = 0; ok && i < G_N_ELEMENTS (uids); i++)
    {
      g_autoptr (SatchelStream) content = satchel_mailbox_open_message (inbox, uids[i], error);
      gint64 length = content != NULL ? satchel_stream_length (content, error) : -1;
      stages[i] =
          length >= 0 ? satchel_stage_new_copied (user->store, content, (guint64) length, NULL, error) : NULL;
      ok = stages[i] != NULL;
    }
  ok = ok && fixture_exchange (user, "INBOX", uids, stages, G_N_ELEMENTS (uids), error)
       && fixture_exchange (user, "INBOX", NULL, NULL, 0, error);
  for (guint i = 0; i < G_N_ELEMENTS (uids); i++)
    g_clear_pointer (&stages[i], satchel_stage_free);
  return ok;
}

static gboolean
run_import (Fixture *user, GError **error)
{
  SatchelMailboxImport import = {
    .size = sizeof import, .uidvalidity = 77, .uidnext = 5, .highestmodseq = 1000
  };
  memcpy (import.mailbox_id, import_id, sizeof import_id);
  return satchel_store_import_mailbox (user->store, "Imported", &import, error);
}

const Trial conformance_trials[] = {
  { "open", .run = run_open, .begins_closed = TRUE },
  { "append", .build = build_append },
  { "append-imported", .build = build_append_imported, .needs_import = TRUE },
  { "append-long", .build = build_append_long },
  { "append-twice", .build = build_append_twice },
  { "flags", .build = build_flags },
  { "copy", .build = build_copy },
  { "move", .build = build_move },
  { "expunge", .build = build_expunge, .removes = TRUE },
  { "expunge-deleted", .build = build_expunge_deleted, .removes = TRUE },
  { "replace", .build = build_replace, .removes = TRUE },
  { "several", .build = build_several },
  { "create", .run = run_create },
  { "create-with-use", .run = run_create_with_use, .run_part = create_without_use },
  { "delete", .run = run_delete, .removes = TRUE },
  { "delete-parent", .run = run_delete_parent, .removes = TRUE },
  { "rename", .run = run_rename },
  { "rename-inbox", .run = run_rename_inbox, .run_part = make_target_of_inbox },
  { "subscribe", .run = run_subscribe },
  { "unsubscribe", .run = run_unsubscribe },
  { "special-use", .run = run_special_use },
  { "recent", .run = run_recent, .is_hint = TRUE },
  { "blobs", .run = run_blobs, .needs_blobs = TRUE },
  { "import", .run = run_import, .needs_import = TRUE },
  { "exchange", .run = run_exchange, .needs_exchange = TRUE },
  { NULL },
};

gboolean
trial_is_for (const Trial *trial, const SatchelConformanceBackend *backend)
{
  const SatchelStorageOps *driver = backend->levels[backend->n_levels - 1].ops;
  return (backend->files != CONFORMANCE_FILES_OF_REMOVALS || trial->removes)
         && (!trial->needs_blobs || SATCHEL_HAS (driver, put_blobs))
         && (!trial->needs_exchange || SATCHEL_HAS (driver, exchange))
         && (!trial->needs_import || SATCHEL_HAS (driver, import_mailbox));
}

/* ---- users ---- */

/* If the driver keeps metadata, the message has some. */
static void
put_with_metadata (Fixture *user, SatchelMailbox *mailbox, const char *subject)
{
  g_autofree char *text = g_strdup_printf ("Subject: %s\r\n\r\nbody\r\n", subject);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (user->store);
  SatchelOperation *append = satchel_transaction_append (
      transaction, mailbox, fixture_stage (user, text, strlen (text)), 0, NULL, 1600000000);
  g_autoptr (GBytes) value = g_bytes_new (subject, strlen (subject));
  if (view_has_metadata (user))
    satchel_operation_set_metadata (append, METADATA_PREFIX "kept", value);
  OK (satchel_transaction_commit (transaction, E));
}

/* COPY and MOVE are of a message with metadata and of one without. */
static void
fill (Fixture *user, gboolean has_blobs)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (user, "INBOX"), other = fixture_open (user, "Other");
  g_autoptr (SatchelMailbox) leaf = fixture_open (user, "Leaf");
  put_with_metadata (user, inbox, "first");
  fixture_put (user, inbox, "second");
  put_with_metadata (user, inbox, "third");
  fixture_put (user, other, "fourth");
  fixture_put (user, leaf, "fifth");
  fixture_set_flags (user, inbox, 2, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_ANSWERED, "Work");
  OK (satchel_store_create (user->store, "Other/child", 0, E));
  OK (satchel_store_subscribe (user->store, "Leaf", TRUE, E));
  OK (satchel_store_set_special_use (user->store, "Leaf", SATCHEL_USE_ARCHIVE, E));
  if (!has_blobs)
    return;
  g_autoptr (GBytes) value = g_bytes_new_static ("first", 5);
  OK (satchel_store_put_blobs (user->store, TRIALS_SPACE, &(SatchelBlob) { "a", value }, 1, E));
}

Fixture
trial_begin (const Trial *trial, Fixture *fixture, View *ret_before)
{
  Fixture user = fixture_another_user (fixture);
  *ret_before = (View) { 0 };
  if (trial->begins_closed)
    return user;
  fixture_open_store (&user);
  fill (&user, SATCHEL_HAS (user.backend->levels[user.backend->n_levels - 1].ops, put_blobs));
  OK (view_take (&user, ret_before, E));
  fixture_reopen (&user);
  return user;
}

gboolean
trial_run (const Trial *trial, Fixture *user, GError **error)
{
  if (trial->run != NULL)
    return trial->run (user, error);
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (user->store, "INBOX", error);
  g_autoptr (SatchelMailbox) other =
      inbox != NULL ? satchel_store_open_mailbox (user->store, "Other", error) : NULL;
  if (other == NULL)
    return FALSE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (user->store);
  return trial->build (user, transaction, inbox, other, error)
         && satchel_transaction_commit (transaction, error);
}

void
trial_end (Fixture *user)
{
  fixture_close_store (user);
  g_free (user->user);
  g_free (user->path);
}

/* ---- what is expected ---- */

/* Both from users of their own, to whom nothing happens. */
void
trial_expect (const Trial *trial, Fixture *fixture, TrialExpected *ret_expected)
{
  g_auto (View) before = { 0 }, after = { 0 };
  Fixture user = trial_begin (trial, fixture, &before);
  calls_start (fixture->root, 0, CALLS_FAIL, 0, FALSE);
  OK (trial_run (trial, &user, E));
  calls_stop ();
  guint n = calls_n ();
  OK (view_take (&user, &after, E));
  trial_end (&user);
  *ret_expected = (TrialExpected) { .before = g_strdup (trial->begins_closed ? after.seen : before.seen),
                                    .after = g_strdup (after.seen),
                                    .n_calls = n };
  if (trial->run_part == NULL)
    return;
  view_clear (&before);
  view_clear (&after);
  user = trial_begin (trial, fixture, &before);
  OK (trial->run_part (&user, E));
  OK (view_take (&user, &after, E));
  trial_end (&user);
  ret_expected->part = g_strdup (after.seen);
}

void
trial_expected_clear (TrialExpected *expected)
{
  g_clear_pointer (&expected->before, g_free);
  g_clear_pointer (&expected->after, g_free);
  g_clear_pointer (&expected->part, g_free);
}

gboolean
trial_may_show (const TrialExpected *expected, const View *view)
{
  return strcmp (view->seen, expected->before) == 0 || strcmp (view->seen, expected->after) == 0
         || g_strcmp0 (view->seen, expected->part) == 0;
}

void
trial_check_reopened (Fixture *user, const TrialExpected *expected, const View *before, gboolean is_done,
                      const char *where)
{
  g_auto (View) view = { 0 };
  g_autoptr (GError) error = NULL;
  if (!view_take (user, &view, &error))
    g_error ("%s: the store cannot be read after it was opened again: %s", where, error->message);
  if (is_done && strcmp (view.seen, expected->after) != 0)
    g_error ("%s: what was acknowledged is not there. Expected:\n%s\nFound:\n%s", where, expected->after,
             view.seen);
  if (!trial_may_show (expected, &view))
    g_error ("%s: the store shows neither all of the change nor nothing of it. Before:\n%s\nAfter:\n%s\n"
             "Found:\n%s",
             where, expected->before, expected->after, view.seen);
  if (before->messages != NULL)
    view_assert_numbers_hold (before, &view, where);
  g_autoptr (SatchelMailbox) inbox = fixture_open (user, "INBOX");
  fixture_put (user, inbox, "afterwards");
}
