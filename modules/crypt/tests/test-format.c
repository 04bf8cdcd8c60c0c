/* SPDX-License-Identifier: MIT
 * Module crypt: sealed messages and attributes.  What was sealed is read back anywhere; what was changed in
 * any way is refused, and nothing of a changed chunk is given.
 */
#include "sealing.h"
#include "chunk.h"

#include "tests/lib/rounds.h"
#include "tests/lib/seed.h"

#include <sodium.h>
#include <string.h>

#define CHUNK CRYPT_CHUNK_BYTES
#define SEALED_CHUNK CRYPT_SEALED_CHUNK_BYTES

/* Content in which no two chunks are equal. */
static GByteArray *
content_of (gsize len)
{
  GByteArray *content = g_byte_array_sized_new ((guint) len);
  g_byte_array_set_size (content, (guint) len);
  for (gsize i = 0; i < len; i++)
    content->data[i] = (guint8) ("Satchel\r\n"[i % 9] + (i >> 16) + (i >> 8));
  return content;
}

static void
assert_content (const GByteArray *read, const guint8 *data, gsize len)
{
  g_assert_nonnull (read);
  g_assert_cmpmem (read->data, read->len, data, len);
}

/* ---- what was sealed is read back ---- */

static const gsize lengths[] = {
  0, 1, 15, 16, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK + 777
};
static const gsize pieces[] = { 997, 65536, 1u << 20 };

static void
test_round_trip (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    for (guint p = 0; p < G_N_ELEMENTS (pieces); p++)
      {
        g_autoptr (GByteArray) content = content_of (lengths[i]);
        g_autoptr (GByteArray) sealed = seal_bytes (keys, content->data, content->len, pieces[p], NULL, NULL);
        g_autoptr (GByteArray) read = open_whole (sealed, keys, NULL);
        assert_content (read, content->data, content->len);
        g_assert_cmpint (crypt_clear_size (sealed->len), ==, (gint64) content->len);
      }
}

static void
test_reading_anywhere (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  g_autoptr (GByteArray) content = content_of (5 * CHUNK + 99);
  g_autoptr (GByteArray) sealed = seal_bytes (keys, content->data, content->len, 4096, NULL, NULL);
  g_autoptr (SatchelStream) stream = open_bytes (sealed, keys, NULL, NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  g_autofree guint8 *buffer = g_malloc (content->len);
  for (guint i = 0; i < count_rounds (2000, 20000); i++)
    {
      gsize at = (gsize) g_rand_int_range (rand, 0, (gint32) content->len + 10);
      gsize len = (gsize) g_rand_int_range (rand, 0, i % 10 == 0 ? 3 * CHUNK : 2000);
      gsize there = at < content->len ? MIN (len, content->len - at) : 0;
      g_assert_cmpint (satchel_stream_read_at (stream, at, buffer, len, NULL), ==, (gssize) there);
      g_assert_cmpmem (buffer, there, content->data + MIN (at, content->len), there);
    }
}

/* Counts the bytes that are read below. */
typedef struct Counting
{
  SatchelStream stream;
  SatchelStream *below;
  guint64 n_bytes;
} Counting;

static gssize
counting_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  gssize n = satchel_stream_read_at (((Counting *) stream)->below, offset, buffer, len, error);
  ((Counting *) stream)->n_bytes += n > 0 ? (guint64) n : 0;
  return n;
}

static gint64
counting_length (SatchelStream *stream, GError **error)
{
  return satchel_stream_length (((Counting *) stream)->below, error);
}

static void
counting_free (SatchelStream *stream)
{
  satchel_stream_unref (((Counting *) stream)->below);
  g_free (stream);
}

#define FIRST 8192 /* bytes that are read with the header, so that a small message takes one read */

/* A KiB in the middle of a long message reads two chunks at most; its length reads none. */
static void
test_little_is_read (void)
{
  static const SatchelStreamOps ops = { sizeof ops, counting_read_at, counting_length, counting_free };
  g_autoptr (CryptKeys) keys = keys_of (7);
  g_autoptr (GByteArray) content = content_of (50 * CHUNK);
  g_autoptr (GByteArray) sealed = seal_bytes (keys, content->data, content->len, CHUNK, NULL, NULL);
  g_autoptr (GBytes) bytes = g_bytes_new_static (sealed->data, sealed->len);
  Counting *counting = g_new0 (Counting, 1);
  satchel_stream_init (&counting->stream, &ops);
  counting->below = satchel_stream_new_bytes (bytes);
  g_autoptr (SatchelStream) below = &counting->stream;
  g_autoptr (SatchelStream) stream = crypt_reader_new (below, keys, NULL, NULL);
  guint8 buffer[1024];
  g_assert_cmpint (satchel_stream_length (stream, NULL), ==, (gint64) content->len);
  g_assert_cmpuint (counting->n_bytes, ==, FIRST);
  g_assert_cmpint (satchel_stream_read_at (stream, 20 * CHUNK + 77, buffer, sizeof buffer, NULL), ==, 1024);
  g_assert_cmpuint (counting->n_bytes, ==, FIRST + SEALED_CHUNK);
  g_assert_cmpint (satchel_stream_read_at (stream, 30 * CHUNK - 512, buffer, sizeof buffer, NULL), ==, 1024);
  g_assert_cmpuint (counting->n_bytes, ==, FIRST + 3 * SEALED_CHUNK);
}

static void
test_sizes (void)
{
  guint64 size = 0;
  for (guint64 sealed = 0; sealed < 4 * SEALED_CHUNK; sealed++)
    {
      gint64 clear = crypt_clear_size (sealed);
      if (clear < 0)
        continue;
      g_assert_cmpuint (crypt_sealed_size ((guint64) clear), ==, sealed);
      g_assert_cmpint (clear, ==, (gint64) size);
      size++;
    }
  g_assert_cmpuint (size, >, 3 * CHUNK);
  g_assert_cmpint (crypt_clear_size (G_MAXUINT64), ==, -1);
}

/* ---- known answers ---- */

/* Random bytes that are always the same while a known answer is made, so that what is sealed is. */
static gboolean is_same;
static guint8 next_byte;

static const char *
source_name (void)
{
  return "of the test";
}

static void
fill_random (void *buffer, size_t len)
{
  if (!is_same)
    randombytes_sysrandom_implementation.buf (buffer, len);
  for (size_t i = 0; is_same && i < len; i++)
    ((guint8 *) buffer)[i] = next_byte++;
}

static guint32
one_random (void)
{
  guint32 number;
  fill_random (&number, sizeof number);
  return number;
}

static randombytes_implementation source = { .implementation_name = source_name,
                                             .random = one_random,
                                             .buf = fill_random };

static char *
digest (const guint8 *data, gsize len)
{
  guint8 hash[16];
  char *text = g_malloc (2 * sizeof hash + 1);
  crypto_generichash (hash, sizeof hash, data, len, NULL, 0);
  return sodium_bin2hex (text, 2 * sizeof hash + 1, hash, sizeof hash);
}

static gboolean
is_way (CryptSuite suite, gboolean is_shared)
{
  return sealing_way.suite == suite && sealing_way.is_shared == is_shared;
}

/* Nothing of the format may change without another number of the version or the suite. */
static void
test_known_answers (void)
{
  static const struct
  {
    SealingWay way;
    gsize len;
    const char *message, *attributes;
  } rows[] = {
    { { CRYPT_SUITE_CHACHA, FALSE },
      0,
      "b3d68e310f7cb92b41655dc74f546774",
      "07df100cecfb9d27ef7fe83a7f3646d4" },
    { { CRYPT_SUITE_CHACHA, FALSE },
      1000,
      "b5fb26b95570652b69dbb84024ba489e",
      "ab4a927bd8ed580d0312f3c8ed131550" },
    { { CRYPT_SUITE_CHACHA, FALSE },
      CHUNK + 1,
      "3e61e9d4149861c197727692c8c2d2c0",
      "f4ae105d47d267296b31e567c3f6aa5c" },
    { { CRYPT_SUITE_AES, FALSE },
      1000,
      "49cd73073a33603ca30e217335fa6209",
      "9be45d488ead384fef874efd4275bf3e" },
    { { CRYPT_SUITE_AES, TRUE }, 0, "8d542d1842983989ea76575894db90fc", "2db5fe4d37ac69db8ab33baad91691be" },
    { { CRYPT_SUITE_AES, TRUE },
      CHUNK + 1,
      "cfec49ec492f5c12c965a34075231cff",
      "8a33885f5d97ce51f4303676c9dd9aa5" },
    { { CRYPT_SUITE_CHACHA, TRUE },
      1000,
      "c065b454a800778919ae0f013dad3699",
      "55b7f9f94206055979b30ed9cdf77f17" },
  };
  g_autoptr (CryptKeys) keys = keys_of (9);
  g_autoptr (GBytes) attributes = g_bytes_new_static ("attributes", 10);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if (!is_way (rows[i].way.suite, rows[i].way.is_shared))
        continue;
      is_same = TRUE;
      next_byte = (guint8) i;
      g_autoptr (GByteArray) content = content_of (rows[i].len);
      g_autoptr (GBytes) sealed_attributes = NULL;
      g_autoptr (GByteArray) sealed =
          seal_bytes (keys, content->data, content->len, 500, attributes, &sealed_attributes);
      is_same = FALSE;
      g_autofree char *message = digest (sealed->data, sealed->len);
      gsize len;
      g_assert_cmpstr (message, ==, rows[i].message);
      const guint8 *data = g_bytes_get_data (sealed_attributes, &len);
      g_autofree char *of_attributes = digest (data, len);
      g_assert_cmpstr (of_attributes, ==, rows[i].attributes);
    }
}

/* ---- whoever has no key ---- */

static void
assert_refused (const GByteArray *sealed, const CryptKeys *keys, SatchelErrorCode code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) read = open_whole (sealed, keys, &error);
  g_assert_null (read);
  g_assert_error (error, SATCHEL_ERROR, (int) code);
}

static void
test_locked (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  g_autoptr (CryptKeys) other = keys_of (8);
  g_autoptr (GByteArray) sealed = seal_bytes (keys, (const guint8 *) "secret", 6, 6, NULL, NULL);
  assert_refused (sealed, NULL, SATCHEL_ERROR_LOCKED);
  assert_refused (sealed, other, SATCHEL_ERROR_LOCKED);
  for (guint at = 0; at + 6 <= sealed->len; at++)
    g_assert_cmpint (memcmp (sealed->data + at, "secret", 6), !=, 0);
}

/* After a change of keys both are there. */
static void
test_older_key (void)
{
  guint8 both[2 * CRYPT_KEY_BYTES];
  memset (both, 8, CRYPT_KEY_BYTES);
  memset (both + CRYPT_KEY_BYTES, 7, CRYPT_KEY_BYTES);
  g_autoptr (GBytes) secret = satchel_secret_new (both, sizeof both);
  g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
  for (guint8 seed = 7; seed <= 8; seed++)
    {
      g_autoptr (CryptKeys) one = keys_of (seed);
      g_autoptr (GByteArray) sealed = seal_bytes (one, (const guint8 *) "secret", 6, 6, NULL, NULL);
      g_autoptr (GByteArray) read = open_whole (sealed, keys, NULL);
      assert_content (read, (const guint8 *) "secret", 6);
    }
  g_assert_null (crypt_keys_new (NULL));
}

/* ---- changes ---- */

/* Every bit in the long run, else one of each byte. */
static void
test_bits (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  g_autoptr (GByteArray) content = content_of (10 * 1024);
  g_autoptr (GByteArray) sealed = seal_bytes (keys, content->data, content->len, 500, NULL, NULL);
  guint step = is_long_run () ? 1 : is_sanitized () ? 71 : 7;
  for (guint bit = 0; bit < 8 * sealed->len; bit += bit < 8 * CRYPT_HEADER_BYTES ? 1 : step)
    {
      g_autoptr (GError) error = NULL;
      sealed->data[bit / 8] ^= (guint8) (1u << bit % 8);
      g_autoptr (GByteArray) read = open_whole (sealed, keys, &error);
      if (read != NULL)
        g_error ("bit %u was changed, and nobody noticed", bit);
      sealed->data[bit / 8] ^= (guint8) (1u << bit % 8);
    }
  g_autoptr (GByteArray) read = open_whole (sealed, keys, NULL);
  assert_content (read, content->data, content->len);
}

/* What is cut off down to a part of the magic looks like a mail that was never sealed: only who knows that it
 * was, by its attributes, can tell. */
static void
test_truncations (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  g_autoptr (GByteArray) content = content_of (10 * 1024);
  g_autoptr (GByteArray) sealed = seal_bytes (keys, content->data, content->len, 500, NULL, NULL);
  const guint8 *id = sealed->data + CRYPT_AT_MESSAGE_ID;
  guint8 message_id[CRYPT_MESSAGE_ID_BYTES];
  memcpy (message_id, id, sizeof message_id);
  for (guint len = sealed->len - 1; len < sealed->len; len--)
    {
      GByteArray cut = { sealed->data, len };
      if (len >= CRYPT_MAGIC_BYTES)
        assert_refused (&cut, keys, SATCHEL_ERROR_CORRUPT);
      g_autoptr (GError) error = NULL;
      g_autoptr (SatchelStream) stream = open_bytes (&cut, keys, message_id, &error);
      g_autoptr (GByteArray) read = stream != NULL ? read_whole (stream, 100000, &error) : NULL;
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
    }
}

static const guint8 *
chunk_at (const GByteArray *sealed, guint index)
{
  return sealed->data + CRYPT_HEADER_BYTES + (gsize) index * SEALED_CHUNK;
}

/* Puts a message together of the header and chunks of @sealed, named by digits; yours. */
static GByteArray *
compose (const GByteArray *sealed, const char *chunks)
{
  GByteArray *made = g_byte_array_new ();
  g_byte_array_append (made, sealed->data, CRYPT_HEADER_BYTES);
  for (; *chunks != '\0'; chunks++)
    {
      const guint8 *at = chunk_at (sealed, (guint) (*chunks - '0'));
      g_byte_array_append (made, at, (guint) MIN (SEALED_CHUNK, (gsize) (sealed->data + sealed->len - at)));
    }
  return made;
}

static void
test_chunks (void)
{
  static const char *const ways[] = { "012",  "0123", "0134", "0234", "1234",   "00234", "01134",
                                      "0214", "1034", "0124", "0132", "012344", "4",     "0" };
  static const gsize contents[] = { 4 * CHUNK + 5, 5 * CHUNK };
  g_autoptr (CryptKeys) keys = keys_of (7);
  for (guint c = 0; c < G_N_ELEMENTS (contents); c++)
    {
      g_autoptr (GByteArray) content = content_of (contents[c]);
      g_autoptr (GByteArray) sealed = seal_bytes (keys, content->data, content->len, 5000, NULL, NULL);
      g_autoptr (GByteArray) same = compose (sealed, "01234");
      g_autoptr (GByteArray) read = open_whole (same, keys, NULL);
      assert_content (read, content->data, content->len);
      for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
        {
          g_autoptr (GByteArray) made = compose (sealed, ways[i]);
          assert_refused (made, keys, SATCHEL_ERROR_CORRUPT);
        }
    }
}

/* Chunks before a damaged one are given, and of that one nothing. */
static void
test_nothing_of_a_bad_chunk (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  g_autoptr (GByteArray) content = content_of (3 * CHUNK);
  g_autoptr (GByteArray) sealed = seal_bytes (keys, content->data, content->len, 5000, NULL, NULL);
  sealed->data[CRYPT_HEADER_BYTES + SEALED_CHUNK + 60000] ^= 1;
  g_autoptr (SatchelStream) stream = open_bytes (sealed, keys, NULL, NULL);
  g_autofree guint8 *buffer = g_malloc0 (2 * CHUNK);
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (satchel_stream_read_at (stream, 0, buffer, CHUNK, NULL), ==, CHUNK);
  g_assert_cmpint (satchel_stream_read_at (stream, CHUNK, buffer + CHUNK, 100, &error), ==, -1);
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  /* The whole of it is opened where it is wanted. */
  g_assert_cmpint (satchel_stream_read_at (stream, CHUNK, buffer + CHUNK, CHUNK, NULL), ==, -1);
  for (guint i = CHUNK; i < 2 * CHUNK; i++)
    g_assert_cmpuint (buffer[i], ==, 0);
  g_assert_cmpint (satchel_stream_read_at (stream, 2 * CHUNK, buffer, CHUNK, NULL), ==, CHUNK);
}

/* Another message of the same user is refused where it is known which one it should be; one of another user
 * everywhere, also with the header of his own. */
static void
test_exchanged (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  g_autoptr (CryptKeys) other_keys = keys_of (8);
  g_autoptr (GByteArray) one = seal_bytes (keys, (const guint8 *) "one", 3, 3, NULL, NULL);
  g_autoptr (GByteArray) two = seal_bytes (keys, (const guint8 *) "two", 3, 3, NULL, NULL);
  g_autoptr (GByteArray) of_other = seal_bytes (other_keys, (const guint8 *) "six", 3, 3, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_assert_null (open_bytes (two, keys, one->data + CRYPT_AT_MESSAGE_ID, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  assert_refused (of_other, keys, SATCHEL_ERROR_LOCKED);
  g_autoptr (GByteArray) mixed = compose (one, "");
  g_byte_array_append (mixed, chunk_at (of_other, 0), 3 + CRYPT_TAG_BYTES);
  assert_refused (mixed, keys, SATCHEL_ERROR_CORRUPT);
  /* The box of the other, and whose key it is, in the header of one. */
  memcpy (of_other->data + CRYPT_AT_KEY_ID, one->data + CRYPT_AT_KEY_ID, CRYPT_KEY_ID_BYTES);
  assert_refused (of_other, keys, SATCHEL_ERROR_CORRUPT);
  memcpy (of_other->data + CRYPT_AT_BOX, one->data + CRYPT_AT_BOX, CRYPT_BOX_BYTES);
  assert_refused (of_other, keys, SATCHEL_ERROR_CORRUPT);
}

static void
test_random_changes (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  g_autoptr (GByteArray) content = content_of (10u << 20);
  g_autoptr (GByteArray) sealed = seal_bytes (keys, content->data, content->len, CHUNK, NULL, NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  guint8 buffer[1];
  for (guint i = 0; i < count_rounds (2000, 100000); i++)
    {
      guint at = (guint) g_rand_int_range (rand, CRYPT_HEADER_BYTES, (gint32) sealed->len);
      guint8 was = sealed->data[at];
      sealed->data[at] = (guint8) (was + g_rand_int_range (rand, 1, 256));
      g_autoptr (SatchelStream) stream = open_bytes (sealed, keys, NULL, NULL);
      guint64 offset = (guint64) (at - CRYPT_HEADER_BYTES) / SEALED_CHUNK * CHUNK;
      g_assert_cmpint (satchel_stream_read_at (stream, offset, buffer, 1, NULL), ==, -1);
      sealed->data[at] = was;
    }
  g_autoptr (GByteArray) read = open_whole (sealed, keys, NULL);
  assert_content (read, content->data, content->len);
}

/* ---- not sealed ---- */

static void
test_plain (void)
{
  static const char *const heads[] = { "", "F", "\x89SATCRY", "\x89SATCRY\r\n", "From: a\r\n\r\ntext" };
  g_autoptr (CryptKeys) keys = keys_of (7);
  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    for (gsize piece = 1; piece < 12; piece += 5)
      {
        gsize len = strlen (heads[i]);
        g_autoptr (GByteArray) passed = pass_bytes ((const guint8 *) heads[i], len, piece);
        g_assert_cmpmem (passed->data, passed->len, heads[i], len);
        g_autoptr (GByteArray) read = open_whole (passed, keys, NULL);
        assert_content (read, (const guint8 *) heads[i], len);
      }
}

/* A stranger may send what looks like a sealed message. */
static void
test_plain_like_sealed (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  g_autoptr (GByteArray) sealed = seal_bytes (keys, (const guint8 *) "a", 1, 1, NULL, NULL);
  for (gsize piece = 1; piece < 300; piece *= 4)
    {
      g_autoptr (GByteArray) passed = pass_bytes (sealed->data, sealed->len, piece);
      g_assert_cmpuint (passed->len, ==, sealed->len + CRYPT_PLAIN_HEADER_BYTES);
      g_autoptr (GByteArray) read = open_whole (passed, NULL, NULL);
      assert_content (read, sealed->data, sealed->len);
    }
}

/* ---- attributes ---- */

static GBytes *
sealed_attributes_of (const CryptKeys *keys, GBytes *clear, gboolean again)
{
  GBytes *sealed = NULL;
  const guint8 *id;
  g_autoptr (GByteArray) message = seal_bytes (keys, (const guint8 *) "a", 1, 1, clear, &sealed);
  g_assert_true (crypt_attributes_is_sealed (sealed, &id));
  g_assert_cmpmem (id, CRYPT_MESSAGE_ID_BYTES, message->data + CRYPT_AT_MESSAGE_ID, CRYPT_MESSAGE_ID_BYTES);
  if (!again)
    return sealed;
  CryptKnown known, found;
  g_autoptr (GBytes) slow = sealed;
  g_autoptr (GBytes) opened = crypt_attributes_open (slow, keys, &known, NULL);
  GBytes *fast = crypt_attributes_seal_again (opened, &known, crypt_keys_first (keys));
  g_autoptr (GBytes) reopened = crypt_attributes_open (fast, keys, &found, NULL);
  g_assert_cmpmem (found.key, sizeof found.key, known.key, sizeof known.key);
  return fast;
}

static void
assert_attributes_refused (const guint8 *data, gsize len, const CryptKeys *keys)
{
  g_autoptr (GBytes) stored = g_bytes_new (data, len);
  if (!crypt_attributes_is_sealed (stored, NULL))
    return; /* it goes on as attributes, which have a checksum of their own */
  CryptKnown known;
  g_assert_null (crypt_attributes_open (stored, keys, &known, NULL));
}

static void
check_attributes (const CryptKeys *keys, GBytes *clear, gboolean again)
{
  gsize len;
  g_autoptr (CryptKeys) other = keys_of (8);
  g_autoptr (GBytes) sealed = sealed_attributes_of (keys, clear, again);
  CryptKnown known;
  g_autoptr (GBytes) opened = crypt_attributes_open (sealed, keys, &known, NULL);
  g_assert_true (g_bytes_equal (opened, clear));
  g_assert_cmpint (crypt_attributes_is_slow (sealed), ==, !again);
  const guint8 *data = g_bytes_get_data (sealed, &len);
  g_autoptr (GError) error = NULL;
  g_assert_null (crypt_attributes_open (sealed, other, &known, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED);
  g_assert_null (crypt_attributes_open (sealed, NULL, &known, NULL));
  g_autofree guint8 *copy = g_memdup2 (data, len);
  for (gsize bit = 0; bit < 8 * len; bit++)
    {
      copy[bit / 8] ^= (guint8) (1u << bit % 8);
      assert_attributes_refused (copy, len, keys);
      copy[bit / 8] ^= (guint8) (1u << bit % 8);
    }
  for (gsize n = 0; n < len; n++)
    assert_attributes_refused (copy, n, keys);
}

static void
test_attributes (void)
{
  static const gsize sizes[] = { 0, 1, 255, 256, 700 };
  g_autoptr (CryptKeys) keys = keys_of (7);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GByteArray) content = content_of (sizes[i]);
      g_autoptr (GBytes) clear = g_bytes_new (content->data, content->len);
      check_attributes (keys, clear, FALSE);
      check_attributes (keys, clear, TRUE);
    }
}

/* What is stored says no more of the length than a multiple of 256, of which the message's key takes 32. */
static void
test_padding (void)
{
  g_autoptr (CryptKeys) keys = keys_of (7);
  gsize first = 0;
  for (gsize len = 0; len + CRYPT_KEY_BYTES < 256; len += 51)
    {
      g_autoptr (GByteArray) content = content_of (len);
      g_autoptr (GBytes) clear = g_bytes_new (content->data, content->len);
      g_autoptr (GBytes) sealed = sealed_attributes_of (keys, clear, TRUE);
      first = len == 0 ? g_bytes_get_size (sealed) : first;
      g_assert_cmpuint (g_bytes_get_size (sealed), ==, first);
    }
}

typedef struct Case
{
  const char *path;
  void (*func) (void);
} Case;

/* Runs a case with the suite and the box that the end of its path names. */
static void
run_case (gconstpointer data)
{
  const Case *one = data;
  sealing_way.suite = strstr (g_test_get_path (), "/aes") != NULL ? CRYPT_SUITE_AES : CRYPT_SUITE_CHACHA;
  sealing_way.is_shared = strstr (g_test_get_path (), "-shared") != NULL;
  one->func ();
}

static void
add_case (const Case *one)
{
  static const char *const ways[] = { "chacha", "aes", "chacha-shared", "aes-shared" };
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *name = g_strconcat (one->path, "/", ways[i], NULL);
      g_test_add_data_func (name, one, run_case);
    }
}

int
main (int argc, char **argv)
{
  static const Case cases[] = {
    { "/crypt/format/round-trip", test_round_trip },
    { "/crypt/format/reading-anywhere", test_reading_anywhere },
    { "/crypt/format/little-is-read", test_little_is_read },
    { "/crypt/format/sizes", test_sizes },
    { "/crypt/format/known-answers", test_known_answers },
    { "/crypt/format/locked", test_locked },
    { "/crypt/format/older-key", test_older_key },
    { "/crypt/format/bits", test_bits },
    { "/crypt/format/truncations", test_truncations },
    { "/crypt/format/chunks", test_chunks },
    { "/crypt/format/nothing-of-a-bad-chunk", test_nothing_of_a_bad_chunk },
    { "/crypt/format/exchanged", test_exchanged },
    { "/crypt/format/random-changes", test_random_changes },
    { "/crypt/format/plain", test_plain },
    { "/crypt/format/plain-like-sealed", test_plain_like_sealed },
    { "/crypt/format/attributes", test_attributes },
    { "/crypt/format/padding", test_padding },
  };
  seed_test (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  randombytes_set_implementation (&source);
  g_assert_cmpint (sodium_init (), >=, 0);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    add_case (&cases[i]);
  return g_test_run ();
}
