/* SPDX-License-Identifier: MIT
 * Declares the PROXY protocol, version 2, for listeners with trusted_proxies: it gives the client's address
 * before the client's first byte.
 */
#pragma once
#include "core/session/network.h"

#define SATCHEL_PROXY_HEADER_BYTES 16u
/* most bytes of header and additions; a longer one is refused */
#define SATCHEL_PROXY_MAX_BYTES 2048u

/* Returns the number of bytes that follow the fixed 16; -1 means that the header is not of version 2, or too
 * long. */
int satchel_proxy_rest (const guint8 header[SATCHEL_PROXY_HEADER_BYTES]);
/* Parses header and @rest.  TRUE: *address is the client's; a LOCAL command, or a family without address,
 * leaves it as it is.  FALSE means that the header is malformed. */
gboolean satchel_proxy_parse (const guint8 *header, const guint8 *rest, gsize len, SatchelAddress *address);
