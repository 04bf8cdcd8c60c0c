/* SPDX-License-Identifier: MIT
 * Layer `quota`: its settings, and what it lets pass in which name.  Over the driver `memory`, whose objects
 * are linked in.
 */
#include "config.h"

#include "core/runtime/config/config_image.h"
#include "core/runtime/log/log_private.h"
#include "core/storage/store/store_private.h"
#include "layer.h"

#include <satchel/module.h>
#include <string.h>

static GString *logged;

static void
collect_log (SatchelLogLevel level, const char *area, const char *message)
{
  g_string_append_printf (logged, "%s\n", message);
}

/* NULL: refused with @wrong in the message. */
static QuotaLimits *
read_limits (const char *text, const char *wrong)
{
  g_autoptr (GError) error = NULL;
  SatchelConfigSet *set = satchel_config_set_from_text ("quota", quota_schema, text, &error);
  g_assert_no_error (error);
  QuotaLimits *limits = quota_limits_new (satchel_config_set_group (set, "quota"), &error);
  if (wrong != NULL)
    g_assert_cmpstr (error != NULL ? error->message : "no error", ==, wrong);
  else
    g_assert_no_error (error);
  satchel_config_set_free (set);
  return limits;
}

static void
assert_limit (const QuotaLimits *limits, const char *user, guint64 bytes, guint64 messages)
{
  SatchelUsage limit = quota_limits_find (limits, user);
  g_assert_cmpuint (limit.bytes, ==, bytes);
  g_assert_cmpuint (limit.messages, ==, messages);
}

/* ---- settings ---- */

/* What a row leaves unset is that of the next wider one; 0 is no limit. */
static void
test_whose (void)
{
  g_autoptr (QuotaLimits) limits = read_limits (
      "storage = \"1K\"; messages = 10; domains = ( { name = \"Big.example\"; storage = \"2K\"; } );"
      "users = ( { name = \"a@big.example\"; messages = 20; }, { name = \"b@big.example\"; storage = \"0\"; "
      "},"
      "{ name = \"\303\204pfel@other.example\"; storage = \"3K\"; messages = 0; } );",
      NULL);
  assert_limit (limits, "anybody@other.example", 1024, 10);
  assert_limit (limits, "anybody@big.example", 2048, 10);
  assert_limit (limits, "a@big.example", 2048, 20);
  assert_limit (limits, "A@big.example", 2048, 20);
  assert_limit (limits, "b@big.example", SATCHEL_UNLIMITED, 10);
  assert_limit (limits, "\303\244pfel@other.example", 3072, SATCHEL_UNLIMITED);
  assert_limit (limits, "nobody", 1024, 10);
  g_autoptr (QuotaLimits) none = read_limits ("", NULL);
  assert_limit (none, "anybody@other.example", SATCHEL_UNLIMITED, SATCHEL_UNLIMITED);
}

static void
test_mistakes (void)
{
  g_assert_null (read_limits ("users = ( { name = \"anna\"; } );",
                              "users: \"anna\" is not a user with a domain (LOCAL@DOMAIN)"));
  g_assert_null (read_limits ("domains = ( { name = \"a@b\"; } );", "domains: \"a@b\" is not a domain"));
  g_assert_null (read_limits ("users = ( { name = \"a@b\"; }, { name = \"A@B\"; } );",
                              "users: \"a@b\" is listed twice; remove one"));
  g_assert_null (
      read_limits ("warnings = ( \"80\", \"0\" );", "warnings: \"0\" is not a percentage from 1 to 100"));
  g_assert_null (
      read_limits ("warnings = ( \"101\" );", "warnings: \"101\" is not a percentage from 1 to 100"));
}

static void
test_numbers (void)
{
  g_autoptr (QuotaLimits) limits =
      read_limits ("grace = \"50\"; grace_percent = 10; warnings = ( \"95\", \"80\" );", NULL);
  g_assert_cmpuint (quota_limits_with_grace (limits, (SatchelUsage) { 100, 100 }).bytes, ==, 150);
  g_assert_cmpuint (quota_limits_with_grace (limits, (SatchelUsage) { 1000, 100 }).bytes, ==, 1100);
  g_assert_cmpuint (quota_limits_with_grace (limits, (SatchelUsage) { 1000, 105 }).messages, ==, 115);
  g_assert_cmpuint (
      quota_limits_with_grace (limits, (SatchelUsage) { SATCHEL_UNLIMITED, SATCHEL_UNLIMITED }).bytes, ==,
      SATCHEL_UNLIMITED);
  g_assert_cmpuint (quota_limits_crossed (limits, 1000, 0, 799), ==, 0);
  g_assert_cmpuint (quota_limits_crossed (limits, 1000, 799, 800), ==, 80);
  g_assert_cmpuint (quota_limits_crossed (limits, 1000, 800, 949), ==, 0);
  g_assert_cmpuint (quota_limits_crossed (limits, 1000, 0, 950), ==, 95);
  g_assert_cmpuint (quota_limits_crossed (limits, 1000, 950, 2000), ==, 0);
  g_assert_cmpuint (quota_limits_crossed (limits, 1000, 900, 100), ==, 0);
  g_assert_cmpuint (quota_limits_crossed (limits, SATCHEL_UNLIMITED, 0, G_MAXUINT64), ==, 0);
  const guint64 much = G_GUINT64_CONSTANT (1) << 60;
  g_assert_cmpuint (quota_limits_crossed (limits, much, much / 2, much / 100 * 81), ==, 80);
}

/* ---- a store ---- */

static SatchelStore *store;
static SatchelMailbox *inbox;

static void
set_up (const char *settings)
{
  static guint n;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/quota%u", ++n);
  SatchelStoreLevel levels[] = { { "quota", &quota_ops, NULL },
                                 { "memory", satchel_module ()->provides[0].ops, NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = path, .root_fd = -1, .levels = levels, .n_levels = 2
  };
  quota_layer_set_limits (read_limits (settings, NULL));
  logged = g_string_new (NULL);
  store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  inbox = satchel_store_open_mailbox (store, "INBOX", &error);
  g_assert_no_error (error);
}

static void
take_down (void)
{
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  g_clear_pointer (&store, satchel_store_unref);
  quota_layer_set_limits (NULL);
  g_string_free (g_steal_pointer (&logged), TRUE);
}

static void
add_append (SatchelTransaction *transaction, SatchelStore *in, gsize bytes)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_malloc0 (bytes);
  memset (text, 'x', bytes);
  SatchelStage *stage = satchel_stage_new (in, bytes, &error);
  g_assert_true (satchel_stage_write (stage, text, bytes, &error) && satchel_stage_finish (stage, &error));
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (in, "INBOX", &error);
  satchel_transaction_append (transaction, mailbox, stage, 0, NULL, 1);
}

/* 0, or the error; @cause: in whose name. */
static int
append_as (SatchelCause cause, gsize bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = cause,
                                                                            .owner = "u@example.org",
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  g_autoptr (SatchelStore) handle = satchel_store_with_access (store, access);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (handle);
  add_append (transaction, handle, bytes);
  return satchel_transaction_commit (transaction, &error) ? 0 : error->code;
}

static void
assert_usage (guint64 bytes, guint64 messages)
{
  SatchelUsage usage;
  g_assert_true (satchel_store_usage (store, &usage, NULL));
  g_assert_cmpuint (usage.bytes, ==, bytes);
  g_assert_cmpuint (usage.messages, ==, messages);
}

/* Sessions have the limit, deliveries the grace; what the server and its administrator do is not refused. */
static void
test_causes (void)
{
  set_up ("storage = \"1K\"; grace_percent = 10;");
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 1024), ==, 0);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 1), ==, SATCHEL_ERROR_OVERQUOTA);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_DELIVERY, 103), ==, SATCHEL_ERROR_OVERQUOTA);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_DELIVERY, 102), ==, 0);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_DELIVERY, 1), ==, SATCHEL_ERROR_OVERQUOTA);
  assert_usage (1126, 2);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_ADMIN, 500), ==, 0);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_BACKGROUND, 500), ==, 0);
  assert_usage (2126, 4);
  take_down ();
}

/* What the userdbs say counts before the settings, each resource by itself; what is no number is told once.
 */
static void
test_attributes (void)
{
  set_up ("storage = \"1K\"; messages = 2; grace_percent = 0;");
  SatchelQuota quota = { .size = sizeof quota };
  satchel_store_set_user_attributes (store->core, "quota.storage=2K\x1fother=1\x1f");
  g_assert_true (satchel_store_quota (store, &quota));
  g_assert_cmpuint (quota.limit.bytes, ==, 2048);
  g_assert_cmpuint (quota.limit.messages, ==, 2);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 2048), ==, 0);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 1), ==, SATCHEL_ERROR_OVERQUOTA);
  satchel_store_set_user_attributes (store->core, NULL); /* nobody was asked */
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 1), ==, SATCHEL_ERROR_OVERQUOTA);
  satchel_store_set_user_attributes (store->core, "quota.storage=0\x1fquota.messages=0\x1f");
  g_string_truncate (logged, 0);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (append_as (SATCHEL_CAUSE_DELIVERY, 4096), ==, 0);
  g_assert_cmpstr (logged->str, ==, "");
  satchel_store_set_user_attributes (store->core, "quota.storage=lots\x1fquota.messages=-1\x1f");
  for (guint i = 0; i < 2; i++)
    g_assert_true (satchel_store_quota (store, &quota));
  g_assert_cmpuint (quota.limit.bytes, ==, 1024);
  g_assert_cmpuint (quota.limit.messages, ==, 2);
  g_auto (GStrv) lines = g_strsplit (logged->str, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 3);
  g_assert_true (
      g_str_has_prefix (lines[0], "attribute not used: user=u@example.org reason=\"quota.storage: "));
  g_assert_true (
      g_str_has_prefix (lines[1], "attribute not used: user=u@example.org reason=\"quota.messages: "));
  take_down ();
}

/* All messages of a transaction or none. */
static void
test_whole (void)
{
  g_autoptr (GError) error = NULL;
  set_up ("messages = 3;");
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 10), ==, 0);
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_SESSION,
                                                                            .owner = "u@example.org",
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  g_autoptr (SatchelStore) handle = satchel_store_with_access (store, access);
  for (guint n = 3; n >= 2; n--)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (handle);
      for (guint i = 0; i < n; i++)
        add_append (transaction, handle, 10);
      g_assert_cmpint (satchel_transaction_commit (transaction, NULL), ==, n == 2);
      assert_usage (n == 2 ? 30 : 10, n == 2 ? 3 : 1);
    }
  take_down ();
}

static gpointer
append_one (gpointer data)
{
  return GINT_TO_POINTER (append_as (SATCHEL_CAUSE_DELIVERY, 600));
}

static guint
queue_length (void)
{
  g_mutex_lock (&store->core->queue_lock);
  guint length = store->core->queue.length;
  g_mutex_unlock (&store->core->queue_lock);
  return length;
}

/* Two that wait in one round for one last place. */
static void
test_one_round (void)
{
  set_up ("storage = \"1K\"; grace_percent = 0;");
  satchel_store_begin_write (store->core);
  GThread *first = g_thread_new ("first", append_one, NULL),
          *second = g_thread_new ("second", append_one, NULL);
  while (queue_length () < 2)
    g_thread_yield ();
  satchel_store_end_write (store->core);
  int one = GPOINTER_TO_INT (g_thread_join (first)), other = GPOINTER_TO_INT (g_thread_join (second));
  g_assert_cmpint (MIN (one, other), ==, 0);
  g_assert_cmpint (MAX (one, other), ==, SATCHEL_ERROR_OVERQUOTA);
  assert_usage (600, 1);
  take_down ();
}

static void
test_warnings (void)
{
  set_up ("storage = \"1000\"; messages = 4; grace_percent = 100; warnings = ( \"50\", \"90\" );");
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 499), ==, 0);
  g_assert_cmpstr (logged->str, ==, "");
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 1), ==, 0);
  g_assert_cmpstr (logged->str, ==,
                   "nearly full: user=u@example.org resource=storage percent=50 used=500 limit=1000\n"
                   "nearly full: user=u@example.org resource=messages percent=50 used=2 limit=4\n");
  g_string_truncate (logged, 0);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 501), ==, SATCHEL_ERROR_OVERQUOTA);
  g_assert_cmpstr (logged->str, ==, "");
  g_assert_cmpint (append_as (SATCHEL_CAUSE_DELIVERY, 900), ==, 0);
  g_assert_cmpstr (logged->str, ==,
                   "nearly full: user=u@example.org resource=storage percent=90 used=1400 limit=1000\n");
  take_down ();
}

/* It answers nothing that has to do with content, so that deliveries are linked below it. */
static void
test_transparent (void)
{
  set_up ("storage = \"1K\";");
  SatchelStorage *driver = &store->core->levels[1];
  g_assert_true (SATCHEL_TOP (store->core, stage) == driver);
  g_assert_true (SATCHEL_TOP (store->core, open_message) == driver);
  g_assert_true (SATCHEL_TOP (store->core, peek_message) == driver);
  g_assert_true (SATCHEL_TOP (store->core, list) == driver);
  SatchelQuota quota = { .size = sizeof quota };
  g_assert_true (satchel_store_quota (store, &quota));
  g_assert_cmpuint (quota.limit.bytes, ==, 1024);
  g_assert_cmpuint (quota.limit.messages, ==, SATCHEL_UNLIMITED);
  /* A reload counts at once; of a table that is shorter as much as there is. */
  quota_layer_set_limits (read_limits ("storage = \"2K\";", NULL));
  SatchelQuota old = { .size = G_STRUCT_OFFSET (SatchelQuota, limit), .limit = { 7, 7 } };
  g_assert_true (satchel_store_quota (store, &old));
  g_assert_cmpuint (old.limit.bytes, ==, 7);
  g_assert_cmpint (append_as (SATCHEL_CAUSE_SESSION, 2048), ==, 0);
  take_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  satchel_log_divert (collect_log);
  g_test_add_func ("/quota/whose", test_whose);
  g_test_add_func ("/quota/mistakes", test_mistakes);
  g_test_add_func ("/quota/numbers", test_numbers);
  g_test_add_func ("/quota/causes", test_causes);
  g_test_add_func ("/quota/attributes", test_attributes);
  g_test_add_func ("/quota/whole", test_whole);
  g_test_add_func ("/quota/one-round", test_one_round);
  g_test_add_func ("/quota/warnings", test_warnings);
  g_test_add_func ("/quota/transparent", test_transparent);
  return g_test_run ();
}
