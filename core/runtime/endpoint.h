/* SPDX-License-Identifier: MIT
 * Endpoints as text and in parts, and the process that connects for this one (<satchel/endpoint.h>).
 */
#pragma once
#include <satchel/endpoint.h>

#define SATCHEL_ENDPOINT_TIMEOUT_MAX_MS 600000

typedef struct SatchelEndpoint
{
  char *path; /* NULL: TCP */
  char *host; /* a name, or an address without brackets; NULL: unix */
  guint16 port;
} SatchelEndpoint;
void satchel_endpoint_free (SatchelEndpoint *endpoint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelEndpoint, satchel_endpoint_free)
/* NULL: *ret_why says what to write instead; yours. */
SatchelEndpoint *satchel_endpoint_parse (const char *text, char **ret_why);
/* Adds the texts of all endpoints that @section names, its groups included, each once. */
void satchel_endpoint_collect (const SatchelConfig *section, const SatchelConfigRow *rows, GPtrArray *texts);
/* guint16: the TCP ports in @texts. */
GArray *satchel_endpoint_ports (const GPtrArray *texts);
/* The process at the other end of @fd connects for us, from now on and for good; when it ends, so do we. */
void satchel_endpoint_set_connector (int fd);
