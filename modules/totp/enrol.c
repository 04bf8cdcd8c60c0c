/* SPDX-License-Identifier: MIT
 * `satchel totp enrol`: gives a user a secret, which counts once a code of it was typed back.  A job of the
 * auth process.
 */
#include "admin.h"

#include <satchel/account_event.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <sodium.h>

#define PENDING_S 900
#define PENDING_MAX 1000u

/* An enrolment waits for its first code. */
typedef struct Pending
{
  TotpUser *user;
  gint64 until_s;
} Pending;
static GHashTable *all_pending; /* user -> Pending; under the lock of `totp` */

static void
pending_free (gpointer data)
{
  Pending *pending = data;
  g_clear_pointer (&pending->user, totp_user_free);
  g_free (pending);
}

static gboolean
check_new (const char *name, GError **error)
{
  return totp_state_find (totp.state, name) == NULL
         || satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS,
                               "%s is enrolled already; to begin anew run first: satchel totp reset %s", name,
                               name);
}

static gboolean
add_user (TotpUser *user, GError **error)
{
  totp_state_add (totp.state, user);
  if (totp_state_commit (totp.state, error))
    {
      satchel_log (SATCHEL_LOG_INFO, TOTP_AREA, "user=\"%s\" is enrolled", user->name);
      satchel_account_event (&(SatchelAccountEvent) {
          .size = sizeof (SatchelAccountEvent), .kind = SATCHEL_ACCOUNT_FACTOR_ADDED, .user = user->name });
      return TRUE;
    }
  totp_state_remove (totp.state, user);
  return FALSE;
}

/* Ends an enrolment that waits, if @typed is its code, which is used up by that. */
static gboolean
enrol_by_code (const char *name, const char *typed, GError **error)
{
  g_autofree char *text = g_strconcat ("-", typed, NULL); /* "-" stands in the place of a password */
  char code[TOTP_DIGITS_MAX + 1];
  gsize len;
  guint64 step = 0;
  gint64 now_s = totp_now_s ();
  Pending *pending = all_pending != NULL ? g_hash_table_lookup (all_pending, name) : NULL;
  if (!check_new (name, error))
    return FALSE;
  if (pending == NULL || now_s > pending->until_s)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                              "no enrolment of %s waits for a code; run: satchel totp enrol %s", name, name);
  if (totp_split_code (text, pending->user->digits, &len, code) && len == 1
      && !totp_find_step (pending->user, code, now_s, &step, NULL, error))
    return FALSE;
  if (step == 0)
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "that is not the code that the app shows now, if its clock and the server's are "
        "right; run again: satchel totp enrol %s --code CODE",
        name);
  TotpUser *user = g_steal_pointer (&pending->user);
  g_hash_table_remove (all_pending, name);
  totp_user_use (user, step);
  return add_user (user, error);
}

static gboolean
run_enrol_code (SatchelAdminCall *call, const char *code, GError **error)
{
  const char *name = totp_admin_user (call);
  if (!totp_lock_state (error))
    return FALSE;
  gboolean ok = enrol_by_code (name, code, error);
  g_mutex_unlock (&totp.lock);
  if (!ok)
    return FALSE;
  satchel_admin_print (call, "%s is enrolled: every login needs a code behind the password now.", name);
  satchel_admin_print (call, "For a lost phone: satchel totp recovery-codes %s", name);
  return TRUE;
}

/* Lets the secret of @user, who is taken over, wait for its first code. */
static void
put_pending (TotpUser *user)
{
  Pending *pending = g_new (Pending, 1);
  *pending = (Pending) { user, totp_now_s () + PENDING_S };
  if (all_pending == NULL)
    all_pending = g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, pending_free);
  if (g_hash_table_size (all_pending) >= PENDING_MAX)
    g_hash_table_remove_all (all_pending);
  g_hash_table_replace (all_pending, user->name, pending);
}

static char *
make_uri (const TotpUser *user, const char *secret)
{
  g_autofree char *issuer = g_uri_escape_string (totp_settings_issuer (totp.settings), NULL, FALSE);
  g_autofree char *name = g_uri_escape_string (user->name, "@", FALSE);
  return g_strdup_printf ("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=%s&digits=%u&period=%u", issuer,
                          name, secret, issuer, totp_algorithm_name (user->algorithm), user->digits,
                          TOTP_STEP_S);
}

typedef struct NewSecret
{
  char *secret, *uri, *algorithm;
  guint digits;
} NewSecret;

static gboolean
make_user (const char *name, gboolean counts_at_once, NewSecret *ret_new, GError **error)
{
  guint8 secret[TOTP_SECRET_BYTES];
  if (!check_new (name, error))
    return FALSE;
  TotpUser *user = totp_user_new (name);
  user->algorithm = totp_settings_algorithm (totp.settings);
  user->digits = totp_settings_digits (totp.settings);
  user->created_s = totp_now_s ();
  randombytes_buf (secret, sizeof secret);
  user->sealed = totp_seal (totp.keys, name, secret, sizeof secret);
  ret_new->secret = totp_base32 (secret, sizeof secret);
  sodium_memzero (secret, sizeof secret);
  ret_new->uri = make_uri (user, ret_new->secret);
  ret_new->algorithm = g_strdup (totp_algorithm_name (user->algorithm));
  ret_new->digits = user->digits;
  if (counts_at_once)
    return add_user (user, error);
  put_pending (user);
  return TRUE;
}

static void
show_secret (SatchelAdminCall *call, const NewSecret *new_secret)
{
  satchel_admin_record (
      call, SATCHEL_ADMIN_TEXT ("user", totp_admin_user (call)),
      SATCHEL_ADMIN_TEXT ("secret", new_secret->secret), SATCHEL_ADMIN_TEXT ("uri", new_secret->uri),
      SATCHEL_ADMIN_TEXT ("algorithm", new_secret->algorithm),
      SATCHEL_ADMIN_NUMBER ("digits", new_secret->digits), SATCHEL_ADMIN_NUMBER ("period", TOTP_STEP_S));
  satchel_admin_qr (call, new_secret->uri);
}

static void
new_secret_clear (NewSecret *new_secret)
{
  satchel_secret_free (new_secret->secret);
  satchel_secret_free (new_secret->uri);
  g_free (new_secret->algorithm);
}

gboolean
totp_run_enrol (SatchelAdminCall *call, GError **error)
{
  const SatchelConfig *options = satchel_admin_options (call);
  const char *code = satchel_config_string (options, "code");
  gboolean counts_at_once = satchel_config_bool (options, "no-confirm");
  if (code != NULL)
    return run_enrol_code (call, code, error);
  if (!totp_lock_state (error))
    return FALSE;
  NewSecret new_secret = { 0 };
  gboolean ok = make_user (totp_admin_user (call), counts_at_once, &new_secret, error);
  g_mutex_unlock (&totp.lock);
  if (ok)
    show_secret (call, &new_secret);
  if (ok && !counts_at_once)
    satchel_admin_ask (call, "code", "Code that the app shows now");
  new_secret_clear (&new_secret);
  return ok;
}

void
totp_forget_pending (const char *name)
{
  if (all_pending != NULL)
    g_hash_table_remove (all_pending, name);
}

void
totp_clear_pending (void)
{
  g_clear_pointer (&all_pending, g_hash_table_unref);
}
