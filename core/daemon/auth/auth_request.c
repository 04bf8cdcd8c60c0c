/* SPDX-License-Identifier: MIT
 * An administrator's request: the user that it names, and the answer.
 */
#include "config.h"

#include "core/base/exit.h"
#include "core/daemon/auth/auth_admin.h"

#include <string.h>

#define ASK_MS 10000

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

/* What a passdb says at once; an administrator's answer does not wait for others. */
typedef struct Asked
{
  gboolean is_waited_for, may_be_known;
} Asked;

static void
take_answer (SatchelCallAnswer *answer, gpointer data)
{
  Asked *asked = data;
  asked->may_be_known = answer->error != NULL || answer->is_found;
  if (asked->is_waited_for)
    asked->is_waited_for = FALSE;
  else
    g_free (asked);
}

static gboolean
may_be_known (const SatchelPassdbOps *ops, const char *user)
{
  Asked *asked = g_new0 (Asked, 1);
  const SatchelQuestion question = { .kind = SATCHEL_CALL_LOOK_UP,
                                     .source = ops,
                                     .ask = ops->look_up,
                                     .cancelled = SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL,
                                     .user = user,
                                     .deadline_ms = satchel_now_ms () + ASK_MS };
  asked->is_waited_for = TRUE;
  satchel_call_ask (&question, take_answer, asked);
  gboolean is_known = asked->is_waited_for || asked->may_be_known;
  if (asked->is_waited_for)
    asked->is_waited_for = FALSE; /* freed when it comes */
  else
    g_free (asked);
  return is_known;
}

/* A database that cannot be asked just now, or does not say at once, makes nobody unknown. */
gboolean
satchel_auth_admin_is_known (SatchelAuth *auth, const char *user)
{
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func (g_free);
  const char *why;
  SatchelDeliveryStatus status = satchel_auth_look_up (auth, user, NULL, users, &why);
  if (status == SATCHEL_DELIVERY_TEMPORARY
      || g_ptr_array_find_with_equal_func (users, user, g_str_equal, NULL))
    return TRUE;
  for (guint i = 0; i < auth->passdbs->len; i++)
    if (may_be_known (auth->passdbs->pdata[i], user))
      return TRUE;
  return FALSE;
}

gboolean
satchel_auth_admin_check_known (SatchelAuth *auth, guint64 request, const char *user)
{
  if (satchel_auth_admin_is_known (auth, user))
    return TRUE;
  satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_NO_USER,
                            "%s: no such user; `satchel user list` shows all\n", user);
  return FALSE;
}
