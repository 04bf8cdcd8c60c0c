/* SPDX-License-Identifier: MIT
 * Computes SipHash with 1 round for each word and 3 at the end, which is enough for hash tables.
 */
#include "config.h"

#include <satchel/hash.h>
#include <string.h>
#include <sys/random.h>

static guint64 secret[2];

static void
ensure_secret (void)
{
  static gsize once;
  if (!g_once_init_enter (&once))
    return;
  if (getrandom (secret, sizeof secret, 0) != (gssize) sizeof secret)
    {
      secret[0] = ((guint64) g_random_int () << 32) | g_random_int ();
      secret[1] = ((guint64) g_random_int () << 32) | g_random_int ();
    }
  g_once_init_leave (&once, 1);
}

static inline guint64
rotate_left (guint64 value, int bits)
{
  return (value << bits) | (value >> (64 - bits));
}

static inline void
sip_round (guint64 v[4])
{
  v[0] += v[1], v[1] = rotate_left (v[1], 13) ^ v[0], v[0] = rotate_left (v[0], 32);
  v[2] += v[3], v[3] = rotate_left (v[3], 16) ^ v[2];
  v[0] += v[3], v[3] = rotate_left (v[3], 21) ^ v[0];
  v[2] += v[1], v[1] = rotate_left (v[1], 17) ^ v[2], v[2] = rotate_left (v[2], 32);
}

guint64
satchel_keyed_hash (gconstpointer data, gsize len)
{
  ensure_secret ();
  guint64 v[4] = { secret[0] ^ G_GUINT64_CONSTANT (0x736f6d6570736575),
                   secret[1] ^ G_GUINT64_CONSTANT (0x646f72616e646f6d),
                   secret[0] ^ G_GUINT64_CONSTANT (0x6c7967656e657261),
                   secret[1] ^ G_GUINT64_CONSTANT (0x7465646279746573) };
  const guint8 *bytes = data;
  gsize left = len;
  guint64 word;
  for (; left >= 8; bytes += 8, left -= 8)
    {
      memcpy (&word, bytes, 8);
      v[3] ^= word;
      sip_round (v);
      v[0] ^= word;
    }
  word = (guint64) len << 56;
  for (gsize i = 0; i < left; i++)
    word |= (guint64) bytes[i] << (8 * i);
  v[3] ^= word;
  sip_round (v);
  v[0] ^= word;
  v[2] ^= 0xff;
  for (int i = 0; i < 3; i++)
    sip_round (v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static guint
fold_hash (guint64 hash)
{
  return (guint) (hash ^ (hash >> 32));
}

guint
satchel_string_hash (gconstpointer string)
{
  return fold_hash (satchel_keyed_hash (string, strlen (string)));
}

guint
satchel_number_hash (gconstpointer number)
{
  return fold_hash (satchel_keyed_hash (&number, sizeof number));
}

guint
satchel_number64_hash (gconstpointer number)
{
  return fold_hash (satchel_keyed_hash (number, sizeof (guint64)));
}
