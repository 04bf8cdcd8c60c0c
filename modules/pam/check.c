/* SPDX-License-Identifier: MIT
 * This file asks PAM about one login.
 */
#include "check.h"

#include "verdict.h"

#include <errno.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROMPTS_MAX 8
#define PASSWORD_MAX 512 /* PAM's own bound (PAM_MAX_RESP_SIZE) */

/* PAM asks, and is answered from this. */
typedef struct Talk
{
  const char *secret;
  gboolean has_given; /* the password has been given to a prompt */
  char *refused;      /* the prompt that got no answer */
} Talk;

static char *
answer_prompt (Talk *talk, const struct pam_message *prompt)
{
  if (prompt->msg_style == PAM_PROMPT_ECHO_OFF && !talk->has_given)
    {
      talk->has_given = TRUE;
      return strdup (talk->secret);
    }
  g_free (talk->refused);
  talk->refused = g_strndup (prompt->msg != NULL ? prompt->msg : "", 100);
  return NULL;
}

static void
free_answers (struct pam_response *answers, int n)
{
  for (int i = 0; i < n; i++)
    if (answers[i].resp != NULL)
      {
        explicit_bzero (answers[i].resp, strlen (answers[i].resp));
        free (answers[i].resp);
      }
  free (answers);
}

/* Gives the password to the one question for it.  A second one, a code, or a name has no answer: the client
 * has sent one string, and which of two questions it answers is not for us to guess. */
static int
converse (int n, const struct pam_message **prompts, struct pam_response **ret_answers, void *data)
{
  if (n < 1 || n > PROMPTS_MAX)
    return PAM_CONV_ERR;
  struct pam_response *answers = calloc ((size_t) n, sizeof *answers);
  for (int i = 0; answers != NULL && i < n; i++)
    {
      gboolean is_question = prompts[i]->msg_style != PAM_TEXT_INFO && prompts[i]->msg_style != PAM_ERROR_MSG;
      if (is_question && (answers[i].resp = answer_prompt (data, prompts[i])) == NULL)
        {
          free_answers (answers, n);
          return PAM_CONV_ERR;
        }
    }
  *ret_answers = answers;
  return answers != NULL ? PAM_SUCCESS : PAM_BUF_ERR;
}

/* Skips PAM's delay of failures, since auth has its own, which keeps no process waiting. */
static void
skip_delay (int code, unsigned microseconds, void *data)
{
}

/* Says whether the service has a file. One without would be that of "other", whose file may say anything. */
static gboolean
has_file (const char *service)
{
  static const char *const dirs[] = { "/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d" };
  for (guint i = 0; i < G_N_ELEMENTS (dirs); i++)
    {
      g_autofree char *path = g_build_filename (dirs[i], service, NULL);
      if (access (path, R_OK) == 0)
        return TRUE;
    }
  return FALSE;
}

/* Says whether PAM still means the user who was asked for.  If it means another one, the login would open
 * that user's mail. */
static gboolean
has_name (pam_handle_t *pam, const char *name, char **ret_other)
{
  const void *now = NULL;
  gboolean ok = pam_get_item (pam, PAM_USER, &now) == PAM_SUCCESS && now != NULL && strcmp (now, name) == 0;
  *ret_other = ok ? NULL : g_strndup (now != NULL ? now : "", 255);
  return ok;
}

static int
set_items (pam_handle_t *pam, const SatchelSourceLogin *login)
{
  int code = pam_set_item (pam, PAM_RHOST, strcmp (login->peer, "local") != 0 ? login->peer : "localhost");
  if (code == PAM_SUCCESS)
    code = pam_set_item (pam, PAM_TTY, *login->service != '\0' ? login->service : "satchel");
  if (code == PAM_SUCCESS)
    code = pam_set_item (pam, PAM_FAIL_DELAY, (const void *) skip_delay);
  return code;
}

static SatchelVerify
judge (pam_handle_t *pam, PamStep step, int code, Talk *talk, char **ret_why)
{
  const char *why;
  SatchelVerify verdict = pam_verdict (step, code, &why);
  if (verdict == SATCHEL_VERIFY_RIGHT)
    return verdict;
  /* If a prompt got no answer, the code depends on the module of PAM, and says nothing about the login. */
  if (talk->refused != NULL)
    {
      *ret_why = g_strdup_printf (
          "PAM asks for more than one password (\"%s\"), which mail clients cannot answer", talk->refused);
      return SATCHEL_VERIFY_WRONG;
    }
  *ret_why = g_strdup_printf ("%s (%s)", why, pam_strerror (pam, code));
  return verdict;
}

static SatchelVerify
ask (pam_handle_t *pam, const char *name, const SatchelSourceLogin *login, Talk *talk, char **ret_why)
{
  static const int flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
  g_autofree char *other = NULL;
  int code = set_items (pam, login);
  if (code != PAM_SUCCESS)
    return judge (pam, PAM_STEP_START, code, talk, ret_why);
  SatchelVerify verdict = judge (pam, PAM_STEP_AUTHENTICATE, pam_authenticate (pam, flags), talk, ret_why);
  if (verdict == SATCHEL_VERIFY_RIGHT)
    verdict = judge (pam, PAM_STEP_ACCOUNT, pam_acct_mgmt (pam, flags), talk, ret_why);
  if (verdict != SATCHEL_VERIFY_RIGHT || has_name (pam, name, &other))
    return verdict;
  *ret_why = g_strdup_printf ("a PAM module changed the name of the user from \"%s\" to \"%s\"", name, other);
  return SATCHEL_VERIFY_WRONG;
}

SatchelVerify
pam_check (const PamSettings *settings, const char *name, const SatchelSourceLogin *login, char **ret_why)
{
  if (!has_file (settings->service))
    {
      *ret_why =
          g_strdup_printf ("there is no file /etc/pam.d/%s that the helper could read", settings->service);
      return SATCHEL_VERIFY_ERROR;
    }
  /* pam_unix lets in users without a password, so a login without one is refused. */
  if (*login->secret == '\0' || strlen (login->secret) >= PASSWORD_MAX)
    {
      *ret_why = g_strdup ("the password is empty, or longer than PAM takes");
      return SATCHEL_VERIFY_WRONG;
    }
  Talk talk = { login->secret, FALSE, NULL };
  const struct pam_conv conversation = { converse, &talk };
  pam_handle_t *pam = NULL;
  int code = pam_start (settings->service, name, &conversation, &pam);
  if (code != PAM_SUCCESS)
    {
      *ret_why = g_strdup_printf ("pam_start gives code %d", code);
      return SATCHEL_VERIFY_ERROR;
    }
  SatchelVerify verdict = ask (pam, name, login, &talk, ret_why);
  (void) pam_end (pam, code);
  g_free (talk.refused);
  return verdict;
}

gboolean
pam_check_account (const PamSettings *settings, const char *name, GError **error)
{
  errno = 0;
  const struct passwd *entry = getpwnam (name);
  if (entry != NULL)
    return entry->pw_uid >= settings->first_uid && strcmp (entry->pw_name, name) == 0;
  gboolean is_unknown = errno == 0 || errno == ENOENT || errno == ESRCH;
  return !is_unknown && satchel_error_set_errno (error, errno, "the account cannot be looked up");
}
