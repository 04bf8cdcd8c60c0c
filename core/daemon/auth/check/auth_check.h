/* SPDX-License-Identifier: MIT
 * Declares one check of who somebody is, between the files that do it. A file calls only those above it:
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
  SatchelLogin *login;       /* the login, with the user once there is a name */
  char *user;                /* the name by which attempts are counted: in its normal form, or as it came */
  char *secret;              /* a shared secret, as it was typed; NULL: none was sent */
  gboolean is_name, is_user; /* is_name: the name has the form of a user's; is_user: a database has it */
  gboolean is_gone;          /* the exchange was given up */
  gboolean has_made;         /* a factor has made the credential during this login */
  SatchelAttempt attempt;
  guint64 guess;         /* digest of secret and verifier, by which a repeated guess is recognised; 0: none */
  SatchelCheckNote note; /* what a test reports its steps to; NULL: this is a login */
  gboolean would_be_throttled; /* the login would have been refused; the test goes on all the same */
  gint64 asked_until_ms;       /* deadline of questions */

  guint index; /* index of the passdb, then of the factor, then of the keyring that is asked */
  const SatchelPassdbOps *passdb;
  SatchelCredential credential; /* what the passdb found for the user */
  guint64 found_turn;           /* turn of the loop in which the passdb answered */
  SatchelCheckNext next;        /* what is called after the factors */
  SatchelCheckNext remember;    /* what is called at the end of a right login, or NULL */

  const SatchelFactorOps *factor; /* the factor that decides; NULL: none does */
  SatchelFactorVerdict refusal;   /* the factor's answer if the password is right; 0: there is none */
  gsize candidates[SATCHEL_FACTOR_CANDIDATES_MAX];
  guint n_candidates, candidate;
  /* the password is to be verified as it was typed, since its prepared form differs and was wrong */
  gboolean is_as_typed;
  char *password;   /* a shared secret: the candidate that is being verified */
  char *key_secret; /* a shared secret: the secret as keyrings know it; NULL: as it was typed */

  guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES]; /* key in auth->running while is_running */
  gboolean has_key, is_running;
  GSList *joined; /* SatchelAuthCheck: the same secret for the same user, waiting for our result */

  SatchelVerify verdict;        /* verdict of the passdb; 0: none */
  GBytes *unlocked;             /* the key of the user's sessions, or NULL */
  char *notice;                 /* what the user should be told, or NULL */
  gboolean has_changed;         /* `attributes` are not those of now any more */
  GBytes *copy;                 /* what is to be kept beside the user's mail, or NULL */
  char *credential_id, *scopes; /* what the factor that accepted has said, or NULL */
  char *attributes;             /* attributes of the user, as SatchelPlace has them; NULL: not known yet */
  SatchelKeySource source;      /* what kind of secret opens keyrings; 0: none */
  GBytes *client_key;

  SatchelCheckFound found;
  SatchelCheckFunc func;
  gpointer data;
};

/* auth_check_end.c has these. */
/* Tells a test of a step; of a login it does nothing. */
void satchel_check_note (const SatchelAuthCheck *check, const char *step, gconstpointer source,
                         const char *format, ...) G_GNUC_PRINTF (4, 5);
/* Returns the attempt as the counters see it. */
SatchelGuess satchel_check_guess (const SatchelAuthCheck *check);
void satchel_check_finish (SatchelAuthCheck *check, SatchelLoginVerdict verdict);
/* Logs why a source could not tell, and ends as unavailable. */
void satchel_check_trouble (SatchelAuthCheck *check, const GError *error);
/* Lets the checks that have joined this one go on by themselves, with @next. */
void satchel_check_part (SatchelAuthCheck *check, SatchelCheckNext next);
/* Returns a question about the check. */
SatchelQuestion satchel_check_question (SatchelAuthCheck *check, SatchelCallKind kind, gconstpointer source,
                                        void (*ask) (SatchelAuthCall *call),
                                        void (*cancelled) (SatchelAuthCall *call));

/* auth_check_keys.c goes on with a user who has been found to be right. */
void satchel_check_accept (SatchelAuthCheck *check);

/* auth_check_factor.c calls `examine` of each factor, and then @next, unless a factor has decided. */
void satchel_check_examine (SatchelAuthCheck *check, SatchelCheckNext next);
/* Goes on with a right password: the factor decides, or the login is right. */
void satchel_check_confirm (SatchelAuthCheck *check);

/* auth_check_password.c has these. */
/* Joins a check of the same login if one is running.  TRUE means that it will bring the answer; otherwise
 * others may join this one from now on. */
gboolean satchel_check_join (SatchelAuthCheck *check);
void satchel_check_verify (SatchelAuthCheck *check);
