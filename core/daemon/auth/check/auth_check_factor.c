/* SPDX-License-Identifier: MIT
 * This file asks the factors of a user.  The first one that does not leave the login to the others decides
 * it.  If a factor cannot tell, or breaks its contract, the login is refused.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_check.h"

#include <string.h>

static SatchelLoginVerdict
verdict_of (SatchelFactorVerdict verdict)
{
  switch (verdict)
    {
    case SATCHEL_FACTOR_CODE_MISSING:
      return SATCHEL_LOGIN_CODE_MISSING;
    case SATCHEL_FACTOR_CODE_STALE:
      return SATCHEL_LOGIN_CODE_STALE;
    case SATCHEL_FACTOR_WRONG:
      return SATCHEL_LOGIN_BAD_CODE;
    case SATCHEL_FACTOR_NEEDS_APP_PASSWORD:
      return SATCHEL_LOGIN_NEEDS_APP_PASSWORD;
    case SATCHEL_FACTOR_NEEDS_GRANT:
      return SATCHEL_LOGIN_NEEDS_GRANT;
    case SATCHEL_FACTOR_THROTTLED:
      return SATCHEL_LOGIN_THROTTLED;
    case SATCHEL_FACTOR_OUT_OF_SCOPE:
      return SATCHEL_LOGIN_OUT_OF_SCOPE;
    case SATCHEL_FACTOR_UNAVAILABLE:
    case SATCHEL_FACTOR_NOT_MINE:
    case SATCHEL_FACTOR_ACCEPTED:
    case SATCHEL_FACTOR_CANDIDATES:
      break;
    }
  return SATCHEL_LOGIN_UNAVAILABLE;
}

static void
note_judgement (const SatchelAuthCheck *check, gconstpointer source, const SatchelCallAnswer *answer)
{
  SatchelFactorVerdict verdict = answer->judgement.verdict;
  if (answer->error != NULL)
    satchel_check_note (check, "factor", source, "cannot tell: %s", answer->error->message);
  else if (verdict == SATCHEL_FACTOR_NOT_MINE)
    satchel_check_note (check, "factor", source, "leaves the login to the password");
  else if (verdict == SATCHEL_FACTOR_CANDIDATES)
    satchel_check_note (check, "factor", source, "sees a code behind the password");
  else if (verdict == SATCHEL_FACTOR_ACCEPTED)
    satchel_check_note (check, "factor", source, "accepts, by the credential %s",
                        answer->credential_id != NULL ? answer->credential_id : SATCHEL_CREDENTIAL_PASSWORD);
  else
    satchel_check_note (check, "factor", source, "refuses, once the password is right: %s",
                        satchel_auth_reason (verdict_of (verdict)));
}

static void
take_credential (SatchelAuthCheck *check, SatchelCallAnswer *answer)
{
  /* A mechanism may have named a credential before.  That of the factor replaces it, since it is the one that
   * can be revoked. */
  if (answer->credential_id != NULL)
    {
      g_free (check->credential_id);
      check->credential_id = g_steal_pointer (&answer->credential_id);
    }
  check->scopes = g_steal_pointer (&answer->scopes);
}

/* Accepts a whole secret that is right in itself. */
static void
accept_secret (SatchelAuthCheck *check, SatchelCallAnswer *answer)
{
  gsize len = answer->judgement.password_len;
  if (len > 0 && !satchel_main_password_is_good (check->auth, check->user, check->login))
    {
      satchel_check_finish (check, SATCHEL_LOGIN_NEEDS_APP_PASSWORD);
      return;
    }
  take_credential (check, answer);
  if (check->secret != NULL)
    check->source = len > 0 ? SATCHEL_KEY_SECRET : SATCHEL_KEY_APP;
  if (len > 0)
    check->password = satchel_shared_secret_new (check->secret, len);
  else
    check->key_secret = g_steal_pointer (&answer->key_secret);
  satchel_check_accept (check);
}

static void ask_next (SatchelAuthCheck *check);

static void
take_candidates (SatchelAuthCheck *check, const SatchelFactorAnswer *judgement)
{
  check->n_candidates = judgement->n_candidates;
  memcpy (check->candidates, judgement->candidates, sizeof check->candidates);
}

static void
examined (SatchelCallAnswer *answer, gpointer data)
{
  SatchelAuthCheck *check = data;
  const SatchelFactorAnswer *judgement = &answer->judgement;
  note_judgement (check, check->auth->factors->pdata[check->index], answer);
  if (answer->error != NULL)
    {
      satchel_check_trouble (check, answer->error);
      return;
    }
  if (judgement->verdict == SATCHEL_FACTOR_NOT_MINE)
    {
      check->index++;
      ask_next (check);
      return;
    }
  check->factor = check->auth->factors->pdata[check->index];
  if (judgement->verdict == SATCHEL_FACTOR_UNAVAILABLE || judgement->verdict == SATCHEL_FACTOR_OUT_OF_SCOPE)
    satchel_check_finish (check, verdict_of (judgement->verdict));
  else if (judgement->verdict == SATCHEL_FACTOR_ACCEPTED)
    accept_secret (check, answer);
  else if (check->secret == NULL) /* a mechanism has proved who the user is */
    satchel_check_finish (check, verdict_of (judgement->verdict));
  else
    {
      if (judgement->verdict == SATCHEL_FACTOR_CANDIDATES)
        take_candidates (check, judgement);
      else
        check->refusal = judgement->verdict;
      check->next (check);
    }
}

static void
ask_next (SatchelAuthCheck *check)
{
  GPtrArray *factors = check->auth->factors;
  if (!check->is_user || check->index >= factors->len)
    {
      check->next (check);
      return;
    }
  const SatchelFactorOps *ops = factors->pdata[check->index];
  SatchelQuestion question = satchel_check_question (check, SATCHEL_CALL_EXAMINE, ops, ops->examine,
                                                     SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL);
  question.secret = check->secret;
  satchel_call_ask (&question, examined, check);
}

void
satchel_check_examine (SatchelAuthCheck *check, SatchelCheckNext next)
{
  check->next = next;
  check->index = 0;
  ask_next (check);
}

static void
confirmed (SatchelCallAnswer *answer, gpointer data)
{
  SatchelAuthCheck *check = data;
  note_judgement (check, check->factor, answer);
  if (answer->error != NULL)
    satchel_check_trouble (check, answer->error);
  else if (answer->judgement.verdict != SATCHEL_FACTOR_ACCEPTED)
    satchel_check_finish (check, verdict_of (answer->judgement.verdict));
  else
    {
      take_credential (check, answer);
      check->has_made = check->credential_id != NULL;
      satchel_check_accept (check);
    }
}

void
satchel_check_confirm (SatchelAuthCheck *check)
{
  const SatchelFactorOps *ops = check->factor;
  if (ops == NULL)
    satchel_check_accept (check);
  else if (check->refusal != 0)
    satchel_check_finish (check, verdict_of (check->refusal));
  else
    {
      SatchelQuestion question =
          satchel_check_question (check, SATCHEL_CALL_CONFIRM, ops, ops->confirm,
                                  SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL);
      question.secret = check->secret;
      question.password_len = check->candidates[check->candidate];
      satchel_call_ask (&question, confirmed, check);
    }
}
