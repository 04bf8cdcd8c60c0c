/* SPDX-License-Identifier: MIT
 * Admin requests to auth.  Those about users who change their place are in auth_move.c.
 */
#include "config.h"

#include "core/daemon/auth/auth_admin.h"
#include "core/base/exit.h"
#include "core/daemon/auth/auth_move.h"

#include <satchel/log.h>
#include <string.h>

#include "core/runtime/log_private.h"

#define AREA "auth"
#define MAX_STATUS_BYTES 12000 /* of SATCHEL_CONTROL_REPLY_MAX */

void
satchel_auth_admin_reply (SatchelAuth *auth, guint64 request, guint status, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  satchel_role_admin_reply (auth->context, request, TRUE, status, text);
}

char *
satchel_auth_admin_user (SatchelAuth *auth, guint64 request, const char *name)
{
  g_autoptr (GError) error = NULL;
  char *user = name == NULL ? NULL
                            : satchel_user_normalise (name, strlen (name), auth->settings.default_domain,
                                                      auth->settings.lowers_users, &error);
  if (user == NULL)
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_USAGE, "%s\n",
                              error != NULL ? error->message : "a user name is missing");
  return user;
}

/* A database that cannot be asked just now makes nobody unknown. */
static gboolean
is_known (SatchelAuth *auth, const char *user)
{
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func (g_free);
  const char *why;
  SatchelDeliveryStatus status = satchel_auth_look_up (auth, user, NULL, users, &why);
  if (status == SATCHEL_DELIVERY_TEMPORARY
      || g_ptr_array_find_with_equal_func (users, user, g_str_equal, NULL))
    return TRUE;
  for (guint i = 0; i < auth->passdbs->len; i++)
    {
      const SatchelPassdbOps *passdb = auth->passdbs->pdata[i];
      g_auto (SatchelCredential) credential = { .size = sizeof credential };
      g_autoptr (GError) error = NULL;
      if (passdb->look_up (user, &credential, &error) || error != NULL)
        return TRUE;
    }
  return FALSE;
}

gboolean
satchel_auth_admin_check_known (SatchelAuth *auth, guint64 request, const char *user)
{
  if (is_known (auth, user))
    return TRUE;
  satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_NO_USER, "%s: no such user; `satchel user list` shows all\n",
                            user);
  return FALSE;
}

/* The mail processes end the sessions; what is known here is whether there is such a user at all. */
static void
admin_kick (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  if (user != NULL)
    satchel_auth_admin_reply (auth, request, is_known (auth, user) ? 0 : SATCHEL_EXIT_NO_USER, "%s", "");
}

/* One line each, as many as an answer holds. */
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

/* For master, which gives a module's command to the owner: "SLOT known|unknown PLACE" (core/storage/place.h).
 */
static void
admin_owner (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  g_autoptr (GError) error = NULL;
  SatchelPlacement placement;
  guint slot;
  if (user == NULL)
    return;
  gboolean known = is_known (auth, user);
  /* Nothing is written of whoever is no user. */
  gboolean ok = known ? satchel_placements_find (auth->placements, user, &placement, &slot, &error)
                            && satchel_placements_sync (auth->placements, &error)
                      : (satchel_placements_get (auth->placements, user, &placement, &slot),
                         placement.state == SATCHEL_PLACED_ACTIVE);
  if (!ok && (error == NULL || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_INUSE)))
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_TEMPORARY,
                              "%s is released; `satchel adopt %s` gives the user back first\n", user, user);
  else if (!ok)
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_TEMPORARY, "%s\n", error->message);
  if (!ok)
    return;
  g_autoptr (SatchelPlace) place = satchel_auth_place (auth, user, &placement, &error);
  if (place == NULL)
    {
      satchel_auth_admin_reply (auth, request, 75, "%s\n", error->message);
      return;
    }
  g_autofree char *text = satchel_place_to_text (place);
  satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "%u %s %s", slot, known ? "known" : "unknown",
                            text);
}

static const struct
{
  const char *name;
  void (*func) (SatchelAuth *auth, guint64 request, const char *const *arguments);
} commands[] = {
  { "status", admin_status },
  { "kick", admin_kick },
  { "release", satchel_auth_admin_release },
  { "adopt", satchel_auth_admin_adopt },
  { "place", satchel_auth_admin_place },
  { "owner", admin_owner },
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
