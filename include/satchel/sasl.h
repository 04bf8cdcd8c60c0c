/* SPDX-License-Identifier: MIT
 * Declares SASL mechanisms (RFC 4422): state machines that the auth process drives, one table a mechanism.
 * Pure: bytes in, a result out; look-ups, counting, factors and grants are the core's. Role auth, main
 * thread. docs/modules/sasl.md; decision 0060.
 */
#pragma once
#include <satchel/auth.h>

G_BEGIN_DECLS

#define SATCHEL_SASL_NAME_MAX 20u  /* RFC 4422 3.1 */
#define SATCHEL_SASL_STEPS_MAX 8u  /* an exchange with more is malformed */
#define SATCHEL_SASL_USER_MAX 255u /* bytes of either name (RFC 4616 2) */
#define SATCHEL_SASL_SECRET_MAX 1024u
#define SATCHEL_SASL_RESPONSE_MAX 16384u

/* Says what follows a step. */
typedef enum
{
  SATCHEL_SASL_MALFORMED = 0, /* the client broke the rules of the mechanism; nothing was guessed */
  SATCHEL_SASL_CHALLENGE,     /* `challenge` goes to the client (NULL: an empty one), then comes a step */
  SATCHEL_SASL_LOOK_UP,       /* `user` is looked up, and the attempt counted; then comes `found` */
  SATCHEL_SASL_PASSWORD,      /* `user` and `secret` go to the passdbs: the end */
  SATCHEL_SASL_RIGHT,         /* the client has proved to be the user that was looked up: the end */
  SATCHEL_SASL_WRONG,         /* the client has not proved who it is; the exchange ends */
  SATCHEL_SASL_ASK,           /* after LOOK_UP: `request` goes to a helper; then comes `answered` */
  SATCHEL_SASL_UNAVAILABLE    /* what the client shows cannot be checked now; the attempt does not count */
} SatchelSaslResult;

/* A result has these details; the core zeroes them, and frees and wipes what a step sets. */
typedef struct SatchelSaslTurn
{
  SATCHEL_MADE_BY_CORE
  size_t size;
  GBytes *challenge;
  char *user;          /* as the client sent it (authentication identity) */
  char *authorisation; /* the identity to act as, as the client sent it; NULL: the user's own */
  char *secret;        /* wiped */
  GBytes *key;         /* RIGHT: what opens the user's keyring (satchel_secret_new), SATCHEL_KEY_CLIENT */
  char *name;          /* MALFORMED: whom the log shall name; may */
  const char *helper;  /* ASK: the module whose helper is asked; static */
  GBytes *request;     /* ASK; wiped as requests are (satchel_helper_pack) */
  /* With CHALLENGE: the client has failed, and only has to be told how. Whatever follows, and if nothing
   * does, the attempt counts, and nobody is let in. */
  gboolean is_refuted;
  /* What was wrong with what the client showed, or why it cannot be checked, for the administrator; no
   * secret; may. */
  char *why;
  char *credential; /* RIGHT: what opened the session, as of SatchelFactorAnswer; NULL: the password */
  /* With RIGHT: what the client showed is a second factor in itself, so that no factor is asked. */
  gboolean is_whole;
} SatchelSaslTurn;

/* Who is offered a mechanism depends on these, the listener and the configuration, never on the user. */
enum
{
  SATCHEL_SASL_SENDS_PASSWORD = 1 << 0, /* only where a password may be sent as it is */
  SATCHEL_SASL_NEEDS_BINDING = 1 << 1,  /* only where there is a channel binding */
  /* The login has the bindings, where a mechanism that needs one is offered, too. */
  SATCHEL_SASL_SEES_BINDING = 1 << 2,
  SATCHEL_SASL_NEEDS_CERTIFICATE = 1 << 3, /* only where the client showed a certificate; the login has it */
  SATCHEL_SASL_FLAGS_ALL = (1 << 4) - 1
};

typedef struct SatchelSaslOps
{
  size_t size;
  const char *name; /* "SCRAM-SHA-256": upper case (RFC 4422 3.1).  Must */
  guint flags;      /* SATCHEL_SASL_... */
  guint band;       /* lower bands are named first where mechanisms are listed */
  /* May. FALSE means that the settings have it off. */
  gboolean (*is_on) (void);
  /* Must. Returns the state of an exchange. @login is borrowed, valid until `free`; it has no user. */
  gpointer (*exchange_new) (const SatchelLogin *login);
  /* Must. Takes a step. @response is NULL at the first one if the client sent no initial response. */
  SatchelSaslResult (*step) (gpointer exchange, const guint8 *response, gsize len, SatchelSaslTurn *turn);
  /* Must for those that say LOOK_UP, and is called after it. @user is local@domain, or the name as it came if
   * it can be none. @credential is NULL if the user is unknown; the exchange must go on as if it were not, to
   * its end. */
  SatchelSaslResult (*found) (gpointer exchange, const char *user, const SatchelCredential *credential,
                              SatchelSaslTurn *turn);
  void (*exchange_free) (gpointer exchange); /* wipes.  Must */
  /* Must for those that say ASK, and is called after it, possibly when the client has gone. @reply is NULL
   * with @error if the helper gave none in time. */
  SatchelSaslResult (*answered) (gpointer exchange, GBytes *reply, const GError *error,
                                 SatchelSaslTurn *turn);
  /* May. Returns what a client sends that wants to be @user and shows @secret, for `satchel auth test`: the
   * response to the first step, up to SATCHEL_SASL_RESPONSE_MAX bytes; the caller frees it. NULL means that
   * they cannot be sent. */
  GBytes *(*make_response) (const char *user, const char *secret);
} SatchelSaslOps;

G_END_DECLS
