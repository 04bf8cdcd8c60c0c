/* SPDX-License-Identifier: MIT
 * Contents of messages are exchanged: everything else stays, copies and open streams keep what they had, and
 * a message that is gone is passed over.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

/* Of the same size, as they are where a layer gives a content another form. */
static const char first[] = "Subject: first\r\n\r\nthe firsts content, with line ends\r\n",
                  other[] = "Subject: other\r\n\r\nanother content,\nwith odd line ends\r";
#define LARGE_BYTES 300000u

static SatchelStorage *
driver_of (Fixture *fixture)
{
  return satchel_store_level (fixture->store, fixture->backend->levels[fixture->backend->n_levels - 1].ops);
}

gboolean
fixture_exchange (Fixture *fixture, const char *name, const guint32 *uids, SatchelStage *const *stages,
                  guint n, GError **error)
{
  SatchelStaged *staged[8];
  SatchelStorage *driver = driver_of (fixture);
  const SatchelAccess *access = satchel_store_access (fixture->store);
  g_autoptr (SatchelStorageMailbox) mailbox = satchel_storage_hold_mailbox (driver, access, name, error);
  g_assert_cmpuint (n, <=, G_N_ELEMENTS (staged));
  for (guint i = 0; i < n; i++)
    staged[i] = satchel_stage_staged (stages[i]);
  return mailbox != NULL && driver->ops->exchange (driver, access, mailbox, uids, staged, n, error);
}

static void
exchange_one (Fixture *fixture, const char *name, guint32 uid, const void *data, gsize len)
{
  g_autoptr (SatchelStage) stage = fixture_stage (fixture, data, len);
  OK (fixture_exchange (fixture, name, &uid, &stage, 1, E));
}

static char *
subject_of (SatchelMailbox *mailbox, guint32 uid)
{
  g_autoptr (GBytes) content = content_of (mailbox, uid);
  return g_strndup (g_bytes_get_data (content, NULL), 14);
}

/* Everything but the content, as a client and an exporter see it. */
static char *
describe_rest (SatchelMailbox *mailbox, guint32 uid)
{
  guint8 id[16];
  char *unique_id = NULL;
  SatchelMessageRow row;
  g_autofree char *keywords = keywords_of (mailbox, uid);
  g_assert_true (row_of (mailbox, uid, &row));
  OK (satchel_mailbox_email_id (mailbox, uid, id, E));
  OK (satchel_mailbox_unique_ids (mailbox, &uid, 1, &unique_id, E));
  g_autofree char *unique = unique_id;
  g_autofree char *email_id = g_base64_encode (id, sizeof id);
  const SatchelMailboxState state = state_of (mailbox);
  return g_strdup_printf ("%u %x %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                          " %s %s %s %u %u %" G_GUINT64_FORMAT,
                          row.uid, row.flags, row.modseq, row.internal_date, row.save_date, keywords,
                          email_id, unique, state.uidvalidity, state.uidnext, state.highestmodseq);
}

/* ---- cases ---- */

static void
case_content (Fixture *fixture)
{
  G_STATIC_ASSERT (sizeof first == sizeof other);
  const char *const keywords[] = { "kept", NULL };
  SatchelMailbox *inbox = fixture_open (fixture, "INBOX");
  guint32 plain = fixture_put_bytes (fixture, inbox, first, strlen (first), 0, NULL, 1500000000);
  guint32 flagged =
      fixture_put_bytes (fixture, inbox, first, strlen (first), SATCHEL_FLAG_SEEN, keywords, 1600000000);
  g_autofree char *rest = describe_rest (inbox, plain), *rest_flagged = describe_rest (inbox, flagged);
  exchange_one (fixture, "INBOX", plain, other, strlen (other));
  exchange_one (fixture, "INBOX", flagged, other, strlen (other));
  for (guint pass = 0; pass < 2; pass++)
    {
      g_autofree char *now = describe_rest (inbox, plain), *now_flagged = describe_rest (inbox, flagged);
      g_assert_cmpstr (now, ==, rest);
      g_assert_cmpstr (now_flagged, ==, rest_flagged);
      assert_content (inbox, plain, other, strlen (other));
      assert_content (inbox, flagged, other, strlen (other));
      satchel_mailbox_unref (inbox);
      fixture_reopen (fixture);
      inbox = fixture_open (fixture, "INBOX");
    }
  satchel_mailbox_unref (inbox);
}

/* Attributes are those of the content that is there. */
static void
case_attributes (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put_bytes (fixture, inbox, first, strlen (first), 0, NULL, 1500000000);
  g_autoptr (SatchelStage) stage = fixture_stage (fixture, other, strlen (other));
  g_autoptr (GBytes) expected = g_bytes_ref (satchel_stage_attributes (stage));
  OK (fixture_exchange (fixture, "INBOX", &uid, &stage, 1, E));
  SatchelErrorCode code = 0;
  g_autoptr (GBytes) found = NULL;
  OK (satchel_mailbox_attributes (inbox, &uid, 1, &found, &code, E));
  g_assert_cmpint (code, ==, 0);
  g_assert_cmpmem (g_bytes_get_data (found, NULL), g_bytes_get_size (found),
                   g_bytes_get_data (expected, NULL), g_bytes_get_size (expected));
}

static void
case_copies (Fixture *fixture)
{
  char buffer[sizeof first];
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX"), box = fixture_open (fixture, "Box");
  guint32 uid = fixture_put_bytes (fixture, inbox, first, strlen (first), 0, NULL, 1500000000);
  g_auto (SatchelUidSet) uids = uid_range (uid, uid);
  g_autoptr (SatchelTransaction) copy = satchel_transaction_new (fixture->store);
  satchel_transaction_copy (copy, inbox, &uids, box);
  OK (satchel_transaction_commit (copy, E));
  g_autoptr (SatchelStream) open = NULL;
  OK ((open = satchel_mailbox_open_message (inbox, uid, E)) != NULL);
  exchange_one (fixture, "INBOX", uid, other, strlen (other));
  OK (fixture_exchange (fixture, "INBOX", NULL, NULL, 0, E));
  assert_content (inbox, uid, other, strlen (other));
  assert_content (box, 1, first, strlen (first));
  g_assert_cmpint (satchel_stream_read_at (open, 0, buffer, sizeof buffer, NULL), ==, strlen (first));
  g_assert_cmpmem (buffer, strlen (first), first, strlen (first));
  guint8 id[16], id_of_copy[16];
  OK (satchel_mailbox_email_id (inbox, uid, id, E));
  OK (satchel_mailbox_email_id (box, 1, id_of_copy, E));
  g_assert_cmpmem (id, sizeof id, id_of_copy, sizeof id_of_copy);
}

static void
case_several (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  guint32 uids[3];
  SatchelStage *stages[3];
  g_autofree char *large = g_strnfill (LARGE_BYTES, 'x'), *former = g_strnfill (LARGE_BYTES, 'f');
  uids[0] = fixture_put_bytes (fixture, inbox, former, LARGE_BYTES, 0, NULL, 1500000000);
  for (guint i = 1; i < 3; i++)
    uids[i] = fixture_put_bytes (fixture, inbox, first, strlen (first), 0, NULL, 1500000000);
  fixture_expunge (fixture, inbox, uids[1], uids[1]);
  stages[0] = fixture_stage (fixture, large, LARGE_BYTES);
  stages[1] = fixture_stage (fixture, other, strlen (other));
  stages[2] = fixture_stage (fixture, other, strlen (other));
  OK (fixture_exchange (fixture, "INBOX", uids, stages, 3, E));
  for (guint i = 0; i < 3; i++)
    satchel_stage_free (stages[i]);
  g_assert_cmpuint (state_of (inbox).n_messages, ==, 2);
  assert_content (inbox, uids[0], large, LARGE_BYTES);
  assert_content (inbox, uids[2], other, strlen (other));
  g_autofree char *subject = subject_of (inbox, uids[2]);
  g_assert_cmpstr (subject, ==, "Subject: other");
  fixture_put (fixture, inbox, "next");
  fixture_set_flags (fixture, inbox, uids[2], SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, NULL);
  fixture_expunge (fixture, inbox, uids[0], uids[0]);
  assert_content (inbox, uids[2], other, strlen (other));
}

const ConformanceCase conformance_exchange[] = {
  { "content", case_content },
  { "attributes", case_attributes },
  { "copies", case_copies },
  { "several", case_several },
  { NULL, NULL },
};
