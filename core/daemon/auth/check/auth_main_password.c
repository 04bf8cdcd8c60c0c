/* SPDX-License-Identifier: MIT
 * Says where users' own passwords may be used, by the settings `auth.main_password` and
 * `auth.main_passwords`.  They do not concern credentials beside the password.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"
#include "core/runtime/config/core_settings.h"

#include <satchel/protocol.h>

typedef enum /* in the order of the setting's choices */
{
  EVERYWHERE = 0,
  SUBMISSION_AND_WEB,
  NOWHERE
} MainPassword;

static MainPassword
choice_of (const SatchelAuth *auth, const char *user)
{
  const SatchelAuthSettings *settings = &auth->settings;
  if (settings->main_passwords == NULL)
    return settings->main_password;
  return satchel_user_choices_find (settings->main_passwords, user, settings->main_password);
}

gboolean
satchel_main_password_is_everywhere (const SatchelAuth *auth, const char *user)
{
  return choice_of (auth, user) == EVERYWHERE;
}

/* Says whether the login comes from a webmail, or by one that tells its clients' addresses. */
static gboolean
is_of_webmail (const SatchelAuth *auth, const SatchelLogin *login)
{
  const char *const *networks = (const char *const *) auth->settings.webmail_networks;
  return satchel_login_is_from (login, networks)
         || satchel_login_is_from (&(SatchelLogin) { .peer = login->via }, networks);
}

gboolean
satchel_main_password_is_good (const SatchelAuth *auth, const char *user, const SatchelLogin *login)
{
  static const char *const services[] = { "smtp", "submission", "web", NULL };
  switch (choice_of (auth, user))
    {
    case EVERYWHERE:
      return TRUE;
    case SUBMISSION_AND_WEB:
      return g_strv_contains (services, login->service) || is_of_webmail (auth, login);
    case NOWHERE:
      break;
    }
  return FALSE;
}

gboolean
satchel_main_password_check (const SatchelConfig *group, GError **error)
{
  SatchelUserChoices *choices =
      satchel_user_choices_new (group, "main_passwords", satchel_main_password_rows, error);
  gboolean ok = choices != NULL && satchel_networks_check (group, "webmail_networks", error);
  satchel_user_choices_free (choices);
  return ok;
}

void
satchel_main_password_read (SatchelAuthSettings *settings, const SatchelConfig *group)
{
  SatchelMainPasswordSettings own = { 0 };
  satchel_main_password_settings_read (group, &own);
  settings->main_password = own.main_password;
  settings->main_passwords =
      satchel_user_choices_new (group, "main_passwords", satchel_main_password_rows, NULL);
  settings->webmail_networks = g_strdupv ((char **) satchel_config_strings (group, "webmail_networks"));
}
