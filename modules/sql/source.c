/* SPDX-License-Identifier: MIT
 * Gives the users of a database for auth. Rows come from the helper, and hashes are compared here, so that
 * no password leaves auth.
 */
#include "source.h"

#include "helper.h"
#include "verifier.h"

#include <satchel/source.h>
#include <string.h>

/* This verifier is for users who do not exist: no password matches it, and it costs what the last real one
 * did. */
static GMutex dummy_lock;
static char *dummy;

static char *
copy_dummy (void)
{
  g_mutex_lock (&dummy_lock);
  char *copy = g_strdup (dummy);
  g_mutex_unlock (&dummy_lock);
  return copy;
}

/* ---- rows ---- */

/* Reads what a column that says yes or no says, in the words of SQLite and PostgreSQL. FALSE means that it
 * says neither. */
static gboolean
parse_flag (const char *text, gboolean *ret_flag)
{
  static const char *const yes[] = { "1", "t", "true", "y", "yes", "on", NULL };
  static const char *const no[] = { "", "0", "f", "false", "n", "no", "off", NULL };
  g_autofree char *lower = g_ascii_strdown (text, -1);
  *ret_flag = g_strv_contains (yes, lower);
  return *ret_flag || g_strv_contains (no, lower);
}

static void
keep_price (const char *verifier)
{
  gsize len = passwd_verifier_price_len (verifier);
  g_mutex_lock (&dummy_lock);
  if (strncmp (dummy, verifier, len) != 0)
    {
      g_free (dummy);
      dummy = passwd_verifier_new_dummy (verifier);
    }
  g_mutex_unlock (&dummy_lock);
}

/* Takes the value of "password". Returns NULL, or what is wrong with it. */
static const char *
take_password (const char *text, SatchelCredential *credential)
{
  const char *hash = passwd_verifier_strip (text, &credential->is_locked);
  if (hash[0] == '\0' || strcmp (hash, "*") == 0)
    return NULL;
  if (passwd_verifier_scheme (hash, NULL, NULL) == PASSWD_SCHEME_UNKNOWN)
    return "the column password has no hash of a known kind ($argon2id$, $y$, $2b$, $6$)";
  keep_price (hash);
  credential->verifier = g_strdup (hash);
  return NULL;
}

/* Reads a row. @texts are names and values. Returns NULL, or what is wrong. */
static const char *
read_row (const char *const *texts, SatchelCredential *credential, GPtrArray *attributes)
{
  gboolean is_locked = FALSE;
  const char *why = NULL;
  for (; why == NULL && texts[0] != NULL && texts[1] != NULL; texts += 2)
    if (strcmp (texts[0], "password") == 0)
      why = take_password (texts[1], credential);
    else if (strcmp (texts[0], "locked") == 0)
      why = parse_flag (texts[1], &is_locked) ? NULL : "the column locked is neither true nor false";
    else if (strcmp (texts[0], "scram") == 0)
      credential->scram = *texts[1] != '\0' ? g_strdup (texts[1]) : NULL;
    else
      g_ptr_array_add (attributes, g_strdup_printf ("%s=%s", texts[0], texts[1]));
  credential->is_locked |= is_locked;
  g_ptr_array_add (attributes, NULL);
  return why;
}

/* Takes the row of a user; *ret_is_found FALSE means that there is none. FALSE means that @call was
 * failed. */
static gboolean
take_row (SatchelAuthCall *call, GBytes *reply, SatchelCredential *credential, GPtrArray *attributes,
          gboolean *ret_is_found)
{
  g_autofree const char **texts = satchel_source_texts (call, reply);
  if (texts == NULL)
    return FALSE;
  const char *why = read_row (texts, credential, attributes);
  *ret_is_found = texts[0] != NULL;
  if (why == NULL)
    return TRUE;
  satchel_source_refuse (call, why);
  return FALSE;
}

/* ---- passdb ---- */

static void
take_credential (SatchelAuthCall *call, GBytes *reply)
{
  g_auto (SatchelCredential) credential = { .size = sizeof credential };
  g_autoptr (GPtrArray) attributes = g_ptr_array_new_with_free_func (g_free);
  gboolean is_found;
  if (!take_row (call, reply, &credential, attributes, &is_found))
    return;
  credential.user = g_strdup (satchel_auth_call_user (call));
  credential.attributes = g_strdupv ((char **) attributes->pdata);
  satchel_auth_call_found (call, is_found ? &credential : NULL);
}

static void
look_up (SatchelAuthCall *call)
{
  satchel_source_ask (call, SQL_NAME, SATCHEL_SOURCE_USER, take_credential);
}

/* Returns what is compared, which the caller frees; *ret_is_real FALSE means that it is a dummy. */
static char *
find_verifier (const SatchelAuthCall *call, gboolean *ret_is_real)
{
  const SatchelCredential *credential = satchel_auth_call_credential (call);
  *ret_is_real = credential != NULL && credential->verifier != NULL;
  return *ret_is_real ? g_strdup (credential->verifier) : copy_dummy ();
}

static void
run_verify (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  gboolean is_real;
  g_autofree char *verifier = find_verifier (call, &is_real);
  SatchelVerify verdict = passwd_verifier_check (verifier, satchel_auth_call_secret (call), &error);
  if (error != NULL)
    satchel_auth_call_fail (call, error);
  else
    satchel_auth_call_verified (call, is_real ? verdict : SATCHEL_VERIFY_WRONG, NULL);
}

static void
verify (SatchelAuthCall *call)
{
  guint64 cost = 0;
  gboolean is_real;
  g_autofree char *verifier = find_verifier (call, &is_real);
  passwd_verifier_scheme (verifier, &cost, NULL);
  satchel_auth_call_work (call, cost, run_verify);
}

/* ---- userdb ---- */

static void
resolve (SatchelAuthCall *call)
{
  satchel_source_resolve (call, SQL_NAME);
}

static void
take_attributes (SatchelAuthCall *call, GBytes *reply)
{
  g_auto (SatchelCredential) credential = { .size = sizeof credential };
  g_autoptr (GPtrArray) attributes = g_ptr_array_new_with_free_func (g_free);
  gboolean is_found;
  if (take_row (call, reply, &credential, attributes, &is_found))
    satchel_auth_call_attributes (call, is_found ? (const char *const *) attributes->pdata : NULL);
}

static void
tell_attributes (SatchelAuthCall *call)
{
  satchel_source_ask (call, SQL_NAME, SATCHEL_SOURCE_USER, take_attributes);
}

const SatchelUserdbOps sql_userdb = {
  .size = sizeof sql_userdb, .band = 520, .look_up = resolve, .attributes = tell_attributes
};
const SatchelPassdbOps sql_passdb = {
  .size = sizeof sql_passdb, .band = 520, .look_up = look_up, .verify = verify, .userdb = &sql_userdb
};

void
sql_source_init (void)
{
  passwd_policy.is_upgrading = FALSE; /* upgraded hashes cannot be written to the database */
  g_free (dummy);
  dummy = passwd_verifier_new_dummy (NULL);
}

void
sql_source_clear (void)
{
  g_clear_pointer (&dummy, g_free);
}
