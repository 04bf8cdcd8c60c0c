/* SPDX-License-Identifier: MIT
 * Parses the PROXY protocol, version 2 (section 2.2 of its text). What a proxy says about the client's TLS
 * is ignored, since it would change nothing here.
 */
#include "config.h"

#include "core/session/gate/proxy.h"
#include <string.h>

static const guint8 signature[12] = {
  0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a
};

int
satchel_proxy_rest (const guint8 header[SATCHEL_PROXY_HEADER_BYTES])
{
  guint len = (guint) header[14] << 8 | header[15];
  if (memcmp (header, signature, sizeof signature) != 0 || header[12] >> 4 != 2 || (header[12] & 15) > 1
      || len > SATCHEL_PROXY_MAX_BYTES - SATCHEL_PROXY_HEADER_BYTES)
    return -1;
  return (int) len;
}

gboolean
satchel_proxy_parse (const guint8 *header, const guint8 *rest, gsize len, SatchelAddress *address)
{
  enum
  {
    LOCAL = 0,
    INET = 1,
    INET6 = 2
  };
  if ((header[12] & 15) == LOCAL)
    return TRUE;
  switch (header[13] >> 4)
    {
    case INET:
      if (len < 12)
        return FALSE;
      satchel_address_from_v4 (address, rest);
      return TRUE;
    case INET6:
      if (len < 36)
        return FALSE;
      memset (address, 0, sizeof *address);
      memcpy (address->bytes, rest, 16);
      return TRUE;
    default:
      return TRUE;
    }
}
