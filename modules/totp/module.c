/* SPDX-License-Identifier: MIT
 * Describes totp, which asks for one-time codes behind passwords. Role auth.
 */
#include "totp.h"

#include <satchel/module.h>
#include <sodium.h>
#include <string.h>

static TotpSettings *worked_out; /* made by reload, for reload_end */

/* Reads the keys of the setting @name. NULL without @error means that it is not set. */
static TotpKeys *
read_keys (const SatchelConfig *section, const char *name, GError **error)
{
  g_autoptr (GError) own = NULL;
  if (strcmp (satchel_config_origin (section, name), "default") == 0)
    return NULL;
  char *master = satchel_config_secret (section, name, &own);
  TotpKeys *keys = master != NULL ? totp_keys_new (master, &own) : NULL;
  satchel_secret_free (master);
  if (own != NULL)
    {
      satchel_error_blame_setting (&own, name);
      g_propagate_error (error, g_steal_pointer (&own));
    }
  return keys;
}

static gboolean
read_all_keys (const SatchelConfig *section, TotpKeys **ret_keys, TotpKeys **ret_next, GError **error)
{
  g_autoptr (GError) own = NULL;
  if (sodium_init () < 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "the library libsodium cannot be initialized");
  *ret_keys = read_keys (section, "key", &own);
  *ret_next = own == NULL ? read_keys (section, "new_key", &own) : NULL;
  if (own == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&own));
  return FALSE;
}

static gboolean
check (const SatchelConfig *section, GError **error)
{
  g_autoptr (TotpSettings) settings = totp_settings_new (section, error);
  if (settings == NULL)
    return FALSE;
  /* It is no mistake if only auth can read the key, since this process may be another one. */
  g_autoptr (GError) own = NULL;
  g_autoptr (TotpKeys) keys = NULL, next = NULL;
  if (read_all_keys (section, &keys, &next, &own)
      || g_error_matches (own, SATCHEL_ERROR, SATCHEL_ERROR_ACCESS))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&own));
  return FALSE;
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  totp.settings = totp_settings_new (section, error);
  return totp.settings != NULL && read_all_keys (section, &totp.keys, &totp.new_keys, error);
}

/* Starts the module. An unusable file refuses logins, not the start: sessions go on, and mail comes in. */
static gboolean
start (SatchelRole role, GError **error)
{
  if (role == SATCHEL_ROLE_AUTH)
    (void) totp_open (NULL);
  return TRUE;
}

static gboolean
reload (const SatchelConfig *section, GError **error)
{
  worked_out = totp_settings_new (section, error);
  return worked_out != NULL;
}

static void
reload_end (gboolean is_commit)
{
  if (is_commit)
    {
      g_mutex_lock (&totp.lock);
      totp_settings_free (totp.settings);
      totp.settings = g_steal_pointer (&worked_out);
      g_mutex_unlock (&totp.lock);
    }
  g_clear_pointer (&worked_out, totp_settings_free);
}

static void
stop (void)
{
  g_mutex_lock (&totp.lock);
  g_clear_pointer (&totp.state, totp_state_free);
  g_clear_pointer (&totp.keys, totp_keys_free);
  g_clear_pointer (&totp.new_keys, totp_keys_free);
  g_clear_pointer (&totp.settings, totp_settings_free);
  g_clear_pointer (&totp.trouble, g_free);
  totp_clear_pending ();
  totp.clock_lead_us = 0;
  g_mutex_unlock (&totp.lock);
}

static const SatchelProvides provides[] = { { .kind = SATCHEL_KIND_FACTOR, .ops = &totp_factor },
                                            { .kind = SATCHEL_KIND_ADMIN, .ops = &totp_commands },
                                            { 0 } };

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "totp",
  .version = "0.1.0",
  .description = "One-time codes behind passwords",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH,
  .schema = totp_schema,
  .provides = provides,
  .check = check,
  .configure = configure,
  .start = start,
  .reload = reload,
  .reload_end = reload_end,
  .stop = stop,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
