/* SPDX-License-Identifier: MIT
 * Declares what is shared by tls.c (credentials) and tls_transport.c (sessions).
 */
#pragma once
#include "core/session/gate/tls.h"
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

struct SatchelTlsContext
{
  gnutls_certificate_credentials_t credentials;
  gnutls_priority_t priority;
  guint8 ticket_key[64];
  gboolean has_tickets;
};
