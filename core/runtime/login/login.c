/* SPDX-License-Identifier: MIT
 * Attempts to log in and their secrets, held by whoever works on them.
 */
#include "config.h"

#include "core/runtime/login/auth_call_private.h"

#include <string.h>

static void
wipe (gpointer secret)
{
  explicit_bzero (secret, g_atomic_rc_box_get_size (secret));
}

char *
satchel_shared_secret_new (const char *text, gsize len)
{
  char *secret = g_atomic_rc_box_alloc0 (len + 1);
  if (len > 0)
    memcpy (secret, text, len);
  return secret;
}

char *
satchel_shared_secret_ref (char *secret)
{
  return secret != NULL ? g_atomic_rc_box_acquire (secret) : NULL;
}

void
satchel_shared_secret_unref (char *secret)
{
  if (secret != NULL)
    g_atomic_rc_box_release_full (secret, wipe);
}

static char *
copy_text (const char *text)
{
  return g_strdup (text != NULL ? text : "");
}

SatchelLogin *
satchel_login_new (const SatchelLogin *from)
{
  SatchelLogin *login = g_atomic_rc_box_new0 (SatchelLogin);
  *login = (SatchelLogin) { .size = sizeof *login,
                            .user = g_strdup (from->user),
                            .service = copy_text (from->service),
                            .listener = copy_text (from->listener),
                            .peer = copy_text (from->peer),
                            .network = copy_text (from->network),
                            .mechanism = copy_text (from->mechanism),
                            .client_id = copy_text (from->client_id),
                            .deadline_ms = from->deadline_ms,
                            .tls_version = from->tls_version,
                            .is_test = from->is_test,
                            .is_network_known = from->is_network_known };
  if (from->tls_exporter != NULL)
    login->tls_exporter = g_bytes_ref (from->tls_exporter);
  if (from->tls_server_end_point != NULL)
    login->tls_server_end_point = g_bytes_ref (from->tls_server_end_point);
  if (from->client_certificate != NULL)
    login->client_certificate = g_bytes_ref (from->client_certificate);
  return login;
}

SatchelLogin *
satchel_login_ref (SatchelLogin *login)
{
  return g_atomic_rc_box_acquire (login);
}

static void
login_clear (gpointer data)
{
  SatchelLogin *login = data;
  const char *const texts[] = { login->user,    login->service,   login->listener, login->peer,
                                login->network, login->mechanism, login->client_id };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free ((char *) texts[i]);
  g_clear_pointer (&login->tls_exporter, g_bytes_unref);
  g_clear_pointer (&login->tls_server_end_point, g_bytes_unref);
  g_clear_pointer (&login->client_certificate, g_bytes_unref);
}

void
satchel_login_unref (SatchelLogin *login)
{
  if (login != NULL)
    g_atomic_rc_box_release_full (login, login_clear);
}
