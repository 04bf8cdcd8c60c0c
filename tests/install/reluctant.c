/* SPDX-License-Identifier: MIT
 * A module for tests, compiled as both halves (ROLE): its setting says whether a process that starts with it
 * may start.  Processes that run already take every reload.
 */
#include <satchel/config.h>
#include <satchel/filter.h>
#include <satchel/module.h>
#include <satchel/protocol.h>

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  if (ROLE == SATCHEL_ROLE_GATE && !satchel_config_bool (section, "starts"))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "told not to start");
  return TRUE;
}

static gboolean
reload (const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static void
reload_end (gboolean is_commit)
{
}

static const SatchelConfigRow rows[] = {
  { "starts", SATCHEL_CONFIG_BOOL, "true", "Lets gates start", .flags = SATCHEL_CONFIG_RELOADABLE },
  { NULL },
};

/* A module must provide something: a protocol that no listener has, and a filter that lets all mail pass. */
static void
let_pass (SatchelFilterItem *item)
{
  satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
}

static gpointer
session_new (SatchelGateSession *session)
{
  return session;
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
}

static void
on_auth_result (gpointer self, const SatchelAuthResult *result)
{
}

static const SatchelConnectionHandlers handlers = { .size = sizeof handlers, .closed = on_closed };
static const SatchelGateProtocolOps protocol = {
  .size = sizeof protocol,
  .service = "reluctant",
  .port = 7778,
  .session_new = session_new,
  .handlers = &handlers,
  .auth_result = on_auth_result,
};
static const SatchelDeliveryFilterOps filter = { .size = sizeof filter, .band = 500, .recipient = let_pass };
static const SatchelProvides provides[] = {
  { ROLE == SATCHEL_ROLE_GATE ? SATCHEL_KIND_PROTOCOL_GATE : SATCHEL_KIND_DELIVERY_FILTER, "reluctant",
    ROLE == SATCHEL_ROLE_GATE ? (const void *) &protocol : (const void *) &filter },
  { 0 },
};
static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "reluctant",
  .version = "1",
  .description = "Refuses to start, for tests",
  .licence = "MIT",
  .roles = ROLE,
  .schema = ROLE == SATCHEL_ROLE_GATE ? NULL : rows, /* both halves have those of the other */
  .provides = provides,
  .configure = configure,
  .reload = reload,
  .reload_end = reload_end,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
