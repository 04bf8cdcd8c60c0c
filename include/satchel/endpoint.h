/* SPDX-License-Identifier: MIT
 * Declares connections of a helper (helper.h) to the endpoints that its settings name, and to nothing else.
 * A setting of type SATCHEL_CONFIG_ENDPOINT is "unix:/path", "host:port", "192.0.2.1:port" or
 * "[2001:db8::1]:port"; the administrator grants an endpoint by writing it there. A helper cannot connect
 * itself: a process beside it, which takes nothing from the module but the name of a setting, connects and
 * hands the socket over. docs/decisions/0036.
 */
#pragma once
#include <satchel/config.h>
#include <satchel/error.h>

G_BEGIN_DECLS

/* Connects to the endpoint that @key of @section names, and returns a stream socket (blocking,
 * close-on-exec), yours to close.  Each address of a host name is tried in turn.  @timeout_ms: 1 to 600,000
 * for all of it.  -1 with @error: NONEXISTENT if the setting is unset; NOPERM outside a helper, or for a
 * value that was not set when the process started; TIMEOUT; UNAVAILABLE if nothing listens there or the
 * name has no address.  Belongs in a job, or in `handle`.  [blocks, any thread] */
SATCHEL_API int satchel_endpoint_connect (const SatchelConfig *section, const char *key, gint64 timeout_ms,
                                          GError **error);
/* Returns, for libraries that connect themselves (SATCHEL_RIGHT_CONNECT), the endpoint with a numeric
 * address, "192.0.2.1:389" or "[2001:db8::1]:389", as the name resolves now.  Yours.  NULL with @error as
 * above. [blocks] */
SATCHEL_API char *satchel_endpoint_resolve (const SatchelConfig *section, const char *key, gint64 timeout_ms,
                                            GError **error);

G_END_DECLS
