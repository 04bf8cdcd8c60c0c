/* SPDX-License-Identifier: MIT
 * An administrator's request: the user that it names, and the answer.
 */
#include "config.h"

#include "core/base/exit.h"
#include "core/daemon/auth/auth_admin.h"

#include <string.h>

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
  if (satchel_auth_admin_is_known (auth, user))
    return TRUE;
  satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_NO_USER,
                            "%s: no such user; `satchel user list` shows all\n", user);
  return FALSE;
}
