/* SPDX-License-Identifier: MIT
 * SASL mechanisms (RFC 4422) as small state machines in a table: bytes in, challenges out, a name and a
 * secret at the end.  Pure: no look-ups, no clock.
 */
#pragma once
#include <glib.h>

typedef enum
{
  SATCHEL_SASL_MALFORMED = 0, /* the exchange has failed */
  SATCHEL_SASL_CHALLENGE,
  SATCHEL_SASL_COMPLETE /* user, password, authorisation are set */
} SatchelSaslResult;

typedef struct SatchelSasl SatchelSasl;
typedef struct SatchelSaslMechanism
{
  const char *name;
  gboolean sends_password; /* refused where others could listen */
  /* @response NULL: the client sent no initial response. */
  SatchelSaslResult (*step) (SatchelSasl *sasl, const guint8 *response, gsize len,
                             const char **ret_challenge);
} SatchelSaslMechanism;

struct SatchelSasl
{
  const SatchelSaslMechanism *mechanism;
  guint n_steps;
  /* NUL-ended copies; the password never holds a NUL. */
  char *user;
  char *password;      /* wiped */
  char *authorisation; /* PLAIN's authzid; NULL: none */
};

const SatchelSaslMechanism *satchel_sasl_find (const char *name); /* any case; NULL: unknown */
SatchelSasl *satchel_sasl_new (const SatchelSaslMechanism *mechanism);
void satchel_sasl_free (SatchelSasl *sasl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelSasl, satchel_sasl_free)
/* A challenge may be empty.  After COMPLETE or MALFORMED every further step is MALFORMED. */
SatchelSaslResult satchel_sasl_step (SatchelSasl *sasl, const guint8 *response, gsize len,
                                     const char **ret_challenge);
void satchel_auth_wipe (char *secret); /* and frees; NULL is fine */
