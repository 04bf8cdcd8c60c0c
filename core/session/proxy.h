/* SPDX-License-Identifier: MIT
 * The PROXY protocol, version 2, from listeners' trusted_proxies: the client's address before its first byte.
 */
#pragma once
#include "core/session/network.h"

#define SATCHEL_PROXY_HEADER_BYTES 16u
#define SATCHEL_PROXY_MAX_BYTES 2048u /* header and additions; more is refused */

/* From the fixed 16 bytes: how many follow; -1: not version 2, or too long. */
int satchel_proxy_rest (const guint8 header[SATCHEL_PROXY_HEADER_BYTES]);
/* From header and @rest: TRUE with the client's address in *address; a LOCAL command, or a family without
 * address, leaves *address as it is.  FALSE: malformed. */
gboolean satchel_proxy_parse (const guint8 *header, const guint8 *rest, gsize len, SatchelAddress *address);
