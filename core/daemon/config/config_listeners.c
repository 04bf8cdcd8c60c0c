/* SPDX-License-Identifier: MIT
 * Finds the sockets to bind: those of listen.listeners, and for each protocol without an entry there its
 * TLS port on all addresses and its clear-text port on loopback, or a unix socket if the protocol has no
 * login (lmtp).
 */
#include "config.h"

#include "core/daemon/config/config_role.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>
#include <satchel/protocol.h>
#include <satchel/service.h>

#include "core/runtime/config/core_settings.h"
#include "core/session/network.h"

/* A listener can name a protocol or a service. */
typedef struct Target
{
  guint port, tls_port;
  guint roles;
  gboolean is_unix_only;
} Target;

static gboolean
find_target (SatchelConfigWork *work, const char *protocol, Target *ret_target)
{
  const SatchelProvided *gate = satchel_loader_find (work->loader, SATCHEL_KIND_PROTOCOL_GATE, protocol);
  if (gate != NULL)
    {
      const SatchelGateProtocolOps *ops = gate->ops;
      *ret_target = (Target) { ops->port, ops->tls_port, SATCHEL_ROLE_GATE,
                               (ops->flags & SATCHEL_PROTOCOL_FOR_OTHERS) != 0 };
      return TRUE;
    }
  const SatchelProvided *service = satchel_loader_find (work->loader, SATCHEL_KIND_SERVICE, protocol);
  if (service == NULL || !satchel_config_set_is_enabled (work->set, service->module->name))
    return FALSE;
  const SatchelServiceOps *ops = service->ops;
  *ret_target = (Target) { ops->port, 0, ops->role, FALSE };
  return TRUE;
}

static SatchelPlanListener *
add_listener (SatchelConfigWork *work, const char *origin, const char *name, const char *protocol,
              guint roles)
{
  SatchelPlanListener *listener = g_new0 (SatchelPlanListener, 1);
  listener->origin = g_strdup (origin != NULL ? origin : "");
  listener->name = g_strdup (name);
  listener->protocol = g_strdup (protocol);
  listener->address = g_strdup ("");
  listener->path = g_strdup ("");
  listener->roles = roles;
  listener->mode = 0666;
  listener->uid = listener->gid = SATCHEL_PLAN_NO_ID;
  g_ptr_array_add (work->plan->listeners, listener);
  return listener;
}

static void
add_tcp (SatchelConfigWork *work, const SatchelPlanListener *like, const char *address, gboolean is_optional)
{
  SatchelPlanListener *listener = add_listener (work, like->origin, like->name, like->protocol, like->roles);
  g_free (listener->address);
  listener->address = g_strdup (address);
  listener->port = like->port;
  listener->implicit_tls = like->implicit_tls;
  listener->allow_cleartext = like->allow_cleartext;
  listener->is_optional = is_optional;
}

/* Adds a listener for each address that the text means. FALSE means that it is not an address. */
static gboolean
add_addresses (SatchelConfigWork *work, const SatchelPlanListener *like, const char *address)
{
  struct in6_addr any;
  if (strcmp (address, "*") == 0)
    {
      add_tcp (work, like, "0.0.0.0", FALSE);
      add_tcp (work, like, "::", TRUE);
    }
  else if (strcmp (address, "localhost") == 0)
    {
      add_tcp (work, like, "127.0.0.1", FALSE);
      add_tcp (work, like, "::1", TRUE);
    }
  else if (inet_pton (AF_INET, address, &any) == 1 || inet_pton (AF_INET6, address, &any) == 1)
    add_tcp (work, like, address, FALSE);
  else
    return FALSE;
  return TRUE;
}

static void
add_path (SatchelConfigWork *work, const SatchelConfig *entry, const SatchelPlanListener *like,
          const char *path)
{
  if (strlen (path) >= sizeof ((struct sockaddr_un *) NULL)->sun_path)
    {
      satchel_config_work_problem (work, FALSE, entry, "path",
                                   "listener %s: %s is longer than the 107 bytes that the path of a unix "
                                   "socket may have; choose a shorter path",
                                   like->name, path);
      return;
    }
  SatchelPlanListener *listener = add_listener (work, like->origin, like->name, like->protocol, like->roles);
  g_free (listener->path);
  listener->path = g_strdup (path);
  listener->mode = like->mode;
  listener->uid = like->uid;
  listener->gid = like->gid;
  listener->implicit_tls = like->implicit_tls;
  listener->allow_cleartext = like->allow_cleartext;
}

static gboolean
has_certificate (SatchelConfigWork *work)
{
  SatchelTlsSettings tls;
  satchel_tls_settings_read (satchel_config_set_group (work->set, "tls"), &tls);
  return tls.main.cert != NULL;
}

static void
check_networks (SatchelConfigWork *work, const SatchelConfig *entry, const char *name, const char *key,
                const char *const *networks)
{
  for (const char *const *text = networks; *text != NULL; text++)
    {
      SatchelNetwork network;
      if (!satchel_network_parse (*text, &network))
        satchel_config_work_problem (
            work, FALSE, entry, key,
            "listener %s: %s: \"%s\" is not a network; write ADDRESS/BITS, as 192.0.2.0/24", name, key,
            *text);
    }
}

/* Reports a setting of unix sockets that is set for an address. TRUE means that there was one. */
static gboolean
refuse_owner (SatchelConfigWork *work, const SatchelConfig *entry, const SatchelListenerSettings *settings)
{
  const char *key = settings->owner != NULL ? "owner" : settings->group != NULL ? "group" : NULL;
  if (settings->path != NULL || key == NULL)
    return FALSE;
  satchel_config_work_problem (
      work, FALSE, entry, key,
      "listener %s: %s is for unix sockets; remove it, or set path instead of address", settings->name, key);
  return TRUE;
}

/* Reports what is wrong with the place of a listener: it must be an address or a path, and the protocol may
 * allow paths only.  TRUE means that there was something. */
static gboolean
refuse_place (SatchelConfigWork *work, const SatchelConfig *entry, const SatchelListenerSettings *settings,
              const Target *target)
{
  if ((settings->address == NULL) == (settings->path == NULL))
    satchel_config_work_problem (work, FALSE, entry, "name",
                                 "listener %s: exactly one of address and path must be set", settings->name);
  else if (refuse_owner (work, entry, settings))
    return TRUE;
  else if (target->is_unix_only && settings->address != NULL)
    satchel_config_work_problem (
        work, FALSE, entry, "address",
        "listener %s: %s is served on unix sockets only, since whoever reaches it may "
        "try passwords in the name of any address; set path instead of address",
        settings->name, settings->protocol);
  else
    return FALSE;
  return TRUE;
}

/* Adds sockets like @like for the addresses of a listener, at its port or the standard one. */
static void
add_network_sockets (SatchelConfigWork *work, const SatchelConfig *entry,
                     const SatchelListenerSettings *settings, const Target *target, SatchelPlanListener *like)
{
  like->port = settings->port;
  if (like->port == 0)
    like->port = like->implicit_tls ? target->tls_port : target->port;
  if (like->port == 0)
    satchel_config_work_problem (work, FALSE, entry, "port",
                                 "listener %s: %s has no standard port%s; set port", settings->name,
                                 settings->protocol, like->implicit_tls ? " with tls" : "");
  else if (!add_addresses (work, like, settings->address))
    satchel_config_work_problem (work, FALSE, entry, "address",
                                 "listener %s: \"%s\" is not an IP address, \"*\" or \"localhost\"",
                                 settings->name, settings->address);
}

/* Adds the sockets of an entry of listen.listeners to the plan, or reports what is wrong with it. */
static void
add_configured (SatchelConfigWork *work, const SatchelConfig *entry)
{
  SatchelListenerSettings settings;
  satchel_listener_settings_read (entry, &settings);
  const char *name = settings.name, *protocol = settings.protocol, *path = settings.path;
  if (name == NULL || protocol == NULL)
    return; /* reported as missing already */
  check_networks (work, entry, name, "networks", settings.networks);
  check_networks (work, entry, name, "trusted_proxies", settings.trusted_proxies);
  check_networks (work, entry, name, "id_networks", settings.id_networks);
  Target target;
  if (!find_target (work, protocol, &target))
    {
      satchel_config_work_problem (work, FALSE, entry, "protocol",
                                   "listener %s: no enabled module provides the protocol \"%s\"; set %s = { "
                                   "enabled = true; } or remove the listener",
                                   name, protocol, protocol);
      return;
    }
  if (refuse_place (work, entry, &settings, &target))
    return;
  SatchelPlanListener like = { .origin =
                                   (char *) satchel_config_origin (entry, path != NULL ? "path" : "address"),
                               .name = (char *) name,
                               .protocol = (char *) protocol,
                               .roles = target.roles,
                               .implicit_tls = settings.implicit_tls,
                               .allow_cleartext = settings.allow_cleartext };
  if (like.implicit_tls && !has_certificate (work))
    satchel_config_work_problem (
        work, FALSE, entry, "tls",
        "listener %s: tls is true, but no certificate is set; set tls.cert and tls.key", name);
  if (path == NULL)
    {
      add_network_sockets (work, entry, &settings, &target, &like);
      return;
    }
  like.mode = settings.mode != 0 ? settings.mode : target.is_unix_only ? 0660 : 0666;
  satchel_config_work_owner (work, entry, settings.owner, settings.group, &like.uid, &like.gid);
  add_path (work, entry, &like, path);
}

/* Says whether listen.listeners has an entry for @protocol, so that its default places are not used. */
static gboolean
has_entry (SatchelConfigWork *work, const char *protocol)
{
  const SatchelConfig *listen = satchel_config_set_group (work->set, "listen");
  guint n = satchel_config_n_groups (listen, "listeners");
  for (guint i = 0; i < n; i++)
    {
      SatchelListenerSettings settings;
      satchel_listener_settings_read (satchel_config_group (listen, "listeners", i), &settings);
      if (g_strcmp0 (settings.protocol, protocol) == 0)
        return TRUE;
    }
  return FALSE;
}

/* Adds the default listeners of one protocol. */
static void
add_default_protocol (SatchelConfigWork *work, const SatchelProvided *provided)
{
  SatchelServerSettings server;
  satchel_server_settings_read (satchel_config_set_group (work->set, "server"), &server);
  const SatchelGateProtocolOps *ops = provided->ops;
  SatchelPlanListener like = { .origin = (char *) "",
                               .name = (char *) provided->name,
                               .protocol = (char *) provided->name,
                               .roles = SATCHEL_ROLE_GATE };
  if (ops->flags & SATCHEL_PROTOCOL_NO_LOGIN)
    {
      g_autofree char *path = g_build_filename (server.run_dir, provided->name, NULL);
      like.mode = 0666;
      like.uid = like.gid = SATCHEL_PLAN_NO_ID;
      add_path (work, NULL, &like, path);
      return;
    }
  like.port = ops->port;
  if (like.port != 0)
    add_addresses (work, &like, "localhost");
  g_autofree char *secure = g_strconcat (provided->name, "s", NULL);
  like.name = secure;
  like.port = ops->tls_port;
  like.implicit_tls = TRUE;
  if (like.port != 0 && has_certificate (work))
    add_addresses (work, &like, "*");
  else if (like.port != 0)
    g_string_append_printf (work->without_tls, "%s%s", work->without_tls->len > 0 ? " and " : "",
                            provided->name);
}

static void
add_default_service (SatchelConfigWork *work, const SatchelProvided *provided)
{
  const SatchelServiceOps *ops = provided->ops;
  SatchelPlanListener like = { .origin = (char *) "",
                               .name = (char *) provided->name,
                               .protocol = (char *) provided->name,
                               .roles = ops->role,
                               .port = ops->port };
  if (like.port != 0)
    add_addresses (work, &like, "localhost");
}

static gboolean
is_served (SatchelConfigWork *work, const char *protocol)
{
  for (guint i = 0; i < work->plan->listeners->len; i++)
    if (strcmp (((const SatchelPlanListener *) g_ptr_array_index (work->plan->listeners, i))->protocol,
                protocol)
        == 0)
      return TRUE;
  return FALSE;
}

/* Adds default listeners, after those of listen.listeners, for each protocol that has no entry there. */
static void
add_defaults (SatchelConfigWork *work, SatchelKind kind)
{
  const SatchelConfig *listen = satchel_config_set_group (work->set, "listen");
  g_autoptr (GPtrArray) all = satchel_loader_find_all (work->loader, kind);
  for (guint i = 0; i < all->len; i++)
    {
      const SatchelProvided *provided = g_ptr_array_index (all, i);
      /* Modules that are not enabled were loaded as well, to have their settings checked. */
      if (!satchel_config_set_is_enabled (work->set, provided->module->name)
          || has_entry (work, provided->name))
        continue;
      if (satchel_config_bool (listen, "defaults") && kind == SATCHEL_KIND_SERVICE)
        add_default_service (work, provided);
      else if (satchel_config_bool (listen, "defaults"))
        add_default_protocol (work, provided);
      if (!is_served (work, provided->name) && work->plan->n_errors == 0)
        satchel_config_work_problem (work, TRUE, satchel_config_set_group (work->set, provided->module->name),
                                     "enabled",
                                     "%s is enabled, but nothing listens for %s; give it a listener in "
                                     "listen.listeners, or set %s = { enabled = false; }",
                                     provided->module->name, provided->name, provided->module->name);
    }
}

static void
report_twice (SatchelConfigWork *work)
{
  GPtrArray *listeners = work->plan->listeners;
  for (guint i = 0; i < listeners->len; i++)
    for (guint j = 0; j < i; j++)
      {
        const SatchelPlanListener *a = g_ptr_array_index (listeners, j),
                                  *b = g_ptr_array_index (listeners, i);
        /* The name of a listener is the key by which networks and trusted_proxies are found. */
        if (strcmp (a->name, b->name) == 0 && strcmp (a->protocol, b->protocol) != 0)
          satchel_plan_add_problem_of (
              work->plan, FALSE, a->origin, "listen.listeners",
              "listener %s: %s has a listener of that name, too; choose another name", a->name, b->protocol);
        if (strcmp (a->address, b->address) == 0 && strcmp (a->path, b->path) == 0 && a->port == b->port)
          satchel_plan_add_problem_of (work->plan, FALSE, b->origin, "listen.listeners",
                                       "listeners %s and %s have the same address; change one", a->name,
                                       b->name);
      }
}

void
satchel_config_work_listeners (SatchelConfigWork *work)
{
  const SatchelConfig *listen = satchel_config_set_group (work->set, "listen");
  guint n = satchel_config_n_groups (listen, "listeners");
  for (guint i = 0; i < n; i++)
    add_configured (work, satchel_config_group (listen, "listeners", i));
  gboolean is_whole = satchel_config_set_state (work->set) == SATCHEL_CONFIG_WHOLE;
  add_defaults (work, SATCHEL_KIND_PROTOCOL_GATE);
  add_defaults (work, SATCHEL_KIND_SERVICE);
  if (work->without_tls->len > 0 && is_whole)
    satchel_config_work_problem (
        work, TRUE, NULL, "tls.cert",
        "tls: no certificate is set, so nobody reaches %s from other machines; set tls.cert and tls.key",
        work->without_tls->str);
  if (work->plan->listeners->len == 0 && is_whole)
    satchel_config_work_problem (
        work, TRUE, NULL, NULL,
        "nothing listens: no protocol is enabled; enable one (satchel module list shows them)");
  report_twice (work);
}
