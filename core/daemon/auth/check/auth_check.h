/* SPDX-License-Identifier: MIT
 * This header declares one check of who somebody is, between the files that do it.  A file calls only those
 * above it:
 * - auth_check_end.c: counts, tells, frees
 * - auth_check_keys.c: asks for attributes, looks the user up once more, opens keyrings
 * - auth_check_factor.c: asks factors
 * - auth_check_password.c: remembered passwords, hashes
 * - auth_check.c: begins
 */
#pragma once
#include "core/daemon/auth/auth.h"
#include "core/runtime/loop/reactor_private.h"

typedef void (*SatchelCheckNext) (SatchelAuthCheck *check);

struct SatchelAuthCheck
{
  SatchelAuth *auth;
  SatchelLogin *login;       /* with the user, if there is a name */
  char *user;                /* what is counted: the normal form, or the name as it came */
  char *secret;              /* shared: as it was typed; NULL: none was sent */
  gboolean is_name, is_user; /* the name can be one; it is one */
  gboolean is_gone;          /* the exchange was given up */
  gboolean has_made;         /* a factor has made the credential for this login */
  SatchelAttempt attempt;
  guint64 guess;         /* the digest of secret and verifier by which a repeated one is known; 0: none */
  SatchelCheckNote note; /* this is a test; NULL: it is a login */
  gboolean would_be_throttled; /* a test goes on all the same */
  gint64 asked_until_ms;       /* deadline of questions */

  guint index; /* of the passdb, then the factor, then the keyring that is asked */
  const SatchelPassdbOps *passdb;
  SatchelCredential credential; /* what the passdb found for the user */
  guint64 found_turn;           /* of the loop, when the passdb told it */
  SatchelCheckNext next;        /* what follows the factors */
  SatchelCheckNext remember;    /* at the end of a right login, or NULL */

  const SatchelFactorOps *factor; /* the one that decides; NULL: none does */
  SatchelFactorVerdict refusal;   /* what is said once the password is right; 0: nothing */
  gsize candidates[SATCHEL_FACTOR_CANDIDATES_MAX];
  guint n_candidates, candidate;
  gboolean is_as_typed; /* the candidate has been verified in its prepared form, which differs */
  char *password;       /* shared: the candidate that is verified */
  char *key_secret;     /* shared: the secret as keyrings know it; NULL: as it was typed */

  guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES]; /* in auth->running while is_running */
  gboolean has_key, is_running;
  GSList *joined; /* SatchelAuthCheck: the same secret for the same user, waiting for our result */

  SatchelVerify verdict;        /* of the passdb; 0: none */
  GBytes *unlocked;             /* the key of the user's sessions, or NULL */
  char *credential_id, *scopes; /* of the factor that accepted, or NULL */
  char *attributes;             /* of the user, as SatchelPlace has them; NULL: not known yet */
  SatchelKeySource source;      /* what opens keyrings; 0: nothing */
  GBytes *client_key;

  SatchelCheckFound found;
  SatchelCheckFunc func;
  gpointer data;
};

/* auth_check_end.c has these. */
/* Tells a test of a step; of a login it does nothing. */
void satchel_check_note (const SatchelAuthCheck *check, const char *step, gconstpointer source,
                         const char *format, ...) G_GNUC_PRINTF (4, 5);
/* Returns what counters see of it. */
SatchelGuess satchel_check_guess (const SatchelAuthCheck *check);
void satchel_check_finish (SatchelAuthCheck *check, SatchelLoginVerdict verdict);
/* Logs why a source could not tell, and ends as unavailable. */
void satchel_check_trouble (SatchelAuthCheck *check, const GError *error);
/* Others that have joined go on by themselves. */
void satchel_check_part (SatchelAuthCheck *check, SatchelCheckNext next);
/* Returns a question about the check. */
SatchelQuestion satchel_check_question (SatchelAuthCheck *check, SatchelCallKind kind, gconstpointer source,
                                        void (*ask) (SatchelAuthCall *call),
                                        void (*cancelled) (SatchelAuthCall *call));

/* auth_check_keys.c goes on with a user who has been found to be right. */
void satchel_check_accept (SatchelAuthCheck *check);

/* auth_check_factor.c calls `examine` of each factor, and then @next, unless one of them decided. */
void satchel_check_examine (SatchelAuthCheck *check, SatchelCheckNext next);
/* Goes on with a right password: the factor decides, or the login is right. */
void satchel_check_confirm (SatchelAuthCheck *check);

/* auth_check_password.c has these. */
/* TRUE means: another check is about to find the answer.  Else others may join this one from now on. */
gboolean satchel_check_join (SatchelAuthCheck *check);
void satchel_check_verify (SatchelAuthCheck *check);
