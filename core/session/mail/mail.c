/* SPDX-License-Identifier: MIT
 * Runs the role mail. A session starts only with a grant that auth issued for this very connection, which is
 * good once and for a short time. A gate that an attacker controls can use no grant twice, and reaches no
 * user who did not log in through it.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/session/mail/mail_private.h"
#include "core/storage/mailbox/suspects.h"
#include <errno.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>
#include <unistd.h>

#define GRANT_BYTES 16u
#define GRANTS_MAX 65536u
#define SWEEP_MS 5000
#define CLIENT_ID_MAX 255u

typedef struct Grant
{
  guint8 token[GRANT_BYTES];
  guint64 session_id, expires_ms;
  guint gate_slot;
  char *service, *user, *credential, *scopes, *notice;
  SatchelPlace *place;
  GBytes *key, *copy;
} Grant;

static GHashTable *grants; /* token -> Grant */
static SatchelTimer sweep_timer;

static guint
grant_hash (gconstpointer grant)
{
  return (guint) satchel_keyed_hash (((const Grant *) grant)->token, GRANT_BYTES);
}

static gboolean
grant_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (((const Grant *) a)->token, ((const Grant *) b)->token, GRANT_BYTES) == 0;
}

static void
grant_free (gpointer data)
{
  Grant *grant = data;
  explicit_bzero (grant->token, sizeof grant->token);
  g_free (grant->service);
  g_free (grant->user);
  g_free (grant->credential);
  g_free (grant->scopes);
  g_free (grant->notice);
  g_clear_pointer (&grant->place, satchel_place_unref);
  g_clear_pointer (&grant->key, g_bytes_unref);
  g_clear_pointer (&grant->copy, g_bytes_unref);
  g_free (grant);
}

void
satchel_mail_init (const SatchelMailHost *host)
{
  satchel_mail_host = *host;
  if (grants == NULL)
    grants = g_hash_table_new_full (grant_hash, grant_equal, grant_free, NULL);
}

guint
satchel_mail_n_grants (void)
{
  return g_hash_table_size (grants);
}

static gboolean
is_expired (gpointer key, gpointer value, gpointer now)
{
  return ((Grant *) key)->expires_ms <= *(guint64 *) now;
}

static void
sweep_grants (SatchelTimer *timer, gpointer data)
{
  guint64 now = (guint64) satchel_clock_ms ();
  g_hash_table_foreach_remove (grants, is_expired, &now);
  if (g_hash_table_size (grants) > 0)
    satchel_timer_arm (timer, SWEEP_MS, sweep_grants, NULL);
}

static gboolean
redeem_grant (SatchelIpcMessage *message)
{
  gsize token_len, key_len, copy_len;
  const guint8 *token = satchel_ipc_get_bytes (message, &token_len);
  guint32 gate_slot = satchel_ipc_get_u32 (message);
  const char *service = satchel_ipc_get_string (message);
  const char *user = satchel_ipc_get_string (message);
  g_autoptr (SatchelPlace) place = satchel_place_get (message);
  const guint8 *key = satchel_ipc_get_bytes (message, &key_len);
  guint64 expires_ms = satchel_ipc_get_u64 (message);
  const char *credential = satchel_ipc_get_string (message), *scopes = satchel_ipc_get_string (message);
  const char *notice = satchel_ipc_get_string (message);
  const guint8 *copy = satchel_ipc_get_bytes (message, &copy_len);
  if (!satchel_ipc_message_is_done (message) || token_len != GRANT_BYTES
      || key_len > SATCHEL_SECRET_BYTES_MAX)
    return FALSE;
  if (g_hash_table_size (grants) >= GRANTS_MAX)
    {
      satchel_log (SATCHEL_LOG_ERROR, "mail",
                   "a login is refused, since too many others wait for their connections");
      return TRUE;
    }
  Grant *grant = g_new0 (Grant, 1);
  memcpy (grant->token, token, GRANT_BYTES);
  grant->session_id = message->session_id;
  grant->gate_slot = gate_slot;
  grant->expires_ms = expires_ms;
  grant->service = g_strdup (service);
  grant->user = g_strdup (user);
  grant->credential = g_strdup (credential);
  grant->scopes = g_strdup (scopes);
  grant->place = g_steal_pointer (&place);
  grant->key = satchel_secret_new (key, key_len);
  grant->notice = *notice != '\0' ? g_strdup (notice) : NULL;
  grant->copy = copy_len > 0 ? g_bytes_new (copy, copy_len) : NULL;
  g_hash_table_add (grants, grant);
  if (sweep_timer.due_ms == 0)
    satchel_timer_arm (&sweep_timer, SWEEP_MS, sweep_grants, NULL);
  return TRUE;
}

static void
store_released (const char *user, guint64 epoch, SatchelLook look, const char *what, gpointer data)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_RELEASED, 0);
  satchel_ipc_put_string (message, user);
  satchel_ipc_put_u64 (message, epoch);
  satchel_ipc_put_u32 (message, look);
  satchel_ipc_put_string (message, what);
  satchel_mail_host.send_to_auth (message);
}

void
satchel_mail_tell_placed (const char *user, guint64 epoch, gboolean has_mail)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PLACED, 0);
  satchel_ipc_put_string (message, user);
  satchel_ipc_put_u64 (message, epoch);
  satchel_ipc_put_u32 (message, has_mail);
  satchel_mail_host.send_to_auth (message);
}

typedef struct Outdated
{
  const char *user;
  guint64 epoch;
} Outdated;

static gboolean
is_outdated (gpointer key, gpointer value, gpointer data)
{
  const Outdated *outdated = data;
  return strcmp (((Grant *) key)->user, outdated->user) == 0
         && ((Grant *) key)->place->epoch <= outdated->epoch;
}

/* Finds what one credential of a user opened. */
typedef struct Opened
{
  const char *user, *credential;
} Opened;

static gboolean
is_opened_by (gpointer key, gpointer value, gpointer data)
{
  const Grant *grant = key;
  const Opened *opened = data;
  return strcmp (grant->user, opened->user) == 0 && strcmp (grant->credential, opened->credential) == 0;
}

guint
satchel_mail_end_credential (const char *user, const char *credential)
{
  guint n = 0;
  Opened opened = { user, credential };
  g_hash_table_foreach_remove (grants, is_opened_by, &opened);
  SATCHEL_LIST_EACH (SatchelSession, session, satchel_mail_sessions)
    {
      if (g_strcmp0 (session->user, user) != 0 || g_strcmp0 (session->access->credential, credential) != 0)
        continue;
      mail_session_shutdown (session);
      n++;
    }
  return n;
}

guint
satchel_mail_end_session (const char *user, const char *id)
{
  SATCHEL_LIST_EACH (SatchelSession, session, satchel_mail_sessions)
    {
      if (g_strcmp0 (session->user, user) != 0 || strcmp (session->id_text, id) != 0)
        continue;
      mail_session_shutdown (session);
      return 1;
    }
  return 0;
}

static gboolean
take_end (SatchelIpcMessage *message)
{
  const char *user = satchel_ipc_get_string (message), *credential = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  satchel_mail_end_credential (user, credential);
  return TRUE;
}

guint
satchel_mail_kick (const char *user)
{
  return satchel_mail_kick_outdated (user, G_MAXUINT64);
}

guint
satchel_mail_kick_outdated (const char *user, guint64 epoch)
{
  guint n = 0;
  SATCHEL_LIST_EACH (SatchelSession, session, satchel_mail_sessions)
    {
      if (g_strcmp0 (session->user, user) != 0 || session->place->epoch > epoch)
        continue;
      mail_session_shutdown (session);
      n++;
    }
  return n;
}

static gboolean
take_release (SatchelIpcMessage *message)
{
  const char *user = satchel_ipc_get_string (message);
  g_autoptr (SatchelPlace) place = satchel_place_get (message);
  gboolean wants_look = satchel_ipc_get_u32 (message) != 0;
  const char *profile = satchel_ipc_get_string (message), *volume = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message) || *user == '\0')
    return FALSE;
  g_autoptr (SatchelPlace) target = NULL;
  if (wants_look)
    target =
        satchel_place_new (&(SatchelPlace) { .path = place->path, .profile = profile, .volume = volume });
  Outdated outdated = { user, place->epoch };
  g_hash_table_foreach_remove (grants, is_outdated, &outdated);
  satchel_mail_kick_outdated (user, place->epoch);
  satchel_mail_host.release_store (user, place, target, store_released, NULL);
  return TRUE;
}

static gboolean
take_adopt (SatchelIpcMessage *message)
{
  const char *user = satchel_ipc_get_string (message);
  g_autoptr (SatchelPlace) place =
      satchel_place_get (message); /* each grant and delivery brings the place as well */
  if (!satchel_ipc_message_is_done (message) || *user == '\0')
    return FALSE;
  satchel_mail_host.adopt_store (user, place->epoch);
  return TRUE;
}

gboolean
satchel_mail_auth_message (SatchelIpcMessage *message)
{
  if (message->type == SATCHEL_IPC_GRANT)
    return redeem_grant (message);
  if (message->type == SATCHEL_IPC_RELEASE)
    return take_release (message);
  if (message->type == SATCHEL_IPC_END_SESSIONS)
    return take_end (message);
  return message->type == SATCHEL_IPC_ADOPT && take_adopt (message);
}

/* Takes the grant of @token.  It is used up by the first try, by whatever gate. */
static Grant *
redeem (const guint8 *token, guint gate_slot, guint64 session_id, const char **ret_why)
{
  Grant key = { 0 };
  gpointer found = NULL;
  memcpy (key.token, token, GRANT_BYTES);
  *ret_why = "unknown";
  if (!g_hash_table_contains (grants, &key))
    satchel_mail_host.drain_auth ();
  if (!g_hash_table_steal_extended (grants, &key, &found, NULL))
    return NULL;
  Grant *grant = found;
  if (grant->gate_slot != gate_slot || grant->session_id != session_id)
    *ret_why = "for another connection";
  else if (grant->expires_ms <= (guint64) satchel_clock_ms ())
    *ret_why = "expired";
  else if (mail_session_find (gate_slot, session_id) != NULL)
    *ret_why = "session is there already";
  else
    return grant;
  grant_free (grant);
  return NULL;
}

/* Says whether a protocol takes clients without login. A gate that was taken over may ask auth for a session
 * of any service without login. */
static gboolean
takes_strangers (const SatchelProtocolOps *protocol)
{
  return protocol->size >= G_STRUCT_OFFSET (SatchelProtocolOps, flags) + sizeof protocol->flags
         && (protocol->flags & SATCHEL_PROTOCOL_NO_LOGIN) != 0;
}

/* Refuses a connection that came while the process may open no more files: the kernel has closed it, and the
 * client cannot be told. */
static void
refuse_unreceived (guint slot, Grant *grant)
{
  g_autoptr (GError) error = NULL;
  satchel_error_set_errno (&error, EMFILE,
                           "connections handed over to this process are closed, since it may have no more "
                           "files open (LimitNOFILE=)");
  if (satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_ERROR, "mail", "%s", error->message);
  satchel_mail_host.send_to_gate (slot,
                                  satchel_ipc_message_new (SATCHEL_IPC_SESSION_OVER, grant->session_id));
  grant_free (grant);
}

/* Reads HAND_OVER of a gate into @hand_over and *ret_token, borrowed from the message.  FALSE means that it
 * is no such message. */
static gboolean
read_hand_over (SatchelIpcMessage *message, MailHandOver *hand_over, const guint8 **ret_token)
{
  gsize token_len;
  const guint8 *token = satchel_ipc_get_bytes (message, &token_len);
  hand_over->peer = satchel_ipc_get_string (message);
  hand_over->tls_info = satchel_ipc_get_string (message);
  hand_over->client_id = satchel_ipc_get_string (message);
  hand_over->has_tls = satchel_ipc_get_u32 (message) != 0;
  hand_over->note = satchel_ipc_get_bytes (message, &hand_over->note_len);
  hand_over->input = satchel_ipc_get_bytes (message, &hand_over->input_len);
  *ret_token = token;
  return satchel_ipc_message_is_done (message) && token_len == GRANT_BYTES
         && strlen (hand_over->client_id) <= CLIENT_ID_MAX && (message->n_fds == 1 || message->lacks_fds);
}

/* Logs that the gate named a grant that is not for this connection, or is none. */
static void
log_wrong_grant (guint slot, guint64 session_id, const char *why)
{
  char text[SATCHEL_SESSION_ID_CHARS + 1];
  satchel_session_id_text (session_id, text);
  satchel_log (SATCHEL_LOG_WARNING, "mail", "hand-over refused: session=%s gate=%u reason=grant-%s", text,
               slot, why);
}

/* Says whether the grant's user is served here or, if there is no user, whether the protocol needs no login.
 * A refusal is logged. */
static gboolean
may_begin (guint slot, const Grant *grant)
{
  const char *group;
  const SatchelProtocolOps *protocol = satchel_mail_host.find_protocol (grant->service, &group);
  if (protocol == NULL)
    return FALSE;
  if (*grant->user == '\0' && !takes_strangers (protocol))
    {
      satchel_log (SATCHEL_LOG_ERROR, "mail", "hand-over refused: gate=%u service=%s reason=needs-login",
                   slot, grant->service);
      return FALSE;
    }
  if (!satchel_store_refuses_user (grant->user))
    return TRUE;
  g_autoptr (GString) line = g_string_new ("hand-over refused:");
  satchel_log_field (line, "user", grant->user);
  satchel_log_field (
      line, "reason",
      "the mail process died several times at work for this user, who is not served for a minute");
  satchel_log (SATCHEL_LOG_ERROR, "mail", "%s", line->str);
  return FALSE;
}

static void
start_session (MailHandOver *hand_over, const Grant *grant, SatchelIpcMessage *message)
{
  hand_over->service = grant->service;
  hand_over->user = grant->user;
  hand_over->place = grant->place;
  hand_over->key = grant->key;
  hand_over->credential = grant->credential;
  hand_over->scopes = grant->scopes;
  hand_over->notice = grant->notice;
  hand_over->copy = grant->copy;
  hand_over->fd = satchel_ipc_take_fd (message);
  mail_session_start (hand_over);
}

/* Takes a HAND_OVER. FALSE means that the message is not one, and the gate is not to be trusted. A connection
 * that is refused is closed with the message, which has its descriptor. */
static gboolean
take_hand_over (guint slot, SatchelIpcMessage *message)
{
  MailHandOver hand_over = { .id = message->session_id, .gate_slot = slot };
  const guint8 *token;
  const char *why;
  if (!read_hand_over (message, &hand_over, &token))
    return FALSE;
  Grant *grant = redeem (token, slot, message->session_id, &why);
  if (grant == NULL)
    {
      log_wrong_grant (slot, message->session_id, why);
      return TRUE;
    }
  if (message->n_fds == 0)
    {
      refuse_unreceived (slot, grant);
      return TRUE;
    }
  if (may_begin (slot, grant))
    start_session (&hand_over, grant, message);
  grant_free (grant);
  return TRUE;
}

static gboolean
take_peer_closed (guint slot, SatchelIpcMessage *message)
{
  guint32 reason = satchel_ipc_get_u32 (message);
  if (!satchel_ipc_message_is_done (message) || reason > SATCHEL_CLOSED_SHUTDOWN)
    return FALSE;
  SatchelSession *session = mail_session_find (slot, message->session_id);
  if (session == NULL || session->connection == NULL || !session->is_relayed)
    return TRUE;
  /* If the client ended in good order, its earlier input is still answered; otherwise later input cannot be
   * trusted, and nothing can be sent. */
  if (reason == SATCHEL_CLOSED_BY_PEER)
    satchel_connection_set_end_reason (session->connection, SATCHEL_CLOSED_BY_PEER);
  else
    satchel_connection_end (session->connection, (SatchelCloseReason) reason);
  return TRUE;
}

gboolean
satchel_mail_gate_message (guint slot, SatchelIpcMessage *message)
{
  if (message->type == SATCHEL_IPC_HAND_OVER)
    return take_hand_over (slot, message);
  return message->type == SATCHEL_IPC_PEER_CLOSED && take_peer_closed (slot, message);
}

static gboolean
is_of_gate (gpointer key, gpointer value, gpointer slot)
{
  return ((Grant *) key)->gate_slot == GPOINTER_TO_UINT (slot);
}

void
satchel_mail_gate_lost (guint slot)
{
  g_hash_table_foreach_remove (grants, is_of_gate, GUINT_TO_POINTER (slot));
}

void
satchel_mail_stop (void)
{
  SATCHEL_LIST_EACH (SatchelSession, session, satchel_mail_sessions)
    {
      mail_session_shutdown (session);
    }
}

void
satchel_mail_describe (const char *user, SatchelMailDescribeFunc func, gpointer data)
{
  SATCHEL_LIST_EACH (SatchelSession, session, satchel_mail_sessions)
    {
      if (user != NULL && g_strcmp0 (session->user, user) != 0)
        continue;
      g_autoptr (GString) line = g_string_new (NULL);
      satchel_log_field (line, "user", session->user != NULL ? session->user : "-");
      g_string_append_printf (line, " service=%s address=%s tls=%s session=%s age_s=%" G_GINT64_FORMAT,
                              session->protocol->service, session->peer, session->has_tls ? "yes" : "no",
                              session->id_text, (satchel_now_ms () - session->started_ms) / 1000);
      if (session->access != NULL)
        satchel_log_field (line, "credential", session->access->credential);
      if (*session->client_id != '\0')
        satchel_log_field (line, "client", session->client_id);
      func (line->str + strspn (line->str, " "), data);
    }
}
