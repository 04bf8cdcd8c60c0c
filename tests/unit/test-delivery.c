/* SPDX-License-Identifier: MIT
 * Deliveries without a server: whom auth names, where the message is stored, what filters see and change of
 * it, and what each recipient is told.  Messages to other mail processes: test-delivery-elsewhere.c.
 */
#include "config.h"

#include "tests/lib/delivery_rig.h"
#include "tests/lib/loop.h"
#include "core/runtime/loop/job_private.h"

#include <string.h>

/* ---- look-ups ---- */

/* What follows a separator is cut off; auth is told both, in case that a user is called so. */
static void
test_details (void)
{
  static const struct
  {
    const char *address, *plain, *detail;
  } cases[] = { { "anna@x.org", "anna@x.org", NULL },
                { "anna+work@x.org", "anna@x.org", "work" },
                { "anna+work+more@x.org", "anna@x.org", "work+more" },
                { "anna+@x.org", "anna@x.org", NULL },
                { "anna+w@x.org", "anna@x.org", "w" },
                { "+anna@x.org", "+anna@x.org", NULL },
                { "a@x+y.org", "a@x+y.org", NULL },
                { "anna", "anna", NULL },
                { "anna+work", "anna", "work" } };
  rig_begin ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer answer = { 0 };
      g_autofree char *plain = NULL, *full = NULL;
      satchel_delivery_look_up (&rig.session, cases[i].address, hear_recipient, &answer);
      g_assert_cmpuint (rig.session.n_holds, ==, 1);
      guint64 request = take_question (&plain, &full);
      g_assert_cmpstr (plain, ==, cases[i].plain);
      g_assert_cmpstr (full, ==, strcmp (plain, cases[i].address) != 0 ? cases[i].address : NULL);
      g_assert_cmpuint (answer.n_calls, ==, 0);
      reply (request, SATCHEL_DELIVERY_OK, "", "anna@x.org/1 bob@x.org/2");
      g_assert_cmpuint (answer.n_calls, ==, 1);
      g_assert_cmpstr (answer.address, ==, cases[i].address);
      g_assert_cmpstr (answer.detail, ==, cases[i].detail);
      g_assert_cmpstr (answer.users, ==, "anna@x.org bob@x.org");
      g_assert_cmpuint (rig.session.n_holds, ==, 0);
      reply (request, SATCHEL_DELIVERY_OK, "", "anna@x.org/1"); /* a second answer is nobody's */
      g_assert_cmpuint (answer.n_calls, ==, 1);
      answer_clear (&answer);
    }
}

/* Auth says that there is nobody, and why; or is away, or goes away: each look-up is answered, later. */
static void
test_unanswered (void)
{
  Answer unknown = { 0 }, away = { 0 }, lost = { 0 };
  g_autofree char *plain = NULL, *full = NULL;
  rig_begin ();
  satchel_delivery_look_up (&rig.session, "nobody@x.org", hear_recipient, &unknown);
  reply (take_question (&plain, &full), SATCHEL_DELIVERY_UNKNOWN, "unknown-user", "");
  g_assert_cmpint (unknown.status, ==, SATCHEL_DELIVERY_UNKNOWN);
  g_assert_cmpstr (unknown.why, ==, "unknown-user");
  rig.is_auth_away = TRUE;
  satchel_delivery_look_up (&rig.session, "anna@x.org", hear_recipient, &away);
  g_assert_cmpuint (away.n_calls, ==, 0);
  loop_until (away.n_calls == 1);
  g_assert_cmpint (away.status, ==, SATCHEL_DELIVERY_TEMPORARY);
  g_assert_cmpstr (away.why, ==, "auth-away");
  g_assert_cmpstr (away.address, ==, "anna@x.org");
  rig.is_auth_away = FALSE;
  satchel_delivery_look_up (&rig.session, "anna@x.org", hear_recipient, &lost);
  satchel_delivery_auth_lost ();
  satchel_delivery_auth_lost ();
  g_assert_cmpuint (lost.n_calls, ==, 0);
  loop_until (lost.n_calls == 1);
  g_assert_cmpint (lost.status, ==, SATCHEL_DELIVERY_TEMPORARY);
  loop_settle ();
  g_assert_cmpuint (lost.n_calls + away.n_calls, ==, 2);
  g_assert_cmpuint (rig.session.n_holds, ==, 0);
  answer_clear (&unknown);
  answer_clear (&away);
  answer_clear (&lost);
}

static gboolean
is_taken (SatchelIpcMessage *message)
{
  g_autoptr (SatchelIpcMessage) owned = message;
  return satchel_delivery_auth_message (owned);
}

/* An answer that is cut off, too long, of nobody or of too many is refused as a whole. */
static void
test_odd_replies (void)
{
  Answer answer = { 0 };
  g_autofree char *plain = NULL, *full = NULL;
  g_autoptr (GString) many = g_string_new ("u@x.org/1");
  rig_begin ();
  satchel_delivery_look_up (&rig.session, "anna@x.org", hear_recipient, &answer);
  guint64 request = take_question (&plain, &full);
  g_autoptr (SatchelIpcMessage) whole = new_reply (request, SATCHEL_DELIVERY_OK, "", "anna@x.org/1");
  for (guint len = 0; len < whole->body->len; len++)
    {
      SatchelIpcMessage *cut = new_reply (request, SATCHEL_DELIVERY_OK, "", "anna@x.org/1");
      g_byte_array_set_size (cut->body, len);
      g_assert_false (is_taken (cut));
    }
  SatchelIpcMessage *longer = new_reply (request, SATCHEL_DELIVERY_OK, "", "anna@x.org/1");
  satchel_ipc_put_u32 (longer, 1);
  g_assert_false (is_taken (longer));
  g_assert_false (is_taken (new_reply (request, SATCHEL_DELIVERY_OK, "", "")));
  g_assert_false (is_taken (new_reply (request, SATCHEL_DELIVERY_NOSPACE + 1, "", "")));
  g_assert_false (is_taken (satchel_ipc_message_new (SATCHEL_IPC_DELIVER, 0)));
  for (guint i = 1; i < 100; i++)
    g_string_append (many, " u@x.org/1");
  g_autofree char *more = g_strconcat (many->str, " u@x.org/1", NULL);
  g_assert_false (is_taken (new_reply (request, SATCHEL_DELIVERY_OK, "", more)));
  g_assert_cmpuint (answer.n_calls, ==, 0);
  g_assert_true (is_taken (new_reply (request, SATCHEL_DELIVERY_OK, "", many->str)));
  g_assert_cmpuint (answer.n_calls, ==, 1);
  answer_clear (&answer);
}

/* ---- deliveries ---- */

/* Everybody gets the message once: also who is named twice, unless with two details. */
static void
test_here (void)
{
  for (guint is_big = 0; is_big < 2; is_big++)
    {
      Result result = { 0 };
      g_autofree char *content = make_content (is_big != 0);
      rig_begin ();
      SatchelDelivery *delivery = new_delivery (content);
      look_up (delivery, "anna@x.org", "anna@x.org/1");
      if (is_big != 0)
        {
          look_up (delivery, "team@x.org", "anna@x.org/1 bob@x.org/1");
          look_up (delivery, "carl+none@x.org", "carl@x.org/1");
        }
      satchel_delivery_finish (delivery, hear_statuses, &result);
      g_assert_cmpuint (rig.session.n_holds, ==, 1);
      g_assert_cmpuint (result.n_calls, ==, 0);
      loop_until (result.n_calls == 1);
      g_assert_cmpuint (rig.session.n_holds, ==, 0);
      g_assert_cmpuint (result.n, ==, is_big != 0 ? 3 : 1);
      for (guint i = 0; i < result.n; i++)
        g_assert_cmpint (result.statuses[i], ==, SATCHEL_DELIVERY_OK);
      expect_message ("anna@x.org", "INBOX", content);
      expect_message ("bob@x.org", "INBOX", is_big != 0 ? content : NULL);
      expect_message ("carl@x.org", "INBOX", is_big != 0 ? content : NULL);
      g_assert_cmpuint (rig.to_mail->len, ==, 0);
    }
}

/* A detail names a mailbox, if there is one; with two details a user has two copies. */
static void
test_mailbox (void)
{
  Result result = { 0 };
  g_autofree char *content = make_content (FALSE);
  rig_begin ();
  g_autoptr (SatchelStore) store = open_store ("anna@x.org");
  g_assert_true (satchel_store_create (store, "work", 0, NULL));
  SatchelDelivery *delivery = new_delivery (content);
  look_up (delivery, "anna+work@x.org", "anna@x.org/1");
  look_up (delivery, "anna+play@x.org", "anna@x.org/1");
  satchel_delivery_finish (delivery, hear_statuses, &result);
  loop_until (result.n_calls == 1);
  g_assert_cmpuint (result.n, ==, 2);
  expect_message ("anna@x.org", "work", content);
  expect_message ("anna@x.org", "INBOX", content);
}

/* What went wrong with the store is told as the MTA needs it; the message is nowhere. */
static void
test_failures (void)
{
  static const struct
  {
    SatchelErrorCode error;
    SatchelDeliveryStatus status;
  } cases[] = { { SATCHEL_ERROR_OVERQUOTA, SATCHEL_DELIVERY_OVERQUOTA },
                { SATCHEL_ERROR_NOSPACE, SATCHEL_DELIVERY_NOSPACE },
                { SATCHEL_ERROR_LIMIT, SATCHEL_DELIVERY_TOO_BIG },
                { SATCHEL_ERROR_NOPERM, SATCHEL_DELIVERY_REFUSED },
                { SATCHEL_ERROR_IO, SATCHEL_DELIVERY_TEMPORARY },
                { SATCHEL_ERROR_UNAVAILABLE, SATCHEL_DELIVERY_TEMPORARY } };
  g_autofree char *content = make_content (FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Result result = { 0 };
      rig_begin ();
      rig.acquire_error = cases[i].error;
      SatchelDelivery *delivery = new_delivery (content);
      look_up (delivery, "anna@x.org", "anna@x.org/1");
      satchel_delivery_finish (delivery, hear_statuses, &result);
      loop_until (result.n_calls == 1);
      g_assert_cmpint (result.statuses[0], ==, cases[i].status);
      expect_message ("anna@x.org", "INBOX", NULL);
    }
}

/* ---- filters ---- */

static GMutex lock;
static GString *seen; /* a line for each question */

static void
note (const SatchelFilterItem *item)
{
  g_autofree char *recipients = g_strjoinv (",", (char **) item->recipients),
                  *all = g_strjoinv (",", (char **) item->all_recipients);
  g_mutex_lock (&lock);
  g_string_append_printf (
      seen, "%s from=%s by=%s/%s/%s tls=%s to=%s n=%u all=%s detail=%s queue=%s bytes=%s\n",
      item->user != NULL ? item->user : "message", item->sender, item->client_address, item->client_name,
      item->client_user != NULL ? item->client_user : "-", item->tls, recipients, item->n_recipients, all,
      item->detail != NULL ? item->detail : "-", item->origin != NULL ? item->origin->queue_id : "-",
      item->content_bytes > SATCHEL_SPOOL_MEMORY_BYTES ? "many" : "few");
  g_mutex_unlock (&lock);
}

static void
mark_message (SatchelFilterItem *item)
{
  note (item);
  g_assert_true (satchel_filter_add_header (item, "X-Marked", "1", NULL));
  satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
}

static void
judge_recipient (SatchelFilterItem *item)
{
  note (item);
  if (strcmp (item->user, "carl@x.org") == 0)
    {
      satchel_filter_answer (item, SATCHEL_FILTER_REFUSE, "not for carl");
      return;
    }
  if (strcmp (item->user, "bob@x.org") == 0)
    g_assert_true (satchel_filter_add_header (item, "X-For", "bob", NULL));
  satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
}

static void
use_filter (void)
{
  static const SatchelDeliveryFilterOps ops = { .size = sizeof ops,
                                                .band = 1,
                                                .on_error = SATCHEL_FILTER_TEMPORARY,
                                                .message = mark_message,
                                                .recipient = judge_recipient };
  static const SatchelModule module = { .name = "judge" };
  static const SatchelProvided provided = { .ops = &ops, .module = &module };
  g_autoptr (GPtrArray) filters = g_ptr_array_new ();
  g_ptr_array_add (filters, (gpointer) &provided);
  satchel_filters_configure (filters, satchel_config_set_group (rig.set, "filters"));
}

/* What filters are told of the message is the same in another mail process; what they change of it, for all
 * or for one, is what is stored; whom they refuse is told their words. */
static void
test_filtered (void)
{
  use_filter ();
  for (guint is_big = 0; is_big < 2; is_big++)
    {
      Result result = { 0 };
      g_autofree char *content = make_content (is_big != 0),
                      *marked = g_strconcat ("X-Marked: 1\r\n", content, NULL),
                      *bobs = g_strconcat ("X-For: bob\r\n", marked, NULL);
      const char *bytes = is_big != 0 ? "many" : "few";
      seen = g_string_new (NULL);
      rig_begin ();
      SatchelDelivery *delivery = new_delivery (content);
      satchel_delivery_set_origin (delivery,
                                   &(SatchelOrigin) { .size = sizeof (SatchelOrigin), .queue_id = "Q1" });
      look_up (delivery, "bob+work@x.org", "bob@x.org/2");
      look_up (delivery, "carl@x.org", "carl@x.org/2");
      satchel_delivery_finish (delivery, hear_statuses, &result);
      loop_until (rig.to_mail->len == 2);
      for (guint i = 0; i < 2; i++)
        {
          g_autoptr (SatchelIpcMessage) deliver = take_sent (SATCHEL_IPC_DELIVER);
          guint n_before = rig.to_mail->len;
          g_assert_true (satchel_delivery_mail_message (OWN_SLOT, deliver));
          loop_until (rig.to_mail->len > n_before);
          g_autoptr (SatchelIpcMessage) answer = g_ptr_array_steal_index (rig.to_mail, rig.to_mail->len - 1);
          g_assert_true (satchel_delivery_mail_message (2, answer));
        }
      loop_until (result.n_calls == 1);
      g_assert_cmpint (result.statuses[0], ==, SATCHEL_DELIVERY_OK);
      g_assert_cmpint (result.statuses[1], ==, SATCHEL_DELIVERY_REFUSED);
      g_assert_null (result.texts[0]);
      g_assert_cmpstr (result.texts[1], ==, "not for carl");
      expect_message ("bob@x.org", "INBOX", bobs);
      expect_message ("carl@x.org", "INBOX", NULL);
      const char *facts = "from=mia@y.org by=192.0.2.7/mx.y.org/- tls=TLS1.3";
      const char *all = "n=2 all=bob+work@x.org,carl@x.org";
      g_autofree char *expected =
          g_strdup_printf ("message %s to=bob+work@x.org,carl@x.org %s detail=- queue=Q1 bytes=%s\n"
                           "bob@x.org %s to=bob+work@x.org %s detail=work queue=Q1 bytes=%s\n"
                           "carl@x.org %s to=carl@x.org %s detail=- queue=Q1 bytes=%s\n",
                           facts, all, bytes, facts, all, bytes, facts, all, bytes);
      g_assert_cmpstr (seen->str, ==, expected);
      g_string_free (seen, TRUE);
      g_free (result.texts[1]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/delivery/details", test_details);
  g_test_add_func ("/delivery/unanswered", test_unanswered);
  g_test_add_func ("/delivery/odd-replies", test_odd_replies);
  g_test_add_func ("/delivery/here", test_here);
  g_test_add_func ("/delivery/mailbox", test_mailbox);
  g_test_add_func ("/delivery/failures", test_failures);
  g_test_add_func ("/delivery/filtered", test_filtered); /* from here on there is a filter */
  rig_set_up ();
  int failed = g_test_run ();
  rig_take_down ();
  return failed;
}
