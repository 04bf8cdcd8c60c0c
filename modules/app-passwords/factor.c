/* SPDX-License-Identifier: MIT
 * Implements the factor. A login with an app password needs nothing else; any other login is left to other
 * factors.
 */
#include "app_passwords.h"

#include <string.h>

/* The answer to a call is found under the lock and given without it. */
typedef struct Question
{
  SatchelAuthCall *call;
  SatchelFactorVerdict verdict;
  char *credential, *scopes;
  GError *error;
} Question;

/* Finds the user's app password that is @secret.  It compares all of them, so that its time does not depend
 * on which one matches. */
static AppPassword *
find_password (const char *user, const char *secret, GError **error)
{
  guint8 hash[APP_HASH_BYTES];
  AppPassword *found = NULL;
  const GPtrArray *passwords = app_state_passwords (app_module.state, user);
  if (passwords == NULL)
    return NULL;
  if (!app_secret_hash (user, secret, hash))
    {
      satchel_error_set (error, SATCHEL_ERROR_FAILED, "the library cannot compute hashes");
      return NULL;
    }
  for (guint i = 0; i < passwords->len; i++)
    if (app_hash_equal (((AppPassword *) passwords->pdata[i])->hash, hash))
      found = passwords->pdata[i];
  explicit_bzero (hash, sizeof hash);
  return found;
}

static gboolean
is_good_here (const AppPassword *password, const SatchelLogin *login, gint64 now_s)
{
  return (password->services & app_service_find (login->service)) != 0
         && (password->expires_s == 0 || now_s < password->expires_s)
         && (password->networks[0] == NULL
             || satchel_login_is_from (login, (const char *const *) password->networks));
}

static void
examine_secret (Question *question, const char *secret)
{
  const SatchelLogin *login = satchel_auth_call_login (question->call);
  gint64 now_s = app_now_s ();
  AppPassword *password = find_password (satchel_auth_call_user (question->call), secret, &question->error);
  if (password == NULL)
    return;
  if (!is_good_here (password, login, now_s))
    {
      question->verdict = SATCHEL_FACTOR_OUT_OF_SCOPE;
      return;
    }
  if (!login->is_test)
    /* The use is written to the file later, so that no login waits for a disk. */
    app_password_use (password, login, now_s);
  question->verdict = SATCHEL_FACTOR_ACCEPTED;
  question->credential = app_password_name (password);
  question->scopes = app_services_text (password->services, " ");
}

static void
examine (SatchelAuthCall *call)
{
  Question question = { .call = call, .verdict = SATCHEL_FACTOR_NOT_MINE };
  const char *typed = satchel_auth_call_secret (call);
  char secret[APP_SECRET_CHARS + 1];
  /* If the file cannot be used, a secret that looks like an app password is neither right nor wrong. */
  if (typed != NULL && app_secret_read (typed, secret) && app_lock (&question.error))
    {
      examine_secret (&question, secret);
      app_unlock ();
    }
  gboolean is_right = question.verdict == SATCHEL_FACTOR_ACCEPTED;
  if (question.error != NULL)
    satchel_auth_call_fail (call, question.error);
  else
    satchel_auth_call_judge (call, &(SatchelFactorAnswer) { .size = sizeof (SatchelFactorAnswer),
                                                            .verdict = question.verdict,
                                                            .credential = question.credential,
                                                            .scopes = question.scopes,
                                                            .key_secret = is_right ? secret : NULL });
  explicit_bzero (secret, sizeof secret);
  g_clear_error (&question.error);
  g_free (question.credential);
  g_free (question.scopes);
}

/* Fails the call.  The core asks for no confirmation, since no answer of this module calls for one. */
static void
confirm (SatchelAuthCall *call)
{
  satchel_auth_call_fail (call, NULL);
}

/* ---- lists ---- */

static gboolean
list_credentials (const char *user, SatchelCredentialEntryFunc func, gpointer data, GError **error)
{
  if (!app_lock (error))
    return FALSE;
  const GPtrArray *passwords = app_state_passwords (app_module.state, user);
  for (guint i = 0; passwords != NULL && i < passwords->len; i++)
    {
      const AppPassword *password = passwords->pdata[i];
      g_autofree char *id = app_password_name (password);
      g_autofree char *networks = g_strjoinv (",", password->networks);
      func (&(SatchelCredentialEntry) { .size = sizeof (SatchelCredentialEntry),
                                        .id = id,
                                        .label = password->label,
                                        .network = networks,
                                        .service = password->service,
                                        .peer = password->peer,
                                        .client = password->client,
                                        .created_s = password->created_s,
                                        .used_s = password->used_s,
                                        .expires_s = password->expires_s },
            data);
    }
  app_unlock ();
  return TRUE;
}

static gboolean
end_credential (const char *user, const char *credential, GError **error)
{
  guint n;
  if (!g_str_has_prefix (credential, "app:"))
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "%s is not the id of an app password",
                              credential);
  gboolean ok = app_revoke (user, credential, &n, error);
  app_slots_drop_soon ();
  return ok;
}

static void
client_named (const char *user, const char *credential, const char *client)
{
  if (!g_str_has_prefix (credential, "app:") || !app_lock (NULL))
    return;
  AppPassword *password = app_state_find (app_module.state, user, credential);
  if (password != NULL)
    app_password_set_client (password, client);
  app_unlock ();
}

static gboolean
forget_user (const char *user, GError **error)
{
  guint n;
  gboolean ok = app_revoke (user, NULL, &n, error);
  app_slots_drop_soon ();
  return ok;
}

const SatchelFactorOps app_factor = { .size = sizeof app_factor,
                                      .band = 300,
                                      .examine = examine,
                                      .confirm = confirm,
                                      .list_credentials = list_credentials,
                                      .end_credential = end_credential,
                                      .client_named = client_named,
                                      .forget_user = forget_user,
                                      .flags = SATCHEL_FACTOR_HAS_OWN_SECRETS };
