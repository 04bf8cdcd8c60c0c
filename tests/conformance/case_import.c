/* SPDX-License-Identifier: MIT
 * Messages and mailboxes with the ids and numbers of another store: what fits is as it was there, what does
 * not is refused, and a whole store can be rebuilt with no client noticing.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

static const char content[] = "From: a@example.org\r\nSubject: imported\r\n\r\nbody\r\n";
static const guint8 some_id[16] = { 0xfb, 0xff, 0xbe, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xff };

static SatchelOperation *
add_append (Fixture *fixture, SatchelTransaction *transaction, SatchelMailbox *mailbox, guint32 uid,
            const char *unique_id)
{
  SatchelOperation *append = satchel_transaction_append (
      transaction, mailbox, fixture_stage (fixture, content, strlen (content)), 0, NULL, 1600000000);
  append->uid = uid;
  append->unique_id = g_strdup (unique_id);
  return append;
}

static void
import_message (Fixture *fixture, SatchelMailbox *mailbox, guint32 uid, const char *unique_id)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *append = add_append (fixture, transaction, mailbox, uid, unique_id);
  OK (satchel_transaction_commit (transaction, E));
  if (uid != 0)
    g_assert_cmpuint (g_array_index (append->ret_uids, guint32, 0), ==, uid);
}

/* One that cannot be, and after which nothing is changed. */
static void
refuse_message (Fixture *fixture, SatchelMailbox *mailbox, guint32 uid, const char *unique_id)
{
  g_autofree char *before = describe_mailbox (mailbox);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  add_append (fixture, transaction, mailbox, uid, unique_id);
  FAILS (SATCHEL_ERROR_CANNOT, satchel_transaction_commit (transaction, E));
  g_autofree char *after = describe_mailbox (mailbox);
  g_assert_cmpstr (after, ==, before);
}

/* NULL: none of its own. */
static char *
unique_id_of (SatchelMailbox *mailbox, guint32 uid)
{
  char *id = NULL;
  OK (satchel_mailbox_unique_ids (mailbox, &uid, 1, &id, E));
  return id;
}

static void
assert_unique_id (SatchelMailbox *mailbox, guint32 uid, const char *expected)
{
  g_autofree char *id = unique_id_of (mailbox, uid);
  g_assert_cmpstr (id, ==, expected);
}

static SatchelMailboxImport
some_import (void)
{
  SatchelMailboxImport import = {
    .size = sizeof import,
    .uidvalidity = 77,
    .uidnext = 5,
    .highestmodseq = 1000,
    .mailbox_id = { 9, 9, 9 },
  };
  return import;
}

static void
refuse_import (Fixture *fixture, const char *name, const SatchelMailboxImport *import)
{
  SatchelMailboxState before, after;
  gboolean was_there = satchel_store_status (fixture->store, name, &before, NULL);
  FAILS (SATCHEL_ERROR_CANNOT, satchel_store_import_mailbox (fixture->store, name, import, E));
  g_assert_cmpint (satchel_store_status (fixture->store, name, &after, NULL), ==, was_there);
  if (!was_there)
    return;
  g_assert_cmpmem (before.mailbox_id, 16, after.mailbox_id, 16);
  g_assert_cmpuint (before.uidvalidity, ==, after.uidvalidity);
  g_assert_cmpuint (before.uidnext, ==, after.uidnext);
  g_assert_cmpuint (before.highestmodseq, ==, after.highestmodseq);
}

/* ---- messages ---- */

static void
case_message (Fixture *fixture)
{
  SatchelMailbox *mailbox = fixture_open (fixture, "INBOX");
  const guint64 highest = state_of (mailbox).highestmodseq + 1000000;
  SatchelMessageRow row;
  guint8 id[16];
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *append = add_append (fixture, transaction, mailbox, 41, "1:odd,=id/\\");
  append->modseq = highest;
  append->save_date = 1500000000;
  memcpy (append->email_id, some_id, sizeof some_id);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (g_array_index (append->ret_uids, guint32, 0), ==, 41);
  g_assert_cmpuint (append->ret_modseq, ==, highest);
  g_assert_cmpuint (state_of (mailbox).uidnext, ==, 42);
  g_assert_cmpuint (state_of (mailbox).highestmodseq, ==, highest);
  g_assert_true (row_of (mailbox, 41, &row));
  g_assert_cmpuint (row.modseq, ==, highest);
  g_assert_cmpint (row.save_date, ==, 1500000000);
  g_assert_cmpint (row.internal_date, ==, 1600000000);
  g_autofree char *before = describe_mailbox (mailbox);
  satchel_mailbox_unref (mailbox);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  g_autofree char *after = describe_mailbox (mailbox);
  g_assert_cmpstr (after, ==, before);
  OK (satchel_mailbox_email_id (mailbox, 41, id, E));
  g_assert_cmpmem (id, sizeof id, some_id, sizeof some_id);
  assert_unique_id (mailbox, 41, "1:odd,=id/\\");
  assert_content (mailbox, 41, content, strlen (content));
  /* The store goes on behind it. */
  guint32 next = fixture_put (fixture, mailbox, "next");
  g_assert_cmpuint (next, ==, 42);
  g_assert_true (row_of (mailbox, next, &row));
  g_assert_cmpuint (row.modseq, >, highest);
  satchel_mailbox_unref (mailbox);
}

/* Old mod-sequences, as a rebuilding has them, do not raise the mailbox's; other operations of the
 * transaction have its own. */
static void
case_old_modseq (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  fixture_put (fixture, mailbox, "first");
  const guint64 highest = state_of (mailbox).highestmodseq;
  SatchelMessageRow row;
  g_autoptr (SatchelTransaction) alone = satchel_transaction_new (fixture->store);
  add_append (fixture, alone, mailbox, 0, NULL)->modseq = 1;
  OK (satchel_transaction_commit (alone, E));
  g_assert_cmpuint (state_of (mailbox).highestmodseq, ==, highest);
  g_assert_true (row_of (mailbox, 2, &row));
  g_assert_cmpuint (row.modseq, ==, 1);
  g_autoptr (SatchelTransaction) both = satchel_transaction_new (fixture->store);
  SatchelOperation *imported = add_append (fixture, both, mailbox, 0, NULL),
                   *own = add_append (fixture, both, mailbox, 0, NULL);
  imported->modseq = highest + 500;
  OK (satchel_transaction_commit (both, E));
  g_assert_cmpuint (imported->ret_modseq, ==, highest + 500);
  g_assert_cmpuint (own->ret_modseq, >, highest + 500);
  g_assert_cmpuint (state_of (mailbox).highestmodseq, ==, own->ret_modseq);
}

static void
case_message_refused (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  g_autofree char *longer = g_strnfill (SATCHEL_UNIQUE_ID_BYTES + 1, 'u');
  import_message (fixture, mailbox, 10, "ten");
  refuse_message (fixture, mailbox, 10, NULL);
  refuse_message (fixture, mailbox, 9, NULL);
  refuse_message (fixture, mailbox, G_MAXUINT32, NULL);
  refuse_message (fixture, mailbox, 11, "ten");
  refuse_message (fixture, mailbox, 0, "ten");
  refuse_message (fixture, mailbox, 11, "a b");
  refuse_message (fixture, mailbox, 11, "");
  refuse_message (fixture, mailbox, 11, longer);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  add_append (fixture, transaction, mailbox, 0, NULL)->modseq = SATCHEL_IMPORT_MODSEQ_MAX + 1;
  FAILS (SATCHEL_ERROR_CANNOT, satchel_transaction_commit (transaction, E));
  import_message (fixture, mailbox, 11, longer + 1);
  assert_unique_id (mailbox, 11, longer + 1);
  assert_unique_id (mailbox, 10, "ten");
}

/* A unique id that the driver tells of a message itself is taken as well. */
static void
case_unique_id_taken (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  for (guint i = 0; i < 2; i++)
    {
      guint32 uid = fixture_put (fixture, mailbox, "native");
      g_autofree char *told = unique_id_of (mailbox, uid);
      if (told != NULL)
        refuse_message (fixture, mailbox, 0, told);
    }
  import_message (fixture, mailbox, 20, "gone");
  fixture_expunge (fixture, mailbox, 20, 20);
  import_message (fixture, mailbox, 21, "new");
  assert_unique_id (mailbox, 21, "new");
}

static void
copy_item (guint32 uid, const char *key, GBytes *value, gpointer operation)
{
  satchel_operation_set_metadata (operation, key, value);
}

static void
count_item (guint32 uid, const char *key, GBytes *value, gpointer n_items)
{
  ++*(guint *) n_items;
}

/* All or nothing; and what failed can be done right with the same UIDs and unique ids. */
static void
case_message_again (Fixture *fixture)
{
  SatchelMailbox *mailbox = fixture_open (fixture, "INBOX");
  fixture_put (fixture, mailbox, "first");
  g_autofree char *before = describe_mailbox (mailbox);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
      SatchelOperation *first = add_append (fixture, transaction, mailbox, 7, "seven");
      add_append (fixture, transaction, mailbox, 8, "eight");
      add_append (fixture, transaction, mailbox, i == 0 ? 8 : 9, i == 0 ? NULL : "seven");
      g_autoptr (GBytes) value = g_bytes_new ("v", 1);
      satchel_operation_set_metadata (first, "failed", value);
      FAILS (SATCHEL_ERROR_CANNOT, satchel_transaction_commit (transaction, E));
      g_autofree char *after = describe_mailbox (mailbox);
      g_assert_cmpstr (after, ==, before);
    }
  import_message (fixture, mailbox, 7, "eight");
  import_message (fixture, mailbox, 8, "seven");
  const guint32 uid = 7;
  guint n_items = 0;
  OK (satchel_mailbox_list_metadata (mailbox, &uid, 1, count_item, &n_items, E));
  g_assert_cmpuint (n_items, ==, 0); /* what had the UID before had some */
  satchel_mailbox_unref (mailbox);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  assert_unique_id (mailbox, 7, "eight");
  assert_unique_id (mailbox, 8, "seven");
  satchel_mailbox_unref (mailbox);
}

/* The email id stays through COPY and MOVE; the unique id is of the one message. */
static void
case_copies (Fixture *fixture)
{
  SatchelMailbox *mailbox = fixture_open (fixture, "INBOX"), *other = fixture_open (fixture, "other");
  guint8 id[16];
  g_autoptr (SatchelTransaction) importing = satchel_transaction_new (fixture->store);
  SatchelOperation *append = add_append (fixture, importing, mailbox, 3, "three");
  memcpy (append->email_id, some_id, sizeof some_id);
  OK (satchel_transaction_commit (importing, E));
  g_auto (SatchelUidSet) uids = uid_range (3, 3);
  g_autoptr (SatchelTransaction) copying = satchel_transaction_new (fixture->store);
  satchel_transaction_copy (copying, mailbox, &uids, mailbox);
  satchel_transaction_move (copying, mailbox, &uids, other);
  OK (satchel_transaction_commit (copying, E));
  satchel_mailbox_unref (mailbox);
  satchel_mailbox_unref (other);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  other = fixture_open (fixture, "other");
  OK (satchel_mailbox_email_id (mailbox, 4, id, E));
  g_assert_cmpmem (id, sizeof id, some_id, sizeof some_id);
  OK (satchel_mailbox_email_id (other, 1, id, E));
  g_assert_cmpmem (id, sizeof id, some_id, sizeof some_id);
  g_autofree char *copied = unique_id_of (mailbox, 4), *moved = unique_id_of (other, 1);
  g_assert_cmpstr (copied, !=, "three");
  g_assert_cmpstr (moved, !=, "three");
  satchel_mailbox_unref (mailbox);
  satchel_mailbox_unref (other);
}

/* ---- mailboxes ---- */

static void
assert_state (SatchelMailbox *mailbox, const SatchelMailboxImport *import)
{
  SatchelMailboxState state = state_of (mailbox);
  g_assert_cmpmem (state.mailbox_id, 16, import->mailbox_id, 16);
  g_assert_cmpuint (state.uidvalidity, ==, import->uidvalidity);
  g_assert_cmpuint (state.uidnext, ==, import->uidnext);
  g_assert_cmpuint (state.highestmodseq, ==, import->highestmodseq);
  g_assert_cmpuint (state.first_recent_uid, ==, MAX (import->first_recent_uid, 1));
  g_assert_cmpuint (state.history_start, ==,
                    import->history_start != 0 ? import->history_start : import->highestmodseq);
}

static void
case_new_mailbox (Fixture *fixture)
{
  SatchelMailboxImport import = some_import ();
  import.first_recent_uid = 3;
  OK (satchel_store_import_mailbox (fixture->store, "A/b", &import, E));
  SatchelMailbox *mailbox = fixture_open (fixture, "A/b");
  assert_state (mailbox, &import);
  satchel_mailbox_unref (mailbox);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "A/b");
  assert_state (mailbox, &import);
  g_assert_cmpuint (fixture_put (fixture, mailbox, "first"), ==, import.uidnext);
  g_assert_cmpuint (state_of (mailbox).highestmodseq, >, import.highestmodseq);
  satchel_mailbox_unref (mailbox);
  /* Its name is not told with its UIDVALIDITY again. */
  OK (satchel_store_delete (fixture->store, "A/b", E));
  g_autoptr (SatchelMailbox) again = fixture_open (fixture, "A/b");
  g_assert_cmpuint (state_of (again).uidvalidity, !=, import.uidvalidity);
}

/* A UIDVALIDITY and a mod-sequence above those of the store: what comes later is above them. */
static void
case_counters_rise (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  SatchelMailboxImport import = some_import ();
  import.uidvalidity = state_of (inbox).uidvalidity + 100000;
  import.highestmodseq = state_of (inbox).highestmodseq + 10000000;
  OK (satchel_store_import_mailbox (fixture->store, "high", &import, E));
  fixture_put (fixture, inbox, "later");
  g_assert_cmpuint (state_of (inbox).highestmodseq, >, import.highestmodseq);
  OK (satchel_store_delete (fixture->store, "high", E));
  g_autoptr (SatchelMailbox) again = fixture_open (fixture, "high");
  g_assert_cmpuint (state_of (again).uidvalidity, >, import.uidvalidity);
}

/* INBOX is always there; as long as it is empty it can become the one that it was. */
static void
case_inbox (Fixture *fixture)
{
  SatchelMailbox *before = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, before, "not empty");
  SatchelMailboxImport import = some_import ();
  refuse_import (fixture, "INBOX", &import);
  fixture_expunge (fixture, before, uid, uid);
  import.uidvalidity = state_of (before).uidvalidity;
  import.uidnext = uid;
  refuse_import (fixture, "INBOX", &import); /* the UID was told with this UIDVALIDITY */
  import.uidvalidity--;
  OK (satchel_store_import_mailbox (fixture->store, "INBOX", &import, E));
  g_assert_true (satchel_mailbox_is_deleted (before));
  SatchelMailbox *inbox = fixture_open (fixture, "INBOX");
  assert_state (inbox, &import);
  import_message (fixture, inbox, import.uidnext + 2, "one");
  satchel_mailbox_unref (before);
  satchel_mailbox_unref (inbox);
  fixture_reopen (fixture);
  inbox = fixture_open (fixture, "INBOX");
  g_assert_cmpuint (state_of (inbox).uidvalidity, ==, import.uidvalidity);
  g_assert_cmpuint (state_of (inbox).n_messages, ==, 1);
  assert_unique_id (inbox, import.uidnext + 2, "one");
  satchel_mailbox_unref (inbox);
}

/* The last import says the UIDNEXT that it had; nothing goes back. */
static void
case_same_again (Fixture *fixture)
{
  SatchelMailboxImport import = some_import ();
  import.uidnext = 1;
  OK (satchel_store_import_mailbox (fixture->store, "box", &import, E));
  SatchelMailbox *mailbox = fixture_open (fixture, "box");
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  add_append (fixture, transaction, mailbox, 4, NULL)->modseq = 900;
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (state_of (mailbox).highestmodseq, ==, 1000);
  import.uidnext = 4;
  refuse_import (fixture, "box", &import);
  import.uidnext = 30;
  import.highestmodseq = 999;
  refuse_import (fixture, "box", &import);
  import.highestmodseq = 2000;
  import.first_recent_uid = 30;
  OK (satchel_store_import_mailbox (fixture->store, "box", &import, E));
  g_assert_false (satchel_mailbox_is_deleted (mailbox));
  assert_state (mailbox, &import);
  g_assert_cmpuint (state_of (mailbox).n_messages, ==, 1);
  satchel_mailbox_unref (mailbox);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "box");
  assert_state (mailbox, &import);
  satchel_mailbox_unref (mailbox);
}

static void
case_mailbox_refused (Fixture *fixture)
{
  SatchelTombstone tombstone = { 1, 2, 900 };
  SatchelMailboxImport good = some_import (), bad;
  good.history_start = 800;
  good.tombstones = &tombstone;
  good.n_tombstones = 1;
#define REFUSED(change)                                                                                      \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    bad = good;                                                                                              \
    change;                                                                                                  \
    refuse_import (fixture, "box", &bad);                                                                    \
  }                                                                                                          \
  G_STMT_END
  REFUSED (bad.size = offsetof (SatchelMailboxImport, n_tombstones));
  REFUSED (memset (bad.mailbox_id, 0, 16));
  REFUSED (bad.uidvalidity = 0);
  REFUSED (bad.uidnext = 0);
  REFUSED (bad.uidnext = G_MAXUINT32);
  REFUSED (bad.highestmodseq = 0);
  REFUSED (bad.highestmodseq = SATCHEL_IMPORT_MODSEQ_MAX + 1);
  REFUSED (bad.first_recent_uid = bad.uidnext + 1);
  REFUSED (bad.history_start = bad.highestmodseq + 1);
  REFUSED (bad.history_start = tombstone.modseq);
  REFUSED (bad.history_start = 0);
  REFUSED (bad.highestmodseq = tombstone.modseq - 1);
  REFUSED (bad.uidnext = tombstone.last);
  REFUSED (tombstone.first = 3);
  REFUSED (tombstone.first = 0);
  tombstone.first = 1;
  FAILS (SATCHEL_ERROR_INVALID, satchel_store_import_mailbox (fixture->store, "bad//name", &good, E));
  OK (satchel_store_import_mailbox (fixture->store, "box", &good, E));
  refuse_import (fixture, "other", &good); /* the id is taken */
}

/* ---- a whole store ---- */

/* A message as it is, into another store. */
static void
rebuild_message (SatchelMailbox *from, guint32 uid, SatchelMailbox *to)
{
  Fixture target = { .store = satchel_mailbox_store (to) };
  SatchelMessageRow row;
  g_autoptr (GBytes) bytes = content_of (from, uid);
  g_autofree char *names = keywords_of (from, uid);
  g_auto (GStrv) keywords = g_strsplit (names, " ", -1);
  g_assert_true (row_of (from, uid, &row));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (target.store);
  SatchelOperation *append = satchel_transaction_append (
      transaction, to, fixture_stage (&target, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)),
      row.flags, names[0] != '\0' ? (const char *const *) keywords : NULL, row.internal_date);
  append->uid = uid;
  append->modseq = row.modseq;
  append->save_date = row.save_date;
  append->unique_id = unique_id_of (from, uid);
  OK (satchel_mailbox_email_id (from, uid, append->email_id, E));
  OK (satchel_mailbox_list_metadata (from, &uid, 1, copy_item, append, E));
  OK (satchel_transaction_commit (transaction, E));
}

static void
rebuild (SatchelMailbox *from, SatchelStore *target, const char *name)
{
  SatchelMailboxState state = state_of (from);
  g_autoptr (GArray) tombstones = g_array_new (FALSE, FALSE, sizeof (SatchelTombstone));
  SatchelMailboxImport import = { .size = sizeof import,
                                  .uidvalidity = state.uidvalidity,
                                  .uidnext = 1,
                                  .highestmodseq = state.highestmodseq };
  memcpy (import.mailbox_id, state.mailbox_id, 16);
  OK (satchel_store_import_mailbox (target, name, &import, E));
  g_autoptr (SatchelMailbox) to = NULL;
  OK ((to = satchel_store_open_mailbox (target, name, E)) != NULL);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (from);
  for (guint32 i = 0; i < state.n_messages; i++)
    {
      guint row;
      rebuild_message (from, satchel_snapshot_at (snapshot, i, &row)->uid[row], to);
    }
  OK (satchel_mailbox_tombstones (from, tombstones, &import.history_start, E));
  import.uidnext = state.uidnext;
  import.first_recent_uid = state.first_recent_uid;
  import.tombstones = (const SatchelTombstone *) (void *) tombstones->data;
  import.n_tombstones = tombstones->len;
  OK (satchel_store_import_mailbox (target, name, &import, E));
}

static void
append_item (guint32 uid, const char *key, GBytes *value, gpointer text)
{
  g_string_append_printf (text, "\n%u %s=%08x", uid, key, g_bytes_hash (value));
}

/* All that a client, or a layer, could see. */
static char *
describe_all (SatchelMailbox *mailbox)
{
  g_autofree char *rows = describe_mailbox (mailbox);
  SatchelMailboxState state = state_of (mailbox);
  GString *text = g_string_new (rows);
  for (guint32 uid = 1; uid < state.uidnext; uid++)
    {
      g_autofree char *id = unique_id_of (mailbox, uid);
      g_string_append_printf (text, "\n%u %s", uid, id != NULL ? id : "-");
      OK (satchel_mailbox_list_metadata (mailbox, &uid, 1, append_item, text, E));
    }
  g_string_append_printf (text, "\nhistory %" G_GUINT64_FORMAT, state.history_start);
  for (guint64 modseq = state.history_start > 0 ? state.history_start - 1 : 0; modseq <= state.highestmodseq;
       modseq++)
    {
      g_auto (SatchelUidSet) vanished = { NULL, 0 };
      gboolean is_complete;
      OK (satchel_mailbox_vanished (mailbox, modseq, &vanished, &is_complete, E));
      g_string_append_printf (text, "\nsince %" G_GUINT64_FORMAT " %d ", modseq, is_complete);
      satchel_uid_set_format (&vanished, text);
    }
  return g_string_free (text, FALSE);
}

static void
fill (Fixture *fixture, SatchelMailbox *mailbox)
{
  const char *const keywords[] = { "one", "two", NULL };
  guint32 recent;
  for (guint i = 0; i < 8; i++)
    fixture_put (fixture, mailbox, "message");
  fixture_put_bytes (fixture, mailbox, content, strlen (content), SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DRAFT,
                     keywords, -5);
  fixture_set_flags (fixture, mailbox, 3, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, "three");
  fixture_expunge (fixture, mailbox, 2, 2);
  fixture_expunge (fixture, mailbox, 5, 6);
  OK (satchel_mailbox_claim_recent (mailbox, 4, &recent, E));
  g_auto (SatchelUidSet) last = uid_range (8, 9);
  g_autoptr (GBytes) value = g_bytes_new ("v", 1);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *copy = satchel_transaction_copy (transaction, mailbox, &last, mailbox);
  satchel_operation_set_metadata (copy, "kept", value);
  OK (satchel_transaction_commit (transaction, E));
  fixture_expunge (fixture, mailbox, 11, 11); /* UIDNEXT is beyond all that is there */
}

static void
case_rebuild (Fixture *fixture)
{
  static const char *const names[] = { "INBOX", "A/b" };
  Fixture target = *fixture;
  target.user = g_strconcat ("other-", fixture->user, NULL);
  target.path = g_strconcat (fixture->path, "-other", NULL);
  fixture_open_store (&target);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      SatchelMailbox *from = fixture_open (fixture, names[i]), *to;
      fill (fixture, from);
      rebuild (from, target.store, names[i]);
      g_autofree char *expected = describe_all (from);
      to = fixture_open (&target, names[i]);
      g_autofree char *rebuilt = describe_all (to);
      g_assert_cmpstr (rebuilt, ==, expected);
      satchel_mailbox_unref (to);
      fixture_reopen (&target);
      to = fixture_open (&target, names[i]);
      g_autofree char *reopened = describe_all (to);
      g_assert_cmpstr (reopened, ==, expected);
      satchel_mailbox_unref (to);
      satchel_mailbox_unref (from);
    }
  fixture_close_store (&target);
  g_free (target.user);
  g_free (target.path);
}

static SatchelOperation *
add_change (SatchelTransaction *transaction, SatchelMailbox *mailbox, guint32 uid, guint32 flags,
            guint64 modseq)
{
  g_auto (SatchelUidSet) uids = uid_range (uid, uid);
  SatchelOperation *change = satchel_transaction_flags (transaction, mailbox, &uids, SATCHEL_FLAGS_REPLACE,
                                                        flags, NULL, G_MAXUINT64);
  change->modseq = modseq;
  return change;
}

/* What changed in the other store has the mod-sequence that it had there, also where it changes nothing. */
/* FALSE skips the case: the driver was built before operations had these members. */
static gboolean
knows_changes (Fixture *fixture)
{
  const SatchelStoreLevel *driver = &fixture->backend->levels[fixture->backend->n_levels - 1];
  if ((driver->ops->fields & SATCHEL_FIELD_IMPORT_CHANGES) != 0)
    return TRUE;
  g_test_skip ("the driver knows no changes with a mod-sequence to import");
  return FALSE;
}

static void
case_changes (Fixture *fixture)
{
  if (!knows_changes (fixture))
    return;
  SatchelMailbox *mailbox = fixture_open (fixture, "INBOX");
  SatchelMessageRow row;
  for (guint i = 0; i < 4; i++)
    fixture_put (fixture, mailbox, "message");
  const guint64 highest = state_of (mailbox).highestmodseq + 1000;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  add_change (transaction, mailbox, 3, 0, highest - 5);
  add_change (transaction, mailbox, 2, SATCHEL_FLAG_SEEN, highest);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_true (row_of (mailbox, 2, &row));
  g_assert_cmpuint (row.modseq, ==, highest);
  g_assert_cmpuint (row.flags, ==, SATCHEL_FLAG_SEEN);
  g_assert_true (row_of (mailbox, 3, &row));
  g_assert_cmpuint (row.modseq, ==, highest - 5);
  g_assert_cmpuint (state_of (mailbox).highestmodseq, ==, highest);
  g_autofree char *before = describe_mailbox (mailbox);
  satchel_mailbox_unref (mailbox);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  g_autofree char *after = describe_mailbox (mailbox);
  g_assert_cmpstr (after, ==, before);
  fixture_set_flags (fixture, mailbox, 4, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, NULL);
  g_assert_true (row_of (mailbox, 4, &row));
  g_assert_cmpuint (row.modseq, >, highest);
  satchel_mailbox_unref (mailbox);
}

/* Does a layer keep what is removed in a namespace of its own? */
static gboolean
keeps_removed (const Fixture *fixture)
{
  return satchel_store_namespaces (fixture->store)->len > 0;
}

/* What vanished in the other store did so at its mod-sequence. */
static void
case_vanished (Fixture *fixture)
{
  if (!knows_changes (fixture))
    return;
  if (keeps_removed (fixture))
    {
      g_test_skip ("a layer keeps what is removed");
      return;
    }
  SatchelMailbox *mailbox = fixture_open (fixture, "INBOX");
  for (guint i = 0; i < 3; i++)
    fixture_put (fixture, mailbox, "message");
  const guint64 highest = state_of (mailbox).highestmodseq + 1000;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) first = uid_range (1, 1), vanished = { NULL, 0 };
  satchel_transaction_expunge (transaction, mailbox, &first, FALSE)->modseq = highest;
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (state_of (mailbox).highestmodseq, ==, highest);
  satchel_mailbox_unref (mailbox);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  gboolean is_complete = FALSE;
  OK (satchel_mailbox_vanished (mailbox, highest - 1, &vanished, &is_complete, E));
  g_assert_true (is_complete && satchel_uid_set_contains (&vanished, 1));
  satchel_uid_set_clear (&vanished);
  OK (satchel_mailbox_vanished (mailbox, highest, &vanished, &is_complete, E));
  g_assert_cmpuint (vanished.n_ranges, ==, 0);
  satchel_mailbox_unref (mailbox);
}

/* Not now, but never known. */
static void
case_no_save_date (Fixture *fixture)
{
  if (!knows_changes (fixture))
    return;
  SatchelMailbox *mailbox = fixture_open (fixture, "INBOX");
  SatchelMessageRow row;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  add_append (fixture, transaction, mailbox, 7, NULL)->save_date = SATCHEL_DATE_UNKNOWN;
  OK (satchel_transaction_commit (transaction, E));
  satchel_mailbox_unref (mailbox);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  g_assert_true (row_of (mailbox, 7, &row));
  g_assert_cmpint (row.save_date, ==, 0);
  satchel_mailbox_unref (mailbox);
}

const ConformanceCase conformance_import[] = {
  { "message", case_message },
  { "old-modseq", case_old_modseq },
  { "message-refused", case_message_refused },
  { "unique-id-taken", case_unique_id_taken },
  { "message-again", case_message_again },
  { "copies", case_copies },
  { "new-mailbox", case_new_mailbox },
  { "counters-rise", case_counters_rise },
  { "inbox", case_inbox },
  { "same-again", case_same_again },
  { "mailbox-refused", case_mailbox_refused },
  { "rebuild", case_rebuild },
  { "changes", case_changes },
  { "vanished", case_vanished },
  { "no-save-date", case_no_save_date },
  { NULL, NULL },
};
