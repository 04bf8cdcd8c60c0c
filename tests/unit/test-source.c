/* SPDX-License-Identifier: MIT
 * Sources in helpers (<satchel/source.h>): both halves over a real link, and a helper that says what it
 * likes.
 */
#include "config.h"

#include "core/runtime/ipc/helper_private.h"
#include "core/runtime/login/auth_call_private.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/loop/reactor_private.h"
#include "tests/lib/loop.h"
#include <satchel/source.h>
#include <string.h>
#include <sys/socket.h>

#define TIMEOUT_MS 60000 /* longer than any sound run */

/* ---- the module in the helper ---- */

static GBytes *rubbish; /* what the helper says whatever it is asked; NULL: it answers */

static void
tell_user (SatchelHelperCall *call, const char *name, GPtrArray *texts, GError **error)
{
  if (g_str_has_prefix (name, "broken@"))
    satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "it does not work now");
  if (g_str_has_prefix (name, "gone@"))
    return;
  g_ptr_array_add (texts, g_strdup (g_str_has_prefix (name, "plain@") ? "" : "version 7"));
  g_ptr_array_add (texts, g_strdup ("quota.storage=5M"));
}

static void
tell_address (SatchelHelperCall *call, const char *address, GPtrArray *texts, GError **error)
{
  if (strcmp (address, "team@x.org") != 0)
    return;
  g_ptr_array_add (texts, g_strdup ("a@x.org"));
  g_ptr_array_add (texts, g_strdup ("b@x.org"));
}

static SatchelVerify
compare (SatchelHelperCall *call, const SatchelSourceLogin *login, GError **error)
{
  if (strcmp (login->user, "silent@x.org") == 0)
    return SATCHEL_VERIFY_ERROR;
  gboolean is_whole = strcmp (login->service, "imap") == 0 && strcmp (login->listener, "inside") == 0
                      && strcmp (login->peer, "192.0.2.7") == 0;
  return is_whole && strcmp (login->secret, "pw") == 0 ? SATCHEL_VERIFY_RIGHT : SATCHEL_VERIFY_WRONG;
}

static const SatchelSourceOps source = {
  .size = sizeof source, .user = tell_user, .address = tell_address, .verify = compare
};

static void
handle (SatchelHelperCall *call)
{
  if (rubbish != NULL)
    satchel_helper_reply (call, rubbish);
  else
    satchel_source_handle (call, &source);
}

static const SatchelHelperOps helper = { .size = sizeof helper, .max_calls = 2, .handle = handle };

/* ---- the link between the halves ---- */

static SatchelIpcLink *caller_link, *helper_link;
static SatchelHelperCaller *caller;

static gboolean
send_on (gpointer data, SatchelIpcMessage *message)
{
  return satchel_ipc_send (data, message);
}

static gboolean
to_caller (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_helper_calls_message ("probe", message);
}

static gboolean
to_helper (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_helper_caller_message (caller, message);
}

static void
closed (SatchelIpcLink *link, gpointer data)
{
}

static void
set_up (void)
{
  int pair[2];
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
  satchel_helper_serve_init (&helper, 8, TIMEOUT_MS);
  caller_link = satchel_ipc_link_new (pair[0], to_caller, closed, NULL);
  helper_link = satchel_ipc_link_new (pair[1], to_helper, closed, NULL);
  caller = satchel_helper_caller_new (send_on, helper_link);
  satchel_helper_calls_up ("probe", send_on, caller_link);
}

/* ---- auth ---- */

static void
ask_look_up (SatchelAuthCall *call)
{
  satchel_source_look_up (call, "probe");
}

static void
ask_verify (SatchelAuthCall *call)
{
  satchel_source_verify (call, "probe");
}

static void
ask_resolve (SatchelAuthCall *call)
{
  satchel_source_resolve (call, "probe");
}

static void
ask_attributes (SatchelAuthCall *call)
{
  satchel_source_attributes (call, "probe");
}

/* What the core has heard. */
typedef struct Heard
{
  gboolean is_done, is_error, is_found;
  SatchelVerify verdict;
  char *texts; /* joined by blanks; of LOOK_UP: verifier and attributes; NULL: none */
} Heard;

static void
hear (SatchelCallAnswer *answer, gpointer data)
{
  Heard *heard = data;
  g_assert_false (heard->is_done);
  *heard = (Heard) { .is_done = TRUE,
                     .is_error = answer->error != NULL,
                     .is_found = answer->is_found,
                     .verdict = answer->verdict };
  if (answer->texts != NULL)
    heard->texts = g_strjoinv (" ", answer->texts);
  else if (answer->is_found)
    heard->texts =
        g_strdup_printf ("%s %s", answer->credential.verifier != NULL ? answer->credential.verifier : "-",
                         answer->credential.attributes != NULL && answer->credential.attributes[0] != NULL
                             ? answer->credential.attributes[0]
                             : "-");
}

static Heard
ask (SatchelCallKind kind, void (*func) (SatchelAuthCall *call), const char *user, const char *secret)
{
  static const SatchelLogin from = {
    .size = sizeof from, .user = "u@x.org", .service = "imap", .listener = "inside", .peer = "192.0.2.7"
  };
  Heard heard = { 0 };
  g_autoptr (SatchelLogin) login = satchel_login_new (&from);
  char *shared = secret != NULL ? satchel_shared_secret_new (secret, strlen (secret)) : NULL;
  const SatchelQuestion question = { .kind = kind,
                                     .source = &source,
                                     .ask = func,
                                     .login = login,
                                     .user = user,
                                     .secret = shared,
                                     .deadline_ms = satchel_now_ms () + TIMEOUT_MS };
  satchel_call_ask (&question, hear, &heard);
  satchel_shared_secret_unref (shared);
  loop_until (heard.is_done);
  return heard;
}

static void
expect (SatchelCallKind kind, void (*func) (SatchelAuthCall *call), const char *user, const char *texts)
{
  Heard heard = ask (kind, func, user, NULL);
  g_assert_false (heard.is_error);
  g_assert_cmpstr (heard.texts, ==, texts);
  g_free (heard.texts);
}

/* ---- cases ---- */

static void
test_answers (void)
{
  expect (SATCHEL_CALL_LOOK_UP, ask_look_up, "u@x.org", "version 7 quota.storage=5M");
  expect (SATCHEL_CALL_LOOK_UP, ask_look_up, "plain@x.org", "- quota.storage=5M");
  expect (SATCHEL_CALL_LOOK_UP, ask_look_up, "gone@x.org", NULL);
  expect (SATCHEL_CALL_RESOLVE, ask_resolve, "team@x.org", "a@x.org b@x.org");
  expect (SATCHEL_CALL_RESOLVE, ask_resolve, "nobody@x.org", NULL);
  expect (SATCHEL_CALL_ATTRIBUTES, ask_attributes, "u@x.org", "quota.storage=5M");
  expect (SATCHEL_CALL_ATTRIBUTES, ask_attributes, "gone@x.org", NULL);
  g_assert_true (ask (SATCHEL_CALL_LOOK_UP, ask_look_up, "broken@x.org", NULL).is_error);
}

static void
test_verdicts (void)
{
  static const struct
  {
    const char *user, *secret;
    SatchelVerify verdict;
  } rows[] = {
    { "u@x.org", "pw", SATCHEL_VERIFY_RIGHT },
    { "u@x.org", "pw ", SATCHEL_VERIFY_WRONG },
    { "u@x.org", "", SATCHEL_VERIFY_WRONG },
    { "silent@x.org", "pw", SATCHEL_VERIFY_ERROR },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Heard heard = ask (SATCHEL_CALL_VERIFY, ask_verify, rows[i].user, rows[i].secret);
      g_assert_cmpint (heard.is_error, ==, rows[i].verdict == SATCHEL_VERIFY_ERROR);
      g_assert_cmpint (heard.verdict, ==, rows[i].verdict);
    }
}

/* A helper that was taken over lets nobody in by a word that is none. */
static void
test_rubbish (void)
{
  static const struct
  {
    const char *bytes;
    gsize len;
  } rows[] = {
    { "", 0 },        { "right", 5 }, { "Right", 6 },  { "rightly", 8 },
    { "\0right", 7 }, { "yes", 4 },   { "wrong?", 7 }, { "\0", 1 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      rubbish = g_bytes_new_static (rows[i].bytes, rows[i].len);
      Heard heard = ask (SATCHEL_CALL_VERIFY, ask_verify, "u@x.org", "pw");
      g_assert_true (heard.is_error);
      g_assert_cmpint (heard.verdict, !=, SATCHEL_VERIFY_RIGHT);
      g_clear_pointer (&rubbish, g_bytes_unref);
    }
  /* One text too many, and one that does not end. */
  g_autofree char *many = g_malloc0 (SATCHEL_SOURCE_TEXTS_MAX + 1);
  rubbish = g_bytes_new_static (many, SATCHEL_SOURCE_TEXTS_MAX + 1);
  g_assert_true (ask (SATCHEL_CALL_LOOK_UP, ask_look_up, "u@x.org", NULL).is_error);
  g_assert_true (ask (SATCHEL_CALL_RESOLVE, ask_resolve, "u@x.org", NULL).is_error);
  g_assert_true (ask (SATCHEL_CALL_ATTRIBUTES, ask_attributes, "u@x.org", NULL).is_error);
  g_clear_pointer (&rubbish, g_bytes_unref);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  satchel_reactor_init ();
  set_up ();
  g_test_add_func ("/source/answers", test_answers);
  g_test_add_func ("/source/verdicts", test_verdicts);
  g_test_add_func ("/source/rubbish", test_rubbish);
  return g_test_run ();
}
