/* SPDX-License-Identifier: MIT
 * This file gives app passwords their slots in the keyrings of users (<satchel/keyring.h>), so that they open
 * what the user's password opens, and drops the slots of those that are revoked.
 */
#include "app_passwords.h"

#include <satchel/job.h>
#include <satchel/keyring.h>
#include <satchel/log.h>
#include <string.h>

static GMutex passes;        /* one thread at a time drops slots */
static gboolean is_dropping; /* a job does, or will; main thread */

gboolean
app_slot_add (const char *user, const char *name, const char *secret, const char *password, GError **error)
{
  /* Without the user's password nothing opens the ring, which an empty one says. */
  char *prepared = satchel_secret_prepare (password != NULL ? password : "");
  const SatchelKeyMaterial opener = { .size = sizeof opener,
                                      .source = SATCHEL_KEY_SECRET,
                                      .slot = SATCHEL_CREDENTIAL_PASSWORD,
                                      .variant = "",
                                      .data = (const guint8 *) prepared,
                                      .len = strlen (prepared) };
  const SatchelKeyMaterial material = { .size = sizeof material,
                                        .source = SATCHEL_KEY_APP,
                                        .slot = name,
                                        .variant = "",
                                        .data = (const guint8 *) secret,
                                        .len = strlen (secret) };
  gboolean ok = satchel_keyring_add_slot (user, &opener, &material, error);
  explicit_bzero (prepared, strlen (prepared));
  g_free (prepared);
  return ok;
}

/* Says once why a slot stays.  The next pass tries again. */
static void
tell_trouble (const AppEnded *ended, const GError *error)
{
  if (!ended->is_told)
    satchel_log (SATCHEL_LOG_WARNING, APP_AREA,
                 "user=\"%s\" the key slot of the revoked app password %s stays for now: %s", ended->user,
                 ended->name, error->message);
}

static void
drop_slot (const AppEnded *ended)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = satchel_keyring_drop_slot (ended->user, ended->name, &error);
  if (!ok)
    tell_trouble (ended, error);
  if (!app_lock (NULL))
    return;
  app_state_slot_tried (app_module.state, ended->name, ok);
  app_unlock ();
}

void
app_slots_drop (void)
{
  g_autoptr (GPtrArray) all = NULL;
  g_mutex_lock (&passes);
  if (app_lock (NULL))
    {
      all = app_state_ended (app_module.state);
      app_unlock ();
    }
  for (guint i = 0; all != NULL && i < all->len; i++)
    drop_slot (all->pdata[i]);
  g_mutex_unlock (&passes);
}

static void
run_drop (gpointer data)
{
  app_slots_drop ();
}

static void
drop_done (gpointer data)
{
  is_dropping = FALSE;
}

void
app_slots_drop_soon (void)
{
  if (is_dropping || !app_lock (NULL))
    return;
  is_dropping = app_state_has_ended (app_module.state);
  app_unlock ();
  if (is_dropping)
    satchel_job_submit (NULL, "app-passwords slots", run_drop, drop_done, NULL);
}
