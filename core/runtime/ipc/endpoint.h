/* SPDX-License-Identifier: MIT
 * Declares endpoints as text and in parts, and the connection to the process that connects for this one
 * (<satchel/endpoint.h>).
 */
#pragma once
#include <satchel/endpoint.h>

#define SATCHEL_ENDPOINT_TIMEOUT_MAX_MS 600000

typedef struct SatchelEndpoint
{
  char *path; /* path of a unix socket; NULL: TCP */
  char *host; /* a name, or an address without brackets; NULL: a unix socket */
  guint16 port;
} SatchelEndpoint;
void satchel_endpoint_free (SatchelEndpoint *endpoint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelEndpoint, satchel_endpoint_free)
/* Parses an endpoint; yours. NULL: *ret_why (yours) says what to write instead. */
SatchelEndpoint *satchel_endpoint_parse (const char *text, char **ret_why);
/* Adds the texts of all endpoints that @section names, its groups included, each once. */
void satchel_endpoint_collect (const SatchelConfig *section, const SatchelConfigRow *rows, GPtrArray *texts);
/* Returns the TCP ports in @texts (guint16). */
GArray *satchel_endpoint_ports (const GPtrArray *texts);
/* Makes the process at the other end of @fd connect for this one, from now on; when it ends, this process
 * ends, too. */
void satchel_endpoint_set_connector (int fd);
