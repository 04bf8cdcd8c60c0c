/* SPDX-License-Identifier: MIT
 * Mail to users from modules of auth: which process is asked to deliver it, and what the module hears.
 */
#include "config.h"

#include "core/daemon/auth/placement/placement.h"
#include "tests/lib/auth-stage.h"
#include "tests/lib/loop.h"

#include <satchel/account_event.h>
#include <string.h>

#define TEXT "Subject: news\r\n\r\nhello\r\n"

static guint n_answers;
static SatchelDeliveryStatus last_status;
static gpointer last_data;

static void
note_answer (SatchelDeliveryStatus status, gpointer data)
{
  n_answers++;
  last_status = status;
  last_data = data;
}

static void
send_mail (const char *user, gpointer data)
{
  g_autoptr (GBytes) message = g_bytes_new_static (TEXT, strlen (TEXT));
  n_answers = 0;
  satchel_account_mail (user, message, note_answer, data);
  g_assert_cmpuint (n_answers, ==, 0); /* never before the call returns */
}

static guint
owner_of (const char *user)
{
  return satchel_placement_hash_slot (user, STAGE_MAILS);
}

/* The mail process of the user is asked, with place and message. Returns the number of the request. */
static guint64
expect_request (const char *user)
{
  loop_until (!g_queue_is_empty (&stage.sent[STAGE_GATES + owner_of (user)]));
  g_autoptr (SatchelIpcMessage) message = stage_take_from_mail (owner_of (user));
  g_assert_null (stage_take_from_mail (1 - owner_of (user)));
  g_assert_cmpint (message->type, ==, SATCHEL_IPC_ACCOUNT_MAIL);
  guint64 request = satchel_ipc_get_u64 (message);
  gsize len;
  g_assert_cmpstr (satchel_ipc_get_string (message), ==, user);
  g_autoptr (SatchelPlace) place = satchel_place_get (message);
  g_assert_nonnull (place);
  g_assert_cmpstr (place->path, !=, "");
  const void *bytes = satchel_ipc_get_bytes (message, &len);
  g_assert_cmpmem (bytes, len, TEXT, strlen (TEXT));
  g_assert_true (satchel_ipc_message_is_done (message));
  return request;
}

static gboolean
answer (guint slot, guint64 request, guint32 status)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_ACCOUNT_MAIL_REPLY, 0);
  satchel_ipc_put_u64 (message, request);
  satchel_ipc_put_u32 (message, status);
  return stage_deliver (&stage.mails[slot], message);
}

/* Each answer reaches the module that asked, once, and only from the process that was asked. */
static void
test_answers (void)
{
  int first, second;
  stage_begin (NULL);
  const guint slot = owner_of ("alice@x.org");
  send_mail ("alice@x.org", &first);
  const guint64 one = expect_request ("alice@x.org");
  send_mail ("alice@x.org", &second);
  const guint64 two = expect_request ("alice@x.org");
  g_assert_cmpuint (one, !=, two);
  g_assert_true (answer (1 - slot, one, SATCHEL_DELIVERY_OK)); /* from another process */
  g_assert_true (answer (slot, two + 1, SATCHEL_DELIVERY_OK)); /* to what was never asked */
  g_assert_cmpuint (n_answers, ==, 0);
  g_assert_true (answer (slot, two, SATCHEL_DELIVERY_NOSPACE));
  g_assert_cmpuint (n_answers, ==, 1);
  g_assert_cmpint (last_status, ==, SATCHEL_DELIVERY_NOSPACE);
  g_assert_true (last_data == &second);
  g_assert_true (answer (slot, one, SATCHEL_DELIVERY_OK));
  g_assert_true (answer (slot, one, SATCHEL_DELIVERY_OK)); /* again */
  g_assert_cmpuint (n_answers, ==, 2);
  g_assert_cmpint (last_status, ==, SATCHEL_DELIVERY_OK);
  g_assert_true (last_data == &first);
  stage_end ();
}

/* A status that is none breaks the link, as does an answer that is cut off. */
static void
test_bad_answers (void)
{
  stage_begin (NULL);
  SatchelIpcMessage *cut = satchel_ipc_message_new (SATCHEL_IPC_ACCOUNT_MAIL_REPLY, 0);
  satchel_ipc_put_u64 (cut, 1);
  g_assert_false (stage_deliver (&stage.mails[0], cut));
  g_assert_false (answer (0, 1, SATCHEL_DELIVERY_NOSPACE + 1));
  g_assert_true (answer (0, 1, SATCHEL_DELIVERY_NOSPACE));
  stage_end ();
}

static void
expect_temporary (const char *user)
{
  send_mail (user, NULL);
  loop_until (n_answers == 1);
  g_assert_cmpint (last_status, ==, SATCHEL_DELIVERY_TEMPORARY);
  g_assert_null (stage_take_from_mail (0));
  g_assert_null (stage_take_from_mail (1));
}

/* The process is away, behind, or nobody can say where the mail is: not now. */
static void
test_not_now (void)
{
  stage_begin (NULL);
  stage_mail_away (owner_of ("alice@x.org"));
  expect_temporary ("alice@x.org");
  stage_mail_back (owner_of ("alice@x.org"));
  stage.mails_are_behind = TRUE;
  expect_temporary ("alice@x.org");
  stage.mails_are_behind = FALSE;
  stage_attributes_are_down = TRUE;
  expect_temporary ("alice@x.org");
  stage_attributes_are_down = FALSE;
  send_mail ("alice@x.org", NULL);
  expect_request ("alice@x.org");
  stage_end ();
}

/* What a process that ends had not answered was not delivered, as far as anybody knows; what others were
 * asked goes on. */
static void
test_lost (void)
{
  const char *here = "alice@x.org", *there = "bob@x.org";
  char other[32];
  stage_begin (NULL);
  for (guint i = 0; owner_of (there) == owner_of (here); i++)
    {
      g_snprintf (other, sizeof other, "user%u@x.org", i);
      there = other;
    }
  send_mail (here, NULL);
  expect_request (here);
  send_mail (there, NULL);
  const guint64 request = expect_request (there);
  stage_mail_away (owner_of (here));
  loop_until (n_answers == 1);
  g_assert_cmpint (last_status, ==, SATCHEL_DELIVERY_TEMPORARY);
  g_assert_true (answer (owner_of (there), request, SATCHEL_DELIVERY_REFUSED));
  g_assert_cmpuint (n_answers, ==, 2);
  g_assert_cmpint (last_status, ==, SATCHEL_DELIVERY_REFUSED);
  stage_end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/auth/mail/answers", test_answers);
  g_test_add_func ("/auth/mail/bad-answers", test_bad_answers);
  g_test_add_func ("/auth/mail/not-now", test_not_now);
  g_test_add_func ("/auth/mail/lost", test_lost);
  return g_test_run ();
}
