/* SPDX-License-Identifier: MIT
 * Sessions for protocol scripts, see harness.h: what core/session gives to modules, over socket pairs.
 */
#include "config.h"

#include "harness-private.h"

#include "core/runtime/config/config_image.h"
#include "core/runtime/connection/connection_private.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/storage/store/store_open.h"
#include "tests/lib/keep.h"
#include <errno.h>
#include <fcntl.h>
#include <gmodule.h>
#include <glib/gstdio.h>
#include <satchel/module.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct SatchelSession
{
  SatchelConnection *connection;
  SatchelStore *store;
  char *user;
  SatchelAccess *access;
  gpointer self;
  gint is_dead; /* atomic */
  gboolean is_running;
  SatchelJobFunc func;
  SatchelJobDoneFunc done;
  gpointer data;
  SatchelSession *next;
};

static struct
{
  guint run, n_sessions;
  SatchelSession *sessions;
  HarnessOptions options;
  SatchelConfigSet *settings, *limits, *mailboxes;
  SatchelStoreLevel levels[4];
  guint n_levels;
  GHashTable *stores; /* user to SatchelStore */
  SatchelNamespace ns;
  char *root;
  int root_fd;
} now = { .root_fd = -1 };

/* ---- what modules call ---- */

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
void
satchel_session_set_client_id (SatchelSession *session, const char *text)
{
}
const SatchelConfig *
satchel_session_config (SatchelSession *session)
{
  return satchel_config_set_group (now.settings, harness_protocol.name);
}
SatchelStore *
satchel_session_store (SatchelSession *session)
{
  return session->store;
}
gboolean
satchel_session_is_cancelled (SatchelSession *session)
{
  return g_atomic_int_get (&session->is_dead);
}
void
satchel_session_log (SatchelSession *session, int level, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_test_message ("log %d: %s", level, text);
}
static const SatchelConfig *
get_limits (void)
{
  return satchel_config_set_group (now.limits, "limits");
}

const SatchelLimits *
satchel_limits (void)
{
  static SatchelLimitSettings limits;
  satchel_limit_settings_read (get_limits (), &limits);
  return &limits.of_protocols;
}
const char *
satchel_session_notice (SatchelSession *session)
{
  return NULL;
}
const SatchelNamespace *
satchel_namespace (void)
{
  return &now.ns;
}

const SatchelConfig *
harness_settings (void)
{
  return satchel_config_set_group (now.settings, harness_protocol.name);
}

/* The key pair of all users where a stack has crypt: Alice's in RFC 7748 6.1. */
static const guint8 private_half[] = { 0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
                                       0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
                                       0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a };
#define PUBLIC_HALF "crypt.public=8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"

static gboolean
is_sealed (void)
{
  for (guint i = 0; i < now.n_levels; i++)
    if (strcmp (now.levels[i].name, "crypt") == 0)
      return TRUE;
  return FALSE;
}

/* One store a user; borrowed. */
static SatchelStore *
find_store (const char *user, GError **error)
{
  SatchelStore *store = g_hash_table_lookup (now.stores, user);
  if (store != NULL)
    return store;
  SatchelStoreOpenOptions options = {
    .user = user,
    .path = user,
    .root_fd = now.root_fd,
    .levels = now.levels,
    .n_levels = now.n_levels,
    .mailboxes = now.mailboxes != NULL ? satchel_config_set_group (now.mailboxes, "mailboxes") : NULL,
    .limits = get_limits (),
    .attributes = is_sealed () ? PUBLIC_HALF : NULL,
  };
  store = satchel_store_open (&options, error);
  if (store != NULL)
    g_hash_table_insert (now.stores, g_strdup (user), store);
  return store;
}

SatchelStore *
satchel_session_open_store (SatchelSession *session, GError **error)
{
  if (session->store == NULL)
    {
      SatchelStore *store = find_store (session->user, error);
      session->store = store != NULL ? satchel_store_with_access (store, session->access) : NULL;
    }
  return session->store;
}

static SatchelMailbox *
open_inbox (const char *user, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s%u@test", user, now.run);
  SatchelStore *store = find_store (name, error);
  return store != NULL ? satchel_store_open_mailbox (store, "INBOX", error) : NULL;
}

gboolean
harness_deliver (const char *user, const char *content, gsize len, GError **error)
{
  g_autoptr (SatchelMailbox) inbox = open_inbox (user, error);
  if (inbox == NULL)
    return FALSE;
  SatchelStore *store = satchel_mailbox_store (inbox);
  g_autoptr (SatchelStage) stage = satchel_stage_new (store, len, error);
  if (stage == NULL || !satchel_stage_write (stage, content, len, error)
      || !satchel_stage_finish (stage, error))
    return FALSE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_append (transaction, inbox, g_steal_pointer (&stage), 0, NULL, 0);
  return satchel_transaction_commit (transaction, error);
}

gboolean
harness_remove (const char *user, const char *uids, GError **error)
{
  g_autoptr (SatchelMailbox) inbox = open_inbox (user, error);
  g_auto (SatchelUidSet) set = { NULL, 0 };
  if (inbox == NULL)
    return FALSE;
  if (!satchel_uid_set_parse (uids, strlen (uids), &set))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "no set of UIDs: %s", uids);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (satchel_mailbox_store (inbox));
  satchel_transaction_expunge (transaction, inbox, &set, FALSE);
  return satchel_transaction_commit (transaction, error);
}

gboolean
harness_put_blob (const char *user, const char *space, const char *name, GBytes *value, GError **error)
{
  g_autofree char *own = g_strdup_printf ("%s%u@test", user, now.run);
  SatchelStore *store = find_store (own, error);
  const SatchelBlob blob = { name, value };
  return store != NULL && satchel_store_put_blobs (store, space, &blob, 1, error);
}

char *
harness_newest_message (const char *user, guint *ret_n, GError **error)
{
  g_autoptr (SatchelMailbox) inbox = open_inbox (user, error);
  if (inbox == NULL)
    return NULL;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  *ret_n = snapshot->state.n_messages;
  g_autoptr (SatchelStream) stream =
      *ret_n > 0 ? satchel_mailbox_open_message (inbox, snapshot->state.uidnext - 1, error) : NULL;
  if (stream == NULL)
    return NULL;
  GString *content = g_string_new (NULL);
  char buffer[4096];
  gssize got;
  while ((got = satchel_stream_read_at (stream, content->len, buffer, sizeof buffer, error)) > 0)
    g_string_append_len (content, buffer, got);
  return g_string_free (content, got < 0);
}

char *
harness_read_messages (const char *user, GError **error)
{
  g_autoptr (SatchelMailbox) inbox = open_inbox (user, error);
  if (inbox == NULL)
    return NULL;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      if ((chunk->flags[row] & SATCHEL_FLAG_SEEN) != 0)
        satchel_uid_set_add (&uids, chunk->uid[row], chunk->uid[row]);
    }
  GString *text = g_string_new (uids.n_ranges > 0 ? NULL : "-");
  satchel_uid_set_format (&uids, text);
  return g_string_free (text, FALSE);
}

static void
job_done (gpointer data)
{
  SatchelSession *session = data;
  SatchelConnection *connection = session->connection;
  session->is_running = FALSE;
  session->done (session->data);
  if (!session->is_running)
    satchel_connection_set_busy (connection, FALSE);
  satchel_connection_release (connection);
}

static void
job_run (gpointer data)
{
  SatchelSession *session = data;
  session->func (session->data);
}

void
satchel_session_run (SatchelSession *session, const char *operation, SatchelJobFunc func,
                     SatchelJobDoneFunc done, gpointer data)
{
  session->func = func;
  session->done = done;
  session->data = data;
  satchel_connection_hold (session->connection);
  satchel_connection_set_busy (session->connection, TRUE);
  session->is_running = TRUE;
  satchel_job_submit (session->user, operation, job_run, job_done, session);
}

/* ---- a mail session ---- */

static void
session_input (SatchelConnection *connection, gpointer data)
{
  harness_protocol.handlers->input (connection, ((SatchelSession *) data)->self);
}
static void
session_drained (SatchelConnection *connection, gpointer data)
{
  harness_protocol.handlers->drained (connection, ((SatchelSession *) data)->self);
}
static void
session_timeout (SatchelConnection *connection, gpointer data)
{
  harness_protocol.handlers->timeout (connection, ((SatchelSession *) data)->self);
}
static void
session_shutdown (SatchelConnection *connection, gpointer data)
{
  harness_protocol.handlers->shutdown (connection, ((SatchelSession *) data)->self);
}
static void
session_closed (SatchelConnection *connection, gpointer data, SatchelCloseReason reason)
{
  SatchelSession *session = data;
  harness_protocol.handlers->closed (connection, session->self, reason);
  for (SatchelSession **link = &now.sessions; *link != NULL; link = &(*link)->next)
    if (*link == session)
      {
        *link = session->next;
        break;
      }
  g_clear_pointer (&session->store, satchel_store_unref);
  g_clear_pointer (&session->access, satchel_access_unref);
  g_free (session->user);
  g_free (session);
  now.n_sessions--;
}
static void
session_damaged (SatchelConnection *connection, gpointer data)
{
  SatchelSession *session = data;
  if (SATCHEL_HAS (harness_protocol.handlers, damaged))
    harness_protocol.handlers->damaged (connection, session->self);
}
static const SatchelConnectionHandlers session_handlers = { sizeof (SatchelConnectionHandlers),
                                                            session_input,
                                                            session_drained,
                                                            session_timeout,
                                                            session_shutdown,
                                                            session_closed,
                                                            session_damaged };

static void
session_dying (SatchelConnection *connection, gpointer data)
{
  g_atomic_int_set (&((SatchelSession *) data)->is_dead, TRUE);
}

static SatchelAccess *
make_access (const char *user, const char *key)
{
  g_autoptr (GBytes) secret = key != NULL    ? satchel_secret_new (key, strlen (key))
                              : is_sealed () ? satchel_secret_new (private_half, sizeof private_half)
                                             : NULL;
  return satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                .cause = SATCHEL_CAUSE_SESSION,
                                                .user = user,
                                                .owner = user,
                                                .service = harness_protocol.name,
                                                .key = secret,
                                                .rights = SATCHEL_RIGHTS_ALL });
}

void
harness_begin_session (SatchelTransport *transport, const char *user, const char *key, const char *note,
                       GBytes *input)
{
  SatchelSession *session = g_new0 (SatchelSession, 1);
  session->user = g_strdup_printf ("%s%u@test", user, now.run);
  session->access = make_access (session->user, key);
  session->connection = satchel_connection_new (transport, &session_handlers, session);
  satchel_connection_set_dying (session->connection, session_dying, session);
  if (now.options.output_buffer > 0)
    satchel_connection_set_high_water (session->connection, now.options.output_buffer);
  session->next = now.sessions;
  now.sessions = session;
  now.n_sessions++;
  session->self = harness_protocol.session_new (session, note, strlen (note));
  if (input != NULL && g_bytes_get_size (input) > 0)
    satchel_connection_push_input (session->connection, g_bytes_get_data (input, NULL),
                                   g_bytes_get_size (input));
}

/* ---- clients ---- */

static void
client_readable (int fd, guint32 events, gpointer data)
{
  HarnessClient *client = data;
  char buffer[65536];
  gssize n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n > 0)
    harness_client_received (client, buffer, (gsize) n);
  else if (n == 0 || errno != EAGAIN)
    {
      client->is_at_end = TRUE;
      satchel_watch_set_events (client->watch, 0);
    }
}

HarnessClient *
harness_client_new (int *ret_server_fd)
{
  int fds[2];
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
    g_error ("socketpair: %s", g_strerror (errno));
  HarnessClient *client = g_new0 (HarnessClient, 1);
  client->fd = fds[0];
  client->received = g_string_new (NULL);
  client->watch = satchel_watch_add (fds[0], EPOLLIN, client_readable, client);
  *ret_server_fd = fds[1];
  return client;
}

HarnessClient *
harness_connect (const char *user, const char *key)
{
  int fd;
  HarnessClient *client = harness_client_new (&fd);
  harness_begin_session (satchel_transport_new_plain (fd), user, key, harness_protocol.note, NULL);
  return client;
}

void
harness_client_free (HarnessClient *client)
{
  satchel_watch_remove (client->watch);
  close (client->fd);
  harness_client_end_deflate (client);
  g_string_free (client->received, TRUE);
  g_free (client);
}

static gboolean
tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

gboolean
harness_wait (HarnessClient *client)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  gsize before = client->received->len;
  guint source = g_timeout_add (50, tick, NULL);
  while (client->received->len == before && !client->is_at_end && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
  return client->received->len > before || client->is_at_end;
}

void
harness_rest (void)
{
  harness_settle ();
  for (SatchelSession *session = now.sessions; session != NULL && harness_protocol.rest != NULL;
       session = session->next)
    harness_protocol.rest (session->self);
}

void
harness_time_out (void)
{
  harness_settle ();
  for (SatchelSession *session = now.sessions, *next; session != NULL; session = next)
    {
      next = session->next;
      harness_protocol.handlers->timeout (session->connection, session->self);
    }
}

void
harness_shut_down (void)
{
  harness_settle ();
  for (SatchelSession *session = now.sessions, *next; session != NULL; session = next)
    {
      next = session->next;
      harness_protocol.handlers->shutdown (session->connection, session->self);
    }
}

void
harness_settle (void)
{
  guint source = g_timeout_add (2, tick, NULL);
  for (guint quiet = 0; quiet < 3;)
    {
      gboolean did = FALSE;
      while (g_main_context_pending (NULL) && quiet < 1000)
        {
          g_main_context_iteration (NULL, FALSE);
          did = TRUE;
        }
      if (satchel_job_n_pending () > 0)
        g_main_context_iteration (NULL, TRUE), quiet = 0;
      else
        quiet = did && quiet == 0 ? 1 : quiet + 1;
    }
  g_source_remove (source);
}

void
harness_send (HarnessClient *client, const char *data, gsize len, gboolean bytewise)
{
  g_autoptr (GString) packed = harness_client_packed (client, data, len);
  data = packed->str;
  len = packed->len;
  guint source = g_timeout_add (20, tick, NULL);
  for (gsize at = 0; at < len && !client->is_at_end;)
    {
      gssize n = send (client->fd, data + at, bytewise ? 1 : len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0)
        at += (gsize) n;
      else if (errno == EAGAIN)
        g_main_context_iteration (NULL, TRUE);
      else
        break;
      while (bytewise && g_main_context_iteration (NULL, FALSE))
        ;
    }
  g_source_remove (source);
}

/* ---- set-up ---- */

static SatchelConfigSet *
read_settings (const char *group, const SatchelConfigRow *rows, const char *text)
{
  g_autoptr (GError) error = NULL;
  if (rows == NULL)
    for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
      if (strcmp (schema->group, group) == 0)
        rows = schema->rows;
  SatchelConfigSet *set = keep (satchel_config_set_from_text (group, rows, text != NULL ? text : "", &error));
  if (set == NULL)
    g_error ("%s: %s", group, error->message);
  return set;
}

/* Each script has a mail root of its own, and leaves nothing open. */
#define SMALL_VOLUME "keep_open = false; cache = \"1M\"; log_file = \"4M\"; reserve = \"1M\";"

/* A driver or layer from its module, wherever it was built. */
static char *
add_level (const char *name)
{
  const char *build = g_getenv ("SATCHEL_BUILDDIR");
  g_autofree char *test = g_strdup_printf ("%s/tests/layers/.libs/%s.so", build != NULL ? build : ".", name);
  g_autofree char *real = g_strdup_printf ("%s/.libs/%s.so", build != NULL ? build : ".", name);
  const char *path = g_file_test (test, G_FILE_TEST_EXISTS) ? test : real;
  GModule *object = g_module_open (path, G_MODULE_BIND_LOCAL);
  if (object == NULL)
    return g_strdup_printf ("%s is not built", name);
  SatchelModuleFunc func;
  if (!g_module_symbol (object, "satchel_module", (gpointer *) &func))
    return g_strdup_printf ("%s is no module", name);
  const SatchelModule *found = func ();
  const SatchelConfig *section = NULL;
  if (found->schema != NULL)
    {
      SatchelConfigSet *set =
          read_settings (name, found->schema, strcmp (name, "bdb") == 0 ? SMALL_VOLUME : "");
      section = satchel_config_set_group (set, name);
      g_autoptr (GError) error = NULL;
      if (found->configure != NULL && !found->configure (section, &error))
        return g_strdup (error->message);
    }
  now.levels[now.n_levels++] = (SatchelStoreLevel) { found->name, found->provides[0].ops, section };
  return NULL;
}

static void
store_free (gpointer data)
{
  satchel_store_unref (data);
}

char *
harness_begin (const HarnessOptions *options)
{
  g_autofree char *limits = g_strdup (options->limit_settings != NULL ? options->limit_settings : "");
  now.options = *options;
  now.run++;
  now.settings = read_settings (harness_protocol.name, harness_protocol.schema, options->settings);
  now.limits = read_settings ("limits", NULL, limits);
  satchel_keywords_set_limit ((guint) satchel_config_int (get_limits (), "keywords"));
  now.mailboxes = options->has_special_use ? read_settings ("mailboxes", NULL, NULL) : NULL;
  now.ns = (SatchelNamespace) { options->prefix != NULL ? options->prefix : "",
                                options->separator != 0 ? options->separator : '/' };
  now.stores = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, store_free);
  now.root = g_dir_make_tmp ("satchel-protocol-XXXXXX", NULL);
  now.root_fd = open (now.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  now.n_levels = 0;
  g_auto (GStrv) names = g_strsplit (options->stack, " ", -1);
  for (guint i = 0; names[i] != NULL; i++)
    {
      char *why = add_level (names[i]);
      if (why != NULL)
        return why;
    }
  return NULL;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        remove_tree (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}

void
harness_end (void)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  guint source = g_timeout_add (5, tick, NULL);
  while ((now.n_sessions > 0 || harness_n_gates > 0 || satchel_job_n_pending () > 0)
         && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
  if (now.n_sessions > 0 || harness_n_gates > 0)
    g_error ("%u sessions are left after the last client went", now.n_sessions + harness_n_gates);
  harness_settle ();
  g_clear_pointer (&now.stores, g_hash_table_unref);
  g_clear_pointer (&now.settings, satchel_config_set_free);
  g_clear_pointer (&now.limits, satchel_config_set_free);
  g_clear_pointer (&now.mailboxes, satchel_config_set_free);
  close (now.root_fd);
  now.root_fd = -1;
  remove_tree (now.root);
  g_clear_pointer (&now.root, g_free);
}
