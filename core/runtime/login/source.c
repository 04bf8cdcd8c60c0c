/* SPDX-License-Identifier: MIT
 * Implements both halves of sources in helpers (<satchel/source.h>). A request is one of the words below and
 * a name; one to verify also has the secret and the origin of the login.
 */
#include "config.h"

#include <satchel/source.h>
#include <string.h>

static const char *const words[] = {
  [SATCHEL_SOURCE_USER] = "user",
  [SATCHEL_SOURCE_ADDRESS] = "address",
  [SATCHEL_SOURCE_VERIFY] = "verify",
};
/* Fields of a request to a helper. A look-up sends the first N_SHORT of them, a request to verify a password
 * all N_LONG. */
enum
{
  AT_WORD = 0,
  AT_NAME,
  N_SHORT,
  AT_SECRET = N_SHORT,
  AT_SERVICE,
  AT_LISTENER,
  AT_PEER,
  N_LONG
};
static const char say_right[] = "right", say_wrong[] = "wrong";

/* ---- in auth ---- */

void
satchel_source_refuse (SatchelAuthCall *call, const char *why)
{
  g_autoptr (GError) error = NULL;
  satchel_error_set (&error, SATCHEL_ERROR_CORRUPT, "%s", why);
  satchel_auth_call_fail (call, error);
}

const char **
satchel_source_texts (SatchelAuthCall *call, GBytes *reply)
{
  const char **texts = satchel_helper_unpack (reply, SATCHEL_SOURCE_TEXTS_MAX);
  if (texts == NULL)
    satchel_source_refuse (call, "the helper sent a malformed answer");
  return texts;
}

void
satchel_source_ask (SatchelAuthCall *call, const char *module, SatchelSourceQuestion question,
                    SatchelAuthReplyFunc func)
{
  const SatchelLogin *login = satchel_auth_call_login (call);
  const char *secret = satchel_auth_call_secret (call);
  const char *texts[N_LONG + 1] = { words[question], satchel_auth_call_user (call) };
  if (question == SATCHEL_SOURCE_VERIFY)
    {
      texts[AT_SECRET] = secret != NULL ? secret : "";
      texts[AT_SERVICE] = login != NULL ? login->service : "";
      texts[AT_LISTENER] = login != NULL ? login->listener : "";
      texts[AT_PEER] = login != NULL ? login->peer : "";
    }
  g_autoptr (GBytes) request = satchel_helper_pack (texts);
  satchel_auth_call_ask_helper (call, module, request, func);
}

static void
take_credential (SatchelAuthCall *call, GBytes *reply)
{
  g_autofree const char **texts = satchel_source_texts (call, reply);
  if (texts == NULL)
    return;
  if (texts[0] == NULL)
    {
      satchel_auth_call_found (call, NULL);
      return;
    }
  const SatchelCredential credential = { .size = sizeof credential,
                                         .user = (char *) satchel_auth_call_user (call),
                                         .verifier = *texts[0] != '\0' ? (char *) texts[0] : NULL,
                                         .attributes = (char **) texts + 1 };
  satchel_auth_call_found (call, &credential);
}

void
satchel_source_look_up (SatchelAuthCall *call, const char *module)
{
  satchel_source_ask (call, module, SATCHEL_SOURCE_USER, take_credential);
}

/* Lets the login in for one word only; any other answer refuses it. */
static void
take_verdict (SatchelAuthCall *call, GBytes *reply)
{
  g_autofree const char **texts = satchel_source_texts (call, reply);
  if (texts == NULL)
    return;
  if (g_strcmp0 (texts[0], say_right) == 0)
    satchel_auth_call_verified (call, SATCHEL_VERIFY_RIGHT, NULL);
  else if (g_strcmp0 (texts[0], say_wrong) == 0)
    satchel_auth_call_verified (call, SATCHEL_VERIFY_WRONG, NULL);
  else
    satchel_source_refuse (call, "the helper's answer is neither right nor wrong");
}

void
satchel_source_verify (SatchelAuthCall *call, const char *module)
{
  satchel_source_ask (call, module, SATCHEL_SOURCE_VERIFY, take_verdict);
}

static void
take_users (SatchelAuthCall *call, GBytes *reply)
{
  g_autofree const char **texts = satchel_source_texts (call, reply);
  if (texts != NULL)
    satchel_auth_call_resolved (call, texts[0] != NULL ? texts : NULL);
}

void
satchel_source_resolve (SatchelAuthCall *call, const char *module)
{
  satchel_source_ask (call, module, SATCHEL_SOURCE_ADDRESS, take_users);
}

static void
take_attributes (SatchelAuthCall *call, GBytes *reply)
{
  g_autofree const char **texts = satchel_source_texts (call, reply);
  if (texts != NULL)
    satchel_auth_call_attributes (call, texts[0] != NULL ? texts + 1 : NULL);
}

void
satchel_source_attributes (SatchelAuthCall *call, const char *module)
{
  satchel_source_ask (call, module, SATCHEL_SOURCE_USER, take_attributes);
}

/* ---- in the helper ---- */

static void
answer (SatchelHelperCall *call, GPtrArray *texts, const GError *error)
{
  if (error != NULL)
    {
      satchel_helper_fail (call, (SatchelErrorCode) error->code, error->message);
      return;
    }
  g_ptr_array_add (texts, NULL);
  g_autoptr (GBytes) reply = satchel_helper_pack ((const char *const *) texts->pdata);
  satchel_helper_reply (call, reply);
}

static void
verify (SatchelHelperCall *call, const SatchelSourceOps *ops, const char *const *request, GPtrArray *texts,
        GError **error)
{
  const SatchelSourceLogin login = { .size = sizeof login,
                                     .user = request[AT_NAME],
                                     .secret = request[AT_SECRET],
                                     .service = request[AT_SERVICE],
                                     .listener = request[AT_LISTENER],
                                     .peer = request[AT_PEER] };
  SatchelVerify verdict = ops->verify (call, &login, error);
  if (verdict == SATCHEL_VERIFY_ERROR && *error == NULL)
    satchel_error_set (error, SATCHEL_ERROR_FAILED, "the module gave no reason");
  g_ptr_array_add (texts, g_strdup (verdict == SATCHEL_VERIFY_RIGHT ? say_right : say_wrong));
}

void
satchel_source_handle (SatchelHelperCall *call, const SatchelSourceOps *ops)
{
  g_autofree const char **request = satchel_helper_unpack (satchel_helper_call_request (call), N_LONG);
  guint n = request != NULL ? g_strv_length ((char **) request) : 0;
  const char *word = n > 0 ? request[AT_WORD] : "";
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  if (n == N_SHORT && strcmp (word, words[SATCHEL_SOURCE_USER]) == 0 && SATCHEL_HAS (ops, user))
    ops->user (call, request[AT_NAME], texts, &error);
  else if (n == N_SHORT && strcmp (word, words[SATCHEL_SOURCE_ADDRESS]) == 0 && SATCHEL_HAS (ops, address))
    ops->address (call, request[AT_NAME], texts, &error);
  else if (n == N_LONG && strcmp (word, words[SATCHEL_SOURCE_VERIFY]) == 0 && SATCHEL_HAS (ops, verify))
    verify (call, ops, request, texts, &error);
  else
    satchel_error_set (&error, SATCHEL_ERROR_INVALID, "the request to the helper is malformed");
  answer (call, texts, error);
}

gboolean
satchel_source_is_name (const char *value, const char *name)
{
  const char *at = strrchr (name, '@');
  g_autofree char *whole =
      strchr (value, '@') == NULL && at != NULL ? g_strconcat (value, at, NULL) : g_strdup (value);
  g_autofree char *canonical = satchel_user_canonical (whole, strlen (whole), NULL);
  return g_strcmp0 (canonical, name) == 0;
}
