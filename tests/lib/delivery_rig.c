/* SPDX-License-Identifier: MIT
 * What is around deliveries in tests without a server: the session, the auth process and other mail
 * processes.
 */
#include "config.h"

#include "tests/lib/delivery_rig.h"

#include "core/session/mail/mail.h"
#include "core/storage/store/store_private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/module.h>
#include <string.h>
#include <unistd.h>

DeliveryRig rig;

/* ---- what takes the place of the session ---- */

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

static gboolean
send_to_auth (SatchelIpcMessage *message)
{
  if (rig.is_auth_away)
    satchel_ipc_message_free (message);
  else
    g_ptr_array_add (rig.to_auth, message);
  return !rig.is_auth_away;
}

static gboolean
send_to_mail (guint slot, SatchelIpcMessage *message)
{
  rig.mail_slot = slot;
  if (rig.is_mail_away)
    satchel_ipc_message_free (message);
  else
    g_ptr_array_add (rig.to_mail, message);
  return !rig.is_mail_away;
}

static SatchelStore *
acquire (const SatchelAccess *access, const SatchelPlace *place, GError **error)
{
  if (rig.acquire_error != 0)
    {
      satchel_error_set (error, rig.acquire_error, "as the test wants it");
      return NULL;
    }
  g_assert_cmpint (access->cause, ==, SATCHEL_CAUSE_DELIVERY);
  g_assert_cmpstr (place->path, ==, access->owner);
  return satchel_store_acquire (access, place, error);
}

void
rig_set_up (void)
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
  rig.set = satchel_config_load (root, root, overrides, satchel_loader_schema, loader, problems);
  g_assert_nonnull (rig.set);
  g_assert_true (satchel_stores_configure (loader, rig.set, OWN_SLOT, host.root_fd, &error));
  rig.to_auth = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_ipc_message_free);
  rig.to_mail = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_ipc_message_free);
}

void
rig_take_down (void)
{
  g_autofree char *spool = g_build_filename (root, "spool", NULL);
  satchel_stores_close ();
  g_rmdir (spool);
  g_assert_cmpint (g_rmdir (root), ==, 0); /* nothing was left in the spool */
  close (host.root_fd);
  g_free (root);
  g_ptr_array_unref (rig.to_auth);
  g_ptr_array_unref (rig.to_mail);
}

void
rig_begin (void)
{
  g_assert_cmpuint (rig.session.n_holds, ==, 0);
  g_ptr_array_set_size (rig.to_auth, 0);
  g_ptr_array_set_size (rig.to_mail, 0);
  rig.is_auth_away = rig.is_mail_away = FALSE;
  rig.acquire_error = 0;
}

/* ---- look-ups ---- */

void
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

void
answer_clear (Answer *answer)
{
  g_free (answer->address);
  g_free (answer->detail);
  g_free (answer->why);
  g_free (answer->users);
  *answer = (Answer) { 0 };
}

guint64
take_question (char **ret_plain, char **ret_full)
{
  g_assert_cmpuint (rig.to_auth->len, >, 0);
  g_autoptr (SatchelIpcMessage) message = g_ptr_array_steal_index (rig.to_auth, 0);
  g_assert_cmpint (message->type, ==, SATCHEL_IPC_LOOKUP);
  guint64 request = satchel_ipc_get_u64 (message);
  *ret_plain = g_strdup (satchel_ipc_get_string (message));
  *ret_full = satchel_ipc_message_is_done (message) ? NULL : g_strdup (satchel_ipc_get_string (message));
  g_assert_true (satchel_ipc_message_is_done (message));
  return request;
}

SatchelIpcMessage *
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

void
reply (guint64 request, guint status, const char *why, const char *users)
{
  g_autoptr (SatchelIpcMessage) message = new_reply (request, status, why, users);
  g_assert_true (satchel_delivery_auth_message (message));
}

void
look_up (SatchelDelivery *delivery, const char *address, const char *users)
{
  Answer answer = { .delivery = delivery };
  g_autofree char *plain = NULL, *full = NULL;
  satchel_delivery_look_up (&rig.session, address, hear_recipient, &answer);
  guint64 request = take_question (&plain, &full);
  reply (request, SATCHEL_DELIVERY_OK, "", users);
  g_assert_cmpuint (answer.n_calls, ==, 1);
  g_assert_cmpint (answer.status, ==, SATCHEL_DELIVERY_OK);
  answer_clear (&answer);
}

/* ---- deliveries ---- */

void
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

SatchelDelivery *
new_delivery (const char *content)
{
  SatchelDelivery *delivery = satchel_delivery_new (&rig.session, "mia@y.org");
  satchel_delivery_set_client_name (delivery, "mx.y.org");
  g_assert_true (satchel_delivery_write (delivery, content, strlen (content), NULL));
  return delivery;
}

SatchelStore *
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

void
expect_message (const char *user, const char *mailbox, const char *content)
{
  g_autofree char *text = take_message (user, mailbox);
  g_assert_cmpstr (text, ==, content);
}

char *
make_content (gboolean is_big)
{
  g_autoptr (GString) text = g_string_new ("Subject: one\r\nMessage-ID: <1@y.org>\r\n\r\n");
  while (is_big && text->len < 3 * SATCHEL_SPOOL_MEMORY_BYTES / 2)
    g_string_append (text, "Another line of a longer message.\r\n");
  g_string_append (text, "end\r\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

SatchelIpcMessage *
take_sent (SatchelIpcType type)
{
  g_assert_cmpuint (rig.to_mail->len, >, 0);
  SatchelIpcMessage *message = g_ptr_array_steal_index (rig.to_mail, 0);
  g_assert_cmpint (message->type, ==, type);
  return message;
}
