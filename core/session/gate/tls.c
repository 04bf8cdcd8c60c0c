/* SPDX-License-Identifier: MIT
 * Implements the credentials of TLS: certificates by SNI (RFC 6066 3), priorities, session tickets.
 */
#include "config.h"

#include "core/session/gate/tls_private.h"
#include <string.h>

/* RFC 8996 ends TLS 1.0 and 1.1; RFC 9325 4.2 asks for AEAD with forward secrecy.  P-256 is first, since its
 * handshake is the cheapest, and AES-128 is first, since it is as strong as the rest of the handshake. */
#define DEFAULT_PRIORITY                                                                                     \
  "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA"                               \
  ":-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD"                                 \
  ":-GROUP-ALL:+GROUP-SECP256R1:+GROUP-X25519:+GROUP-SECP384R1:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1"              \
  ":%SERVER_PRECEDENCE"

static gboolean
add_pair (SatchelTlsContext *context, const SatchelTlsPair *pair, GError **error)
{
  gsize chain_len, key_len;
  const void *chain_data = g_bytes_get_data (pair->chain, &chain_len);
  const void *key_data = g_bytes_get_data (pair->key, &key_len);
  gnutls_datum_t chain = { (void *) chain_data, (unsigned) chain_len },
                 key = { (void *) key_data, (unsigned) key_len };
  /* Each file is read by itself first, so that the message names the right one. */
  gnutls_x509_crt_t *certificates = NULL;
  unsigned n_certificates = 0;
  int result = gnutls_x509_crt_list_import2 (&certificates, &n_certificates, &chain, GNUTLS_X509_FMT_PEM, 0);
  if (result < 0)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s is not a PEM certificate chain: %s",
                              pair->chain_name, gnutls_strerror (result));
  for (unsigned i = 0; i < n_certificates; i++)
    gnutls_x509_crt_deinit (certificates[i]);
  gnutls_free (certificates);
  gnutls_x509_privkey_t private_key;
  gnutls_x509_privkey_init (&private_key);
  result = gnutls_x509_privkey_import2 (private_key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
  gnutls_x509_privkey_deinit (private_key);
  if (result < 0)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s is not a PEM private key: %s", pair->key_name,
                              gnutls_strerror (result));
  result =
      gnutls_certificate_set_x509_key_mem2 (context->credentials, &chain, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
  if (result == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s is not the key of the certificate in %s",
                              pair->key_name, pair->chain_name);
  if (result < 0)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s: %s", pair->chain_name,
                              gnutls_strerror (result));
  return TRUE;
}

static void
context_free (gpointer data)
{
  SatchelTlsContext *context = data;
  if (context->credentials != NULL)
    gnutls_certificate_free_credentials (context->credentials);
  if (context->priority != NULL)
    gnutls_priority_deinit (context->priority);
  explicit_bzero (context->ticket_key, sizeof context->ticket_key);
}

SatchelTlsContext *
satchel_tls_context_new (const SatchelTlsPair *pairs, guint n_pairs, const char *priority,
                         const guint8 *ticket_key, GError **error)
{
  g_autoptr (SatchelTlsContext) context = g_atomic_rc_box_new0 (SatchelTlsContext);
  const char *bad = NULL;
  const char *wanted = priority != NULL && *priority != '\0' ? priority : DEFAULT_PRIORITY;
  if (gnutls_priority_init (&context->priority, wanted, &bad) < 0)
    {
      context->priority = NULL;
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "tls.priority: GnuTLS does not know \"%s\"",
                         bad != NULL ? bad : wanted);
      return NULL;
    }
  int result = gnutls_certificate_allocate_credentials (&context->credentials);
  if (result < 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_FAILED, "TLS: %s", gnutls_strerror (result));
      return NULL;
    }
  for (guint i = 0; i < n_pairs; i++)
    if (!add_pair (context, &pairs[i], error))
      return NULL;
  if (ticket_key != NULL)
    {
      memcpy (context->ticket_key, ticket_key, sizeof context->ticket_key);
      context->has_tickets = TRUE;
    }
  return g_steal_pointer (&context);
}

SatchelTlsContext *
satchel_tls_context_ref (SatchelTlsContext *context)
{
  return g_atomic_rc_box_acquire (context);
}

void
satchel_tls_context_unref (SatchelTlsContext *context)
{
  if (context != NULL)
    g_atomic_rc_box_release_full (context, context_free);
}
