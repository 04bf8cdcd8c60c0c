/* SPDX-License-Identifier: MIT
 * Any bytes as what storage has of a message or of its attributes: refused, or given as they are; what was
 * sealed comes back, and a change of it, where the input says, does not.
 */
#include "sealing.h"

#include <sodium.h>
#include <string.h>

#include "tests/fuzz/driver.h"

const gboolean fuzz_wants_mail = TRUE;
const char *const fuzz_seeds[] = { "\x89SATCRY\n\x01\x01\x10prefix of nonces 19",
                                   "\x89SATCRY\n\x01",
                                   "\x89SATCRA\n\x01\x02",
                                   "From: a@example.org\r\n\r\ntext\r\n",
                                   "",
                                   NULL };
const char *const fuzz_tokens[] = { "\x89SATCRY\n", "\x89SATCRA\n", "\x01\x01\x10", "\x01", "\x02", NULL };

static CryptKeys *keys;

/* Nothing stored is taken for sealed by this key, since its id would have to be guessed. */
static void
check_stored (GByteArray *stored)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) read = open_whole (stored, keys, &error);
  if (read == NULL)
    g_assert_nonnull (error);
  else if (read->len == stored->len)
    g_assert_cmpmem (read->data, read->len, stored->data, stored->len);
  else
    g_assert_cmpmem (read->data, read->len, stored->data + CRYPT_PLAIN_HEADER_BYTES,
                     stored->len - CRYPT_PLAIN_HEADER_BYTES);
  g_autoptr (GBytes) attributes = g_bytes_new (stored->data, stored->len);
  CryptKnown known;
  g_autoptr (GBytes) opened = crypt_attributes_is_sealed (attributes, NULL)
                                  ? crypt_attributes_open (attributes, keys, &known, NULL)
                                  : NULL;
  g_assert_null (opened);
}

static void
check_passed (GByteArray *content, gsize piece)
{
  g_autoptr (GByteArray) passed = pass_bytes (content->data, content->len, piece);
  g_autoptr (GByteArray) read = open_whole (passed, keys, NULL);
  g_assert_nonnull (read);
  g_assert_cmpmem (read->data, read->len, content->data, content->len);
}

static void
check_sealed (GByteArray *content, gsize piece, guint change)
{
  g_autoptr (GByteArray) sealed = seal_bytes (keys, content->data, content->len, piece, NULL, NULL);
  g_autoptr (GByteArray) read = open_whole (sealed, keys, NULL);
  g_assert_nonnull (read);
  g_assert_cmpmem (read->data, read->len, content->data, content->len);
  sealed->data[change % sealed->len] ^= 0x10;
  g_autoptr (GByteArray) changed = open_whole (sealed, keys, NULL);
  g_assert_null (changed);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (keys == NULL && sodium_init () >= 0)
    keys = keys_of (7);
  g_autoptr (GByteArray) input = g_byte_array_new ();
  g_byte_array_append (input, data, (guint) size);
  gsize piece = size > 0 ? 1u + data[size - 1] : 1u;
  guint change = size > 2 ? (guint) (data[0] * 65536 + data[1] * 256 + data[2]) : 0;
  check_stored (input);
  check_passed (input, piece);
  check_sealed (input, piece, change);
  return 0;
}
