/* SPDX-License-Identifier: MIT
 * For tests against other programs that know the format: `crypt-seal WHAT KEY < IN > OUT` with a private key
 * in hexadecimal digits.  WHAT is `seal`, `seal-aes`, `seal-shared` (with AES as well) or `open`;
 * `attributes`, `fast` and `attributes-shared` seal attributes in their three forms, and `open-attributes`
 * opens any.
 */
#include "sealing.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static GByteArray *
read_input (void)
{
  GByteArray *all = g_byte_array_new ();
  guint8 buffer[65536];
  for (gsize n; (n = fread (buffer, 1, sizeof buffer, stdin)) > 0;)
    g_byte_array_append (all, buffer, (guint) n);
  return all;
}

static CryptKeys *
read_keys (const char *digits)
{
  guint8 bytes[CRYPT_KEY_BYTES];
  gsize len = 0;
  if (sodium_hex2bin (bytes, sizeof bytes, digits, strlen (digits), NULL, &len, NULL) != 0)
    return NULL;
  g_autoptr (GBytes) secret = satchel_secret_new (bytes, len);
  return crypt_keys_new (secret);
}

static GBytes *
seal_attributes (GBytes *clear, const CryptKeys *keys, gboolean is_fast)
{
  GBytes *sealed = NULL;
  CryptKnown known;
  g_autoptr (GByteArray) message = seal_bytes (keys, (const guint8 *) "a", 1, 1, clear, &sealed);
  if (!is_fast)
    return sealed;
  g_autoptr (GBytes) slow = sealed;
  g_autoptr (GBytes) opened = crypt_attributes_open (slow, keys, &known, NULL);
  return crypt_attributes_seal_again (opened, &known, crypt_keys_first (keys));
}

static GBytes *
run (const char *what, const CryptKeys *keys, GByteArray *input, GError **error)
{
  sealing_way = (SealingWay) { strcmp (what, "seal") == 0 ? CRYPT_SUITE_CHACHA : CRYPT_SUITE_AES,
                               g_str_has_suffix (what, "-shared") };
  if (g_str_has_prefix (what, "seal"))
    return g_byte_array_free_to_bytes (seal_bytes (keys, input->data, input->len, 777, NULL, NULL));
  if (strcmp (what, "open") == 0)
    {
      GByteArray *opened = open_whole (input, keys, error);
      return opened != NULL ? g_byte_array_free_to_bytes (opened) : NULL;
    }
  CryptKnown known;
  g_autoptr (GBytes) bytes = g_bytes_new (input->data, input->len);
  return strcmp (what, "open-attributes") == 0 ? crypt_attributes_open (bytes, keys, &known, error)
                                               : seal_attributes (bytes, keys, strcmp (what, "fast") == 0);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  if (argc != 3 || sodium_init () < 0)
    return 64;
  g_autoptr (CryptKeys) keys = read_keys (argv[2]);
  g_autoptr (GByteArray) input = read_input ();
  g_autoptr (GBytes) output = keys != NULL ? run (argv[1], keys, input, &error) : NULL;
  if (output == NULL)
    {
      fprintf (stderr, "crypt-seal: %s\n", error != NULL ? error->message : "that is no key");
      return EXIT_FAILURE;
    }
  gsize len;
  const void *data = g_bytes_get_data (output, &len);
  return len == 0 || fwrite (data, len, 1, stdout) == 1 ? 0 : EXIT_FAILURE;
}
