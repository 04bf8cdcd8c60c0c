/* SPDX-License-Identifier: MIT
 * The sockets to bind: those of listen.listeners, or by default for each protocol its TLS port everywhere and its
 * clear port on loopback; one without login (lmtp) gets a unix socket.
 */
#include "config.h"

#include "core/daemon/config_role.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>
#include <satchel/protocol.h>
#include <satchel/service.h>

/* What a listener's `protocol` can be. */
typedef struct Target
{
  guint port, tls_port;
  guint roles;
} Target;

static gboolean
find_target (SatchelConfigWork *work, const char *protocol, Target *ret_target)
{
  const SatchelProvided *gate = satchel_loader_find (work->loader, SATCHEL_KIND_PROTOCOL_GATE, protocol);
  if (gate != NULL)
    {
      const SatchelGateProtocolOps *ops = gate->ops;
      *ret_target = (Target) { ops->port, ops->tls_port, SATCHEL_ROLE_GATE };
      return TRUE;
    }
  const SatchelProvided *service = satchel_loader_find (work->loader, SATCHEL_KIND_SERVICE, protocol);
  if (service == NULL)
    return FALSE;
  const SatchelServiceOps *ops = service->ops;
  *ret_target = (Target) { ops->port, 0, ops->role };
  return TRUE;
}

static SatchelPlanListener *
add (SatchelConfigWork *work, const char *origin, const char *name, const char *protocol, guint roles)
{
  SatchelPlanListener *listener = g_new0 (SatchelPlanListener, 1);
  listener->origin = g_strdup (origin != NULL ? origin : "");
  listener->name = g_strdup (name);
  listener->protocol = g_strdup (protocol);
  listener->address = g_strdup ("");
  listener->path = g_strdup ("");
  listener->roles = roles;
  listener->mode = 0666;
  g_ptr_array_add (work->plan->listeners, listener);
  return listener;
}

static void
add_tcp (SatchelConfigWork *work, const SatchelPlanListener *like, const char *address, gboolean is_optional)
{
  SatchelPlanListener *listener = add (work, like->origin, like->name, like->protocol, like->roles);
  g_free (listener->address);
  listener->address = g_strdup (address);
  listener->port = like->port;
  listener->implicit_tls = like->implicit_tls;
  listener->allow_cleartext = like->allow_cleartext;
  listener->is_optional = is_optional;
}

/* FALSE: not an address. */
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
add_path (SatchelConfigWork *work, const SatchelConfig *entry, const SatchelPlanListener *like, const char *path)
{
  if (strlen (path) >= sizeof ((struct sockaddr_un *) NULL)->sun_path)
    {
      satchel_config_work_problem (work, FALSE, entry, "path", "listener %s: %s is longer than the 107 bytes a unix socket may have; choose a shorter path",
                                   like->name, path);
      return;
    }
  SatchelPlanListener *listener = add (work, like->origin, like->name, like->protocol, like->roles);
  g_free (listener->path);
  listener->path = g_strdup (path);
  listener->mode = entry != NULL ? satchel_config_mode (entry, "mode") : 0666;
  listener->implicit_tls = like->implicit_tls;
  listener->allow_cleartext = like->allow_cleartext;
}

static void
add_configured (SatchelConfigWork *work, const SatchelConfig *entry)
{
  const char *name = satchel_config_string (entry, "name"), *protocol = satchel_config_string (entry, "protocol");
  const char *address = satchel_config_string (entry, "address"), *path = satchel_config_path (entry, "path");
  if (name == NULL || protocol == NULL)
    return; /* reported as missing already */
  Target target;
  if (!find_target (work, protocol, &target))
    {
      satchel_config_work_problem (work, FALSE, entry, "protocol",
                                   "listener %s: no enabled module provides the protocol \"%s\"; set %s = { enabled = true; } or remove the listener",
                                   name, protocol, protocol);
      return;
    }
  if ((address == NULL) == (path == NULL))
    {
      satchel_config_work_problem (work, FALSE, entry, "name", "listener %s: exactly one of address and path must be set", name);
      return;
    }
  SatchelPlanListener like = { .origin = (char *) satchel_config_origin (entry, path != NULL ? "path" : "address"),
                               .name = (char *) name,
                               .protocol = (char *) protocol,
                               .roles = target.roles,
                               .implicit_tls = satchel_config_bool (entry, "tls"),
                               .allow_cleartext = satchel_config_bool (entry, "allow_cleartext") };
  if (like.implicit_tls && satchel_config_path (satchel_config_set_group (work->set, "tls"), "cert") == NULL)
    satchel_config_work_problem (work, FALSE, entry, "tls", "listener %s: tls is true, but no certificate is set; set tls.cert and tls.key", name);
  if (path != NULL)
    {
      add_path (work, entry, &like, path);
      return;
    }
  like.port = (guint32) satchel_config_int (entry, "port");
  if (like.port == 0)
    like.port = like.implicit_tls ? target.tls_port : target.port;
  if (like.port == 0)
    satchel_config_work_problem (work, FALSE, entry, "port", "listener %s: %s has no port of its own%s; set port", name, protocol,
                                 like.implicit_tls ? " with tls" : "");
  else if (!add_addresses (work, &like, address))
    satchel_config_work_problem (work, FALSE, entry, "address", "listener %s: \"%s\" is not an IP address, \"*\" or \"localhost\"", name, address);
}

static void
add_defaults (SatchelConfigWork *work)
{
  gboolean has_tls = satchel_config_path (satchel_config_set_group (work->set, "tls"), "cert") != NULL;
  const char *run_dir = satchel_config_path (satchel_config_set_group (work->set, "server"), "run_dir");
  g_autoptr (GPtrArray) protocols = satchel_loader_find_all (work->loader, SATCHEL_KIND_PROTOCOL_GATE);
  for (guint i = 0; i < protocols->len; i++)
    {
      const SatchelProvided *provided = g_ptr_array_index (protocols, i);
      const SatchelGateProtocolOps *ops = provided->ops;
      SatchelPlanListener like = { .origin = (char *) "", .name = (char *) provided->name, .protocol = (char *) provided->name, .roles = SATCHEL_ROLE_GATE };
      if (ops->flags & SATCHEL_PROTOCOL_NO_LOGIN)
        {
          g_autofree char *path = g_build_filename (run_dir, provided->name, NULL);
          add_path (work, NULL, &like, path);
          continue;
        }
      like.port = ops->port;
      if (like.port != 0)
        add_addresses (work, &like, "localhost");
      g_autofree char *secure = g_strconcat (provided->name, "s", NULL);
      like.name = secure;
      like.port = ops->tls_port;
      like.implicit_tls = TRUE;
      if (like.port != 0 && has_tls)
        add_addresses (work, &like, "*");
      else if (like.port != 0)
        satchel_config_work_problem (work, TRUE, NULL, NULL, "tls: no certificate is set, so %s listens on loopback without TLS only; set tls.cert and tls.key",
                                     provided->name);
    }
  g_autoptr (GPtrArray) services = satchel_loader_find_all (work->loader, SATCHEL_KIND_SERVICE);
  for (guint i = 0; i < services->len; i++)
    {
      const SatchelProvided *provided = g_ptr_array_index (services, i);
      const SatchelServiceOps *ops = provided->ops;
      SatchelPlanListener like = { .origin = (char *) "", .name = (char *) provided->name, .protocol = (char *) provided->name, .roles = ops->role, .port = ops->port };
      if (like.port != 0)
        add_addresses (work, &like, "localhost");
    }
}

static void
report_twice (SatchelConfigWork *work)
{
  GPtrArray *listeners = work->plan->listeners;
  for (guint i = 0; i < listeners->len; i++)
    for (guint j = 0; j < i; j++)
      {
        const SatchelPlanListener *a = g_ptr_array_index (listeners, j), *b = g_ptr_array_index (listeners, i);
        if (strcmp (a->address, b->address) == 0 && strcmp (a->path, b->path) == 0 && a->port == b->port)
          satchel_plan_add_problem (work->plan, FALSE, b->origin, "listeners %s and %s have the same address; change one", a->name, b->name);
      }
}

void
satchel_config_work_listeners (SatchelConfigWork *work)
{
  const SatchelConfig *listen = satchel_config_set_group (work->set, "listen");
  guint n = satchel_config_n_groups (listen, "listeners");
  for (guint i = 0; i < n; i++)
    add_configured (work, satchel_config_group (listen, "listeners", i));
  if (n == 0)
    add_defaults (work);
  if (work->plan->listeners->len == 0)
    satchel_config_work_problem (work, TRUE, NULL, NULL, "nothing listens: no protocol is enabled; enable one (satchel module list shows them)");
  report_twice (work);
}
