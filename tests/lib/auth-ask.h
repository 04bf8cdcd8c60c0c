/* SPDX-License-Identifier: MIT
 * Questions to a passdb or userdb as the auth process asks them, answered before the call returns.
 */
#pragma once
#include "core/runtime/login/auth_call_private.h"

typedef struct Asked
{
  gboolean is_done;
  SatchelCallAnswer answer;
} Asked;

static void
take_asked (SatchelCallAnswer *answer, gpointer data)
{
  Asked *asked = data;
  asked->is_done = TRUE;
  asked->answer = *answer;
  *answer = (SatchelCallAnswer) { 0 };
}

static Asked
ask (gconstpointer ops, SatchelCallKind kind, void (*func) (SatchelAuthCall *call), const char *user,
     const SatchelCredential *credential, const char *secret)
{
  Asked asked = { 0 };
  char *shared = secret != NULL ? satchel_shared_secret_new (secret, strlen (secret)) : NULL;
  const SatchelQuestion question = {
    .kind = kind, .source = ops, .ask = func, .user = user, .credential = credential, .secret = shared
  };
  satchel_call_ask (&question, take_asked, &asked);
  while (!asked.is_done)
    g_main_context_iteration (NULL, TRUE);
  satchel_shared_secret_unref (shared);
  return asked;
}

static inline gboolean
ask_look_up (const SatchelPassdbOps *ops, const char *user, SatchelCredential *ret_credential, GError **error)
{
  Asked asked = ask (ops, SATCHEL_CALL_LOOK_UP, ops->look_up, user, NULL, NULL);
  if (asked.answer.error != NULL)
    g_propagate_error (error, asked.answer.error);
  if (asked.answer.is_found)
    *ret_credential = asked.answer.credential;
  return asked.answer.is_found;
}

static inline SatchelVerify
ask_verify (const SatchelPassdbOps *ops, const SatchelCredential *credential, const char *secret,
            GError **error)
{
  Asked asked = ask (ops, SATCHEL_CALL_VERIFY, ops->verify, credential != NULL ? credential->user : "nobody",
                     credential, secret);
  if (asked.answer.error != NULL)
    g_propagate_error (error, asked.answer.error);
  g_clear_pointer (&asked.answer.key, g_bytes_unref);
  return asked.answer.verdict;
}

static inline gboolean
ask_upgrade (const SatchelPassdbOps *ops, const SatchelCredential *credential, const char *secret,
             GError **error)
{
  Asked asked = ask (ops, SATCHEL_CALL_UPGRADE, ops->upgrade, credential->user, credential, secret);
  gboolean ok = asked.answer.error == NULL;
  if (!ok)
    g_propagate_error (error, asked.answer.error);
  return ok;
}

/* Yours; NULL: unknown, or @error. */
static inline char **
ask_texts (const SatchelUserdbOps *ops, SatchelCallKind kind, const char *user, GError **error)
{
  Asked asked =
      ask (ops, kind, kind == SATCHEL_CALL_RESOLVE ? ops->look_up : ops->attributes, user, NULL, NULL);
  if (asked.answer.error != NULL)
    g_propagate_error (error, asked.answer.error);
  return asked.answer.texts;
}
