/* SPDX-License-Identifier: MIT
 * Runs admin commands in a mail process or in auth, from master's request to the last frame. A caller needs
 * no other right than access to the control socket; master says which user a command concerns, and auth where
 * the user's mail is. Entry point: satchel_admin_calls_start.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/counter.h>
#include <satchel/fd.h>
#include <satchel/job.h>
#include <satchel/log.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/exit.h"
#include "core/runtime/loader/admin_options.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/loop/job_private.h"
#include "core/session/admin/admin_private.h"

#define AREA "admin"
#define CALLS_MAX 8u
#define PART_BYTES 8000u
/* Shorter than the time for which `satchel` waits (core/cli/command_admin.c). */
#define ALIVE_MS 10000

SATCHEL_COUNTER (commands_run, "satchel_admin_commands_total", "Admin commands of modules that were run",
                 "result");

static SatchelAdminHost host;
static GPtrArray *calls; /* SatchelAdminCall, running */

void
satchel_admin_calls_init (const SatchelAdminHost *a_host)
{
  host = *a_host;
  if (calls == NULL)
    calls = g_ptr_array_new ();
}

static void
call_clear (gpointer data)
{
  SatchelAdminCall *call = data;
  satchel_access_unref (call->access);
  satchel_admin_options_free (call->options);
  g_clear_error (&call->error);
  g_string_free (call->waiting, TRUE);
  g_clear_pointer (&call->place, satchel_place_unref);
  g_free (call->progress);
  satchel_fd_clear (&call->channel_fd);
  g_mutex_clear (&call->lock);
  g_cond_clear (&call->room);
}

static gsize
part_len (const char *text, gsize len)
{
  if (len <= PART_BYTES)
    return len;
  const char *end = text + PART_BYTES;
  while ((*end & 0xc0) == 0x80)
    end--;
  return (gsize) (end - text);
}

static void
send_waiting (SatchelAdminCall *call)
{
  g_mutex_lock (&call->lock);
  g_autoptr (GString) text = call->waiting;
  call->waiting = g_string_new (NULL);
  call->is_sending = FALSE;
  g_mutex_unlock (&call->lock);
  for (gsize at = 0; at < text->len;)
    {
      gsize len = part_len (text->str + at, text->len - at);
      g_autofree char *part = g_strndup (text->str + at, len);
      host.reply (call->request, FALSE, 0, part);
      at += len;
    }
}

static void
send_deferred (gpointer data)
{
  SatchelAdminCall *call = data;
  send_waiting (call);
  g_atomic_rc_box_release_full (call, call_clear);
}

static void
refuse_request (guint64 request, const GError *error)
{
  g_autofree char *text = g_strdup_printf ("%c%d %s\n%c\n", SATCHEL_ADMIN_FRAME_ERROR, error->code,
                                           error->message, SATCHEL_ADMIN_FRAME_END);
  host.reply (request, TRUE, SATCHEL_EXIT_FAILED, text);
}

static void
run_command (gpointer data)
{
  SatchelAdminCall *call = data;
  satchel_job_call (call->group, call->command->name);
  call->ok = call->command->run (call, &call->error);
  satchel_job_call (NULL, NULL);
  satchel_admin_end_progress (call);
}

static const char *
why_cancelled (SatchelErrorCode why)
{
  static const char *const reasons[] = {
    [SATCHEL_ERROR_TIMEOUT] = "it took too long, or nobody read what it said; see server.admin_time",
    [SATCHEL_ERROR_LIMIT] = "it says more than an answer may hold",
    [SATCHEL_ERROR_UNAVAILABLE] = "the server stops",
  };
  const char *reason = why < G_N_ELEMENTS (reasons) ? reasons[why] : NULL;
  return reason != NULL ? reason : "cancelled";
}

/* Answers that the call was cancelled.  The command may have said in an error with CANCELLED what it leaves
 * behind. */
static void
say_cancelled (SatchelAdminCall *call)
{
  g_autoptr (GError) own = g_steal_pointer (&call->error);
  const char *leaves = g_error_matches (own, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED) ? own->message : NULL;
  call->ok = FALSE;
  if (leaves != NULL && call->why == SATCHEL_ERROR_CANCELLED)
    call->error = g_steal_pointer (&own);
  else
    satchel_error_set (&call->error, call->why, "%s%s%s", why_cancelled (call->why),
                       leaves != NULL ? ": " : "", leaves != NULL ? leaves : "");
}

static void
log_end (const SatchelAdminCall *call, const char *result)
{
  g_autoptr (GString) line = g_string_new (NULL);
  satchel_log_field (line, "user", call->access->owner);
  satchel_log_field (line, "result", result);
  if (call->error != NULL)
    satchel_log_field (line, "why", call->error->message);
  satchel_log (SATCHEL_LOG_INFO, AREA,
               "command=\"%s %s\" ms=%" G_GINT64_FORMAT " bytes=%" G_GUINT64_FORMAT "%s", call->group,
               call->command->name, (g_get_monotonic_time () - call->began_us) / 1000, call->n_bytes,
               line->str);
}

static void
finish_call (gpointer data)
{
  SatchelAdminCall *call = data;
  satchel_timer_cancel (&call->deadline);
  satchel_timer_cancel (&call->heartbeat);
  g_ptr_array_remove_fast (calls, call);
  /* The job has ended, so no other thread uses the call any more. A job that finished its work was not
   * cancelled. */
  if (call->is_cancelled && (!call->ok || call->why == SATCHEL_ERROR_LIMIT))
    say_cancelled (call);
  else if (!call->ok && call->error == NULL)
    satchel_error_set (&call->error, SATCHEL_ERROR_FAILED, "the module %s failed and gave no reason",
                       call->group);
  const char *result = call->ok ? "ok" : call->is_cancelled ? "cancelled" : "failed";
  satchel_counter_add (&commands_run, 1, result);
  log_end (call, result);
  if (!call->ok)
    {
      g_autofree char *message = g_strdup (call->error->message);
      g_strdelimit (message, "\r\n", ' ');
      g_autofree char *text = g_strdup_printf (
          "%d %.4000s", call->error->domain == SATCHEL_ERROR ? call->error->code : SATCHEL_ERROR_FAILED,
          message);
      satchel_admin_add_frame (call, SATCHEL_ADMIN_FRAME_ERROR, text, FALSE);
    }
  satchel_admin_add_frame (call, SATCHEL_ADMIN_FRAME_END, "", FALSE);
  send_waiting (call);
  host.reply (call->request, TRUE, call->ok ? 0 : 1, "");
  g_atomic_rc_box_release_full (call, call_clear);
}

static void
time_over (SatchelTimer *timer, gpointer data)
{
  satchel_admin_cancel (data, SATCHEL_ERROR_TIMEOUT);
}

static void
tell_alive (SatchelTimer *timer, gpointer data)
{
  SatchelAdminCall *call = data;
  satchel_timer_arm (timer, ALIVE_MS, tell_alive, call);
  /* If the window is full, the output itself shows that the command runs. */
  g_mutex_lock (&call->lock);
  gboolean has_room = call->n_unread < SATCHEL_ADMIN_WINDOW;
  g_mutex_unlock (&call->lock);
  if (has_room)
    satchel_admin_add_frame (call, SATCHEL_ADMIN_FRAME_ALIVE, "", FALSE);
}

SatchelStore *
satchel_admin_open_store (SatchelAdminCall *call, GError **error)
{
  if (call->place != NULL)
    return host.acquire_store (call->access, call->place, error);
  satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the command does not concern a user's store");
  return NULL;
}

const SatchelPlace *
satchel_admin_place (const SatchelAdminCall *call)
{
  return call->place;
}

/* Checks the place of a user. A mistyped name must not make one, so a user without an account must have
 * mail. */
static gboolean
check_place (const char *user, const char *text, SatchelPlace **ret_place, GError **error)
{
  struct stat st;
  const char *space = strchr (text, ' ');
  if (space == NULL || (*ret_place = satchel_place_from_text (space + 1)) == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "%s: it is not known where the user's mail is",
                              user);
  if (g_str_has_prefix (text, "known ")
      || fstatat (host.root_fd, (*ret_place)->path, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return TRUE;
  return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                            "%s: no such user; `satchel user list` shows all", user);
}

static const SatchelOwnCommands *
find_own (const char *group)
{
  for (const SatchelOwnCommands *own = host.own; own != NULL && own->group != NULL; own++)
    if (strcmp (own->group, group) == 0)
      return own;
  return NULL;
}

/* Finds a command; those of the server itself come before those of a module. */
static const SatchelAdminCommand *
find_command (const char *group, const char *name, const char **ret_group, GError **error)
{
  const SatchelOwnCommands *own = find_own (group);
  const SatchelProvided *provided =
      own != NULL ? NULL : satchel_loader_find (host.loader, SATCHEL_KIND_ADMIN, group);
  const SatchelAdminOps *ops = own != NULL ? own->ops : provided != NULL ? provided->ops : NULL;
  const SatchelAdminCommand *command = ops != NULL ? satchel_admin_find (ops, name) : NULL;
  if (command != NULL && satchel_admin_is_in_auth (command) != (host.acquire_store == NULL))
    command = NULL;
  if (command == NULL)
    satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                       "the running server has no command \"%s %s\"; is the module enabled there? `satchel "
                       "reload` does not load modules",
                       group, name);
  *ret_group = own != NULL ? own->group : provided != NULL ? provided->name : group;
  return command;
}

/* Makes the call of @command, which has been checked.  Takes @options and @place over. */
static SatchelAdminCall *
call_new (guint64 request, const SatchelAdminCommand *command, const char *group, const char *user,
          SatchelConfig *options, SatchelPlace *place)
{
  SatchelAdminCall *call = g_atomic_rc_box_new0 (SatchelAdminCall);
  g_autofree char *session_id = g_strdup_printf ("admin-%" G_GUINT64_FORMAT, request);
  call->send_waiting = send_deferred;
  call->request = request;
  call->command = command;
  call->group = group;
  call->is_own = find_own (group) != NULL;
  call->channel_fd = -1;
  call->slot = host.slot;
  call->options = options;
  call->place = place;
  call->access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                        .cause = SATCHEL_CAUSE_ADMIN,
                                                        .owner = user,
                                                        .service = "admin",
                                                        .session_id = session_id,
                                                        .peer = "local",
                                                        .rights = SATCHEL_RIGHTS_ALL });
  call->waiting = g_string_new (NULL);
  call->began_us = g_get_monotonic_time ();
  g_mutex_init (&call->lock);
  g_cond_init (&call->room);
  return call;
}

/* Checks that there is a user exactly if the command concerns one, and room for another call. */
static gboolean
check_call (const SatchelAdminCommand *command, const char *user, GError **error)
{
  if (command->of_user && *user == '\0')
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "a user name is missing");
  if (!command->of_user && *user != '\0')
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "this command does not concern a user");
  if (calls->len >= CALLS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "%u admin commands are running already; try again later", CALLS_MAX);
  return TRUE;
}

/* Makes a call of a request: its number, then GROUP, COMMAND, USER or "", the form of the answer, the user's
 * place, and options.  NULL means that it is refused. */
static SatchelAdminCall *
read_request (guint64 request, const char *const *argv, int channel_fd, GError **error)
{
  const char *group;
  g_autoptr (SatchelPlace) place = NULL;
  if (g_strv_length ((char **) argv) < 6)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the request is not complete");
      return NULL;
    }
  const char *user = argv[3];
  const SatchelAdminCommand *command = find_command (argv[1], argv[2], &group, error);
  if (command == NULL)
    return NULL;
  gboolean has_place = command->of_user && host.acquire_store != NULL;
  if ((has_place && !check_place (user, argv[5], &place, error)) || !check_call (command, user, error))
    return NULL;
  SatchelConfig *options = satchel_admin_parse_options (command, argv + 6, error);
  if (options == NULL)
    return NULL;
  SatchelAdminCall *call = call_new (request, command, group, user, options, g_steal_pointer (&place));
  call->is_json = strcmp (argv[4], "json") == 0;
  if (channel_fd >= 0)
    call->channel_fd = fcntl (channel_fd, F_DUPFD_CLOEXEC, 3);
  return call;
}

void
satchel_admin_calls_start (guint64 request, const char *const *argv, int channel_fd)
{
  g_autoptr (GError) error = NULL;
  SatchelAdminCall *call = read_request (request, argv, channel_fd, &error);
  if (call == NULL)
    {
      refuse_request (request, error);
      return;
    }
  g_ptr_array_add (calls, call);
  SatchelServerSettings server;
  satchel_server_settings_read (host.group ("server"), &server);
  if (!call->is_own)
    satchel_timer_arm (&call->deadline, server.admin_ms, time_over, call);
  satchel_timer_arm (&call->heartbeat, ALIVE_MS, tell_alive, call);
  satchel_job_submit (*call->access->owner != '\0' ? call->access->owner : NULL, "admin command", run_command,
                      finish_call, call);
}

static SatchelAdminCall *
find_call (guint64 request)
{
  for (guint i = 0; calls != NULL && i < calls->len; i++)
    if (((SatchelAdminCall *) calls->pdata[i])->request == request)
      return calls->pdata[i];
  return NULL;
}

gboolean
satchel_admin_calls_room (guint64 request, guint64 n_bytes)
{
  SatchelAdminCall *call = find_call (request);
  if (call == NULL)
    return FALSE;
  g_mutex_lock (&call->lock);
  call->n_unread -= (gsize) MIN (n_bytes, call->n_unread);
  g_cond_broadcast (&call->room);
  g_mutex_unlock (&call->lock);
  return TRUE;
}

gboolean
satchel_admin_calls_cancel (guint64 request)
{
  SatchelAdminCall *call = find_call (request);
  if (call != NULL)
    satchel_admin_cancel (call, SATCHEL_ERROR_CANCELLED);
  return call != NULL;
}

void
satchel_admin_calls_stop (void)
{
  for (guint i = 0; calls != NULL && i < calls->len; i++)
    satchel_admin_cancel (calls->pdata[i], SATCHEL_ERROR_UNAVAILABLE);
}

guint
satchel_admin_calls_n_running (void)
{
  return calls != NULL ? calls->len : 0;
}
