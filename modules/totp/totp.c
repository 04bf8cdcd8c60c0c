/* SPDX-License-Identifier: MIT
 * What commands and the factor look at: the file of the state, opened when it is needed, the keys that it is
 * sealed with, the clock, and the step that a code belongs to.
 */
#include "totp.h"

#include <satchel/log.h>
#include <sodium.h>
#include <time.h>

#define RETRY_MS 5000
#define JUMP_US (60 * (gint64) G_USEC_PER_SEC)

Totp totp;

void
totp_change_keys (void)
{
  totp_keys_free (totp.keys);
  totp.keys = g_steal_pointer (&totp.new_keys);
}

/* Chooses the keys: once the key was changed, the file says with which of them it is sealed. */
static gboolean
choose_keys (GError **error)
{
  const char *sealed = totp_state_hash_key (totp.state);
  if (sealed == NULL)
    return TRUE;
  if (totp.new_keys != NULL && totp_keys_have_sealed (totp.new_keys, sealed))
    totp_change_keys ();
  return totp_keys_unseal_hashes (totp.keys, sealed, error);
}

gboolean
totp_open (GError **error)
{
  g_autoptr (GError) own = NULL;
  totp.opened_at_ms = g_get_monotonic_time () / 1000;
  totp.state = totp_state_new (totp_settings_path (totp.settings), &own);
  if (totp.state != NULL && !choose_keys (&own))
    g_clear_pointer (&totp.state, totp_state_free);
  if (totp.state == NULL)
    {
      satchel_log (SATCHEL_LOG_ERROR, TOTP_AREA, "nobody can log in: %s", own->message);
      g_free (totp.trouble);
      totp.trouble = g_strdup (own->message);
      g_propagate_error (error, g_steal_pointer (&own));
      return FALSE;
    }
  guint64 now_step = (guint64) (g_get_real_time () / G_USEC_PER_SEC) / TOTP_STEP_S;
  if (totp_state_newest_step (totp.state) > now_step + 2)
    satchel_log (SATCHEL_LOG_ERROR, TOTP_AREA,
                 "the clock is %" G_GUINT64_FORMAT " s behind the newest code that was used: codes that were "
                 "used stay used, but look at the clock",
                 (totp_state_newest_step (totp.state) - now_step) * TOTP_STEP_S);
  return TRUE;
}

gboolean
totp_ready (GError **error)
{
  if (totp.state != NULL)
    return TRUE;
  if (g_get_monotonic_time () / 1000 - totp.opened_at_ms >= RETRY_MS)
    return totp_open (error);
  return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "%s", totp.trouble);
}

gboolean
totp_lock_state (GError **error)
{
  g_mutex_lock (&totp.lock);
  if (totp_ready (error))
    return TRUE;
  g_mutex_unlock (&totp.lock);
  return FALSE;
}

gboolean
totp_fail_not_enrolled (const char *name, GError **error)
{
  return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                            "%s is not enrolled; run: satchel totp enrol %s", name, name);
}

/* Returns the time of the clock less the uptime of the machine. It stays the same until somebody sets the
 * clock; 0 means that the uptime cannot be had. */
static gint64
clock_lead_us (gint64 now_us)
{
  struct timespec up;
  if (clock_gettime (CLOCK_BOOTTIME, &up) != 0)
    return 0;
  return now_us - ((gint64) up.tv_sec * G_USEC_PER_SEC + up.tv_nsec / 1000);
}

gint64
totp_now_s (void)
{
  gint64 now_us = g_get_real_time (), lead_us = clock_lead_us (now_us);
  gint64 jump_us = totp.clock_lead_us != 0 ? lead_us - totp.clock_lead_us : 0;
  if (ABS (jump_us) > JUMP_US)
    satchel_log (
        SATCHEL_LOG_ERROR, TOTP_AREA,
        "the clock was set %s by %" G_GINT64_FORMAT
        " s: codes that were used stay used, but those of users' apps may be refused; look at the clock",
        jump_us < 0 ? "back" : "forward", ABS (jump_us) / G_USEC_PER_SEC);
  if (totp.clock_lead_us == 0 || ABS (jump_us) > JUMP_US)
    totp.clock_lead_us = lead_us;
  return now_us / G_USEC_PER_SEC;
}

/* Says whether @code is that of a step; clears *ok where the library fails. */
static gboolean
is_code_of (const TotpUser *user, const guint8 *secret, gsize len, guint64 step, const char *code,
            gboolean *ok)
{
  char right[TOTP_DIGITS_MAX + 1];
  *ok = *ok && totp_code_at (user->algorithm, secret, len, step, user->digits, right);
  return *ok && sodium_memcmp (right, code, user->digits) == 0;
}

gboolean
totp_find_step (const TotpUser *user, const char *code, gint64 now_s, guint64 *ret_step,
                gboolean *ret_is_spent, GError **error)
{
  guint8 secret[TOTP_SECRET_BYTES_MAX];
  gsize len;
  guint64 now_step = (guint64) MAX (now_s, (gint64) TOTP_STEP_S) / TOTP_STEP_S;
  *ret_step = 0;
  if (!totp_unseal (totp.keys, user->name, user->sealed, secret, &len, error))
    return FALSE;
  gboolean ok = TRUE;
  for (guint64 step = now_step - 1; step <= now_step + 1; step++)
    if (is_code_of (user, secret, len, step, code, &ok))
      *ret_step = step;
  if (ret_is_spent != NULL)
    *ret_is_spent = *ret_step != 0 && totp_user_has_used (user, *ret_step);
  for (guint i = 0; ret_is_spent != NULL && i < user->n_used; i++)
    *ret_is_spent = is_code_of (user, secret, len, user->used[i], code, &ok) || *ret_is_spent;
  sodium_memzero (secret, sizeof secret);
  return ok
         || satchel_error_set (error, SATCHEL_ERROR_FAILED, "the library cannot compute %s codes",
                               totp_algorithm_name (user->algorithm));
}

char *
totp_grant_name (const TotpGrant *grant)
{
  return g_strdup_printf ("grant:%" G_GUINT64_FORMAT, grant->id);
}
