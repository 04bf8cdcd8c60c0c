/* SPDX-License-Identifier: MIT
 * Networks as configuration writes them, and whether a peer is in one.  Pure.
 */
#include "config.h"

#include "core/daemon/auth.h"

#include <arpa/inet.h>
#include <string.h>

/* As IPv6, an IPv4 address mapped (RFC 4291 2.5.5.2), so that one comparison serves both. */
static gboolean
parse_address (const char *text, struct in6_addr *ret_address, gboolean *ret_is_four)
{
  struct in_addr four;
  if (inet_pton (AF_INET6, text, ret_address) == 1)
    {
      *ret_is_four = IN6_IS_ADDR_V4MAPPED (ret_address);
      return TRUE;
    }
  if (inet_pton (AF_INET, text, &four) != 1)
    return FALSE;
  memset (ret_address, 0, sizeof *ret_address);
  ret_address->s6_addr[10] = ret_address->s6_addr[11] = 0xff;
  memcpy (&ret_address->s6_addr[12], &four, sizeof four);
  *ret_is_four = TRUE;
  return TRUE;
}

gboolean
satchel_network_contains (const char *network, const char *peer, gboolean *ret_is_valid)
{
  g_auto (GStrv) parts = g_strsplit (network, "/", 2);
  struct in6_addr base, address;
  gboolean base_is_four, address_is_four;
  guint64 bits = 128;
  gboolean is_valid = parts[0] != NULL && parse_address (parts[0], &base, &base_is_four);
  if (is_valid && parts[1] != NULL)
    {
      /* Bits are counted as the address is written. */
      gboolean is_dotted = strchr (parts[0], ':') == NULL;
      is_valid = g_ascii_string_to_unsigned (parts[1], 10, 0, is_dotted ? 32 : 128, &bits, NULL);
      if (is_dotted)
        bits += 96;
    }
  if (ret_is_valid != NULL)
    *ret_is_valid = is_valid;
  if (!is_valid || !parse_address (peer, &address, &address_is_four) || base_is_four != address_is_four)
    return FALSE;
  guint whole = (guint) bits / 8, rest = (guint) bits % 8;
  if (memcmp (base.s6_addr, address.s6_addr, whole) != 0)
    return FALSE;
  guint8 mask = (guint8) (0xff00 >> rest);
  return rest == 0 || ((base.s6_addr[whole] ^ address.s6_addr[whole]) & mask) == 0;
}

gboolean
satchel_peer_is_here (const char *peer)
{
  return strcmp (peer, "local") == 0 || satchel_network_contains ("127.0.0.0/8", peer, NULL) ||
         satchel_network_contains ("::1", peer, NULL);
}
