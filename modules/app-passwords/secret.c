/* SPDX-License-Identifier: MIT
 * This file makes, reads and hashes app passwords.  The hash is fast: a password of 130 random bits cannot
 * be guessed from its hash, while a slow one would delay each login of each program.
 */
#include "secret.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

gboolean
app_random_text (char *ret_text, guint n, GError **error)
{
  guint8 bytes[APP_SECRET_CHARS];
  g_return_val_if_fail (n <= sizeof bytes, FALSE);
  if (getrandom (bytes, n, 0) != (gssize) n)
    return satchel_error_set_errno (error, errno, "the system gives no random numbers");
  for (guint i = 0; i < n; i++)
    ret_text[i] = alphabet[bytes[i] & 31];
  ret_text[n] = '\0';
  explicit_bzero (bytes, sizeof bytes);
  return TRUE;
}

/* Says whether the text has a digit that no letter looks like. Each app password has one, so that no phrase
 * of letters alone is taken for one. That costs less than a thousandth of a bit. */
static gboolean
has_digit (const char *text)
{
  return strpbrk (text, "23456789") != NULL;
}

gboolean
app_secret_make (char ret_secret[APP_SECRET_CHARS + 1], GError **error)
{
  do
    if (!app_random_text (ret_secret, APP_SECRET_CHARS, error))
      return FALSE;
  while (!has_digit (ret_secret));
  return TRUE;
}

void
app_secret_show (const char *secret, char ret_text[APP_SHOWN_CHARS + 1])
{
  g_snprintf (ret_text, APP_SHOWN_CHARS + 1, "%.5s-%.5s-%.5s-%.5s-%s", secret, secret + 5, secret + 10,
              secret + 15, secret + 20);
}

/* Returns the digit that @c stands for in Crockford's base 32; 0 means that it is no digit. */
static char
read_char (char c)
{
  c = g_ascii_tolower (c);
  if (c == 'o')
    return '0';
  if (c == 'i' || c == 'l')
    return '1';
  return c != '\0' && strchr (alphabet, c) != NULL ? c : '\0';
}

gboolean
app_secret_read (const char *typed, char ret_secret[APP_SECRET_CHARS + 1])
{
  guint n = 0;
  if (strnlen (typed, APP_TYPED_MAX + 1) > APP_TYPED_MAX)
    return FALSE;
  for (const char *at = typed; *at != '\0'; at++)
    {
      char c = read_char (*at);
      if (*at == ' ' || *at == '-')
        continue;
      if (c == '\0' || n == APP_SECRET_CHARS)
        return FALSE;
      ret_secret[n++] = c;
    }
  ret_secret[n] = '\0';
  return n == APP_SECRET_CHARS && has_digit (typed);
}

/* Says whether a hash was made: zeros are what the library leaves where it cannot hash. */
static gboolean
is_hash (const guint8 hash[APP_HASH_BYTES])
{
  static const guint8 none[APP_HASH_BYTES];
  return memcmp (hash, none, APP_HASH_BYTES) != 0;
}

gboolean
app_secret_hash (const char *user, const char *secret, guint8 ret_hash[APP_HASH_BYTES])
{
  char *text = g_strconcat (user, "\n", secret, NULL);
  satchel_auth_derive ("app-password", text, ret_hash);
  explicit_bzero (text, strlen (text));
  g_free (text);
  return is_hash (ret_hash);
}

gboolean
app_secret_mark (guint8 ret_hash[APP_HASH_BYTES])
{
  satchel_auth_derive ("app-password file", "", ret_hash);
  return is_hash (ret_hash);
}

gboolean
app_hash_equal (const guint8 a[APP_HASH_BYTES], const guint8 b[APP_HASH_BYTES])
{
  volatile guint8 differs = 0;
  for (guint i = 0; i < APP_HASH_BYTES; i++)
    differs |= a[i] ^ b[i];
  return differs == 0;
}
