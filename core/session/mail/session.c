/* SPDX-License-Identifier: MIT
 * Implements sessions after login (role mail): it calls the protocol's handlers, runs their jobs one at a
 * time, and opens the store.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/loop/trim.h"
#include "core/session/gate/log_budget.h"
#include "core/session/mail/mail_private.h"
#include "core/session/network.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <satchel/counter.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

SatchelMailHost satchel_mail_host;
SatchelSession *satchel_mail_sessions;
static GHashTable *by_id; /* SatchelSession, by slot and id */
static guint n_sessions;

SATCHEL_GAUGE (open_sessions, "satchel_sessions", "Sessions that are open now", "service");
SATCHEL_COUNTER (begun_sessions, "satchel_sessions_total", "Sessions that have begun", "service");

static guint
session_hash (gconstpointer data)
{
  const SatchelSession *session = data;
  guint64 key[2] = { session->id, session->gate_slot };
  return (guint) satchel_keyed_hash (key, sizeof key);
}

static gboolean
session_equal (gconstpointer a, gconstpointer b)
{
  const SatchelSession *one = a, *two = b;
  return one->id == two->id && one->gate_slot == two->gate_slot;
}

SatchelSession *
mail_session_find (guint gate_slot, guint64 id)
{
  SatchelSession key = { .id = id, .gate_slot = gate_slot };
  return by_id != NULL ? g_hash_table_lookup (by_id, &key) : NULL;
}

guint
satchel_mail_n_sessions (void)
{
  return n_sessions;
}

static void
enter_protocol (SatchelSession *session, const char *call)
{
  satchel_job_main_crumb (session->user, session->protocol->service, call);
}

static void
leave_protocol (void)
{
  satchel_job_main_crumb (NULL, NULL, NULL);
}

static void
session_input (SatchelConnection *connection, gpointer data)
{
  SatchelSession *session = data;
  enter_protocol (session, "input");
  session->protocol->handlers->input (connection, session->self);
  leave_protocol ();
}

static void
session_drained (SatchelConnection *connection, gpointer data)
{
  SatchelSession *session = data;
  if (!SATCHEL_HAS (session->protocol->handlers, drained))
    return;
  enter_protocol (session, "drained");
  session->protocol->handlers->drained (connection, session->self);
  leave_protocol ();
}

static void
session_timeout (SatchelConnection *connection, gpointer data)
{
  SatchelSession *session = data;
  if (SATCHEL_HAS (session->protocol->handlers, timeout))
    session->protocol->handlers->timeout (connection, session->self);
  else
    satchel_connection_end (connection, SATCHEL_CLOSED_TIMEOUT);
}

static void
session_shutdown (SatchelConnection *connection, gpointer data)
{
  mail_session_shutdown (data);
}

static void
close_store (gpointer data)
{
  satchel_store_unref (data);
}

static void
session_free (SatchelSession *session)
{
  if (session->store != NULL && satchel_store_is_light (session->store))
    satchel_store_unref (session->store);
  else if (session->store != NULL)
    satchel_job_submit (session->user, "session end", close_store, NULL, session->store);
  if (!session->is_relayed)
    satchel_mail_host.send_to_gate (session->gate_slot,
                                    satchel_ipc_message_new (SATCHEL_IPC_SESSION_OVER, session->id));
  g_hash_table_remove (by_id, session);
  SATCHEL_LIST_REMOVE (satchel_mail_sessions, session);
  satchel_trim_note (--n_sessions);
  satchel_counter_add (&open_sessions, -1, session->protocol->service);
  g_free (session->user);
  satchel_place_unref (session->place);
  g_free (session->peer);
  g_free (session->tls_info);
  g_free (session->client_id);
  g_free (session->notice);
  g_clear_pointer (&session->access, satchel_access_unref);
  g_free (session);
}

static void
session_closed (SatchelConnection *connection, gpointer data, SatchelCloseReason reason)
{
  SatchelSession *session = data;
  g_atomic_int_set (&session->is_cancelled, TRUE);
  if (session->was_started)
    {
      enter_protocol (session, "closed");
      session->protocol->handlers->closed (connection, session->self, reason);
      leave_protocol ();
    }
  session->connection = NULL;
  session_free (session);
}

static void
session_damaged (SatchelConnection *connection, gpointer data)
{
  SatchelSession *session = data;
  satchel_session_log (session, SATCHEL_LOG_INFO, "closed: reason=damaged-compression");
  if (!SATCHEL_HAS (session->protocol->handlers, damaged))
    return;
  enter_protocol (session, "damaged");
  session->protocol->handlers->damaged (connection, session->self);
  leave_protocol ();
}

static const SatchelConnectionHandlers session_handlers = {
  .size = sizeof (SatchelConnectionHandlers),
  .input = session_input,
  .drained = session_drained,
  .timeout = session_timeout,
  .shutdown = session_shutdown,
  .closed = session_closed,
  .damaged = session_damaged,
};

static void
session_dying (SatchelConnection *connection, gpointer data)
{
  g_atomic_int_set (&((SatchelSession *) data)->is_cancelled, TRUE);
}

void
mail_session_shutdown (SatchelSession *session)
{
  if (session->connection == NULL || satchel_connection_is_dead (session->connection))
    return;
  if (session->is_running)
    {
      g_atomic_int_set (&session->is_cancelled, TRUE);
      session->is_shutdown_due = TRUE;
      return;
    }
  if (session->was_started && SATCHEL_HAS (session->protocol->handlers, shutdown))
    session->protocol->handlers->shutdown (session->connection, session->self);
  else
    satchel_connection_end (session->connection, SATCHEL_CLOSED_SHUTDOWN);
}

/* Asks gate, which has the client's socket, to set the keepalive. */
static void
ask_keepalive (gpointer data, guint within_s)
{
  SatchelSession *session = data;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_KEEPALIVE, session->id);
  satchel_ipc_put_u32 (message, within_s);
  satchel_mail_host.send_to_gate (session->gate_slot, message);
}

/* Says whether @fd is the socket pair of a relay, as opposed to the client's own socket. */
static gboolean
is_relay (int fd, gboolean has_tls, const char *peer)
{
  int domain = 0;
  socklen_t len = sizeof domain;
  if (has_tls)
    return TRUE;
  if (getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
    return FALSE;
  if (domain != AF_UNIX)
    return FALSE;
  /* A unix socket that has clear text from a network is relayed, since input was in flight.  "local" may be a
   * relay or the client itself; it does no harm to tell gate of an end that it knows. */
  return strcmp (peer, "local") != 0;
}

/* Makes the access of the session, which says who acts on the user's store. */
static SatchelAccess *
make_access (SatchelSession *session, const MailHandOver *hand_over)
{
  const SatchelAccess access = {
    .size = sizeof access,
    .cause = SATCHEL_CAUSE_SESSION,
    .user = session->user,
    .owner = session->user,
    .service = hand_over->service,
    .session_id = session->id_text,
    .peer = session->peer,
    .key = hand_over->key,
    .rights = SATCHEL_RIGHTS_ALL,
    .credential = hand_over->credential,
    .scopes = hand_over->scopes,
    .ring_copy = hand_over->copy,
  };
  return satchel_access_new (&access);
}

void
mail_session_start (const MailHandOver *hand_over)
{
  SatchelSession *session = g_new0 (SatchelSession, 1);
  SatchelLimitSettings limits;
  satchel_limit_settings_read (satchel_mail_host.group ("limits"), &limits);
  if (by_id == NULL)
    by_id = g_hash_table_new (session_hash, session_equal);
  session->id = hand_over->id;
  session->gate_slot = hand_over->gate_slot;
  satchel_session_id_text (session->id, session->id_text);
  session->user = *hand_over->user != '\0' ? g_strdup (hand_over->user) : NULL;
  session->place = satchel_place_ref (hand_over->place);
  session->peer = g_strdup (hand_over->peer);
  session->tls_info = g_strdup (hand_over->tls_info);
  session->client_id = g_strdup (hand_over->client_id);
  session->notice = g_strdup (hand_over->notice);
  session->access = session->user != NULL ? make_access (session, hand_over) : NULL;
  session->has_tls = hand_over->has_tls;
  session->started_ms = satchel_now_ms ();
  session->protocol = satchel_mail_host.find_protocol (hand_over->service, &session->group);
  session->is_relayed = is_relay (hand_over->fd, hand_over->has_tls, hand_over->peer);
  SATCHEL_LIST_PREPEND (satchel_mail_sessions, session);
  satchel_trim_note (++n_sessions);
  satchel_counter_add (&open_sessions, 1, session->protocol->service);
  satchel_counter_add (&begun_sessions, 1, session->protocol->service);
  g_hash_table_add (by_id, session);
  SatchelConnection *connection =
      satchel_connection_new (satchel_transport_new_plain (hand_over->fd), &session_handlers, session);
  session->connection = connection;
  satchel_connection_set_high_water (connection, limits.output_buffer);
  satchel_connection_set_write_timeout (connection, limits.write_ms);
  satchel_connection_set_dying (connection, session_dying, session);
  if (session->is_relayed)
    satchel_connection_set_keepalive_hook (connection, ask_keepalive, session);
  satchel_connection_push_input (connection, hand_over->input, hand_over->input_len);
  enter_protocol (session, "session_new");
  /* Most users who log in have the store open already, which needs no job. */
  if (session->access != NULL)
    session->store = satchel_mail_host.acquire_open_store (session->access, session->place);
  session->self = session->protocol->session_new (session, hand_over->note, hand_over->note_len);
  leave_protocol ();
  session->was_started = session->self != NULL;
  if (session->self == NULL)
    satchel_connection_abort (connection);
}

typedef struct SessionJob
{
  SatchelSession *session;
  SatchelJobFunc func;
  SatchelJobDoneFunc done;
  gpointer data;
} SessionJob;

static void
session_job (gpointer data)
{
  SessionJob *job = data;
  job->func (job->data);
}

static void
session_job_done (gpointer data)
{
  g_autofree SessionJob *job = data;
  SatchelSession *session = job->session;
  session->is_running = FALSE;
  enter_protocol (session, "session");
  if (job->done != NULL)
    job->done (job->data);
  leave_protocol ();
  if (!session->is_running)
    {
      satchel_connection_set_busy (session->connection, FALSE);
      if (session->is_shutdown_due)
        {
          session->is_shutdown_due = FALSE;
          mail_session_shutdown (session);
        }
    }
  satchel_connection_release (session->connection);
}

void
satchel_session_run (SatchelSession *session, const char *operation, SatchelJobFunc func,
                     SatchelJobDoneFunc done, gpointer data)
{
  g_return_if_fail (!session->is_running);
  SessionJob *job = g_new0 (SessionJob, 1);
  job->session = session;
  job->func = func;
  job->done = done;
  job->data = data;
  session->is_running = TRUE;
  satchel_connection_hold (session->connection);
  satchel_connection_set_busy (session->connection, TRUE);
  satchel_job_submit (session->user, operation, session_job, session_job_done, job);
}

void
satchel_session_hold (SatchelSession *session)
{
  satchel_connection_hold (session->connection);
}

void
satchel_session_unhold (SatchelSession *session)
{
  satchel_connection_release (session->connection);
}

gboolean
satchel_session_is_cancelled (SatchelSession *session)
{
  return g_atomic_int_get (&session->is_cancelled);
}

SatchelStore *
satchel_session_open_store (SatchelSession *session, GError **error)
{
  SatchelStore *store = g_atomic_pointer_get (&session->store);
  if (store != NULL)
    return store;
  if (session->user == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "a session without login has no store");
      return NULL;
    }
  store = satchel_mail_host.acquire_store (session->access, session->place, error);
  if (store != NULL)
    g_atomic_pointer_set (&session->store, store);
  return store;
}

SatchelStore *
satchel_session_store (SatchelSession *session)
{
  return g_atomic_pointer_get (&session->store);
}

SatchelConnection *
satchel_session_connection (SatchelSession *session)
{
  return session->connection;
}

const char *
satchel_session_user (SatchelSession *session)
{
  return session->user;
}

const char *
satchel_session_peer (SatchelSession *session)
{
  return session->peer;
}

const char *
satchel_session_notice (SatchelSession *session)
{
  return session->notice;
}

gboolean
satchel_session_is_from (SatchelSession *session, const char *const *networks)
{
  SatchelAddress peer;
  return networks != NULL && satchel_address_parse (session->peer, &peer)
         && satchel_networks_contain (networks, &peer);
}

const char *
satchel_session_tls_info (SatchelSession *session)
{
  return session->tls_info;
}

void
satchel_session_set_client_id (SatchelSession *session, const char *text)
{
  gboolean is_news = *session->client_id == '\0';
  if (!g_utf8_validate (text, -1, NULL) || strlen (text) > 255)
    return;
  g_free (session->client_id);
  session->client_id = g_strdup (text);
  if (!is_news || session->access == NULL || *text == '\0')
    return;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_CLIENT_NAMED, session->id);
  satchel_ipc_put_string (message, session->user);
  satchel_ipc_put_string (message, session->access->credential);
  satchel_ipc_put_string (message, text);
  satchel_mail_host.send_to_auth (message);
}

const SatchelConfig *
satchel_session_config (SatchelSession *session)
{
  return satchel_mail_host.group (session->group);
}

void
satchel_session_log (SatchelSession *session, int level, const char *format, ...)
{
  /* This bounds what peers without login cause to be logged: an MTA may hand on a stranger's flood. */
  static SatchelLogBudget budget = {
    .area = "mail", .burst = 1000, .an_hour = 3600, .burst_in_all = 2000, .a_second = 20
  };
  if (!satchel_log_is_enabled ((SatchelLogLevel) level))
    return;
  g_autoptr (GString) line = g_string_new (NULL);
  if (session->user != NULL)
    satchel_log_field (line, "user", session->user);
  satchel_log_field (line, "session", session->id_text);
  satchel_log_field (line, "rip", session->peer);
  g_string_append_c (line, ' ');
  gsize start = line->len;
  va_list arguments;
  va_start (arguments, format);
  g_string_append_vprintf (line, format, arguments);
  va_end (arguments);
  if (session->user == NULL && !satchel_log_budget_take (&budget, line->str + start, session->peer))
    return;
  satchel_log ((SatchelLogLevel) level, session->protocol->service, "%s", line->str + 1);
}
