/* SPDX-License-Identifier: MIT
 * Layer `retention`: what it makes of removals, and when what it keeps goes. Over the driver `memory`, whose
 * objects are linked in.
 */
#include "config.h"

#include "clock.h"
#include "core/runtime/config/config_image.h"
#include "core/storage/store/store_private.h"
#include "deletion.h"
#include "drafts.h"
#include "expiry.h"
#include "hold.h"
#include "items.h"
#include "layer.h"
#include "purge.h"
#include "removal.h"

#include <satchel/module.h>
#include <string.h>

#define DAY_S (24 * 60 * 60)

static SatchelStore *store, *session;
static SatchelStorage *level;
static const SatchelAccess *background;

/* NULL: refused with @wrong in the message. */
static RetentionSettings *
read_settings (const char *text, const char *wrong)
{
  g_autoptr (GError) error = NULL;
  SatchelConfigSet *set = satchel_config_set_from_text ("retention", retention_schema, text, &error);
  g_assert_no_error (error);
  RetentionSettings *settings = retention_settings_new (satchel_config_set_group (set, "retention"), &error);
  if (wrong != NULL)
    g_assert_cmpstr (error != NULL ? error->message : "no error", ==, wrong);
  else
    g_assert_no_error (error);
  satchel_config_set_free (set);
  return settings;
}

static SatchelStore *
open_for (SatchelCause cause)
{
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = cause,
                                                                            .user = "u@example.org",
                                                                            .owner = "u@example.org",
                                                                            .service = "imap",
                                                                            .session_id = "s1",
                                                                            .peer = "192.0.2.1",
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  return satchel_store_with_access (store, access);
}

static void
open_store (const char *path)
{
  g_autoptr (GError) error = NULL;
  SatchelStoreLevel levels[] = { { "retention", &retention_ops, NULL },
                                 { "memory", satchel_module ()->provides[0].ops, NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = path, .root_fd = -1, .levels = levels, .n_levels = 2
  };
  store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  session = open_for (SATCHEL_CAUSE_SESSION);
  level = satchel_store_level (store, &retention_ops);
  background = satchel_store_access (store);
}

static void
close_store (void)
{
  g_clear_pointer (&session, satchel_store_unref);
  g_clear_pointer (&store, satchel_store_unref);
}

static char *
set_up (const char *settings)
{
  static guint n;
  char *path = g_strdup_printf ("example.org/retention%u", ++n);
  retention_settings_put (read_settings (settings, NULL));
  open_store (path);
  return path;
}

static void
take_down (char *path)
{
  close_store ();
  retention_settings_put (NULL);
  retention_drafts_forget ();
  g_free (path);
}

static SatchelMailbox *
open_box (SatchelStore *in, const char *name)
{
  g_autoptr (GError) error = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (in, name, &error);
  g_assert_no_error (error);
  return mailbox;
}

static guint32
put (const char *name, gsize bytes, guint32 flags, gint64 save_date)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelMailbox) mailbox = open_box (session, name);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (session);
  g_autofree char *text = g_strnfill (bytes, 'x');
  SatchelStage *stage = satchel_stage_new (session, bytes, &error);
  g_assert_true (satchel_stage_write (stage, text, bytes, &error) && satchel_stage_finish (stage, &error));
  SatchelOperation *append =
      satchel_transaction_append (transaction, mailbox, stage, flags, NULL, 1700000000);
  append->save_date = save_date;
  g_assert_true (satchel_transaction_commit (transaction, &error));
  g_assert_no_error (error);
  return g_array_index (append->ret_uids, guint32, 0);
}

static gboolean
expunge (SatchelStore *in, const char *name, guint32 first, guint32 last, GError **error)
{
  g_autoptr (SatchelMailbox) mailbox = open_box (in, name);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (in);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, first, last);
  satchel_transaction_expunge (transaction, mailbox, &uids, FALSE);
  return satchel_transaction_commit (transaction, error);
}

/* The number of messages; -1: there is no such mailbox. */
static int
count (const char *name)
{
  SatchelMailboxState state;
  return satchel_store_status (store, name, &state, NULL) ? (int) state.n_messages : -1;
}

static gboolean
is_listed (const char *name)
{
  g_autoptr (GPtrArray) infos = satchel_store_list (session, NULL);
  for (guint i = 0; i < infos->len; i++)
    if (strcmp (((SatchelMailboxInfo *) infos->pdata[i])->name, name) == 0)
      return TRUE;
  return FALSE;
}

static gint64
now_s (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

/* Upkeep, @days from now. */
static void
maintain (double days, gboolean clock_jumped)
{
  g_autoptr (GError) error = NULL;
  const SatchelMaintenance maintenance = { .size = sizeof maintenance,
                                           .now_s = now_s () + (gint64) (days * DAY_S),
                                           .clock_jumped = clock_jumped,
                                           .end_us = G_MAXINT64 };
  g_assert_cmpint (retention_maintain (level, background, &maintenance, &error), ==, SATCHEL_MAINTAIN_DONE);
  g_assert_no_error (error);
  g_assert_cmpint (retention_expire (store, &maintenance, &error), ==, SATCHEL_MAINTAIN_DONE);
  g_assert_no_error (error);
}

/* ---- settings ---- */

static void
test_settings (void)
{
  g_autoptr (RetentionSettings) settings =
      read_settings ("users = ( { name = \"U@Example.org\"; age = \"forever\"; storage = \"1K\"; } );"
                     "domains = ( { name = \"example.org\"; age = \"90d\"; daily = \"0\"; } );"
                     "mailboxes = ( { mailbox = \"Lists/*\"; age = \"7d\"; } );",
                     NULL);
  char *path = set_up ("");
  RetentionLimits limits = retention_limits_of (settings, level);
  g_assert_cmpint (limits.age_s, ==, RETENTION_FOREVER);
  g_assert_cmpuint (limits.storage_bytes, ==, 1024);
  g_assert_cmpuint (limits.daily_bytes, ==, G_MAXUINT64);
  g_assert_cmpint (retention_age_of (settings, &limits, "Lists/a"), ==, 7 * DAY_S);
  g_assert_cmpint (retention_age_of (settings, &limits, "Listless"), ==, RETENTION_FOREVER);
  take_down (path);
  g_assert_null (read_settings ("name = \"INBOX/x\";", "name: INBOX is the user's own; choose another name"));
  g_assert_null (read_settings ("users = ( { name = \"anna\"; } );",
                                "users: \"anna\" is not a user with a domain (LOCAL@DOMAIN)"));
  g_assert_null (read_settings ("expire = ( { mailbox = \"\\\\Sent\"; age = \"1d\"; } );",
                                "expire: \"\\Sent\" is none of \\Junk and \\Trash"));
}

/* ---- removals ---- */

typedef struct Seen
{
  guint n;
  guint32 flags;
  char *who;
  gint64 time_s;
} Seen;

static gboolean
see (const RetentionItem *item, gpointer data)
{
  Seen *seen = data;
  seen->n++;
  seen->flags = item->row.flags;
  seen->time_s = item->time_s;
  g_free (seen->who);
  seen->who = item->record != NULL
                  ? g_strdup_printf ("%s %s %s %s from %s", item->record->cause, item->record->service,
                                     item->record->session_id, item->record->peer, item->mailbox)
                  : NULL;
  return TRUE;
}

static void
test_record (void)
{
  char *path = set_up ("");
  g_autoptr (GError) error = NULL;
  Seen seen = { 0 };
  put ("INBOX", 100, SATCHEL_FLAG_FLAGGED | SATCHEL_FLAG_DELETED, 0);
  g_assert_true (expunge (session, "INBOX", 1, 1, &error));
  g_assert_cmpint (count ("INBOX"), ==, 0);
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, 1);
  g_assert_true (retention_items_walk (level, background, RETENTION_STORED "/INBOX", G_MAXINT64, see, &seen,
                                       NULL, &error));
  g_assert_cmpuint (seen.n, ==, 1);
  g_assert_cmphex (seen.flags, ==, SATCHEL_FLAG_FLAGGED);
  g_assert_cmpstr (seen.who, ==, "session imap s1 192.0.2.1 from INBOX");
  g_free (seen.who);
  /* What goes back has no record. */
  g_autoptr (SatchelStore) admin = open_for (SATCHEL_CAUSE_ADMIN);
  g_autoptr (SatchelMailbox) kept = open_box (admin, "Recently Deleted/INBOX"),
                             inbox = open_box (admin, "INBOX");
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 1, 1);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (admin);
  satchel_transaction_move (transaction, kept, &uids, inbox);
  g_assert_true (satchel_transaction_commit (transaction, &error));
  g_autoptr (GBytes) left = NULL;
  g_autoptr (SatchelStorageMailbox) held = satchel_storage_hold_mailbox (level, background, "INBOX", &error);
  satchel_storage_get_metadata (level, background, held, 2, RETENTION_RECORD, &left, NULL);
  g_assert_null (left);
  g_assert_false (is_listed ("Recently Deleted/INBOX"));
  g_clear_pointer (&held, satchel_storage_mailbox_unref);
  take_down (path);
}

/* Nobody but the administrator moves anything out, and nobody removes anything. */
static void
test_rights (void)
{
  char *path = set_up ("");
  put ("INBOX", 100, 0, 0);
  g_assert_true (expunge (session, "INBOX", 1, 1, NULL));
  SatchelStore *const stores[] = { session, store };
  for (guint i = 0; i < G_N_ELEMENTS (stores); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_cmphex (satchel_store_rights (stores[i], "Recently Deleted/INBOX"), ==,
                       SATCHEL_RIGHT_LOOKUP | SATCHEL_RIGHT_READ);
      g_assert_false (expunge (stores[i], "Recently Deleted/INBOX", 1, 1, &error));
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
    }
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) admin = open_for (SATCHEL_CAUSE_ADMIN);
  g_assert_false (expunge (admin, "Recently Deleted/INBOX", 1, 1, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, 1);
  take_down (path);
}

static void
test_hidden (void)
{
  char *path = set_up ("hidden = true;");
  put ("INBOX", 100, 0, 0);
  g_assert_true (expunge (session, "INBOX", 1, 1, NULL));
  g_assert_false (is_listed ("Recently Deleted/INBOX"));
  g_assert_null (satchel_store_open_mailbox (session, "Recently Deleted/INBOX", NULL));
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, 1);
  take_down (path);
}

/* A name that is too long for the tree has its messages in a mailbox of it that says where they were. */
static void
test_long_name (void)
{
  char *path = set_up ("");
  g_autoptr (GError) error = NULL;
  Seen seen = { 0 };
  g_autofree char *name = g_strnfill (1024, 'n');
  g_assert_true (satchel_store_create (session, name, 0, &error));
  put (name, 100, 0, 0);
  g_assert_true (satchel_store_delete (session, name, &error));
  g_assert_cmpint (count (name), ==, -1);
  g_assert_true (
      retention_items_walk (level, background, RETENTION_SHARED, G_MAXINT64, see, &seen, NULL, &error));
  g_assert_cmpuint (seen.n, ==, 1);
  g_assert_true (g_str_has_suffix (seen.who, name));
  g_free (seen.who);
  take_down (path);
}

/* ---- the deletion of a mailbox ---- */

/* The process ended between the two steps of a deletion. */
static void
test_half_deleted (void)
{
  char *path = set_up ("");
  g_autoptr (GError) error = NULL;
  static const char *const names[] = { "emptied", "untouched" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_assert_true (satchel_store_create (session, names[i], 0, &error));
      put (names[i], 100, 0, 0);
      g_autoptr (SatchelMailbox) mailbox = open_box (session, names[i]);
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
      g_assert_true (retention_deletion_begin (level, background, names[i], snapshot, &error));
    }
  g_assert_true (expunge (session, "emptied", 1, 1, &error));
  close_store ();
  open_store (path);
  SatchelMailboxState state;
  g_assert_false (satchel_storage_status (level, background, "emptied", &state, NULL)); /* not only hidden */
  g_assert_cmpint (count ("emptied"), ==, -1);
  g_assert_cmpint (count ("Recently Deleted/emptied"), ==, 1);
  g_assert_cmpint (count ("untouched"), ==, 1);
  take_down (path);
}

/* The second step failed: the mailbox is not shown, and goes with the next call; one that got mail meanwhile
 * stays. */
static void
test_undone (void)
{
  char *path = set_up ("");
  g_autoptr (GError) error = NULL;
  static const char *const names[] = { "gone", "back" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) /* the next CREATE would finish a deletion */
    g_assert_true (satchel_store_create (session, names[i], 0, &error));
  put ("back", 100, 0, 0);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (SatchelMailbox) mailbox = open_box (session, names[i]);
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
      g_assert_true (retention_deletion_begin (level, background, names[i], snapshot, &error));
      retention_deletion_tried (level, names[i]);
    }
  g_assert_false (is_listed ("gone"));
  g_assert_cmpint (count ("gone"), ==, -1);
  g_assert_true (is_listed ("back"));
  g_assert_true (satchel_store_create (session, "gone", 0, &error));
  g_assert_cmpint (count ("gone"), ==, 0);
  g_assert_cmpint (count ("back"), ==, 1);
  take_down (path);
}

/* ---- drafts ---- */

static void
append_draft (guint32 uid, SatchelOperationKind kind, SatchelCause cause, guint32 flags)
{
  g_autoptr (SatchelStore) of_cause = open_for (cause);
  g_autoptr (SatchelMailbox) mailbox = open_box (session, "Drafts");
  g_autoptr (GArray) uids = g_array_new (FALSE, FALSE, sizeof uid);
  g_array_append_val (uids, uid);
  SatchelOperation operation = { .kind = kind, .flags = flags, .ret_uids = uids };
  const SatchelMailboxEvent event = { .size = sizeof event,
                                      .kind = kind,
                                      .mailbox = &mailbox->core->handle,
                                      .operation = &operation,
                                      .access = satchel_store_access (of_cause) };
  retention_drafts_changed (&event);
}

static void
test_drafts (void)
{
  char *path = set_up ("");
  g_autoptr (GError) error = NULL;
  g_assert_true (satchel_store_create (session, "Drafts", SATCHEL_USE_DRAFTS, &error));
  for (guint i = 0; i < 5; i++)
    put ("Drafts", 10, SATCHEL_FLAG_DRAFT, 0);
  append_draft (1, SATCHEL_OPERATION_APPEND, SATCHEL_CAUSE_SESSION, SATCHEL_FLAG_DRAFT);
  append_draft (2, SATCHEL_OPERATION_COPY, SATCHEL_CAUSE_SESSION, SATCHEL_FLAG_DRAFT);
  append_draft (3, SATCHEL_OPERATION_APPEND, SATCHEL_CAUSE_DELIVERY, SATCHEL_FLAG_DRAFT);
  append_draft (4, SATCHEL_OPERATION_APPEND, SATCHEL_CAUSE_SESSION, 0);
  append_draft (5, SATCHEL_OPERATION_APPEND, SATCHEL_CAUSE_SESSION, SATCHEL_FLAG_DRAFT);
  for (guint32 uid = 1; uid <= 4; uid++)
    g_assert_true (expunge (session, "Drafts", uid, uid, &error));
  g_assert_cmpint (count ("Recently Deleted/Drafts"), ==, 3);
  /* It is no special mailbox any more. */
  g_assert_true (satchel_store_set_special_use (session, "Drafts", 0, &error));
  g_assert_true (expunge (session, "Drafts", 5, 5, &error));
  g_assert_cmpint (count ("Recently Deleted/Drafts"), ==, 4);
  take_down (path);
}

/* ---- limits ---- */

static void
test_caps (void)
{
  char *path = set_up ("storage = \"1000\"; daily = \"0\";");
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < 4; i++)
    put ("INBOX", 400, 0, 0);
  g_assert_true (expunge (session, "INBOX", 1, 2, &error));
  g_assert_false (expunge (session, "INBOX", 3, 3, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT);
  g_assert_cmpint (count ("INBOX"), ==, 2);
  g_clear_error (&error);
  /* The oldest gives way if that is set, but not while there is a hold. */
  retention_settings_put (read_settings ("storage = \"1000\"; drop_oldest = true;", NULL));
  g_assert_true (retention_hold_put (level, background, "case", &error));
  g_assert_false (expunge (session, "INBOX", 3, 3, NULL));
  g_assert_true (retention_hold_put (level, background, NULL, &error));
  g_assert_true (expunge (session, "INBOX", 3, 3, &error));
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, 2);
  g_assert_cmpint (count ("INBOX"), ==, 1);
  take_down (path);
}

static void
test_daily (void)
{
  char *path = set_up ("daily = \"1000\";");
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < 4; i++)
    put ("INBOX", 400, 0, 0);
  g_assert_true (expunge (session, "INBOX", 1, 2, &error));
  g_assert_false (expunge (session, "INBOX", 3, 3, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_true (satchel_store_create (session, "other", 0, &error));
  put ("other", 400, 0, 0);
  g_assert_false (satchel_store_delete (session, "other", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT);
  g_assert_true (is_listed ("other"));
  g_clear_error (&error);
  /* The server itself is not bound by a day. */
  g_assert_true (expunge (store, "INBOX", 3, 3, &error));
  take_down (path);
}

/* What is kept takes up no room of the user's. */
static void
test_usage (void)
{
  char *path = set_up ("");
  SatchelUsage usage;
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < 3; i++)
    put ("INBOX", 100, 0, 0);
  g_assert_true (satchel_store_usage (store, &usage, &error));
  g_assert_cmpuint (usage.bytes, ==, 300);
  for (guint32 uid = 1; uid <= 2; uid++)
    {
      g_assert_true (expunge (session, "INBOX", uid, uid, &error));
      g_assert_true (satchel_store_usage (store, &usage, &error));
      g_assert_cmpuint (usage.bytes, ==, 300 - 100 * uid);
      g_assert_cmpuint (usage.messages, ==, 3 - uid);
    }
  take_down (path);
}

/* ---- upkeep ---- */

static void
test_purge (void)
{
  char *path = set_up ("mailboxes = ( { mailbox = \"short\"; age = \"7d\"; }, { mailbox = \"long\"; age = "
                       "\"forever\"; } );");
  g_autoptr (GError) error = NULL;
  static const char *const names[] = { "INBOX", "short", "long" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      if (i > 0)
        g_assert_true (satchel_store_create (session, names[i], 0, &error));
      put (names[i], 100, 0, 0);
      g_assert_true (expunge (session, names[i], 1, 1, &error));
    }
  maintain (6.9, FALSE);
  g_assert_cmpint (count ("Recently Deleted/short"), ==, 1);
  maintain (29, FALSE);
  g_assert_cmpint (count ("Recently Deleted/short"), ==, -1);
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, 1);
  maintain (400, TRUE);
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, 1);
  g_assert_true (retention_hold_put (level, background, "case", &error));
  maintain (31, FALSE);
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, 1);
  g_assert_true (retention_hold_put (level, background, NULL, &error));
  maintain (31, FALSE);
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, -1);
  g_assert_cmpint (count ("Recently Deleted/long"), ==, 1);
  take_down (path);
}

/* What is removed while the clock is behind a time that was trusted counts from that time, in a new process
 * as well. */
static void
test_clock_set_back (void)
{
  char *path = set_up ("");
  g_autoptr (GError) error = NULL;
  gint64 trusted_s = now_s () + 20 * DAY_S;
  g_assert_true (retention_clock_trust (level, background, trusted_s, &error));
  close_store ();
  open_store (path);
  g_assert_cmpint (retention_clock_now (level, background), ==, trusted_s);
  put ("INBOX", 100, 0, 0);
  g_assert_true (expunge (session, "INBOX", 1, 1, &error));
  maintain (31, FALSE);
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, 1);
  maintain (51, FALSE);
  g_assert_cmpint (count ("Recently Deleted/INBOX"), ==, -1);
  take_down (path);
}

/* By save date; messages without one count from when they were first seen. */
static void
test_expiry (void)
{
  char *path =
      set_up ("expire = ( { mailbox = \"\\\\Trash\"; age = \"30d\"; }, { mailbox = \"Lists/*\"; age = "
              "\"30d\"; } );");
  g_autoptr (GError) error = NULL;
  g_assert_true (satchel_store_create (session, "Bin", SATCHEL_USE_TRASH, &error));
  g_assert_true (satchel_store_create (session, "Lists/a", 0, &error));
  put ("INBOX", 100, 0, now_s () - 40 * DAY_S);
  put ("Bin", 100, 0, now_s () - 40 * DAY_S);
  put ("Bin", 100, 0, now_s () - 20 * DAY_S);
  put ("Lists/a", 100, 0, SATCHEL_DATE_UNKNOWN);
  maintain (0, TRUE);
  g_assert_cmpint (count ("Bin"), ==, 2);
  maintain (0, FALSE);
  g_assert_cmpint (count ("INBOX"), ==, 1);
  g_assert_cmpint (count ("Bin"), ==, 1);
  g_assert_cmpint (count ("Recently Deleted/Bin"), ==, 1);
  g_assert_cmpint (count ("Lists/a"), ==, 1);
  maintain (29, FALSE);
  g_assert_cmpint (count ("Bin"), ==, 0);
  g_assert_cmpint (count ("Lists/a"), ==, 1);
  maintain (31, FALSE);
  g_assert_cmpint (count ("Lists/a"), ==, 0);
  take_down (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/retention/settings", test_settings);
  g_test_add_func ("/retention/record", test_record);
  g_test_add_func ("/retention/rights", test_rights);
  g_test_add_func ("/retention/hidden", test_hidden);
  g_test_add_func ("/retention/long-name", test_long_name);
  g_test_add_func ("/retention/half-deleted", test_half_deleted);
  g_test_add_func ("/retention/undone", test_undone);
  g_test_add_func ("/retention/drafts", test_drafts);
  g_test_add_func ("/retention/caps", test_caps);
  g_test_add_func ("/retention/daily", test_daily);
  g_test_add_func ("/retention/usage", test_usage);
  g_test_add_func ("/retention/purge", test_purge);
  g_test_add_func ("/retention/clock-set-back", test_clock_set_back);
  g_test_add_func ("/retention/expiry", test_expiry);
  return g_test_run ();
}
