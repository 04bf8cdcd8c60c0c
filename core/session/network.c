/* SPDX-License-Identifier: MIT
 * Parses and compares addresses of peers and networks.
 */
#include "config.h"

#include "core/session/network.h"
#include <satchel/login.h>

#include <satchel/protocol.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static const guint8 v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static gboolean
is_v4 (const SatchelAddress *address)
{
  return memcmp (address->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

void
satchel_address_from_v4 (SatchelAddress *address, const guint8 bytes[4])
{
  memset (address, 0, sizeof *address);
  memcpy (address->bytes, v4_prefix, sizeof v4_prefix);
  memcpy (address->bytes + 12, bytes, 4);
}

void
satchel_address_from_socket (SatchelAddress *address, const struct sockaddr_storage *peer)
{
  memset (address, 0, sizeof *address);
  if (peer->ss_family == AF_INET)
    satchel_address_from_v4 (address, (const guint8 *) &((const struct sockaddr_in *) peer)->sin_addr);
  else if (peer->ss_family == AF_INET6)
    memcpy (address->bytes, &((const struct sockaddr_in6 *) peer)->sin6_addr, 16);
  else
    address->is_local = TRUE;
}

void
satchel_address_text (const SatchelAddress *address, char ret_text[SATCHEL_ADDRESS_CHARS])
{
  if (address->is_local)
    g_strlcpy (ret_text, "local", SATCHEL_ADDRESS_CHARS);
  else if (is_v4 (address))
    inet_ntop (AF_INET, address->bytes + 12, ret_text, SATCHEL_ADDRESS_CHARS);
  else
    inet_ntop (AF_INET6, address->bytes, ret_text, SATCHEL_ADDRESS_CHARS);
}

gboolean
satchel_address_parse (const char *text, SatchelAddress *ret_address)
{
  SatchelAddress address = { 0 };
  guint8 v4[4];
  if (strcmp (text, "local") == 0)
    address.is_local = TRUE;
  else if (inet_pton (AF_INET, text, v4) == 1)
    satchel_address_from_v4 (&address, v4);
  else if (inet_pton (AF_INET6, text, address.bytes) != 1)
    return FALSE;
  *ret_address = address;
  return TRUE;
}

gboolean
satchel_address_is_loopback (const SatchelAddress *address)
{
  static const guint8 v6_loopback[16] = { [15] = 1 };
  return address->is_local || (is_v4 (address) && address->bytes[12] == 127)
         || memcmp (address->bytes, v6_loopback, 16) == 0;
}

void
satchel_address_mask (SatchelAddress *address, guint v4_bits, guint v6_bits)
{
  guint bits = is_v4 (address) ? 96 + v4_bits : v6_bits;
  guint whole = bits / 8;
  if (whole >= sizeof address->bytes)
    return;
  address->bytes[whole] &= (guint8) (0xff00u >> bits % 8);
  memset (address->bytes + whole + 1, 0, sizeof address->bytes - whole - 1);
}

guint64
satchel_address_client_key (const SatchelAddress *address, guint64 *ret_low)
{
  guint64 high;
  memcpy (&high, address->bytes, 8);
  *ret_low = 0;
  if (is_v4 (address))
    memcpy (ret_low, address->bytes + 8, 8);
  return high;
}

gboolean
satchel_network_parse (const char *text, SatchelNetwork *ret_network)
{
  SatchelNetwork network = { .bits = 128 };
  const char *slash = strchr (text, '/');
  g_autofree char *address = slash != NULL ? g_strndup (text, (gsize) (slash - text)) : g_strdup (text);
  if (!satchel_address_parse (address, &network.address))
    return FALSE;
  if (slash != NULL)
    {
      guint64 bits;
      guint most = is_v4 (&network.address) && strchr (address, ':') == NULL ? 32 : 128;
      if (network.address.is_local || !g_ascii_string_to_unsigned (slash + 1, 10, 0, most, &bits, NULL))
        return FALSE;
      network.bits = (guint) bits + 128 - most;
    }
  *ret_network = network;
  return TRUE;
}

gboolean
satchel_network_has (const SatchelNetwork *network, const SatchelAddress *address)
{
  if (network->address.is_local || address->is_local)
    return network->address.is_local && address->is_local;
  guint whole = network->bits / 8, rest = network->bits % 8;
  if (memcmp (network->address.bytes, address->bytes, whole) != 0)
    return FALSE;
  return rest == 0 || ((network->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}

gboolean
satchel_networks_contain (const char *const *networks, const SatchelAddress *address)
{
  for (; networks != NULL && *networks != NULL; networks++)
    {
      SatchelNetwork network;
      if (satchel_network_parse (*networks, &network) && satchel_network_has (&network, address))
        return TRUE;
    }
  return FALSE;
}

const char *
satchel_networks_first_bad (const char *const *networks)
{
  SatchelNetwork network;
  while (networks != NULL && *networks != NULL && satchel_network_parse (*networks, &network))
    networks++;
  return networks != NULL ? *networks : NULL;
}

gboolean
satchel_network_check (const char *text)
{
  SatchelNetwork network;
  return satchel_network_parse (text, &network);
}

gboolean
satchel_login_is_from (const SatchelLogin *login, const char *const *networks)
{
  SatchelAddress peer;
  return networks != NULL && satchel_address_parse (login->peer, &peer)
         && satchel_networks_contain (networks, &peer);
}

gboolean
satchel_networks_check (const SatchelConfig *section, const char *key, GError **error)
{
  const char *bad = satchel_networks_first_bad (satchel_config_strings (section, key));
  return bad == NULL || satchel_error_set_setting (error, key, "\"%s\" is not ADDRESS/BITS", bad);
}
