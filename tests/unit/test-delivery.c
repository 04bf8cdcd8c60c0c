/* SPDX-License-Identifier: MIT
 * Deliveries without a server: whom auth names, who stores the message, here or in another mail process, and
 * what each recipient is told.  Auth, the session, the other process and the clock are the test's own.
 */
#include "config.h"

#include "core/runtime/loop/job_private.h"
#include "core/session/delivery/delivery_target.h"
#include "core/session/mail/mail.h"
#include "core/storage/store/store_private.h"
#include "tests/lib/descriptors.h"
#include "tests/lib/loop.h"
#include "tests/lib/own_clock.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/module.h>
#include <string.h>
#include <unistd.h>

#define OWN_SLOT 1
#define MINUTE_MS (60 * (gint64) 1000)

/* ---- what takes the place of the session ---- */

struct SatchelSession
{
  guint n_holds;
};
static SatchelSession session;

void
satchel_session_hold (SatchelSession *held)
{
  held->n_holds++;
}
void
satchel_session_unhold (SatchelSession *held)
{
  g_assert_cmpuint (held->n_holds, >, 0);
  held->n_holds--;
}
const char *
satchel_session_peer (SatchelSession *of)
{
  return "192.0.2.7";
}
const char *
satchel_session_user (SatchelSession *of)
{
  return NULL;
}
const char *
satchel_session_tls_info (SatchelSession *of)
{
  return "TLS1.3";
}
const SatchelNamespace *
satchel_namespace (void)
{
  static const SatchelNamespace ns = { .prefix = "", .separator = '/' };
  return &ns;
}

/* ---- the host ---- */

static char *root;
static SatchelDeliveryHost host;
static SatchelLoader *loader;
static SatchelConfigSet *set;
static gboolean is_auth_away, is_mail_away;
static SatchelErrorCode acquire_error; /* 0: stores open */
static GPtrArray *to_auth;             /* messages that were sent and not looked at */
static GPtrArray *to_mail;
static guint mail_slot; /* where the last of these went */

static gboolean
send_to_auth (SatchelIpcMessage *message)
{
  if (is_auth_away)
    satchel_ipc_message_free (message);
  else
    g_ptr_array_add (to_auth, message);
  return !is_auth_away;
}

static gboolean
send_to_mail (guint slot, SatchelIpcMessage *message)
{
  mail_slot = slot;
  if (is_mail_away)
    satchel_ipc_message_free (message);
  else
    g_ptr_array_add (to_mail, message);
  return !is_mail_away;
}

static SatchelStore *
acquire (const SatchelAccess *access, const SatchelPlace *place, GError **error)
{
  if (acquire_error != 0)
    {
      satchel_error_set (error, acquire_error, "as the test wants it");
      return NULL;
    }
  g_assert_cmpint (access->cause, ==, SATCHEL_CAUSE_DELIVERY);
  g_assert_cmpstr (place->path, ==, access->owner);
  return satchel_store_acquire (access, place, error);
}

static void
set_up (void)
{
  g_autoptr (GError) error = NULL;
  const char *const overrides[] = { "storage.driver=\"memory\"", "storage.layers=( )", "mailboxes.sent=\"\"",
                                    NULL };
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  root = g_dir_make_tmp ("satchel-delivery-XXXXXX", NULL);
  host = (SatchelDeliveryHost) { .slot = OWN_SLOT,
                                 .root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                 .detail_separators = "+",
                                 .send_to_auth = send_to_auth,
                                 .send_to_mail = send_to_mail,
                                 .acquire_store = acquire };
  satchel_delivery_init (&host);
  loader = satchel_loader_new (SATCHEL_ROLE_MAIL, NULL);
  g_assert_true (satchel_loader_add (loader, satchel_module (), FALSE, &error));
  set = satchel_config_load (root, root, overrides, satchel_loader_schema, loader, problems);
  g_assert_nonnull (set);
  g_assert_true (satchel_stores_configure (loader, set, OWN_SLOT, host.root_fd, &error));
  to_auth = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_ipc_message_free);
  to_mail = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_ipc_message_free);
}

static void
take_down (void)
{
  g_autofree char *spool = g_build_filename (root, "spool", NULL);
  satchel_stores_close ();
  g_rmdir (spool);
  g_assert_cmpint (g_rmdir (root), ==, 0); /* nothing was left in the spool */
  close (host.root_fd);
  g_free (root);
  g_ptr_array_unref (to_auth);
  g_ptr_array_unref (to_mail);
}

static void
begin (void)
{
  g_assert_cmpuint (session.n_holds, ==, 0);
  g_ptr_array_set_size (to_auth, 0);
  g_ptr_array_set_size (to_mail, 0);
  is_auth_away = is_mail_away = FALSE;
  acquire_error = 0;
}

/* ---- look-ups ---- */

typedef struct Answer
{
  guint n_calls;
  SatchelDeliveryStatus status;
  char *address, *detail, *why, *users;
  SatchelDelivery *delivery; /* takes the recipient; or NULL */
} Answer;

static void
hear_recipient (const SatchelRecipient *recipient, gpointer data)
{
  Answer *answer = data;
  answer->n_calls++;
  answer->status = recipient->status;
  answer->address = g_strdup (recipient->address);
  answer->detail = g_strdup (recipient->detail);
  answer->why = g_strdup (recipient->why);
  answer->users = recipient->users != NULL ? g_strjoinv (" ", (char **) recipient->users) : NULL;
  if (answer->delivery != NULL && recipient->status == SATCHEL_DELIVERY_OK)
    satchel_delivery_add_recipient (answer->delivery, recipient);
}

static void
answer_clear (Answer *answer)
{
  g_free (answer->address);
  g_free (answer->detail);
  g_free (answer->why);
  g_free (answer->users);
  *answer = (Answer) { 0 };
}

/* Takes the oldest question to auth; *ret_plain and *ret_full are yours, the second is NULL if auth is asked
 * about one name. */
static guint64
take_question (char **ret_plain, char **ret_full)
{
  g_assert_cmpuint (to_auth->len, >, 0);
  g_autoptr (SatchelIpcMessage) message = g_ptr_array_steal_index (to_auth, 0);
  g_assert_cmpint (message->type, ==, SATCHEL_IPC_LOOKUP);
  guint64 request = satchel_ipc_get_u64 (message);
  *ret_plain = g_strdup (satchel_ipc_get_string (message));
  *ret_full = satchel_ipc_message_is_done (message) ? NULL : g_strdup (satchel_ipc_get_string (message));
  g_assert_true (satchel_ipc_message_is_done (message));
  return request;
}

/* @users: "anna@x.org/1 bob@x.org/2", each with its mail process. */
static SatchelIpcMessage *
new_reply (guint64 request, guint status, const char *why, const char *users)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_LOOKUP_REPLY, 0);
  g_auto (GStrv) words = g_strsplit (users, " ", -1);
  satchel_ipc_put_u64 (message, request);
  satchel_ipc_put_u32 (message, status);
  satchel_ipc_put_string (message, why);
  satchel_ipc_put_u32 (message, g_strv_length (words));
  for (char **word = words; *word != NULL; word++)
    {
      g_auto (GStrv) parts = g_strsplit (*word, "/", 2);
      g_autoptr (SatchelPlace) place = satchel_place_new (&(SatchelPlace) { .path = parts[0] });
      satchel_ipc_put_string (message, parts[0]);
      satchel_ipc_put_u32 (message, (guint32) g_ascii_strtoull (parts[1], NULL, 10));
      satchel_place_put (message, place);
    }
  return message;
}

static void
reply (guint64 request, guint status, const char *why, const char *users)
{
  g_autoptr (SatchelIpcMessage) message = new_reply (request, status, why, users);
  g_assert_true (satchel_delivery_auth_message (message));
}

/* Looks @address up; auth says @users. */
static void
look_up (SatchelDelivery *delivery, const char *address, const char *users)
{
  Answer answer = { .delivery = delivery };
  g_autofree char *plain = NULL, *full = NULL;
  satchel_delivery_look_up (&session, address, hear_recipient, &answer);
  guint64 request = take_question (&plain, &full);
  reply (request, SATCHEL_DELIVERY_OK, "", users);
  g_assert_cmpuint (answer.n_calls, ==, 1);
  g_assert_cmpint (answer.status, ==, SATCHEL_DELIVERY_OK);
  answer_clear (&answer);
}

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
  begin ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer answer = { 0 };
      g_autofree char *plain = NULL, *full = NULL;
      satchel_delivery_look_up (&session, cases[i].address, hear_recipient, &answer);
      g_assert_cmpuint (session.n_holds, ==, 1);
      guint64 request = take_question (&plain, &full);
      g_assert_cmpstr (plain, ==, cases[i].plain);
      g_assert_cmpstr (full, ==, strcmp (plain, cases[i].address) != 0 ? cases[i].address : NULL);
      g_assert_cmpuint (answer.n_calls, ==, 0);
      reply (request, SATCHEL_DELIVERY_OK, "", "anna@x.org/1 bob@x.org/2");
      g_assert_cmpuint (answer.n_calls, ==, 1);
      g_assert_cmpstr (answer.address, ==, cases[i].address);
      g_assert_cmpstr (answer.detail, ==, cases[i].detail);
      g_assert_cmpstr (answer.users, ==, "anna@x.org bob@x.org");
      g_assert_cmpuint (session.n_holds, ==, 0);
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
  begin ();
  satchel_delivery_look_up (&session, "nobody@x.org", hear_recipient, &unknown);
  reply (take_question (&plain, &full), SATCHEL_DELIVERY_UNKNOWN, "unknown-user", "");
  g_assert_cmpint (unknown.status, ==, SATCHEL_DELIVERY_UNKNOWN);
  g_assert_cmpstr (unknown.why, ==, "unknown-user");
  is_auth_away = TRUE;
  satchel_delivery_look_up (&session, "anna@x.org", hear_recipient, &away);
  g_assert_cmpuint (away.n_calls, ==, 0);
  loop_until (away.n_calls == 1);
  g_assert_cmpint (away.status, ==, SATCHEL_DELIVERY_TEMPORARY);
  g_assert_cmpstr (away.why, ==, "auth-away");
  g_assert_cmpstr (away.address, ==, "anna@x.org");
  is_auth_away = FALSE;
  satchel_delivery_look_up (&session, "anna@x.org", hear_recipient, &lost);
  satchel_delivery_auth_lost ();
  satchel_delivery_auth_lost ();
  g_assert_cmpuint (lost.n_calls, ==, 0);
  loop_until (lost.n_calls == 1);
  g_assert_cmpint (lost.status, ==, SATCHEL_DELIVERY_TEMPORARY);
  loop_settle ();
  g_assert_cmpuint (lost.n_calls + away.n_calls, ==, 2);
  g_assert_cmpuint (session.n_holds, ==, 0);
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
  begin ();
  satchel_delivery_look_up (&session, "anna@x.org", hear_recipient, &answer);
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

typedef struct Result
{
  guint n_calls, n;
  SatchelDeliveryStatus statuses[4];
  char *texts[4];
} Result;

static void
hear_statuses (SatchelDelivery *delivery, const SatchelDeliveryStatus *statuses, guint n, gpointer data)
{
  Result *result = data;
  result->n_calls++;
  result->n = n;
  for (guint i = 0; i < n; i++)
    {
      result->statuses[i] = statuses[i];
      result->texts[i] = g_strdup (satchel_delivery_text (delivery, i));
    }
  satchel_delivery_free (delivery);
}

static SatchelDelivery *
new_delivery (const char *content)
{
  SatchelDelivery *delivery = satchel_delivery_new (&session, "mia@y.org");
  satchel_delivery_set_client_name (delivery, "mx.y.org");
  g_assert_true (satchel_delivery_write (delivery, content, strlen (content), NULL));
  return delivery;
}

/* A store of @user, as a reader of mail has it. */
static SatchelStore *
open_store (const char *user)
{
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_SESSION,
                                                                            .user = user,
                                                                            .owner = user,
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  g_autoptr (SatchelPlace) place = satchel_place_new (&(SatchelPlace) { .path = user });
  SatchelStore *store = satchel_store_acquire (access, place, NULL);
  g_assert_nonnull (store);
  return store;
}

/* The content of the only message in a mailbox, which is removed; NULL: there is none. */
static char *
take_message (const char *user, const char *name)
{
  g_autoptr (SatchelStore) store = open_store (user);
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (store, name, NULL);
  g_assert_nonnull (mailbox);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  if (snapshot->state.n_messages == 0)
    return NULL;
  g_assert_cmpuint (snapshot->state.n_messages, ==, 1);
  guint32 uid = snapshot->state.uidnext - 1;
  g_autoptr (SatchelStream) stream = satchel_mailbox_open_message (mailbox, uid, NULL);
  gint64 length = satchel_stream_length (stream, NULL);
  char *text = g_malloc0 ((gsize) length + 1);
  g_assert_cmpint (satchel_stream_read_at (stream, 0, text, (gsize) length, NULL), ==, length);
  g_auto (SatchelUidSet) uids = { 0 };
  satchel_uid_set_add (&uids, uid, uid);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_expunge (transaction, mailbox, &uids, FALSE);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
  return text;
}

static void
expect_message (const char *user, const char *mailbox, const char *content)
{
  g_autofree char *text = take_message (user, mailbox);
  g_assert_cmpstr (text, ==, content);
}

/* One that fits into memory, and one that needs a file. */
static char *
make_content (gboolean is_big)
{
  g_autoptr (GString) text = g_string_new ("Subject: one\r\nMessage-ID: <1@y.org>\r\n\r\n");
  while (is_big && text->len < 3 * SATCHEL_SPOOL_MEMORY_BYTES / 2)
    g_string_append (text, "Another line of a longer message.\r\n");
  g_string_append (text, "end\r\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Everybody gets the message once: also who is named twice, unless with two details. */
static void
test_here (void)
{
  for (guint is_big = 0; is_big < 2; is_big++)
    {
      Result result = { 0 };
      g_autofree char *content = make_content (is_big != 0);
      begin ();
      SatchelDelivery *delivery = new_delivery (content);
      look_up (delivery, "anna@x.org", "anna@x.org/1");
      if (is_big != 0)
        {
          look_up (delivery, "team@x.org", "anna@x.org/1 bob@x.org/1");
          look_up (delivery, "carl+none@x.org", "carl@x.org/1");
        }
      satchel_delivery_finish (delivery, hear_statuses, &result);
      g_assert_cmpuint (session.n_holds, ==, 1);
      g_assert_cmpuint (result.n_calls, ==, 0);
      loop_until (result.n_calls == 1);
      g_assert_cmpuint (session.n_holds, ==, 0);
      g_assert_cmpuint (result.n, ==, is_big != 0 ? 3 : 1);
      for (guint i = 0; i < result.n; i++)
        g_assert_cmpint (result.statuses[i], ==, SATCHEL_DELIVERY_OK);
      expect_message ("anna@x.org", "INBOX", content);
      expect_message ("bob@x.org", "INBOX", is_big != 0 ? content : NULL);
      expect_message ("carl@x.org", "INBOX", is_big != 0 ? content : NULL);
      g_assert_cmpuint (to_mail->len, ==, 0);
    }
}

/* A detail names a mailbox, if there is one; with two details a user has two copies. */
static void
test_mailbox (void)
{
  Result result = { 0 };
  g_autofree char *content = make_content (FALSE);
  begin ();
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
      begin ();
      acquire_error = cases[i].error;
      SatchelDelivery *delivery = new_delivery (content);
      look_up (delivery, "anna@x.org", "anna@x.org/1");
      satchel_delivery_finish (delivery, hear_statuses, &result);
      loop_until (result.n_calls == 1);
      g_assert_cmpint (result.statuses[0], ==, cases[i].status);
      expect_message ("anna@x.org", "INBOX", NULL);
    }
}

/* ---- other mail processes ---- */

/* Of three recipients one is here and two are in processes 2 and 3. */
static SatchelDelivery *
send_to_three (Result *result, const char *content)
{
  begin ();
  SatchelDelivery *delivery = new_delivery (content);
  look_up (delivery, "anna@x.org", "anna@x.org/1");
  look_up (delivery, "bob+work@x.org", "bob@x.org/2");
  look_up (delivery, "carl@x.org", "carl@x.org/3");
  satchel_delivery_finish (delivery, hear_statuses, result);
  return delivery;
}

static SatchelIpcMessage *
take_sent (SatchelIpcType type)
{
  g_assert_cmpuint (to_mail->len, >, 0);
  SatchelIpcMessage *message = g_ptr_array_steal_index (to_mail, 0);
  g_assert_cmpint (message->type, ==, type);
  return message;
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
      loop_until (to_mail->len == 2);
      g_assert_cmpuint (mail_slot, ==, 3);
      for (guint slot = 2; slot <= 3; slot++)
        {
          g_autoptr (SatchelIpcMessage) deliver = take_sent (SATCHEL_IPC_DELIVER);
          g_assert_cmpuint (satchel_delivery_n_asked (), ==, 0);
          g_assert_true (satchel_delivery_mail_message (OWN_SLOT, deliver));
          g_assert_cmpuint (satchel_delivery_n_asked (), ==, 1);
          guint n_before = to_mail->len;
          loop_until (to_mail->len > n_before);
          g_assert_cmpuint (mail_slot, ==, OWN_SLOT);
          g_assert_cmpuint (satchel_delivery_n_asked (), ==, 0);
          g_autoptr (SatchelIpcMessage) answer = g_ptr_array_steal_index (to_mail, to_mail->len - 1);
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
      begin ();
      SatchelDelivery *delivery = new_delivery (content);
      look_up (delivery, "bob@x.org", "bob@x.org/2");
      satchel_delivery_finish (delivery, hear_statuses, &result);
      loop_until (to_mail->len == 1);
      g_assert_cmpuint (count_spool_files (), ==, fits ? 0 : 1);
      g_autoptr (SatchelIpcMessage) deliver = take_sent (SATCHEL_IPC_DELIVER);
      if (fits)
        refuse_spoilt (deliver, sizes[i]);
      g_assert_true (satchel_delivery_mail_message (OWN_SLOT, deliver));
      loop_until (to_mail->len == 1);
      g_autoptr (SatchelIpcMessage) answer = g_ptr_array_steal_index (to_mail, 0);
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
  begin ();
  is_mail_away = TRUE;
  SatchelDelivery *delivery = new_delivery (content);
  look_up (delivery, "anna@x.org", "anna@x.org/1");
  look_up (delivery, "bob@x.org", "bob@x.org/2");
  satchel_delivery_finish (delivery, hear_statuses, &away);
  loop_until (away.n_calls == 1);
  g_assert_cmpint (away.statuses[0], ==, SATCHEL_DELIVERY_OK);
  g_assert_cmpint (away.statuses[1], ==, SATCHEL_DELIVERY_TEMPORARY);
  expect_message ("anna@x.org", "INBOX", content);
  send_to_three (&lost, content);
  loop_until (to_mail->len == 2);
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
  loop_until (to_mail->len == 2);
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
  loop_until (to_mail->len == 2);
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
  satchel_filters_configure (filters, satchel_config_set_group (set, "filters"));
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
      begin ();
      SatchelDelivery *delivery = new_delivery (content);
      satchel_delivery_set_origin (delivery,
                                   &(SatchelOrigin) { .size = sizeof (SatchelOrigin), .queue_id = "Q1" });
      look_up (delivery, "bob+work@x.org", "bob@x.org/2");
      look_up (delivery, "carl@x.org", "carl@x.org/2");
      satchel_delivery_finish (delivery, hear_statuses, &result);
      loop_until (to_mail->len == 2);
      for (guint i = 0; i < 2; i++)
        {
          g_autoptr (SatchelIpcMessage) deliver = take_sent (SATCHEL_IPC_DELIVER);
          guint n_before = to_mail->len;
          g_assert_true (satchel_delivery_mail_message (OWN_SLOT, deliver));
          loop_until (to_mail->len > n_before);
          g_autoptr (SatchelIpcMessage) answer = g_ptr_array_steal_index (to_mail, to_mail->len - 1);
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
  g_test_add_func ("/delivery/elsewhere", test_elsewhere);
  g_test_add_func ("/delivery/alone-elsewhere", test_alone_elsewhere);
  g_test_add_func ("/delivery/processes-away", test_processes_away);
  g_test_add_func ("/delivery/late", test_late);
  g_test_add_func ("/delivery/odd-messages", test_odd_messages);
  g_test_add_func ("/delivery/filtered", test_filtered); /* from here on there is a filter */
  set_up ();
  int failed = g_test_run ();
  take_down ();
  return failed;
}
