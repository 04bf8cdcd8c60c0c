/* SPDX-License-Identifier: MIT
 * Exchanges of SASL mechanisms (<satchel/sasl.h>), and the two that are built in: PLAIN and LOGIN.  Pure: no
 * look-ups, no clock.
 */
#pragma once
#include <satchel/sasl.h>

extern const SatchelSaslOps satchel_sasl_plain, satchel_sasl_login;

typedef void (*SatchelSaslAskedFunc) (SatchelSaslResult result, gpointer data);
typedef struct SatchelSasl
{
  const SatchelSaslOps *ops;
  gpointer exchange;
  guint n_steps;
  gboolean is_over;
  SatchelSaslTurn turn; /* what the last step yielded */
  SatchelSaslAskedFunc asked;
  gpointer asked_data;
} SatchelSasl;

/* Begins an exchange by a mechanism.  @login is borrowed, and must stay valid until satchel_sasl_free. */
SatchelSasl *satchel_sasl_new (const SatchelSaslOps *ops, const SatchelLogin *login);
void satchel_sasl_free (SatchelSasl *sasl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelSasl, satchel_sasl_free)
/* Takes one response of the client.  @response NULL means that there is no initial response.  After the end
 * of the exchange, and where a mechanism breaks its contract, every step is MALFORMED. */
SatchelSaslResult satchel_sasl_step (SatchelSasl *sasl, const guint8 *response, gsize len);
SatchelSaslResult satchel_sasl_found (SatchelSasl *sasl, const char *user,
                                      const SatchelCredential *credential);
/* After a step that ended in ASK, asks the helper that the mechanism names, and calls @func once, after this
 * returned.  @sasl must live until then. */
void satchel_sasl_ask (SatchelSasl *sasl, gint64 left_ms, SatchelSaslAskedFunc func, gpointer data);
void satchel_auth_wipe (char *secret); /* Overwrites @secret and frees it; NULL is allowed. */
