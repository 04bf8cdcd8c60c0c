/* SPDX-License-Identifier: MIT
 * The two roles, the auth process of the test, and the links between them.
 */
#include "config.h"

#include "tests/lib/session_rig.h"

#include <satchel/sasl.h>

#include "core/runtime/config/config_image.h"
#include "core/runtime/log/log_private.h"

#include <sys/socket.h>

Rig rig;

/* ---- the auth process ---- */

void
auth_grant (guint64 session_id, const char *user, gint64 lifetime_ms)
{
  SatchelIpcMessage *grant = satchel_ipc_message_new (SATCHEL_IPC_GRANT, session_id);
  for (guint i = 0; i < 16; i++)
    rig.last_grant[i] = (guint8) g_random_int ();
  rig.last_session = session_id;
  satchel_ipc_put_bytes (grant, rig.last_grant, 16);
  satchel_ipc_put_u32 (grant, 3);
  satchel_ipc_put_string (grant, "toy");
  satchel_ipc_put_string (grant, user);
  satchel_place_put (
      grant, &(SatchelPlace) {
                 .path = "example.org/user", .profile = SATCHEL_DEFAULT_PROFILE, .volume = "", .epoch = 2 });
  satchel_ipc_put_bytes (grant, NULL, 0);
  satchel_ipc_put_u64 (grant, (guint64) (satchel_clock_ms () + lifetime_ms));
  satchel_ipc_put_string (grant, rig.credential != NULL ? rig.credential : "password");
  satchel_ipc_put_string (grant, "");
  satchel_ipc_put_string (grant, "");
  satchel_ipc_put_bytes (grant, NULL, 0);
  g_assert_true (satchel_ipc_send (rig.auth_mail, grant));
}

/* Takes a verdict for another server: nothing is granted. */
static void
auth_verdict (guint64 session_id, SatchelAuthStatus status, const char *user)
{
  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_AUTH_REPLY, session_id);
  satchel_ipc_put_u32 (reply, status);
  satchel_ipc_put_bytes (reply, NULL, 0);
  satchel_ipc_put_string (reply, "");
  satchel_ipc_put_bytes (reply, NULL, 0);
  satchel_ipc_put_u32 (reply, 0);
  satchel_ipc_put_string (reply, user);
  g_assert_true (satchel_ipc_send (rig.auth_gate, reply));
}

static void
auth_reply (guint64 session_id, SatchelAuthStatus status, const char *challenge)
{
  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_AUTH_REPLY, session_id);
  satchel_ipc_put_u32 (reply, status);
  satchel_ipc_put_bytes (reply, challenge, challenge != NULL ? strlen (challenge) : 0);
  satchel_ipc_put_string (reply, "");
  satchel_ipc_put_bytes (reply, rig.last_grant, status == SATCHEL_AUTH_OK ? 16 : 0);
  satchel_ipc_put_u32 (reply, 0);
  satchel_ipc_put_string (reply, "");
  g_assert_true (satchel_ipc_send (rig.auth_gate, reply));
}

static gboolean
auth_message (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  gsize user_len, password_len;
  if (message->type == SATCHEL_IPC_SESSION_END)
    {
      rig.n_ended++;
      return TRUE;
    }
  if (message->type == SATCHEL_IPC_AUTH_CANCEL)
    return TRUE;
  rig.n_asked++;
  if (rig.is_silent)
    return TRUE;
  if (message->type == SATCHEL_IPC_AUTH_START)
    {
      auth_reply (message->session_id, SATCHEL_AUTH_CONTINUE, "challenge");
      return TRUE;
    }
  if (message->type == SATCHEL_IPC_SERVICE_GRANT || message->type == SATCHEL_IPC_AUTH_STEP)
    {
      auth_grant (message->session_id, message->type == SATCHEL_IPC_AUTH_STEP ? "sasl@example.org" : "",
                  5000);
      auth_reply (message->session_id, SATCHEL_AUTH_OK, NULL);
      return TRUE;
    }
  g_assert_cmpint (message->type, ==, SATCHEL_IPC_AUTH_PASSWORD);
  const char *service = satchel_ipc_get_string (message);
  g_assert_cmpstr (satchel_ipc_get_string (message), ==, "LOGIN");
  satchel_ipc_get_string (message); /* listener */
  const char *peer = satchel_ipc_get_string (message);
  satchel_ipc_get_string (message); /* via */
  satchel_ipc_get_string (message); /* client id */
  guint32 secure = satchel_ipc_get_u32 (message);
  g_assert_cmpuint (secure, !=, 0);
  const char *user = (const char *) satchel_ipc_get_bytes (message, &user_len);
  const char *password = (const char *) satchel_ipc_get_bytes (message, &password_len);
  g_assert_true (satchel_ipc_message_is_done (message));
  gboolean is_right = password_len == 2 && memcmp (password, "pw", 2) == 0;
  g_autofree char *name = g_strdup_printf ("%.*s@example.org", (int) user_len, user);
  if (secure & SATCHEL_IPC_SECURE_ELSEWHERE)
    {
      g_snprintf (rig.asked_for, sizeof rig.asked_for, "%s %s %u", service, peer, secure);
      auth_verdict (message->session_id, is_right ? SATCHEL_AUTH_OK : SATCHEL_AUTH_FAILED, name);
      return TRUE;
    }
  g_assert_cmpstr (service, ==, "toy");
  if (!is_right)
    {
      auth_reply (message->session_id, SATCHEL_AUTH_FAILED, NULL);
      return TRUE;
    }
  auth_grant (message->session_id, name, 5000);
  auth_reply (message->session_id, SATCHEL_AUTH_OK, NULL);
  return TRUE;
}

static gboolean
auth_from_mail (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  g_assert_cmpint (message->type, ==, SATCHEL_IPC_RELEASED);
  rig.n_released++;
  return TRUE;
}

/* ---- hosts ---- */

static gboolean
rig_gate_to_auth (SatchelIpcMessage *message)
{
  if (!rig.is_auth_away)
    return satchel_ipc_send (rig.gate_auth, message);
  satchel_ipc_message_free (message);
  return FALSE;
}

static gboolean
rig_gate_to_mail (guint slot, SatchelIpcMessage *message)
{
  return satchel_ipc_send (rig.gate_mail, message);
}

static gboolean
rig_is_auth_up (void)
{
  return !rig.is_auth_away;
}

static gboolean
rig_is_mail_up (guint slot)
{
  return slot == 0;
}

static const SatchelConfig *
rig_group (const char *name)
{
  return satchel_config_set_group (g_str_equal (name, "limits") ? rig.limits : rig.toy, name);
}

static gboolean
rig_mail_to_auth (SatchelIpcMessage *message)
{
  return satchel_ipc_send (rig.mail_auth, message);
}

static gboolean
rig_mail_to_gate (guint slot, SatchelIpcMessage *message)
{
  g_assert_cmpuint (slot, ==, 3);
  if (message->type == SATCHEL_IPC_KEEPALIVE)
    rig.keepalives++;
  return satchel_ipc_send (rig.mail_gate, message);
}

static void
rig_drain_auth (void)
{
  satchel_ipc_link_drain (rig.mail_auth);
}

static const SatchelProtocolOps *
rig_find_protocol (const char *service, const char **ret_group)
{
  *ret_group = "toy";
  return g_str_equal (service, "toy") ? &toy_mail_ops : NULL;
}

static void
rig_release (const char *user, const SatchelPlace *place, const SatchelPlace *target,
             SatchelStoreReleasedFunc func, gpointer data)
{
  func (user, place->epoch, SATCHEL_LOOK_FREE, NULL, data);
}

static void
rig_adopt (const char *user, guint64 epoch)
{
}

static gboolean
gate_from_auth (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_gate_auth_message (message);
}

static gboolean
gate_from_mail (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_gate_mail_message (0, message);
}

static gboolean
mail_from_auth (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_mail_auth_message (message);
}

static gboolean
mail_from_gate (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_mail_gate_message (3, message);
}

static void
rig_link (SatchelIpcLink **one, SatchelIpcFunc one_func, SatchelIpcLink **two, SatchelIpcFunc two_func)
{
  int fds[2];
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  *one = satchel_ipc_link_new (fds[0], one_func, NULL, NULL);
  *two = satchel_ipc_link_new (fds[1], two_func, NULL, NULL);
}

void
rig_set_limits (const char *text)
{
  static const SatchelConfigRow none[] = { { NULL } };
  const SatchelConfigRow *rows = NULL;
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
    if (g_str_equal (schema->group, "limits"))
      rows = schema->rows;
  g_autoptr (GError) error = NULL;
  if (rig.limits != NULL)
    satchel_config_set_free (rig.limits);
  rig.limits = satchel_config_set_from_text ("limits", rows, text, &error);
  g_assert_no_error (error);
  if (rig.toy == NULL)
    rig.toy = satchel_config_set_from_text ("toy", none, "", &error);
  g_assert_no_error (error);
}

void
rig_quiet (SatchelLogLevel level, const char *area, const char *message)
{
}

/* No user of the rig has a store. */
static SatchelStore *
rig_find_no_store (const SatchelAccess *access, const SatchelPlace *place)
{
  return NULL;
}

void
rig_init (void)
{
  static const guint8 key[64] = "a key that all gates share";
  satchel_log_divert (rig_quiet);
  rig_set_limits ("");
  rig_link (&rig.gate_auth, gate_from_auth, &rig.auth_gate, auth_message);
  rig_link (&rig.gate_mail, gate_from_mail, &rig.mail_gate, mail_from_gate);
  rig_link (&rig.mail_auth, mail_from_auth, &rig.auth_mail, auth_from_mail);
  SatchelGateHost gate_host = { .slot = 3,
                                .send_to_auth = rig_gate_to_auth,
                                .send_to_mail = rig_gate_to_mail,
                                .is_auth_up = rig_is_auth_up,
                                .is_mail_up = rig_is_mail_up,
                                .group = rig_group };
  SatchelMailHost mail_host = { .send_to_auth = rig_mail_to_auth,
                                .send_to_gate = rig_mail_to_gate,
                                .drain_auth = rig_drain_auth,
                                .group = rig_group,
                                .find_protocol = rig_find_protocol,
                                .acquire_open_store = rig_find_no_store,
                                .release_store = rig_release,
                                .adopt_store = rig_adopt };
  satchel_gate_init (&gate_host, NULL, 0, key);
  satchel_mail_init (&mail_host);
  SatchelIpcMessage *mechanisms = satchel_ipc_message_new (SATCHEL_IPC_MECHANISMS, 0);
  satchel_ipc_put_u32 (mechanisms, 2);
  satchel_ipc_put_string (mechanisms, "PLAIN");
  satchel_ipc_put_u32 (mechanisms, SATCHEL_SASL_SENDS_PASSWORD);
  satchel_ipc_put_string (mechanisms, "LOGIN");
  satchel_ipc_put_u32 (mechanisms, SATCHEL_SASL_SENDS_PASSWORD);
  satchel_ipc_send (rig.auth_gate, mechanisms);
  loop_settle ();
}

void
rig_settle (void)
{
  loop_until (satchel_gate_n_connections () == 0 && satchel_mail_n_sessions () == 0
              && satchel_connections_count () == 0);
  loop_settle ();
  rig.n_asked = rig.n_ended = rig.n_commands = rig.n_mail_closed = rig.n_jobs_done = 0;
}
