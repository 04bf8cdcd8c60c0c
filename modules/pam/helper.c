/* SPDX-License-Identifier: MIT
 * The helper: has each question answered in a process of its own, and says in the log why a login failed.
 * Such a process is asked for an account by its name, and for a login by the name, the secret, and where it
 * comes from.
 */
#include "helper.h"

#include "account.h"
#include "check.h"

#include <satchel/log.h>
#include <satchel/reactor.h>
#include <string.h>

/* Failures take at least this long, so that the time does not tell an unknown user, whom PAM often refuses at
 * once, from a known one: auth adds its own delay. */
#define FAILURE_MS 500

static PamSettings settings;

enum
{
  AT_NAME = 0,
  N_OF_ACCOUNT,
  AT_USER = N_OF_ACCOUNT,
  AT_SECRET,
  AT_SERVICE,
  AT_LISTENER,
  AT_PEER,
  N_OF_LOGIN
};
static const char say_yes[] = "yes", say_no[] = "no", say_trouble[] = "trouble";

/* ---- in the process of one question ---- */

static GBytes *
say (const char *word, const char *why)
{
  const char *const texts[] = { word, why != NULL ? why : "", NULL };
  return satchel_helper_pack (texts);
}

static GBytes *
check_login (const char *const *texts)
{
  const SatchelSourceLogin login = { .size = sizeof login,
                                     .user = texts[AT_USER],
                                     .secret = texts[AT_SECRET],
                                     .service = texts[AT_SERVICE],
                                     .listener = texts[AT_LISTENER],
                                     .peer = texts[AT_PEER] };
  g_autofree char *why = NULL;
  g_autoptr (GError) error = NULL;
  gint64 start_ms = satchel_now_ms ();
  /* A name that is no user is asked for all the same, since the time must not tell that. */
  gboolean is_user = !settings.wants_account || pam_check_account (&settings, texts[AT_NAME], &error);
  SatchelVerify verdict = pam_check (&settings, texts[AT_NAME], &login, &why);
  if (error != NULL)
    return say (say_trouble, error->message);
  if (verdict == SATCHEL_VERIFY_RIGHT && is_user)
    return say (say_yes, NULL);
  if (verdict == SATCHEL_VERIFY_ERROR)
    return say (say_trouble, why);
  gint64 left_ms = start_ms + FAILURE_MS - satchel_now_ms ();
  if (left_ms > 0)
    g_usleep ((gulong) left_ms * 1000);
  return say (say_no, is_user ? why : "the user has no account here");
}

static GBytes *
run_child (GBytes *request, GError **error)
{
  g_autofree const char **texts = satchel_helper_unpack (request, N_OF_LOGIN);
  guint n = texts != NULL ? g_strv_length ((char **) texts) : 0;
  if (n == N_OF_LOGIN)
    return check_login (texts);
  if (n != N_OF_ACCOUNT)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the request to the helper is malformed");
      return NULL;
    }
  g_autoptr (GError) why = NULL;
  gboolean is_there = pam_check_account (&settings, texts[AT_NAME], &why);
  return why != NULL ? say (say_trouble, why->message) : say (is_there ? say_yes : say_no, NULL);
}

/* ---- in the helper ---- */

/* Asks in a process of its own. The caller frees *ret_why. ERROR with @error means that nobody can tell. */
static SatchelVerify
ask_child (SatchelHelperCall *call, const char *const *texts, char **ret_why, GError **error)
{
  g_autoptr (GBytes) request = satchel_helper_pack (texts);
  g_autoptr (GBytes) reply = satchel_helper_run_child (call, request, error);
  if (reply == NULL)
    return SATCHEL_VERIFY_ERROR;
  g_autofree const char **said = satchel_helper_unpack (reply, 2);
  const char *word = said != NULL && said[0] != NULL ? said[0] : "";
  const char *why = *word != '\0' && said[1] != NULL ? said[1] : "";
  *ret_why = g_strdup (why);
  if (strcmp (word, say_yes) == 0)
    return SATCHEL_VERIFY_RIGHT;
  if (strcmp (word, say_no) == 0)
    return SATCHEL_VERIFY_WRONG;
  satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "%s",
                     *why != '\0' ? why : "the answer of the process that asked PAM is malformed");
  return SATCHEL_VERIFY_ERROR;
}

static gboolean
is_here (SatchelHelperCall *call, const char *user, GError **error)
{
  g_autofree char *name = pam_account_name (user, settings.domain), *why = NULL;
  const char *const texts[] = { name, NULL };
  if (name == NULL || !settings.wants_account)
    return name != NULL;
  return ask_child (call, texts, &why, error) == SATCHEL_VERIFY_RIGHT;
}

/* Answers a look-up. PAM does not tell what changes with the password, so no login is remembered. */
static void
answer_user (SatchelHelperCall *call, const char *user, GPtrArray *texts, GError **error)
{
  if (is_here (call, user, error))
    g_ptr_array_add (texts, g_strdup (""));
}

/* Answers for an address. Without accounts PAM alone knows who is a user, and does not tell before the
 * password. */
static void
answer_address (SatchelHelperCall *call, const char *address, GPtrArray *texts, GError **error)
{
  if (settings.wants_account && is_here (call, address, error))
    g_ptr_array_add (texts, g_strdup (address));
}

static SatchelVerify
answer_verify (SatchelHelperCall *call, const SatchelSourceLogin *login, GError **error)
{
  g_autofree char *name = pam_account_name (login->user, settings.domain), *why = NULL;
  const char *const texts[] = { name != NULL ? name : "nobody-is-called-so",
                                login->user,
                                login->secret,
                                login->service,
                                login->listener,
                                login->peer,
                                NULL };
  SatchelVerify verdict = ask_child (call, texts, &why, error);
  if (verdict == SATCHEL_VERIFY_WRONG)
    satchel_log (SATCHEL_LOG_INFO, PAM_NAME, "user=%s peer=%s refused: %s", login->user, login->peer, why);
  return name != NULL || verdict == SATCHEL_VERIFY_ERROR ? verdict : SATCHEL_VERIFY_WRONG;
}

static const SatchelSourceOps source = {
  .size = sizeof source, .user = answer_user, .address = answer_address, .verify = answer_verify
};

static void
handle (SatchelHelperCall *call)
{
  satchel_source_handle (call, &source);
}

SatchelHelperOps pam_helper = {
  .size = sizeof pam_helper, .max_calls = 1, .handle = handle, .run_child = run_child
};

void
pam_helper_configure (const SatchelConfig *section)
{
  satchel_config_fill (section, pam_schema, &settings);
  pam_helper.max_calls = settings.processes;
}
