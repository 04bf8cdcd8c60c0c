/* SPDX-License-Identifier: MIT
 * Attempts to log in and their secrets, held by whoever works on them.
 */
#include "config.h"

#include "core/base/packed.h"
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

SatchelLogin *
satchel_login_new (const SatchelLogin *from)
{
  static const gsize texts[] = {
    offsetof (SatchelLogin, user), /* may be NULL, which the others may not */
    offsetof (SatchelLogin, service), offsetof (SatchelLogin, listener),  offsetof (SatchelLogin, peer),
    offsetof (SatchelLogin, network), offsetof (SatchelLogin, mechanism), offsetof (SatchelLogin, client_id),
    offsetof (SatchelLogin, via),
  };
  SatchelLogin whole = *from;
  whole.size = sizeof whole;
  for (guint i = 1; i < G_N_ELEMENTS (texts); i++)
    {
      const char **text = (const char **) (gpointer) ((char *) &whole + texts[i]);
      if (*text == NULL)
        *text = "";
    }
  SatchelLogin *login = satchel_packed_new (&whole, sizeof whole, texts, G_N_ELEMENTS (texts));
  if (login->tls_exporter != NULL)
    g_bytes_ref (login->tls_exporter);
  if (login->tls_server_end_point != NULL)
    g_bytes_ref (login->tls_server_end_point);
  if (login->client_certificate != NULL)
    g_bytes_ref (login->client_certificate);
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
