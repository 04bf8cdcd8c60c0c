/* SPDX-License-Identifier: MIT
 * Answers admin requests to auth. Those about users who change their place are in auth_place.c.
 */
#include "config.h"

#include "core/daemon/auth/admin/auth_admin.h"
#include "core/base/exit.h"
#include "core/daemon/auth/admin/auth_move.h"
#include "core/session/admin/admin_calls.h"

#include <satchel/log.h>
#include <string.h>

#include "core/runtime/log/log_private.h"

#define AREA "auth"
#define RUN_USER 3u /* index of USER in "run-auth" GROUP COMMAND USER */
/* a reply of SATCHEL_CONTROL_REPLY_MAX bytes has other lines as well */
#define MAX_STATUS_BYTES 12000

static void
answer_kick (SatchelAuth *auth, guint64 request, const char *user, gboolean is_known,
             const char *const *arguments)
{
  satchel_auth_admin_reply (auth, request, is_known ? SATCHEL_EXIT_OK : SATCHEL_EXIT_NO_USER, "%s", "");
}

/* Answers `kick`.  The mail processes end the sessions; auth only knows whether there is such a user. */
static void
admin_kick (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  if (user != NULL)
    satchel_auth_admin_inquire (auth, request, user, arguments, answer_kick);
}

/* Appends a line for one released user, unless the answer is full. */
static void
add_released (const char *user, const SatchelPlacement *placement, guint slot, gpointer data)
{
  GString *text = data;
  if (text->len > MAX_STATUS_BYTES)
    return;
  g_string_append (text, "released");
  satchel_log_field (text, "user", user);
  g_string_append_c (text, '\n');
}

static void
admin_status (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  guint n_sessions = 0;
  for (guint i = 0; i < auth->context->peers->len; i++)
    {
      SatchelPeer *peer = auth->context->peers->pdata[i];
      if (peer->role == SATCHEL_ROLE_GATE && peer->data != NULL)
        n_sessions += satchel_auth_gate_n_sessions (peer->data);
    }
  g_autoptr (GString) released = g_string_new (NULL);
  satchel_placements_foreach (auth->placements, SATCHEL_PLACED_RELEASED, add_released, released);
  satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "auth: users=%u sessions=%u hashes=%u\n%s",
                            g_hash_table_size (auth->n_connections), n_sessions,
                            satchel_hash_pool_n_running (auth->pool), released->str);
}

/* A question for the owner of a user waits until the userdbs have answered. */
typedef struct OwnerQuestion
{
  SatchelAuth *auth;
  guint64 request;
  char *user;
  gboolean is_known;
} OwnerQuestion;

static void
reply_owner (const OwnerQuestion *question, const char *attributes)
{
  SatchelAuth *auth = question->auth;
  const char *user = question->user;
  g_autoptr (GError) error = NULL;
  SatchelPlacement placement;
  guint slot;
  /* No record is made for a name that is no user. */
  gboolean ok = question->is_known
                    ? satchel_placements_find (auth->placements, user, &placement, &slot, &error)
                          && satchel_placements_sync (auth->placements, &error)
                    : (satchel_placements_get (auth->placements, user, &placement, &slot),
                       placement.state == SATCHEL_PLACED_ACTIVE);
  if (!ok && (error == NULL || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_INUSE)))
    satchel_auth_admin_reply (auth, question->request, SATCHEL_EXIT_TEMPORARY,
                              "%s is released; `satchel adopt %s` gives the user back first\n", user, user);
  else if (!ok)
    satchel_auth_admin_reply (auth, question->request, SATCHEL_EXIT_TEMPORARY, "%s\n", error->message);
  if (!ok)
    return;
  g_autoptr (SatchelPlace) place = satchel_placements_place (auth->placements, user, &placement, attributes);
  g_autofree char *text = satchel_place_to_text (place);
  satchel_auth_admin_reply (auth, question->request, SATCHEL_EXIT_OK, "%u %s %s", slot,
                            question->is_known ? "known" : "unknown", text);
}

static void
told_attributes (const char *attributes, const GError *error, gpointer data)
{
  OwnerQuestion *question = data;
  if (attributes == NULL)
    satchel_auth_admin_reply (question->auth, question->request, SATCHEL_EXIT_TEMPORARY, "%s\n",
                              error->message);
  else
    reply_owner (question, attributes);
  g_free (question->user);
  g_free (question);
}

static void
find_owner (SatchelAuth *auth, guint64 request, const char *user, gboolean is_known,
            const char *const *arguments)
{
  OwnerQuestion *question = g_new0 (OwnerQuestion, 1);
  *question = (OwnerQuestion) { auth, request, g_strdup (user), is_known };
  satchel_auth_ask_attributes (
      auth, &(SatchelAttributesQuestion) { .user = user, .deadline_ms = satchel_auth_deadline_ms (auth) },
      told_attributes, question);
}

/* Tells master, which gives a module's command to the owner: "SLOT known|unknown PLACE"
 * (core/storage/store/place.h). */
static void
admin_owner (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  if (user != NULL)
    satchel_auth_admin_inquire (auth, request, user, arguments, find_owner);
}

static void
start_run (SatchelAuth *auth, guint64 request, const char *user, gboolean is_known,
           const char *const *arguments)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_ptr_array_add (argv, (gpointer) "run-auth");
  for (; *arguments != NULL; arguments++)
    g_ptr_array_add (argv, (gpointer) *arguments);
  g_ptr_array_add (argv, NULL);
  satchel_admin_calls_start (request, (const char *const *) argv->pdata, -1);
}

/* Runs a command of a module that wants to run in this process, once the user is known whom it names. */
static void
admin_run (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  guint n = g_strv_length ((char **) arguments);
  const char *user = n >= RUN_USER ? arguments[RUN_USER - 1] : "";
  if (*user != '\0')
    satchel_auth_admin_with_user (auth, request, user, arguments, start_run);
  else
    start_run (auth, request, user, FALSE, arguments);
}

static const struct
{
  const char *name;
  void (*func) (SatchelAuth *auth, guint64 request, const char *const *arguments);
} commands[] = {
  { "status", admin_status },
  { "kick", admin_kick },
  { "devices", satchel_auth_devices_list },
  { "devices-end", satchel_auth_devices_end },
  { "forget", satchel_auth_devices_forget },
  { "release", satchel_auth_admin_release },
  { "adopt", satchel_auth_admin_adopt },
  { "place", satchel_auth_admin_place },
  { "owner", admin_owner },
  { "run-auth", admin_run },
  { "throttle", satchel_auth_admin_throttle },
  { "auth-test", satchel_auth_admin_test },
};

gboolean
satchel_auth_admin (SatchelAuth *auth, guint64 request, const char *const *argv)
{
  for (guint i = 0; argv[0] != NULL && i < G_N_ELEMENTS (commands); i++)
    if (strcmp (argv[0], commands[i].name) == 0)
      {
        commands[i].func (auth, request, argv + 1);
        return TRUE;
      }
  return FALSE;
}
