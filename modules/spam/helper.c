/* SPDX-License-Identifier: MIT
 * The helper (role helper).  It trusts neither the process that asks nor the scanner that answers.
 */
#include "helper.h"

#include "exchange.h"
#include "scanner.h"
#include "settings.h"

#include <satchel/endpoint.h>
#include <string.h>
#include <unistd.h>

static struct
{
  const SatchelConfig *section;
  SpamScannerKind kind;
  gboolean has_learn_server;
  char *password; /* NULL: none */
  char *trouble;  /* the reason against a start, which only the helper finds out */
} own;

static const SpamScanner *
scanner (void)
{
  return own.kind == SPAM_SCANNER_RSPAMD ? &spam_rspamd : &spam_spamd;
}

static gboolean
talk (SatchelHelperCall *call, const SpamQuestion *question, SpamReply *ret_reply, GError **error)
{
  gboolean learns = question->ask != SPAM_ASK_CHECK;
  const char *endpoint = learns && own.has_learn_server ? "learn_server" : "server";
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autofree char *head = scanner ()->head (question, satchel_helper_call_content_bytes (call), own.password);
  int fd =
      satchel_endpoint_connect (own.section, endpoint, MAX (1, satchel_helper_call_left_ms (call)), error);
  gboolean ok = fd >= 0 && spam_exchange (fd, call, head, answer, error)
                && scanner ()->read (question->ask, answer->str, answer->len, ret_reply, error);
  if (fd >= 0)
    close (fd);
  if (own.password != NULL)
    explicit_bzero (head, strlen (head));
  if (!ok)
    g_prefix_error (error, "spam.%s: ", endpoint);
  return ok;
}

static void
handle (SatchelHelperCall *call)
{
  SpamQuestion question;
  SpamReply reply;
  g_autoptr (GError) error = NULL;
  g_autofree const char **texts = NULL;
  if (!spam_question_unpack (satchel_helper_call_request (call), &question, &texts)
      || satchel_helper_call_content_fd (call) < 0 || own.kind == SPAM_SCANNER_NONE)
    satchel_helper_fail (call, SATCHEL_ERROR_INVALID, "the request to the helper is malformed");
  else if (!talk (call, &question, &reply, &error))
    satchel_helper_fail (call, error->code, error->message);
  else
    {
      g_autoptr (GBytes) packed = question.ask == SPAM_ASK_CHECK ? spam_finding_pack (&reply.finding)
                                                                 : spam_learnt_pack (reply.learnt);
      satchel_helper_reply (call, packed);
    }
}

SatchelHelperOps spam_helper = { .size = sizeof spam_helper, .max_calls = 16, .handle = handle };

gboolean
spam_helper_configure (const SatchelConfig *section, GError **error)
{
  g_autoptr (GError) why = NULL;
  spam_helper_clear ();
  own.section = section;
  own.kind = spam_settings_scanner (section);
  own.has_learn_server = satchel_config_string (section, "learn_server") != NULL;
  own.password = satchel_config_secret (section, "password", &why);
  /* Only the helper's account may be able to read it. */
  if (why != NULL && why->code != SATCHEL_ERROR_NONEXISTENT)
    own.trouble = g_strdup_printf ("password: %s", why->message);
  return TRUE;
}

gboolean
spam_helper_start (GError **error)
{
  return own.trouble == NULL || satchel_error_set (error, SATCHEL_ERROR_FAILED, "%s", own.trouble);
}

void
spam_helper_clear (void)
{
  satchel_secret_free (own.password);
  g_free (own.trouble);
  memset (&own, 0, sizeof own);
}
