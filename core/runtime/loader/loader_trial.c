/* SPDX-License-Identifier: MIT
 * Tries modules in a child process before they are loaded, so that a crash, an exit or a hang at load becomes
 * an error. One child tries one module after the other, as this process loads them; only one that does not
 * answer gets a successor.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <satchel/retry.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/runtime/loader/loader_private.h"

/* Questions ("-NAME", or "gNAME" for the gate half) and answers ("ok" or an error) go through pipes, each in
 * one piece: they are shorter than PIPE_BUF. */
#define QUESTION_BYTES 512
#define ANSWER_BYTES 4000

/* Runs in the child until the parent has no more questions. */
static G_GNUC_NORETURN void
answer_questions (SatchelLoader *loader, int ask, int answer)
{
  struct rlimit no_core = { 0, 0 };
  setrlimit (RLIMIT_CORE, &no_core);
  for (int signum = 1; signum < 32; signum++)
    signal (signum, SIG_DFL);
  for (;;)
    {
      char question[QUESTION_BYTES + 1];
      gssize len = SATCHEL_RETRY (read (ask, question, QUESTION_BYTES));
      if (len <= 0)
        _exit (0);
      question[len] = '\0';
      g_autoptr (GError) error = NULL;
      gboolean ok = satchel_loader_load (loader, question + 1, question[0] == 'g', &error) != NULL;
      const char *text = ok ? "ok" : error->message;
      if (write (answer, text, MIN (strlen (text), ANSWER_BYTES)) <= 0)
        _exit (1);
    }
}

static gboolean
begin_trials (SatchelLoader *loader, const char *name, GError **error)
{
  SatchelLoaderTrial *trial = &loader->trial;
  /* A module that was loaded may have ended the child since. */
  if (trial->pid > 0 && waitpid (trial->pid, NULL, WNOHANG) == 0)
    return TRUE;
  trial->pid = 0;
  (void) satchel_loader_end_trials (loader);
  g_auto (SatchelFdPair) questions = SATCHEL_FD_PAIR_NONE, answers = SATCHEL_FD_PAIR_NONE;
  if (pipe2 (questions.ends, O_CLOEXEC) != 0 || pipe2 (answers.ends, O_CLOEXEC) != 0)
    return satchel_error_set_errno (error, errno,
                                    "module %s: no pipe to try it in a process of its own can be made", name);
  pid_t pid = fork ();
  if (pid == 0)
    {
      satchel_fd_clear (&questions.ends[1]);
      satchel_fd_clear (&answers.ends[0]);
      answer_questions (loader, questions.ends[0], answers.ends[1]);
    }
  if (pid < 0)
    return satchel_error_set_errno (error, errno, "module %s: no process to try it in can be started", name);
  trial->pid = pid;
  trial->ask = satchel_fd_steal (&questions.ends[1]);
  trial->answer = satchel_fd_steal (&answers.ends[0]);
  return TRUE;
}

/* Says what a child that gave no answer died of. */
static gboolean
tell_end (const char *who, int status, GError **error)
{
  if (WIFSIGNALED (status))
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "%s: it crashed while it was loaded (%s); install another version, or set enabled = false", who,
        g_strsignal (WTERMSIG (status)));
  return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                            "%s: it ended the process while it was loaded (exit status %d); install another "
                            "version, or set enabled = false",
                            who, WIFEXITED (status) ? WEXITSTATUS (status) : -1);
}

gboolean
satchel_loader_try (SatchelLoader *loader, const char *name, gboolean is_gate, guint timeout_ms,
                    GError **error)
{
  if (satchel_loader_module (loader, name, is_gate) != NULL)
    return TRUE;
  if (!begin_trials (loader, name, error))
    return FALSE;
  SatchelLoaderTrial *trial = &loader->trial;
  g_autofree char *who = g_strdup_printf ("module %s%s", name, is_gate ? " (gate half)" : "");
  char question[QUESTION_BYTES], text[ANSWER_BYTES + 1] = "";
  gsize question_len = (gsize) g_snprintf (question, sizeof question, "%c%s", is_gate ? 'g' : '-', name);
  gssize len = write (trial->ask, question, MIN (question_len, sizeof question - 1));
  struct pollfd poll_fd = { trial->answer, POLLIN, 0 };
  gint64 end = g_get_monotonic_time () + (gint64) timeout_ms * 1000;
  int n_ready = SATCHEL_RETRY (poll (&poll_fd, 1, (int) MAX (0, (end - g_get_monotonic_time ()) / 1000)));
  if (len > 0 && n_ready > 0)
    len = SATCHEL_RETRY (read (trial->answer, text, ANSWER_BYTES));
  text[MAX (len, 0)] = '\0';
  if (n_ready == 0)
    {
      kill (trial->pid, SIGKILL);
      (void) satchel_loader_end_trials (loader);
      return satchel_error_set (
          error, SATCHEL_ERROR_TIMEOUT,
          "%s: loading it did not end within %u ms; install another version, or set enabled = false", who,
          timeout_ms);
    }
  if (*text == '\0')
    return tell_end (who, satchel_loader_end_trials (loader), error);
  return strcmp (text, "ok") == 0 || satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s", text);
}
