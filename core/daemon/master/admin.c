/* SPDX-License-Identifier: MIT
 * Answers what `satchel` asks of the running server: status, reload, stop, who, kick, release, adopt,
 * place, throttle, auth-test, log-reopen, and commands of modules. Master answers what it knows, and passes
 * the rest to the roles that know it.
 */
#include "config.h"

#include "core/base/exit.h"
#include "core/daemon/master/master_private.h"

#include <string.h>
#include <unistd.h>
#include <satchel/admin.h>
#include <satchel/fd.h>

#include "core/daemon/master/control.h"

#define ANSWER_TIMEOUT_MS 10000
#define STATUS_TIMEOUT_MS 3000 /* short, since `satchel status` must also show processes that hang */
#define ALL_ROLES (~0u)
#define ANY_SLOT (~0u)
/* A request begins with "run" or "run-auth", GROUP COMMAND USER FORMAT; its options follow. */
#define RUN_WORDS 5u
#define RUN_USER 3u

typedef struct Request
{
  SatchelControl *control;
  guint64 id;
  SatchelControlClient *client; /* NULL: the client has gone */
  GPtrArray *waiting;           /* SatchelWorker: those whose answer is still missing */
  guint status;
  gboolean is_status; /* this is a status request, to which a process that is ending need not answer */
  SatchelTimer timeout;
  /* Only a request that is a module's command uses these. */
  gboolean is_run;
  int channel_fd;  /* the descriptor that came with the request, for the process that runs it; -1: none */
  char **run_argv; /* kept until auth has named the owner of the user; NULL: the owner has the request */
  GString *owner;  /* the answer of auth */
  /* bytes that were passed on, of which the process has not been told that the client has read them */
  guint64 n_unread;
} Request;

struct SatchelControl
{
  SatchelMaster *master;
  SatchelControlServer *server;
  GPtrArray *requests;  /* Request */
  GPtrArray *reloaders; /* SatchelControlClient that wait for the end of a reload */
  guint64 last_id;
};

static void
request_free (Request *request)
{
  satchel_timer_cancel (&request->timeout);
  g_ptr_array_unref (request->waiting);
  g_strfreev (request->run_argv);
  satchel_fd_clear (&request->channel_fd);
  if (request->owner != NULL)
    g_string_free (request->owner, TRUE);
  g_free (request);
}

static void
finish_request (Request *request, const char *text)
{
  if (request->client != NULL)
    satchel_control_reply (request->client, text, TRUE, request->status);
  g_ptr_array_remove (request->control->requests, request);
}

static void
request_timeout (SatchelTimer *timer, gpointer data)
{
  Request *request = data;
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < request->waiting->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (request->waiting, i);
      g_string_append_printf (text, "error=\"%s did not answer in time\"\n", worker->name);
    }
  request->status = SATCHEL_EXIT_FAILED;
  finish_request (request, text->str);
}

static Request *
request_new (SatchelControl *control, SatchelControlClient *client)
{
  Request *request = g_new0 (Request, 1);
  request->control = control;
  request->id = ++control->last_id;
  request->client = client;
  request->channel_fd = -1;
  request->waiting = g_ptr_array_new ();
  g_ptr_array_add (control->requests, request);
  return request;
}

/* Asks all ready processes of @roles, of the place @slot if it is not ANY_SLOT. */
static void
ask_workers (Request *request, guint roles, guint slot, const char *const *argv)
{
  GPtrArray *workers = request->control->master->workers;
  for (guint i = 0; i < workers->len; i++)
    {
      SatchelWorker *worker = g_ptr_array_index (workers, i);
      if (!worker->is_ready || (worker->role & roles) == 0 || satchel_worker_is_hung (worker)
          || (slot != ANY_SLOT && worker->slot != slot))
        continue;
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_ADMIN, 0);
      satchel_ipc_put_u64 (message, request->id);
      satchel_ipc_put_u32 (message, g_strv_length ((char **) argv));
      for (guint j = 0; argv[j] != NULL; j++)
        satchel_ipc_put_string (message, argv[j]);
      /* auth, which is asked for the owner first, does not get the descriptor */
      if (request->channel_fd >= 0 && request->run_argv == NULL)
        satchel_ipc_put_fd (message, request->channel_fd);
      g_ptr_array_add (request->waiting, worker);
      satchel_worker_send (worker, message);
    }
}

/* Ends a request that no process can answer. */
static void
finish_unasked (Request *request)
{
  static const char *const texts[] = { "error=\"the server is starting; try again\"\n",
                                       "error=\"the process that could answer is not running; try again\"\n",
                                       "error=\"the server is stopping\"\n",
                                       "error=\"the server is being upgraded; try again\"\n" };
  request->status = SATCHEL_EXIT_UNAVAILABLE;
  finish_request (request, texts[request->control->master->state]);
}

/* Passes @argv to all ready processes of @roles; @first goes out before their answers. */
static void
pass_on (SatchelControl *control, SatchelControlClient *client, guint roles, const char *const *argv,
         const char *first)
{
  Request *request = request_new (control, client);
  request->is_status = strcmp (argv[0], "status") == 0;
  satchel_control_reply (client, first, FALSE, 0);
  ask_workers (request, roles, ANY_SLOT, argv);
  if (request->waiting->len > 0)
    satchel_timer_arm (&request->timeout, request->is_status ? STATUS_TIMEOUT_MS : ANSWER_TIMEOUT_MS,
                       request_timeout, request);
  else if (request->is_status)
    finish_request (request, "");
  else
    finish_unasked (request);
}

/* Sends the command to the process @slot of @role, with @place for it. */
static void
run_at (Request *request, SatchelRole role, guint slot, const char *place)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_auto (GStrv) words = g_steal_pointer (&request->run_argv);
  for (guint i = 0; i < RUN_WORDS; i++)
    g_ptr_array_add (argv, words[i]);
  g_ptr_array_add (argv, (gpointer) place);
  for (char **word = words + RUN_WORDS; *word != NULL; word++)
    g_ptr_array_add (argv, *word);
  g_ptr_array_add (argv, NULL);
  satchel_timer_cancel (&request->timeout);
  ask_workers (request, role, slot, (const char *const *) argv->pdata);
  satchel_fd_clear (&request->channel_fd);
  if (request->waiting->len == 0)
    finish_unasked (request);
}

/* Sends the command to the owner of the user, whom auth has named. */
static void
run_at_owner (Request *request)
{
  guint64 slot;
  g_autofree char *text = g_strdup (request->owner->str);
  char *space = strchr (text, ' ');
  if (request->client == NULL)
    finish_request (request, "");
  else if (request->status != 0)
    finish_request (request, text);
  else if (space == NULL
           || (*space = '\0', !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &slot, NULL)))
    {
      request->status = SATCHEL_EXIT_UNAVAILABLE;
      finish_request (request,
                      "error=\"the auth process is not running, and only it knows the mail process of the "
                      "user; try again\"\n");
    }
  else
    run_at (request, SATCHEL_ROLE_MAIL, (guint) slot, space + 1);
}

/* A request of the control socket has a name, a fewest and a most number of words, and what answers it. */
typedef struct Command Command;
struct Command
{
  const char *name;
  guint min_words, max_words;
  void (*answer) (SatchelControl *control, SatchelControlClient *client, const Command *command,
                  const char *const *argv);
  guint roles; /* the roles whose processes are asked */
};

static void
run_command (SatchelControl *control, SatchelControlClient *client, const Command *command,
             const char *const *argv)
{
  Request *request = request_new (control, client);
  const char *user = argv[RUN_USER];
  request->is_run = TRUE;
  request->run_argv = g_strdupv ((char **) argv);
  request->channel_fd = satchel_control_client_take_fd (client);
  gboolean in_auth = strcmp (argv[0], "run-auth") == 0;
  if (in_auth || *user == '\0')
    {
      run_at (request, in_auth ? SATCHEL_ROLE_AUTH : SATCHEL_ROLE_MAIL, in_auth ? ANY_SLOT : 0, "");
      return;
    }
  request->owner = g_string_new (NULL);
  ask_workers (request, SATCHEL_ROLE_AUTH, ANY_SLOT, (const char *const[]) { "owner", user, NULL });
  if (request->waiting->len == 0)
    run_at_owner (request);
  else
    satchel_timer_arm (&request->timeout, ANSWER_TIMEOUT_MS, request_timeout, request);
}

/* Tells the process that runs the command how much of its answer the client has read, so that it never sends
 * more than there is room for. */
static void
tell_room (Request *request)
{
  if (!request->is_run || request->n_unread == 0
      || (request->client != NULL && !satchel_control_client_is_drained (request->client)))
    return;
  for (guint i = 0; i < request->waiting->len; i++)
    {
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_ADMIN_ROOM, 0);
      satchel_ipc_put_u64 (message, request->id);
      satchel_ipc_put_u64 (message, request->n_unread);
      satchel_worker_send (g_ptr_array_index (request->waiting, i), message);
    }
  request->n_unread = 0;
}

static void
cancel_run (Request *request)
{
  if (!request->is_run || request->run_argv != NULL)
    return;
  for (guint i = 0; i < request->waiting->len; i++)
    {
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_ADMIN_CANCEL, 0);
      satchel_ipc_put_u64 (message, request->id);
      satchel_worker_send (g_ptr_array_index (request->waiting, i), message);
    }
}

static void
client_drained (SatchelControlClient *client, gpointer data)
{
  SatchelControl *control = data;
  for (guint i = 0; i < control->requests->len; i++)
    {
      Request *request = g_ptr_array_index (control->requests, i);
      if (request->client == client)
        tell_room (request);
    }
}

static void
client_cancels (SatchelControlClient *client, gpointer data)
{
  SatchelControl *control = data;
  for (guint i = 0; i < control->requests->len; i++)
    {
      Request *request = g_ptr_array_index (control->requests, i);
      if (request->client == client)
        cancel_run (request);
    }
}

static const char *
state_name (const SatchelWorker *worker)
{
  if (worker->pid == 0)
    return "down";
  if (satchel_worker_is_hung (worker))
    return "hung";
  if (worker->is_retiring)
    return "draining";
  return worker->is_ready ? "ready" : "starting";
}

/* Appends what all processes have counted, including those that have ended. */
static void
describe_counters (const SatchelMaster *master, GString *text)
{
  g_autoptr (SatchelCounterTotals) totals = satchel_counter_totals_new ();
  satchel_counter_totals_add_totals (totals, master->past_counters);
  satchel_counter_totals_add (totals, satchel_counters_lane (), FALSE);
  for (guint i = 0; i < master->workers->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (worker->counters != NULL)
        satchel_counter_totals_add (totals, worker->counters, worker->pid == 0);
    }
  satchel_counter_totals_describe (totals, text);
}

static char *
describe_server (const SatchelMaster *master)
{
  static const char *const states[] = { "starting", "running", "stopping", "upgrading" };
  GString *text = g_string_new (NULL);
  g_string_append_printf (
      text, "server pid=%d version=%s state=%s generation=%" G_GUINT64_FORMAT " since=%" G_GINT64_FORMAT "\n",
      (int) getpid (), PACKAGE_VERSION, states[master->state], master->generation, master->began_s);
  for (guint i = 0; i < master->workers->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      g_string_append_printf (
          text, "process role=%s slot=%u pid=%d state=%s restarts=%u uptime_s=%" G_GINT64_FORMAT,
          satchel_role_name (worker->role), worker->slot, (int) worker->pid, state_name (worker),
          worker->n_restarts,
          worker->pid > 0 ? (g_get_monotonic_time () / 1000 - worker->started_ms) / 1000 : 0);
      if (*worker->module != '\0')
        g_string_append_printf (text, " module=%s", worker->module);
      g_string_append_c (text, '\n');
    }
  for (guint i = 0; i < master->workers->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      satchel_hangs_describe (worker, text);
      if (worker->last_crash != NULL)
        g_string_append_printf (text, "crashed role=%s slot=%u%s\n", satchel_role_name (worker->role),
                                worker->slot, worker->last_crash);
    }
  describe_counters (master, text);
  return g_string_free (text, FALSE);
}

static void
reopen_log (SatchelControl *control, SatchelControlClient *client, const Command *command,
            const char *const *argv)
{
  g_autoptr (GError) error = NULL;
  if (satchel_reopen_log (control->master, &error))
    {
      satchel_control_reply (client, "", TRUE, 0);
      return;
    }
  g_autofree char *text = g_strdup_printf ("error=\"%s\"\n", error->message);
  satchel_control_reply (client, text, TRUE, SATCHEL_EXIT_FAILED);
}

static void
ask_roles (SatchelControl *control, SatchelControlClient *client, const Command *command,
           const char *const *argv)
{
  pass_on (control, client, command->roles, argv, "");
}

static void
answer_status (SatchelControl *control, SatchelControlClient *client, const Command *command,
               const char *const *argv)
{
  g_autofree char *first = describe_server (control->master);
  pass_on (control, client, command->roles, argv, first);
}

/* Begins a reload; the client is answered when it has ended. */
static void
begin_reload (SatchelControl *control, SatchelControlClient *client, const Command *command,
              const char *const *argv)
{
  g_ptr_array_add (control->reloaders, client);
  if (control->master->reload == NULL)
    satchel_reload_begin (control->master);
}

static void
begin_stop (SatchelControl *control, SatchelControlClient *client, const Command *command,
            const char *const *argv)
{
  satchel_control_reply (client, "", TRUE, 0);
  satchel_stop_begin (control->master, SATCHEL_MASTER_STOPPING);
}

static const Command commands[] = {
  { "status", 1, 1, answer_status, ALL_ROLES },
  { "who", 1, 1, ask_roles, SATCHEL_ROLE_MAIL },
  { "kick", 2, 3, ask_roles, SATCHEL_ROLE_MAIL | SATCHEL_ROLE_AUTH },
  { "devices", 2, 2, ask_roles, SATCHEL_ROLE_MAIL | SATCHEL_ROLE_AUTH },
  { "devices-end", 3, 3, ask_roles, SATCHEL_ROLE_MAIL | SATCHEL_ROLE_AUTH },
  { "forget", 2, 2, ask_roles, SATCHEL_ROLE_AUTH },
  { "release", 2, 2, ask_roles, SATCHEL_ROLE_AUTH },
  { "adopt", 2, 3, ask_roles, SATCHEL_ROLE_AUTH },
  { "place", 2, 8, ask_roles, SATCHEL_ROLE_AUTH },
  { "throttle", 3, 4, ask_roles, SATCHEL_ROLE_AUTH },
  { "auth-test", 6, 6, ask_roles, SATCHEL_ROLE_AUTH },
  { "reload", 1, 1, begin_reload, 0 },
  { "stop", 1, 1, begin_stop, 0 },
  { "log-reopen", 1, 1, reopen_log, 0 },
  { "run", RUN_WORDS, RUN_WORDS + SATCHEL_ADMIN_OPTIONS_MAX, run_command, 0 },
  { "run-auth", RUN_WORDS, RUN_WORDS + SATCHEL_ADMIN_OPTIONS_MAX, run_command, 0 },
};

static void
answer_request (SatchelControlClient *client, const char *const *argv, gpointer data)
{
  const Command *command = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].name, argv[0]) == 0)
      command = &commands[i];
  guint n_words = g_strv_length ((char **) argv);
  if (command != NULL && n_words >= command->min_words && n_words <= command->max_words)
    command->answer (data, client, command, argv);
  else
    satchel_control_reply (client,
                           command == NULL ? "error=\"the server does not know this request\"\n"
                                           : "error=\"the request has too many or too few arguments\"\n",
                           TRUE, SATCHEL_EXIT_USAGE);
}

static void
client_gone (SatchelControlClient *client, gpointer data)
{
  SatchelControl *control = data;
  g_ptr_array_remove_fast (control->reloaders, client);
  for (guint i = 0; i < control->requests->len; i++)
    {
      Request *request = g_ptr_array_index (control->requests, i);
      if (request->client != client)
        continue;
      request->client = NULL;
      cancel_run (request);
      tell_room (request);
    }
}

SatchelControl *
satchel_control_new (SatchelMaster *master, GError **error)
{
  g_autofree char *path = g_build_filename (master->plan->run_dir, SATCHEL_CONTROL_NAME, NULL);
  SatchelControl *control = g_new0 (SatchelControl, 1);
  control->master = master;
  control->requests = g_ptr_array_new_with_free_func ((GDestroyNotify) request_free);
  control->reloaders = g_ptr_array_new ();
  control->server = satchel_control_server_new (path, master->plan->admin_gid, master->inherited_control_fd,
                                                answer_request, client_gone, control, error);
  master->inherited_control_fd = -1;
  master->control_server = control->server;
  if (control->server != NULL)
    {
      satchel_control_server_set_long_answers (control->server, client_cancels, client_drained);
      for (guint i = 0; i < master->inherited_control_clients->len; i++)
        satchel_control_server_add_client (control->server,
                                           g_array_index (master->inherited_control_clients, int, i));
      g_array_set_size (master->inherited_control_clients, 0);
      return control;
    }
  satchel_control_free (control);
  return NULL;
}

void
satchel_control_free (SatchelControl *control)
{
  if (control == NULL)
    return;
  satchel_control_server_free (control->server);
  control->master->control_server = NULL;
  g_ptr_array_unref (control->requests);
  g_ptr_array_unref (control->reloaders);
  g_free (control);
}

/* Notes that the worker has given its last answer to this request. */
static void
done_with (Request *request, SatchelWorker *worker)
{
  g_ptr_array_remove_fast (request->waiting, worker);
  if (request->waiting->len > 0)
    return;
  if (request->run_argv != NULL)
    run_at_owner (request);
  else
    finish_request (request, "");
}

void
satchel_control_worker_reply (SatchelWorker *worker, SatchelIpcMessage *message)
{
  SatchelMaster *master = worker->master;
  guint64 id = satchel_ipc_get_u64 (message);
  guint32 is_final = satchel_ipc_get_u32 (message), status = satchel_ipc_get_u32 (message);
  const char *text = satchel_ipc_get_string (message);
  if (message->failed || !satchel_ipc_message_is_done (message) || master->control == NULL)
    return;
  GPtrArray *requests = master->control->requests;
  for (guint i = 0; i < requests->len; i++)
    {
      Request *request = g_ptr_array_index (requests, i);
      if (request->id != id || !g_ptr_array_find (request->waiting, worker, NULL))
        continue;
      if (request->run_argv != NULL)
        g_string_append (request->owner, text);
      else if (request->client != NULL && *text != '\0')
        satchel_control_reply (request->client, text, FALSE, 0);
      request->n_unread += request->run_argv == NULL ? strlen (text) : 0;
      tell_room (request);
      request->status = MAX (request->status, MIN (status, 255u));
      if (is_final)
        done_with (request, worker);
      return;
    }
}

static void
tell_unanswered (Request *request, const SatchelWorker *worker)
{
  request->status = SATCHEL_EXIT_UNAVAILABLE;
  if (request->is_run || request->client == NULL)
    return;
  g_autofree char *text = g_strdup_printf (
      "error=\"%s ended before it answered: look whether it was done, and try again\"\n", worker->name);
  satchel_control_reply (request->client, text, FALSE, 0);
}

void
satchel_control_worker_died (SatchelWorker *worker)
{
  SatchelMaster *master = worker->master;
  GPtrArray *requests = master->control != NULL ? master->control->requests : NULL;
  for (guint i = requests != NULL ? requests->len : 0; i-- > 0;)
    {
      Request *request = g_ptr_array_index (requests, i);
      if (!g_ptr_array_find (request->waiting, worker, NULL))
        continue;
      if (!request->is_status)
        tell_unanswered (request, worker);
      done_with (request, worker);
    }
}

void
satchel_control_reload_done (SatchelMaster *master, guint status, const char *text)
{
  GPtrArray *reloaders = master->control != NULL ? master->control->reloaders : NULL;
  while (reloaders != NULL && reloaders->len > 0)
    {
      SatchelControlClient *client = g_ptr_array_steal_index_fast (reloaders, 0);
      satchel_control_reply (client, text, TRUE, status);
    }
}
