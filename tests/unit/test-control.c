/* SPDX-License-Identifier: MIT
 * The control socket: framing, hostile packets, long answers; and the plan between config and master.
 */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/cli/control_client.h"
#include "core/daemon/master/control.h"
#include "core/daemon/master/listeners.h"
#include "core/daemon/plan.h"
#include "core/runtime/loop/reactor_private.h"

static char *dir;
static guint n_asked;

static GByteArray *
packet (guint32 magic, guint32 version, guint32 n_args, guint32 reserved, const char *text, gsize len)
{
  SatchelControlRequest request = { magic, version, n_args, reserved };
  GByteArray *bytes = g_byte_array_new ();
  g_byte_array_append (bytes, (const guint8 *) &request, sizeof request);
  g_byte_array_append (bytes, (const guint8 *) text, (guint) len);
  return bytes;
}

static gboolean
parses (guint32 magic, guint32 version, guint32 n_args, guint32 reserved, const char *text, gsize len)
{
  g_autoptr (GByteArray) bytes = packet (magic, version, n_args, reserved, text, len);
  g_auto (GStrv) argv = satchel_control_parse (bytes->data, bytes->len);
  return argv != NULL;
}

static void
test_parse (void)
{
  const guint32 m = SATCHEL_CONTROL_MAGIC, v = SATCHEL_CONTROL_VERSION;
  g_assert_true (parses (m, v, 2, 0, "kick\0bob", 9));
  g_assert_true (parses (m, v, 1, 0, "", 1));
  g_assert_false (parses (m, v, 2, 0, "kick\0bob", 8)); /* not ended */
  g_assert_false (parses (m, v, 1, 0, "kick\0bob", 9)); /* more than announced */
  g_assert_false (parses (m, v, 3, 0, "kick\0bob", 9)); /* less */
  g_assert_false (parses (m, v, 0, 0, "", 0));
  g_assert_false (parses (m, v, 17, 0, "a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a", 34));
  g_assert_false (parses (m, v, 0xffffffffu, 0, "a", 2));
  g_assert_false (parses (m + 1, v, 1, 0, "a", 2));
  g_assert_false (parses (m, v + 1, 1, 0, "a", 2));
  g_assert_false (parses (m, v, 1, 1, "a", 2));
  g_assert_false (parses (m, v, 1, 0, "\xff\xfe", 3)); /* not UTF-8 */
  g_autofree char *big = g_strnfill (SATCHEL_CONTROL_REQUEST_MAX, 'x');
  g_assert_false (parses (m, v, 1, 0, big, SATCHEL_CONTROL_REQUEST_MAX));
  g_assert_null (satchel_control_parse ("", 0));
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  for (guint i = 0; i < 20000; i++)
    {
      guint8 noise[64];
      gsize len = (gsize) g_rand_int_range (random, 0, sizeof noise);
      for (gsize j = 0; j < len; j++)
        noise[j] = (guint8) g_rand_int_range (random, 0, 256);
      if (len >= 8 && (i & 1))
        memcpy (noise, (guint32[]) { m, v }, 8);
      /* In a block of its own size, so that a sanitizer sees a byte too far. */
      g_autofree guint8 *exact = g_memdup2 (noise, len);
      g_auto (GStrv) argv = satchel_control_parse (exact, len);
      g_assert_true (argv == NULL || g_strv_length (argv) >= 1);
    }
}

static void
answer (SatchelControlClient *client, const char *const *argv, gpointer data)
{
  n_asked++;
  if (strcmp (argv[0], "long") == 0)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      for (guint i = 0; i < 20000; i++)
        g_string_append_printf (text, "line %u\n", i);
      satchel_control_reply (client, text->str, TRUE, 3);
      return;
    }
  satchel_control_reply (client, "first\n", FALSE, 0);
  satchel_control_reply (client, "second\n", TRUE, 0);
}

static void
gone (SatchelControlClient *client, gpointer data)
{
}

typedef struct Call
{
  const char *word;
  GString *text;
  guint status;
  gboolean ok;
  gint is_done;
} Call;

static gpointer
call_in_thread (gpointer data)
{
  Call *call = data;
  const char *argv[] = { call->word, NULL };
  call->ok = satchel_control_ask (dir, argv, call->text, &call->status, NULL);
  g_atomic_int_set (&call->is_done, 1);
  g_main_context_wakeup (NULL);
  return NULL;
}

static void
do_call (Call *call, const char *word)
{
  *call = (Call) { .word = word, .text = g_string_new (NULL) };
  GThread *thread = g_thread_new ("call", call_in_thread, call);
  while (!g_atomic_int_get (&call->is_done))
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
}

static int
raw_client (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = g_build_filename (dir, SATCHEL_CONTROL_NAME, NULL);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  int fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

static void
test_server (void)
{
  g_autofree char *path = g_build_filename (dir, SATCHEL_CONTROL_NAME, NULL);
  g_autoptr (GError) error = NULL;
  SatchelControlServer *server =
      satchel_control_server_new (path, G_MAXUINT32, -1, answer, gone, NULL, &error);
  g_assert_no_error (error);
  struct stat st;
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpuint (st.st_mode & 0777, ==, 0600);
  Call call;
  do_call (&call, "status");
  g_assert_true (call.ok);
  g_assert_cmpstr (call.text->str, ==, "first\nsecond\n");
  g_string_free (call.text, TRUE);
  do_call (&call, "long");
  g_assert_true (call.ok);
  g_assert_cmpuint (call.status, ==, 3);
  g_assert_true (g_str_has_suffix (call.text->str, "\nline 19999\n"));
  guint n_lines = 0;
  for (const char *p = call.text->str; (p = strchr (p, '\n')) != NULL; p++)
    n_lines++;
  g_assert_cmpuint (n_lines, ==, 20000);
  g_string_free (call.text, TRUE);
  /* Rubbish ends that client alone. */
  n_asked = 0;
  int fd = raw_client ();
  g_assert_cmpint (send (fd, "rubbish", 7, 0), ==, 7);
  char byte;
  ssize_t got;
  while ((got = recv (fd, &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (got, ==, 0);
  close (fd);
  g_assert_cmpuint (n_asked, ==, 0);
  do_call (&call, "status");
  g_assert_true (call.ok);
  g_string_free (call.text, TRUE);
  /* A second one at the same place does not push the first aside. */
  g_assert_null (satchel_control_server_new (path, G_MAXUINT32, -1, answer, gone, NULL, &error));
  g_assert_nonnull (strstr (error->message, "in use"));
  satchel_control_server_free (server);
  g_assert_cmpint (access (path, F_OK), !=, 0);
  const char *argv[] = { "status", NULL };
  g_clear_error (&error);
  guint status;
  g_autoptr (GString) text = g_string_new (NULL);
  g_assert_false (satchel_control_ask (dir, argv, text, &status, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
}

/* The socket of an older self: who came before the new one accepts is answered; one that is not wanted is
 * gone. */
static void
test_inherited (void)
{
  g_autofree char *path = g_build_filename (dir, SATCHEL_CONTROL_NAME, NULL),
                  *elsewhere = g_build_filename (dir, "elsewhere", NULL);
  g_autoptr (GError) error = NULL;
  int old = satchel_bind_unix (path, 0600, SOCK_SEQPACKET, &error);
  g_assert_no_error (error);
  int waiting = raw_client ();
  struct
  {
    SatchelControlRequest head;
    char word[7];
  } request = { { SATCHEL_CONTROL_MAGIC, SATCHEL_CONTROL_VERSION, 1, 0 }, "status" };
  g_assert_cmpint (send (waiting, &request, sizeof request.head + 7, 0), ==, sizeof request.head + 7);
  SatchelControlServer *server =
      satchel_control_server_new (path, G_MAXUINT32, old, answer, gone, NULL, &error);
  g_assert_no_error (error);
  char reply[256];
  while (recv (waiting, reply, sizeof reply, MSG_DONTWAIT) < 0 && errno == EAGAIN)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpmem (reply + sizeof (SatchelControlReply), 6, "first\n", 6);
  close (waiting);
  satchel_control_server_free (server);
  /* The directory is another one now, or others may connect. */
  for (guint i = 0; i < 2; i++)
    {
      const char *bound = i == 0 ? elsewhere : path;
      old = satchel_bind_unix (bound, i == 0 ? 0600 : 0666, SOCK_SEQPACKET, &error);
      g_assert_no_error (error);
      server = satchel_control_server_new (path, G_MAXUINT32, old, answer, gone, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (access (elsewhere, F_OK), !=, 0);
      struct stat st;
      g_assert_cmpint (stat (path, &st), ==, 0);
      g_assert_cmpuint (st.st_mode & 0777, ==, 0600);
      Call call;
      do_call (&call, "status");
      g_assert_true (call.ok);
      g_string_free (call.text, TRUE);
      satchel_control_server_free (server);
    }
}

static SatchelPlan *
sample_plan (void)
{
  SatchelPlan *plan = satchel_plan_new ();
  plan->n_gates = plan->n_mails = 2;
  plan->hang_ms = plan->stuck_ms = 20000;
  char **strings[] = { &plan->mail_root,      &plan->state_dir,        &plan->run_dir,
                       &plan->log_file,       &plan->mail_root_origin, &plan->state_dir_origin,
                       &plan->run_dir_origin, &plan->log_file_origin };
  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    *strings[i] = g_strdup (i == 3 ? "" : "/x");
  SatchelPlanListener *listener = g_new0 (SatchelPlanListener, 1);
  listener->origin = g_strdup ("f:1");
  listener->name = g_strdup ("imaps");
  listener->protocol = g_strdup ("imap");
  listener->address = g_strdup ("::1");
  listener->path = g_strdup ("");
  listener->port = 993;
  listener->roles = SATCHEL_ROLE_GATE;
  g_ptr_array_add (plan->listeners, listener);
  return plan;
}

static const SatchelConfigProblem sent[] = {
  { (char *) "f:1", (char *) "imap.port", (char *) "a warning", TRUE },
  { (char *) "", (char *) "", (char *) "warning: from the start", FALSE },
  { (char *) "warning: f.conf:2", (char *) "x", (char *) "a file that is called so", FALSE },
  { (char *) "f:3", (char *) "", (char *) "module x: warning: its own words", FALSE },
  { (char *) "", (char *) "", (char *) "w", TRUE }
};

/* Sends and takes in; @mangle changes the received body first. */
static SatchelPlanStep
through (const SatchelPlan *plan, SatchelPlan *into, GRand *mangle)
{
  int pair[2];
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (sent); i++)
    g_assert_true (satchel_plan_send_problem (pair[0], &sent[i], &error));
  g_assert_true (satchel_plan_send (pair[0], plan, &error) && satchel_plan_send_end (pair[0], TRUE, &error));
  SatchelPlanStep step = SATCHEL_PLAN_MORE;
  while (step == SATCHEL_PLAN_MORE)
    {
      g_autoptr (SatchelIpcMessage) message = satchel_ipc_receive_blocking (pair[1], 1000, &error);
      g_assert_nonnull (message);
      for (guint i = 0; mangle != NULL && message->body->len > 0 && i < 3; i++)
        message->body->data[g_rand_int_range (mangle, 0, (gint) message->body->len)] =
            (guint8) g_rand_int_range (mangle, 0, 256);
      step = satchel_plan_take (into, message);
    }
  close (pair[0]);
  close (pair[1]);
  return step;
}

static void
test_plan (void)
{
  g_autoptr (SatchelPlan) plan = sample_plan ();
  g_autoptr (SatchelPlan) copy = satchel_plan_new ();
  g_assert_cmpint (through (plan, copy, NULL), ==, SATCHEL_PLAN_DONE);
  g_assert_true (copy->is_ok);
  g_assert_true (satchel_plan_same_listeners (plan, copy));
  /* The severity is a field to the end, whatever the words and the file's name are. */
  g_assert_cmpuint (copy->problems->len, ==, G_N_ELEMENTS (sent));
  for (guint i = 0; i < G_N_ELEMENTS (sent); i++)
    {
      const SatchelConfigProblem *problem = g_ptr_array_index (copy->problems, i);
      g_assert_cmpstr (problem->where, ==, sent[i].where);
      g_assert_cmpstr (problem->setting, ==, sent[i].setting);
      g_assert_cmpstr (problem->text, ==, sent[i].text);
      g_assert_cmpint (problem->is_warning, ==, sent[i].is_warning);
    }
  g_autofree char *text = satchel_plan_problem_text (copy, 0);
  g_assert_cmpstr (text, ==, "f:1: warning: a warning");
  g_autofree char *nothing = satchel_plan_needs_restart (plan, copy);
  g_assert_null (nothing);
  copy->n_mails = 3;
  g_free (copy->mail_root);
  copy->mail_root = g_strdup ("/y");
  g_autofree char *fixed = satchel_plan_needs_restart (plan, copy);
  g_assert_cmpstr (fixed, ==, "server.mail_root, server.mail_processes");
  /* The config process reads what admins write and loads modules: master believes nothing of it blindly. */
  g_autoptr (GRand) random = g_rand_new_with_seed (11);
  for (guint i = 0; i < 3000; i++)
    {
      g_autoptr (SatchelPlan) into = satchel_plan_new ();
      (void) through (plan, into, random);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  satchel_reactor_init ();
  dir = g_dir_make_tmp ("satchel-control-XXXXXX", NULL);
  g_test_add_func ("/control/parse", test_parse);
  g_test_add_func ("/control/server", test_server);
  g_test_add_func ("/control/inherited", test_inherited);
  g_test_add_func ("/plan/wire", test_plan);
  int status = g_test_run ();
  (void) g_rmdir (dir);
  return status;
}
