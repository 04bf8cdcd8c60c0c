/* SPDX-License-Identifier: MIT
 * Declares addresses of peers: as text, as keys of counters, and in networks (ADDRESS/BITS).
 */
#pragma once
#include <satchel/error.h>

/* An address has 16 bytes; IPv4 is ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that both compare alike. */
typedef struct SatchelAddress
{
  guint8 bytes[16];
  gboolean is_local; /* the peer is on a unix socket, which has no address */
} SatchelAddress;
struct sockaddr_storage;
void satchel_address_from_socket (SatchelAddress *address, const struct sockaddr_storage *peer);
void satchel_address_from_v4 (SatchelAddress *address, const guint8 bytes[4]);
/* A text such as "192.0.2.1", "2001:db8::1" or "local" has at most these characters, with its NUL. */
#define SATCHEL_ADDRESS_CHARS 46
void satchel_address_text (const SatchelAddress *address, char ret_text[SATCHEL_ADDRESS_CHARS]);
gboolean satchel_address_parse (const char *text, SatchelAddress *ret_address);
/* Says whether the address is a loopback address, or a unix socket. */
gboolean satchel_address_is_loopback (const SatchelAddress *address);
/* Keeps the first bits of the address, as many as its family has here, and clears the rest. */
void satchel_address_mask (SatchelAddress *address, guint v4_bits, guint v6_bits);
/* Returns a key of the addresses that count as one client: an IPv4 address, or an IPv6 /64. */
guint64 satchel_address_client_key (const SatchelAddress *address, guint64 *ret_low);

typedef struct SatchelNetwork
{
  SatchelAddress address;
  guint bits; /* how many of the 128 bits of the address count, from the first on */
} SatchelNetwork;
/* Reads "ADDRESS" or "ADDRESS/BITS". */
gboolean satchel_network_parse (const char *text, SatchelNetwork *ret_network);
gboolean satchel_network_has (const SatchelNetwork *network, const SatchelAddress *address);
/* Returns the first text that does not parse; NULL means that there is none. */
const char *satchel_networks_first_bad (const char *const *networks);
/* Says whether the address is in one of the networks. Texts that do not parse match nothing, nor does
 * NULL. */
gboolean satchel_networks_contain (const char *const *networks, const SatchelAddress *address);
