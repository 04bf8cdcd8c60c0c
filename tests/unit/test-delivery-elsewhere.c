/* SPDX-License-Identifier: MIT
 * Deliveries to users of other mail processes, without a server: what is sent, taken, answered, lost and
 * late.
 */
#include "config.h"

#include "tests/lib/delivery_rig.h"
#include "tests/lib/loop.h"
#include "tests/lib/own_clock.h"

#include <string.h>

#define MINUTE_MS (60 * (gint64) 1000)

/* Of three recipients one is here and two are in processes 2 and 3. */
static SatchelDelivery *
send_to_three (Result *result, const char *content)
{
  rig_begin ();
  SatchelDelivery *delivery = new_delivery (content);
  look_up (delivery, "anna@x.org", "anna@x.org/1");
  look_up (delivery, "bob+work@x.org", "bob@x.org/2");
  look_up (delivery, "carl@x.org", "carl@x.org/3");
  satchel_delivery_finish (delivery, hear_statuses, result);
  return delivery;
}

static SatchelIpcMessage *
copy_of (const SatchelIpcMessage *message, guint len)
{
  SatchelIpcMessage *copy = satchel_ipc_message_new (message->type, 0);
  g_byte_array_append (copy->body, message->body->data, len);
  return copy;
}

/* The message that was sent to another process is taken by this one, as if it were that: what the owner gets
 * is the same, and the answer comes back. */
static void
test_elsewhere (void)
{
  for (guint is_big = 0; is_big < 2; is_big++)
    {
      Result result = { 0 };
      g_autofree char *content = make_content (is_big != 0);
      send_to_three (&result, content);
      loop_until (rig.to_mail->len == 2);
      g_assert_cmpuint (rig.mail_slot, ==, 3);
      for (guint slot = 2; slot <= 3; slot++)
        {
          g_autoptr (SatchelIpcMessage) deliver = take_sent (SATCHEL_IPC_DELIVER);
          g_assert_cmpuint (satchel_delivery_n_asked (), ==, 0);
          g_assert_true (satchel_delivery_mail_message (OWN_SLOT, deliver));
          g_assert_cmpuint (satchel_delivery_n_asked (), ==, 1);
          guint n_before = rig.to_mail->len;
          loop_until (rig.to_mail->len > n_before);
          g_assert_cmpuint (rig.mail_slot, ==, OWN_SLOT);
          g_assert_cmpuint (satchel_delivery_n_asked (), ==, 0);
          g_autoptr (SatchelIpcMessage) answer = g_ptr_array_steal_index (rig.to_mail, rig.to_mail->len - 1);
          g_autoptr (SatchelIpcMessage) same = copy_of (answer, answer->body->len);
          g_assert_true (satchel_delivery_mail_message (7, same)); /* of a process that was not asked */
          g_assert_cmpuint (result.n_calls, ==, 0);
          g_assert_true (satchel_delivery_mail_message (slot, answer));
        }
      loop_until (result.n_calls == 1);
      g_assert_cmpuint (result.n, ==, 3);
      for (guint i = 0; i < 3; i++)
        g_assert_cmpint (result.statuses[i], ==, SATCHEL_DELIVERY_OK);
      expect_message ("anna@x.org", "INBOX", content);
      expect_message ("bob@x.org", "INBOX", content);
      expect_message ("carl@x.org", "INBOX", content);
    }
}

static guint
count_spool_files (void)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d/spool", satchel_delivery_host ()->root_fd);
  g_autoptr (GDir) spool = g_dir_open (path, 0, NULL);
  guint n = 0;
  while (spool != NULL && g_dir_read_name (spool) != NULL)
    n++;
  return n;
}

/* Cut off, or with a size that is not the content's, it is refused as a whole. */
static void
refuse_spoilt (SatchelIpcMessage *deliver, gsize size)
{
  for (guint len = 0; len < deliver->body->len; len += 1 + len / 64)
    {
      g_autoptr (SatchelIpcMessage) cut = copy_of (deliver, len);
      g_assert_false (satchel_delivery_mail_message (OWN_SLOT, cut));
    }
  if (size < 1000) /* other fields may have the same bytes */
    return;
  const guint64 right = size, wrong = size + 1;
  g_autoptr (SatchelIpcMessage) other = copy_of (deliver, deliver->body->len);
  guint8 *at = memmem (other->body->data, other->body->len, &right, sizeof right);
  g_assert_nonnull (at);
  memcpy (at, &wrong, sizeof wrong);
  g_assert_false (satchel_delivery_mail_message (OWN_SLOT, other));
}

/* A message for one user of another process goes there itself if it is small, and needs no file. */
static void
test_alone_elsewhere (void)
{
  static const gsize sizes[] = { 0, 1, 4000, 14000, SATCHEL_IPC_MAX_BYTES - 100, SATCHEL_IPC_MAX_BYTES + 1 };
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      Result result = { 0 };
      const gboolean fits = sizes[i] <= 14000;
      g_autofree char *content = g_strnfill (sizes[i], '\n');
      rig_begin ();
      SatchelDelivery *delivery = new_delivery (content);
      look_up (delivery, "bob@x.org", "bob@x.org/2");
      satchel_delivery_finish (delivery, hear_statuses, &result);
      loop_until (rig.to_mail->len == 1);
      g_assert_cmpuint (count_spool_files (), ==, fits ? 0 : 1);
      g_autoptr (SatchelIpcMessage) deliver = take_sent (SATCHEL_IPC_DELIVER);
      if (fits)
        refuse_spoilt (deliver, sizes[i]);
      g_assert_true (satchel_delivery_mail_message (OWN_SLOT, deliver));
      loop_until (rig.to_mail->len == 1);
      g_autoptr (SatchelIpcMessage) answer = g_ptr_array_steal_index (rig.to_mail, 0);
      g_assert_true (satchel_delivery_mail_message (2, answer));
      loop_until (result.n_calls == 1);
      g_assert_cmpint (result.statuses[0], ==, SATCHEL_DELIVERY_OK);
      expect_message ("bob@x.org", "INBOX", content);
    }
}

/* A process is away, or goes away: only its users have to wait. */
static void
test_processes_away (void)
{
  Result away = { 0 }, lost = { 0 };
  g_autofree char *content = make_content (FALSE);
  rig_begin ();
  rig.is_mail_away = TRUE;
  SatchelDelivery *delivery = new_delivery (content);
  look_up (delivery, "anna@x.org", "anna@x.org/1");
  look_up (delivery, "bob@x.org", "bob@x.org/2");
  satchel_delivery_finish (delivery, hear_statuses, &away);
  loop_until (away.n_calls == 1);
  g_assert_cmpint (away.statuses[0], ==, SATCHEL_DELIVERY_OK);
  g_assert_cmpint (away.statuses[1], ==, SATCHEL_DELIVERY_TEMPORARY);
  expect_message ("anna@x.org", "INBOX", content);
  send_to_three (&lost, content);
  loop_until (rig.to_mail->len == 2);
  satchel_delivery_mail_lost (5);
  satchel_delivery_mail_lost (2);
  loop_settle ();
  g_assert_cmpuint (lost.n_calls, ==, 0); /* carl's process is there */
  satchel_delivery_mail_lost (3);
  loop_until (lost.n_calls == 1);
  g_assert_cmpint (lost.statuses[0], ==, SATCHEL_DELIVERY_OK);
  g_assert_cmpint (lost.statuses[1], ==, SATCHEL_DELIVERY_TEMPORARY);
  g_assert_cmpint (lost.statuses[2], ==, SATCHEL_DELIVERY_TEMPORARY);
  expect_message ("anna@x.org", "INBOX", content);
  satchel_delivery_mail_lost (3);
}

/* Two minutes without an answer are enough; one that comes yet is nobody's. */
static void
test_late (void)
{
  Result result = { 0 };
  g_autofree char *content = make_content (FALSE);
  send_to_three (&result, content);
  loop_until (rig.to_mail->len == 2);
  g_autoptr (SatchelIpcMessage) first = take_sent (SATCHEL_IPC_DELIVER);
  SatchelIpcMessage *answer = satchel_ipc_message_new (SATCHEL_IPC_DELIVER_REPLY, 0);
  satchel_ipc_put_u64 (answer, satchel_ipc_get_u64 (first));
  satchel_ipc_put_u32 (answer, SATCHEL_DELIVERY_OVERQUOTA);
  satchel_ipc_put_string (answer, "");
  g_autoptr (SatchelIpcMessage) owned = answer, late = copy_of (answer, answer->body->len);
  g_assert_true (satchel_delivery_mail_message (2, answer));
  loop_settle ();
  own_clock_pass_ms (MINUTE_MS);
  loop_settle ();
  g_assert_cmpuint (result.n_calls, ==, 0);
  own_clock_pass_ms (MINUTE_MS + 1000);
  loop_until (result.n_calls == 1);
  g_assert_cmpint (result.statuses[0], ==, SATCHEL_DELIVERY_OK);
  g_assert_cmpint (result.statuses[1], ==, SATCHEL_DELIVERY_OVERQUOTA);
  g_assert_cmpint (result.statuses[2], ==, SATCHEL_DELIVERY_TEMPORARY);
  g_assert_true (satchel_delivery_mail_message (2, late));
  loop_settle ();
  expect_message ("anna@x.org", "INBOX", content);
}

/* What another process sends is refused as a whole where it is cut off, too long, or names a file that is
 * none of the spool's. */
static void
test_odd_messages (void)
{
  Result result = { 0 };
  g_autofree char *content = make_content (FALSE);
  send_to_three (&result, content);
  loop_until (rig.to_mail->len == 2);
  g_autoptr (SatchelIpcMessage) deliver = take_sent (SATCHEL_IPC_DELIVER);
  for (guint len = 0; len < deliver->body->len; len++)
    {
      g_autoptr (SatchelIpcMessage) cut = copy_of (deliver, len);
      g_assert_false (satchel_delivery_mail_message (OWN_SLOT, cut));
    }
  g_autoptr (SatchelIpcMessage) longer = copy_of (deliver, deliver->body->len);
  satchel_ipc_put_u32 (longer, 1);
  g_assert_false (satchel_delivery_mail_message (OWN_SLOT, longer));
  g_autoptr (SatchelIpcMessage) outside = copy_of (deliver, deliver->body->len);
  char *path = memmem (outside->body->data, outside->body->len, "spool/", 6);
  g_assert_nonnull (path);
  memcpy (path, "..//..", 6);
  g_assert_false (satchel_delivery_mail_message (OWN_SLOT, outside));
  g_autoptr (SatchelIpcMessage) other = satchel_ipc_message_new (SATCHEL_IPC_LOOKUP, 0);
  g_assert_false (satchel_delivery_mail_message (OWN_SLOT, other));
  for (guint is_text = 0; is_text < 2; is_text++)
    {
      g_autoptr (SatchelIpcMessage) answer = satchel_ipc_message_new (SATCHEL_IPC_DELIVER_REPLY, 0);
      g_autofree char *text = g_strnfill (SATCHEL_FILTER_TEXT_BYTES + is_text, 'x');
      satchel_ipc_put_u64 (answer, 12345678);
      satchel_ipc_put_u32 (answer, is_text != 0 ? SATCHEL_DELIVERY_OK : SATCHEL_DELIVERY_NOSPACE + 1);
      satchel_ipc_put_string (answer, text);
      g_assert_false (satchel_delivery_mail_message (2, answer));
    }
  loop_settle ();
  g_assert_cmpuint (satchel_delivery_n_asked (), ==, 0);
  g_assert_cmpuint (result.n_calls, ==, 0);
  satchel_delivery_mail_lost (2);
  satchel_delivery_mail_lost (3);
  loop_until (result.n_calls == 1);
  expect_message ("anna@x.org", "INBOX", content);
  expect_message ("bob@x.org", "INBOX", NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/delivery/elsewhere", test_elsewhere);
  g_test_add_func ("/delivery/alone-elsewhere", test_alone_elsewhere);
  g_test_add_func ("/delivery/processes-away", test_processes_away);
  g_test_add_func ("/delivery/late", test_late);
  g_test_add_func ("/delivery/odd-messages", test_odd_messages);
  rig_set_up ();
  int failed = g_test_run ();
  rig_take_down ();
  return failed;
}
