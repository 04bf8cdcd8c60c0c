/* SPDX-License-Identifier: MIT
 * This file makes, copies and changes one app password.
 */
#include "password.h"

#include <string.h>

#define CREDENTIAL "app:"

/* names of services, in the order of their bits */
static const char *const services[] = { "imap", "pop3", "smtp" };

guint
app_service_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (services); i++)
    if (strcmp (services[i], name) == 0)
      return 1u << i;
  return 0;
}

char *
app_services_text (guint bits, const char *separator)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (services); i++)
    if ((bits & 1u << i) != 0)
      g_string_append_printf (text, "%s%s", text->len > 0 ? separator : "", services[i]);
  return g_string_free (text, FALSE);
}

AppPassword *
app_password_new (void)
{
  AppPassword *password = g_new0 (AppPassword, 1);
  password->label = g_strdup ("");
  password->service = g_strdup ("");
  password->peer = g_strdup ("");
  password->client = g_strdup ("");
  password->networks = g_new0 (char *, 1);
  password->is_noted = TRUE;
  return password;
}

AppPassword *
app_password_copy (const AppPassword *password)
{
  AppPassword *copy = g_memdup2 (password, sizeof *password);
  copy->label = g_strdup (password->label);
  copy->service = g_strdup (password->service);
  copy->peer = g_strdup (password->peer);
  copy->client = g_strdup (password->client);
  copy->networks = g_strdupv (password->networks);
  return copy;
}

void
app_password_free (AppPassword *password)
{
  g_free (password->label);
  g_free (password->service);
  g_free (password->peer);
  g_free (password->client);
  g_strfreev (password->networks);
  g_free (password);
}

char *
app_credential_name (const char *id)
{
  return g_strconcat (CREDENTIAL, id, NULL);
}

const char *
app_credential_id (const char *name)
{
  return g_str_has_prefix (name, CREDENTIAL) ? name + strlen (CREDENTIAL) : name;
}

char *
app_password_name (const AppPassword *password)
{
  return app_credential_name (password->id);
}

static void
set_text (char **text, const char *value)
{
  if (strcmp (*text, value) == 0)
    return;
  g_free (*text);
  *text = g_strdup (value);
}

void
app_password_set_client (AppPassword *password, const char *client)
{
  g_autofree char *valid = g_utf8_make_valid (client, (gssize) strnlen (client, APP_CLIENT_BYTES_MAX));
  if (*valid == '\0' || strcmp (password->client, valid) == 0)
    return;
  set_text (&password->client, valid);
  password->is_noted = FALSE;
}

void
app_password_use (AppPassword *password, const SatchelLogin *login, gint64 now_s)
{
  password->used_s = MAX (password->used_s, now_s);
  set_text (&password->service, login->service);
  set_text (&password->peer, login->peer);
  app_password_set_client (password, login->client_id);
  password->is_noted = FALSE;
}
