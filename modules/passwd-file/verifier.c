/* SPDX-License-Identifier: MIT
 * Implements the stored forms of a password: Argon2id by libsodium (RFC 9106), the others by crypt(3) of
 * libxcrypt.
 */
#include "verifier.h"

#include <crypt.h>
#include <errno.h>
#include <satchel/number.h>
#include <satchel/scram.h>
#include <sodium.h>
#include <string.h>

#define MAX_MEMORY_BYTES (G_GUINT64_CONSTANT (1) << 30)
#define MAX_PASSES 64
#define MAX_SHA512_ROUNDS 10000000
#define MAX_BCRYPT_COST 16
#define CRYPT_BYTES 65536 /* more than bcrypt and sha512-crypt need */
#define MAX_SECRET_BYTES 1024
#define PLAIN_PREFIX "{PLAIN}"

PasswdPolicy passwd_policy = { .memory_bytes = 19 * 1024 * 1024, .passes = 2, .is_upgrading = TRUE };

static const char crypt_digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static gboolean
is_in_set (const char *text, gsize len, const char *extra)
{
  for (gsize i = 0; i < len; i++)
    if (!g_ascii_isalnum (text[i]) && strchr (extra, text[i]) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
take_number (const char **cursor, const char *prefix, guint64 max, guint64 *ret_value)
{
  return satchel_text_take (cursor, prefix) && satchel_number_take (cursor, NULL, 10, max, ret_value)
         && *ret_value > 0;
}

/* Reads $argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$HASH, both base64 without padding. */
static gboolean
parse_argon2id (const char *verifier, guint64 *ret_cost)
{
  const char *p = verifier + strlen ("$argon2id$");
  guint64 version, kib, passes, lanes;
  if (!take_number (&p, "v=", 19, &version) || version != 19
      || !take_number (&p, "$m=", MAX_MEMORY_BYTES / 1024, &kib)
      || !take_number (&p, ",t=", MAX_PASSES, &passes) || !take_number (&p, ",p=", 16, &lanes) || *p++ != '$')
    return FALSE;
  const char *hash = strchr (p, '$');
  if (hash == NULL)
    return FALSE;
  gsize salt_len = (gsize) (hash - p), hash_len = strlen (++hash);
  *ret_cost = kib * 1024;
  return salt_len >= 11 && salt_len <= 88 && hash_len >= 22 && hash_len <= 88 && is_in_set (p, salt_len, "+/")
         && is_in_set (hash, hash_len, "+/");
}

/* Reads $y$FNR$SALT$HASH (crypt(5)): flavour, log2 N and r are a digit each. */
static gboolean
parse_yescrypt (const char *verifier, guint64 *ret_cost)
{
  const char *p = verifier + strlen ("$y$");
  if (p[0] != 'j' || p[1] == '\0' || p[2] == '\0' || p[3] != '$')
    return FALSE;
  const char *n = strchr (crypt_digits, p[1]), *r = strchr (crypt_digits, p[2]);
  const char *hash = strchr (p + 4, '$');
  if (n == NULL || r == NULL || hash == NULL)
    return FALSE;
  guint log2_n = (guint) (n - crypt_digits) + 1;
  if (log2_n > 24)
    return FALSE;
  *ret_cost = (G_GUINT64_CONSTANT (128) << log2_n) * (guint64) (r - crypt_digits + 1);
  return *ret_cost <= MAX_MEMORY_BYTES && strlen (hash + 1) == 43
         && is_in_set (p + 4, (gsize) (hash - p - 4), "./") && is_in_set (hash + 1, 43, "./");
}

/* Reads $2b$NN$ and 53 digits of salt and hash. */
static gboolean
parse_bcrypt (const char *verifier, guint64 *ret_cost)
{
  if (strlen (verifier) != 60 || verifier[6] != '$' || !is_in_set (verifier + 7, 53, "./")
      || !g_ascii_isdigit (verifier[4]) || !g_ascii_isdigit (verifier[5]))
    return FALSE;
  int cost = 10 * (verifier[4] - '0') + (verifier[5] - '0');
  *ret_cost = CRYPT_BYTES;
  return cost >= 4 && cost <= MAX_BCRYPT_COST;
}

/* Reads $6$[rounds=N$]SALT$HASH. */
static gboolean
parse_sha512_crypt (const char *verifier, guint64 *ret_cost)
{
  const char *p = verifier + strlen ("$6$");
  guint64 rounds;
  if (g_str_has_prefix (p, "rounds=")
      && (!take_number (&p, "rounds=", MAX_SHA512_ROUNDS, &rounds) || *p++ != '$'))
    return FALSE;
  const char *hash = strchr (p, '$');
  *ret_cost = CRYPT_BYTES;
  return hash != NULL && hash - p <= 16 && strlen (hash + 1) == 86 && is_in_set (hash + 1, 86, "./");
}

static gboolean
parse_plain (const char *verifier, guint64 *ret_cost)
{
  *ret_cost = 0;
  return passwd_policy.allows_plain && verifier[strlen (PLAIN_PREFIX)] != '\0';
}

static const struct
{
  PasswdScheme scheme;
  const char *prefix, *name;
  gboolean (*parse) (const char *verifier, guint64 *ret_cost);
} schemes[] = {
  { PASSWD_SCHEME_ARGON2ID, "$argon2id$", "argon2id", parse_argon2id },
  { PASSWD_SCHEME_YESCRYPT, "$y$", "yescrypt", parse_yescrypt },
  { PASSWD_SCHEME_BCRYPT, "$2b$", "bcrypt", parse_bcrypt },
  { PASSWD_SCHEME_BCRYPT, "$2y$", "bcrypt", parse_bcrypt },
  { PASSWD_SCHEME_BCRYPT, "$2a$", "bcrypt", parse_bcrypt },
  { PASSWD_SCHEME_SHA512_CRYPT, "$6$", "sha512-crypt", parse_sha512_crypt },
  { PASSWD_SCHEME_PLAIN, PLAIN_PREFIX, "plain", parse_plain },
};

PasswdScheme
passwd_verifier_scheme (const char *verifier, guint64 *ret_cost_bytes, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      guint64 cost = 0;
      if (!g_str_has_prefix (verifier, schemes[i].prefix))
        continue;
      if (schemes[i].parse (verifier, &cost))
        {
          if (ret_cost_bytes != NULL)
            *ret_cost_bytes = cost;
          return schemes[i].scheme;
        }
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         schemes[i].scheme == PASSWD_SCHEME_PLAIN
                             ? "the password stands in clear text, and allow_plain is not set%s"
                             : "the %s hash is damaged, or would cost more memory or time than is allowed",
                         schemes[i].scheme == PASSWD_SCHEME_PLAIN ? "" : schemes[i].name);
      return PASSWD_SCHEME_UNKNOWN;
    }
  satchel_error_set (error, SATCHEL_ERROR_INVALID,
                     "the password hash is of an unknown kind; $argon2id$, $y$, $2b$ and $6$ are known");
  return PASSWD_SCHEME_UNKNOWN;
}

const char *
passwd_verifier_strip (const char *field, gboolean *ret_is_locked)
{
  static const char *const foreign[] = { "{CRYPT}", "{SHA512-CRYPT}", "{BLF-CRYPT}", "{ARGON2ID}" };
  *ret_is_locked = field[0] == '!';
  if (*ret_is_locked)
    field++;
  for (guint i = 0; i < G_N_ELEMENTS (foreign); i++)
    if (g_str_has_prefix (field, foreign[i]))
      return field + strlen (foreign[i]);
  return field;
}

const char *
passwd_scheme_name (PasswdScheme scheme)
{
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (schemes[i].scheme == scheme)
      return schemes[i].name;
  return NULL;
}

gsize
passwd_verifier_price_len (const char *verifier)
{
  PasswdScheme scheme = passwd_verifier_scheme (verifier, NULL, NULL);
  if (scheme == PASSWD_SCHEME_PLAIN)
    return strlen (PLAIN_PREFIX);
  /* The price ends behind "$argon2id$v=19$m=…" or "$6$rounds=…"; "$6$" alone has no such part. */
  guint dollars = scheme == PASSWD_SCHEME_ARGON2ID                          ? 4
                  : scheme != PASSWD_SCHEME_SHA512_CRYPT                    ? 3
                  : g_str_has_prefix (verifier + strlen ("$6$"), "rounds=") ? 3
                                                                            : 2;
  const char *p = verifier;
  for (; *p != '\0'; p++)
    if (*p == '$' && dollars-- == 1)
      return (gsize) (p - verifier) + 1;
  return (gsize) (p - verifier);
}

static SatchelVerify
check_argon2id (const char *verifier, const char *secret, GError **error)
{
  errno = 0;
  if (crypto_pwhash_str_verify (verifier, secret, strlen (secret)) == 0)
    return SATCHEL_VERIFY_RIGHT;
  /* libsodium sets EINVAL if the password is wrong; any other value is a failure on this side, mostly of
   * memory. */
  if (errno == EINVAL)
    return SATCHEL_VERIFY_WRONG;
  satchel_error_set_errno (error, errno != 0 ? errno : ENOMEM, "the password cannot be checked by Argon2id");
  return SATCHEL_VERIFY_ERROR;
}

static SatchelVerify
check_crypt (const char *verifier, const char *secret, GError **error)
{
  struct crypt_data *data = g_new0 (struct crypt_data, 1);
  errno = 0;
  /* crypt_r is not called, since sanitizers put a function of theirs in its place, which does not find ours
   * in a module. */
  const char *hash = crypt_rn (secret, verifier, data, sizeof *data);
  SatchelVerify verdict = SATCHEL_VERIFY_WRONG;
  if (hash == NULL)
    {
      satchel_error_set_errno (error, errno != 0 ? errno : ENOMEM, "the password cannot be checked by crypt");
      verdict = SATCHEL_VERIFY_ERROR;
    }
  else if (strlen (hash) == strlen (verifier) && sodium_memcmp (hash, verifier, strlen (verifier)) == 0)
    verdict = SATCHEL_VERIFY_RIGHT;
  sodium_memzero (data, sizeof *data);
  g_free (data);
  return verdict;
}

static SatchelVerify
check_plain (const char *verifier, const char *secret)
{
  /* Compares digests under a key of the moment, so that neither length nor content shows in the time. */
  unsigned char key[crypto_generichash_KEYBYTES], given[32], stored[32];
  const char *password = verifier + strlen (PLAIN_PREFIX);
  randombytes_buf (key, sizeof key);
  crypto_generichash (given, sizeof given, (const unsigned char *) secret, strlen (secret), key, sizeof key);
  crypto_generichash (stored, sizeof stored, (const unsigned char *) password, strlen (password), key,
                      sizeof key);
  return sodium_memcmp (given, stored, sizeof given) == 0 ? SATCHEL_VERIFY_RIGHT : SATCHEL_VERIFY_WRONG;
}

SatchelVerify
passwd_verifier_check (const char *verifier, const char *secret, GError **error)
{
  PasswdScheme scheme = passwd_verifier_scheme (verifier, NULL, error);
  if (scheme == PASSWD_SCHEME_UNKNOWN)
    return SATCHEL_VERIFY_ERROR;
  SatchelVerify verdict = scheme == PASSWD_SCHEME_ARGON2ID ? check_argon2id (verifier, secret, error)
                          : scheme == PASSWD_SCHEME_PLAIN  ? check_plain (verifier, secret)
                                                           : check_crypt (verifier, secret, error);
  if (verdict != SATCHEL_VERIFY_RIGHT || !passwd_policy.is_upgrading)
    return verdict;
  gboolean is_current =
      scheme == PASSWD_SCHEME_ARGON2ID
      && crypto_pwhash_str_needs_rehash (verifier, passwd_policy.passes, (size_t) passwd_policy.memory_bytes)
             == 0;
  return is_current ? SATCHEL_VERIFY_RIGHT : SATCHEL_VERIFY_RIGHT_UPGRADE;
}

char *
passwd_verifier_new (const char *secret, GError **error)
{
  gsize len = strlen (secret);
  if (len == 0 || len > MAX_SECRET_BYTES)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "a password must have 1 to %d bytes",
                         MAX_SECRET_BYTES);
      return NULL;
    }
  char verifier[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_str (verifier, secret, len, passwd_policy.passes, (size_t) passwd_policy.memory_bytes)
      != 0)
    {
      satchel_error_set_errno (error, ENOMEM,
                               "the memory for Argon2id cannot be had (%" G_GUINT64_FORMAT
                               " KiB, passwd-file.memory)",
                               passwd_policy.memory_bytes / 1024);
      return NULL;
    }
  return g_strdup (verifier);
}

static char *
new_dummy_argon2id (const char *price, gsize price_len)
{
  unsigned char noise[48];
  char salt[32], hash[48];
  randombytes_buf (noise, sizeof noise);
  sodium_bin2base64 (salt, sizeof salt, noise, 16, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
  sodium_bin2base64 (hash, sizeof hash, noise + 16, 32, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
  return g_strdup_printf ("%.*s%s$%s", (int) price_len, price, salt, hash);
}

char *
passwd_verifier_new_dummy (const char *sample)
{
  PasswdScheme scheme = sample != NULL ? passwd_verifier_scheme (sample, NULL, NULL) : PASSWD_SCHEME_UNKNOWN;
  if (scheme == PASSWD_SCHEME_ARGON2ID)
    return new_dummy_argon2id (sample, passwd_verifier_price_len (sample));
  if (scheme == PASSWD_SCHEME_UNKNOWN || scheme == PASSWD_SCHEME_PLAIN)
    {
      g_autofree char *price = g_strdup_printf ("$argon2id$v=19$m=%" G_GUINT64_FORMAT ",t=%u,p=1$",
                                                passwd_policy.memory_bytes / 1024, passwd_policy.passes);
      return new_dummy_argon2id (price, strlen (price));
    }
  /* Takes salt and settings of the sample. The hash is random: its last 22 digits cannot be guessed. */
  char *dummy = g_strdup (sample);
  for (gsize i = strlen (dummy) - 22; dummy[i] != '\0'; i++)
    dummy[i] = crypt_digits[randombytes_uniform (64)];
  return dummy;
}

static const SatchelScramHash scram_hashes[] = { SATCHEL_SCRAM_SHA_256, SATCHEL_SCRAM_SHA_1 };

static gboolean
wants_scram (SatchelScramHash hash)
{
  return passwd_policy.scram_iterations > 0
         && (hash == SATCHEL_SCRAM_SHA_256 || passwd_policy.has_scram_sha_1);
}

char *
passwd_scram_new (const char *secret, GError **error)
{
  g_autoptr (GString) all = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (scram_hashes); i++)
    {
      SatchelScramKeys keys;
      if (!wants_scram (scram_hashes[i]))
        continue;
      if (!satchel_scram_keys_make (scram_hashes[i], secret, NULL, 0, passwd_policy.scram_iterations, &keys,
                                    error))
        return NULL;
      g_autofree char *text = satchel_scram_keys_format (&keys);
      g_string_append_printf (all, "%s%s", all->len > 0 ? " " : "", text);
    }
  return all->len > 0 ? g_strdup (all->str) : NULL;
}

gboolean
passwd_scram_is_outdated (const char *scram)
{
  SatchelScramKeys keys;
  for (guint i = 0; i < G_N_ELEMENTS (scram_hashes); i++)
    if (wants_scram (scram_hashes[i])
        && (!satchel_scram_keys_parse (scram, scram_hashes[i], &keys)
            || keys.iterations != passwd_policy.scram_iterations))
      return TRUE;
  return FALSE;
}
