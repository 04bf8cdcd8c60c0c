/* SPDX-License-Identifier: MIT
 * Runs the auth role: settings, databases, peers. Only gates may ask about logins, only mail processes about
 * addresses.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"
#include "core/daemon/auth/admin/auth_admin.h"
#include "core/daemon/auth/users/auth_mail.h"
#include "core/daemon/auth/admin/auth_move.h"
#include "core/daemon/auth/check/auth_kept.h"
#include "core/daemon/auth/admin/auth_turn.h"
#include "core/runtime/login/account_event.h"
#include "core/session/admin/admin_calls.h"
#include "core/session/network.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

#define AREA "auth"
#define MAX_WAITING_HASHES 1024
#define KEYRING_TOLD_MAX 1024u
#define MAX_HASH_WAIT_MS 10000 /* gates wait 20 s for an answer */

static SatchelAuth *auth; /* one a process */

static void
settings_clear (SatchelAuthSettings *settings)
{
  g_free (settings->default_domain);
  g_strfreev (settings->domains);
  g_clear_pointer (&settings->mechanisms, g_ptr_array_unref);
  satchel_user_choices_free (settings->main_passwords);
  g_strfreev (settings->webmail_networks);
  *settings = (SatchelAuthSettings) { 0 };
}

static gint
compare_bands (gconstpointer a, gconstpointer b)
{
  const SatchelSaslOps *one = *(const SatchelSaslOps *const *) a, *other = *(const SatchelSaslOps *const *) b;
  return one->band == other->band ? strcmp (one->name, other->name) : one->band < other->band ? -1 : 1;
}

/* Returns the mechanisms of the core and of modules that are on, in the order of their bands. */
static GPtrArray *
all_mechanisms (SatchelLoader *loader)
{
  g_autoptr (GPtrArray) provided = satchel_loader_find_all (loader, SATCHEL_KIND_SASL);
  GPtrArray *all = g_ptr_array_new ();
  g_ptr_array_add (all, (gpointer) &satchel_sasl_plain);
  g_ptr_array_add (all, (gpointer) &satchel_sasl_login);
  for (guint i = 0; i < provided->len; i++)
    {
      const SatchelSaslOps *ops = ((const SatchelProvided *) provided->pdata[i])->ops;
      if (!SATCHEL_HAS (ops, is_on) || ops->is_on ())
        g_ptr_array_add (all, (gpointer) ops);
    }
  g_ptr_array_sort (all, compare_bands);
  return all;
}

/* Returns those of auth.mechanisms that we have, in the order of config; unset: all. */
static GPtrArray *
known_mechanisms (SatchelLoader *loader, const char *const *names)
{
  GPtrArray *all = all_mechanisms (loader);
  if (names == NULL || names[0] == NULL)
    return all;
  GPtrArray *known = g_ptr_array_new ();
  for (; *names != NULL; names++)
    {
      guint i = 0;
      while (i < all->len && g_ascii_strcasecmp (((const SatchelSaslOps *) all->pdata[i])->name, *names) != 0)
        i++;
      if (i == all->len)
        satchel_log (SATCHEL_LOG_WARNING, AREA, "auth.mechanisms: \"%s\" is not known and left out", *names);
      else
        g_ptr_array_add (known, all->pdata[i]);
    }
  g_ptr_array_unref (all);
  return known;
}

static void
settings_read (SatchelAuthSettings *settings, const SatchelConfigSet *config, SatchelLoader *loader)
{
  const SatchelConfig *server = satchel_config_set_group (config, "server");
  const SatchelConfig *group = satchel_config_set_group (config, "auth");
  const SatchelConfig *limits = satchel_config_set_group (config, "limits");
  const char *explain = satchel_config_string (group, "explain");
  settings_clear (settings);
  settings->default_domain = g_strdup (satchel_config_string (server, "default_domain"));
  settings->lowers_users = satchel_config_bool (server, "lower_case_users");
  settings->domains = g_strdupv ((char **) satchel_config_strings (group, "domains"));
  settings->mechanisms = known_mechanisms (loader, satchel_config_strings (group, "mechanisms"));
  settings->failure_delay_ms = satchel_config_duration_ms (group, "failure_delay");
  settings->source_ms = satchel_config_duration_ms (group, "source_timeout");
  settings->cache_ms = satchel_config_duration_ms (group, "cache_time");
  settings->explain = g_strcmp0 (explain, "never") == 0            ? SATCHEL_EXPLAIN_NEVER
                      : g_strcmp0 (explain, "known-networks") == 0 ? SATCHEL_EXPLAIN_KNOWN_NETWORKS
                                                                   : SATCHEL_EXPLAIN_ALWAYS;
  satchel_main_password_read (settings, group);
  settings->max_failures = (guint) satchel_config_int (limits, "login_failures");
  settings->max_connections = (guint) satchel_config_int (limits, "connections_per_user");
  settings->max_sessions = (guint) satchel_config_int (limits, "connections");
}

static gboolean
check_settings (const SatchelConfigSet *config, GError **error)
{
  const SatchelConfig *listen = satchel_config_set_group (config, "listen");
  for (guint i = 0; i < satchel_config_n_groups (listen, "listeners"); i++)
    {
      const SatchelConfig *listener = satchel_config_group (listen, "listeners", i);
      const char *bad = satchel_networks_first_bad (satchel_config_strings (listener, "networks"));
      if (bad != NULL)
        return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s: \"%s\" is not ADDRESS/BITS",
                                  satchel_config_origin (listener, "networks"), bad);
    }
  return satchel_main_password_check (satchel_config_set_group (config, "auth"), error);
}

static GPtrArray *
find_ops (SatchelLoader *loader, SatchelKind kind)
{
  g_autoptr (GPtrArray) provided = satchel_loader_find_all (loader, kind);
  GPtrArray *ops = g_ptr_array_new ();
  for (guint i = 0; i < provided->len; i++)
    g_ptr_array_add (ops, (gpointer) ((const SatchelProvided *) provided->pdata[i])->ops);
  return ops;
}

static guint
digest_hash (gconstpointer digest)
{
  guint hash;
  memcpy (&hash, digest, sizeof hash); /* keyed already */
  return hash;
}

static gboolean
digest_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, SATCHEL_AUTH_CACHE_KEY_BYTES) == 0;
}

static void
peer_up (SatchelRoleContext *context, SatchelPeer *peer)
{
  if (auth == NULL) /* stopped */
    return;
  if (peer->role == SATCHEL_ROLE_GATE && peer->data == NULL)
    peer->data = satchel_auth_gate_new (auth, peer);
  else if (peer->role == SATCHEL_ROLE_MAIL)
    satchel_auth_moves_mail_up (auth, peer);
}

static void
peer_down (SatchelRoleContext *context, SatchelPeer *peer)
{
  if (auth == NULL)
    return;
  if (peer->role == SATCHEL_ROLE_GATE)
    g_clear_pointer (&peer->data, satchel_auth_gate_free);
  else if (peer->role == SATCHEL_ROLE_MAIL)
    {
      satchel_auth_moves_mail_lost (auth, peer);
      satchel_auth_mail_lost (peer->slot);
    }
}

/* Passes on to keyrings what a layer says of a user. */
static gboolean
keyring_told (SatchelIpcMessage *message)
{
  const char *user = satchel_ipc_get_string (message), *module = satchel_ipc_get_string (message),
             *text = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message) || strlen (text) > KEYRING_TOLD_MAX)
    return FALSE;
  for (guint i = 0; i < auth->keyrings->len; i++)
    {
      const SatchelKeyringOps *keyring = auth->keyrings->pdata[i];
      if (SATCHEL_HAS (keyring, told))
        keyring->told (user, module, text);
    }
  return TRUE;
}

static gboolean
mail_message (SatchelPeer *peer, SatchelIpcMessage *message)
{
  if (message->type == SATCHEL_IPC_LOOKUP)
    return satchel_auth_lookup_message (auth, peer, message);
  if (message->type == SATCHEL_IPC_OWNED)
    return satchel_auth_owned_message (auth, peer, message);
  if (message->type == SATCHEL_IPC_CLIENT_NAMED)
    return satchel_auth_client_named (auth, message);
  if (message->type == SATCHEL_IPC_TURN)
    return satchel_auth_turn_message (auth, peer, message);
  if (message->type == SATCHEL_IPC_KEYRING_TOLD)
    return keyring_told (message);
  if (message->type == SATCHEL_IPC_ACCOUNT_MAIL_REPLY)
    return satchel_auth_mail_message (peer, message);
  return satchel_auth_moves_message (auth, peer, message);
}

static gboolean
peer_message (SatchelRoleContext *context, SatchelPeer *peer, SatchelIpcMessage *message)
{
  if (auth == NULL)
    return TRUE;
  if (peer->role == SATCHEL_ROLE_GATE && peer->data != NULL)
    return satchel_auth_gate_message (peer->data, message);
  if (peer->role == SATCHEL_ROLE_MAIL)
    return mail_message (peer, message);
  return FALSE;
}

static gboolean
reload_prepare (SatchelRoleContext *context, const SatchelConfigSet *config, GError **error)
{
  return check_settings (config, error);
}

static void
reload_commit (SatchelRoleContext *context)
{
  if (auth == NULL)
    return;
  settings_read (&auth->settings, context->config, context->loader);
  satchel_auth_cache_clear (auth->cache); /* what databases say may have changed, keys included */
  if (auth->kept != NULL)
    satchel_kept_clear (auth->kept, context->generation);
  for (guint i = 0; i < context->peers->len; i++)
    {
      SatchelPeer *peer = context->peers->pdata[i];
      if (peer->role == SATCHEL_ROLE_GATE && peer->data != NULL)
        satchel_auth_gate_send_mechanisms (peer->data);
    }
}

static gboolean
answer_admin (SatchelRoleContext *context, guint64 request, const char *const *argv, int channel_fd)
{
  return auth != NULL && satchel_auth_admin (auth, request, argv);
}

static void
admin_goes_on (SatchelRoleContext *context, guint64 request, gboolean is_cancel, guint64 n_bytes)
{
  if (is_cancel)
    satchel_admin_calls_cancel (request);
  else
    satchel_admin_calls_room (request, n_bytes);
}

static void
reply_admin (guint64 request, gboolean is_final, guint status, const char *text)
{
  if (auth != NULL)
    satchel_role_admin_reply (auth->context, request, is_final, status, text);
}

static const SatchelConfig *
config_group (const char *name)
{
  return satchel_config_set_group (auth->context->config, name);
}

static void
auth_free (void)
{
  satchel_timer_cancel (&auth->cache_timer);
  satchel_timer_cancel (&auth->known_timer);
  for (guint i = 0; i < auth->context->peers->len; i++)
    peer_down (auth->context, auth->context->peers->pdata[i]);
  auth->is_stopping = TRUE;
  satchel_auth_mail_stop ();
  satchel_account_set_listeners (NULL);
  satchel_calls_end ();
  satchel_calls_set_worker (NULL);
  satchel_auth_set_end_credential (NULL);
  satchel_keyrings_set (NULL);
  satchel_hash_pool_free (auth->pool);
  satchel_auth_moves_clear ();
  satchel_placements_free (auth->placements);
  satchel_throttle_free (auth->throttle);
  satchel_known_free (auth->known);
  satchel_auth_cache_free (auth->cache);
  satchel_kept_free (auth->kept);
  g_hash_table_unref (auth->running);
  g_hash_table_unref (auth->n_connections);
  g_ptr_array_unref (auth->passdbs);
  g_ptr_array_unref (auth->userdbs);
  g_ptr_array_unref (auth->factors);
  g_ptr_array_unref (auth->keyrings);
  g_ptr_array_unref (auth->account_listeners);
  settings_clear (&auth->settings);
  g_clear_pointer (&auth, g_free);
}

static void
stop_auth (SatchelRoleContext *context, guint grace_ms)
{
  satchel_admin_calls_stop ();
  /* Nobody waits for an answer any more.  What threads still use stays. */
  if (satchel_hash_pool_n_running (auth->pool) == 0)
    auth_free ();
  satchel_role_stopped (context);
}

static const SatchelRoleHooks hooks = {
  .peer_up = peer_up,
  .peer_down = peer_down,
  .peer_message = peer_message,
  .reload_prepare = reload_prepare,
  .reload_commit = reload_commit,
  .stop = stop_auth,
  .admin = answer_admin,
  .admin_goes_on = admin_goes_on,
};

static void
run_work (const char *place, guint64 cost_bytes, gint64 deadline_ms, SatchelJobFunc func,
          void (*done) (gpointer data, gboolean ran), gpointer data)
{
  satchel_hash_pool_submit (auth->pool, place, cost_bytes, deadline_ms, func, done, data);
}

static void
end_credential (const char *user, const char *credential)
{
  /* What a remembered login unlocked may not be all any more. */
  if (strcmp (credential, SATCHEL_CREDENTIAL_PASSWORD) == 0)
    satchel_auth_cache_clear (auth->cache);
  satchel_auth_end_sessions (auth, user, credential);
}

/* Takes over what the auth process before this one had verified; one that ended in order left nothing. */
static void
take_over_verified (void)
{
  satchel_auth_cache_load (auth->cache, satchel_now_ms ());
  guint n = satchel_auth_cache_count (auth->cache);
  if (n == 0)
    return;
  satchel_log (SATCHEL_LOG_INFO, AREA,
               "%u verified logins of the auth process before this one are remembered", n);
  satchel_check_expire_later (auth);
}

gboolean
satchel_auth_role_prepare (SatchelRoleContext *context, GError **error)
{
  satchel_auth_load_secret (context->root_fd);
  return TRUE;
}

gboolean
satchel_auth_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks, GError **error)
{
  SatchelKept *kept =
      context->remembered != NULL ? satchel_kept_new (context->remembered, context->generation) : NULL;
  SatchelAuthCache *cache = satchel_auth_cache_new (kept, error);
  SatchelPlacements *placements = NULL;
  if (cache == NULL || !check_settings (context->config, error)
      || (placements =
              satchel_placements_new (context->root_fd, context->n_mail_slots, context->config, error))
             == NULL)
    {
      satchel_auth_cache_free (cache);
      satchel_kept_free (kept);
      return FALSE;
    }
  auth = g_new0 (SatchelAuth, 1);
  auth->context = context;
  auth->cache = cache;
  auth->kept = kept;
  settings_read (&auth->settings, context->config, context->loader);
  take_over_verified ();
  auth->passdbs = find_ops (context->loader, SATCHEL_KIND_PASSDB);
  auth->userdbs = find_ops (context->loader, SATCHEL_KIND_USERDB);
  auth->factors = find_ops (context->loader, SATCHEL_KIND_FACTOR);
  auth->keyrings = find_ops (context->loader, SATCHEL_KIND_KEYRING);
  satchel_keyrings_set (auth->keyrings);
  auth->account_listeners = find_ops (context->loader, SATCHEL_KIND_ACCOUNT_LISTENER);
  satchel_account_set_listeners (auth->account_listeners);
  satchel_auth_mail_start (auth);
  satchel_auth_set_end_credential (end_credential);
  if (auth->passdbs->len == 0)
    satchel_log (SATCHEL_LOG_WARNING, AREA, "no module that checks passwords is enabled: nobody can log in");
  auth->known = satchel_known_new (context->root_fd, g_get_real_time () / G_USEC_PER_SEC);
  auth->throttle = satchel_throttle_new (auth->known);
  const SatchelConfig *limits = satchel_config_set_group (context->config, "limits");
  auth->pool = satchel_hash_pool_new (satchel_config_size (limits, "hash_memory"), g_get_num_processors (),
                                      MAX_WAITING_HASHES, MAX_HASH_WAIT_MS);
  satchel_calls_set_worker (run_work);
  satchel_admin_calls_init (
      &(SatchelAdminHost) { .loader = context->loader, .group = config_group, .reply = reply_admin });
  auth->placements = g_steal_pointer (&placements);
  auth->running = g_hash_table_new (digest_hash, digest_equal);
  auth->n_connections = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  *ret_hooks = &hooks;
  return TRUE;
}
