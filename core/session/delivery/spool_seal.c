/* SPDX-License-Identifier: MIT
 * Sealed spool files.
 */
#include "config.h"

#include "core/session/delivery/spool_seal.h"

#include <gnutls/crypto.h>
#include <string.h>

#define KEY_BYTES 32u
#define NONCE_BYTES 12u
#define SEALED_PART_BYTES (SATCHEL_SPOOL_PART_BYTES + SATCHEL_SPOOL_TAG_BYTES)

GBytes *
satchel_spool_key_new (GError **error)
{
  guint8 bytes[KEY_BYTES];
  GBytes *key = gnutls_rnd (GNUTLS_RND_KEY, bytes, sizeof bytes) == 0
                    ? satchel_spool_key_take (bytes, sizeof bytes)
                    : NULL;
  explicit_bzero (bytes, sizeof bytes);
  if (key == NULL)
    satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "there is no key for a sealed spool file");
  return key;
}

GBytes *
satchel_spool_key_take (const guint8 *bytes, gsize len)
{
  return len == KEY_BYTES ? satchel_secret_new (bytes, len) : NULL;
}

static gboolean
open_cipher (GBytes *key, gnutls_aead_cipher_hd_t *ret_cipher)
{
  const gnutls_datum_t datum = { (guint8 *) g_bytes_get_data (key, NULL), KEY_BYTES };
  return gnutls_aead_cipher_init (ret_cipher, GNUTLS_CIPHER_AES_256_GCM, &datum) == 0;
}

/* Each part is sealed once with the key of its file, so its number may be the nonce. */
static void
make_nonce (guint8 nonce[NONCE_BYTES], guint64 index)
{
  guint64 counter = GUINT64_TO_BE (index);
  memset (nonce, 0, NONCE_BYTES);
  memcpy (nonce + NONCE_BYTES - sizeof counter, &counter, sizeof counter);
}

gboolean
satchel_spool_part_seal (GBytes *key, guint64 index, const guint8 *data, gsize len, guint8 *ret,
                         GError **error)
{
  gnutls_aead_cipher_hd_t cipher;
  guint8 nonce[NONCE_BYTES];
  gsize sealed = len + SATCHEL_SPOOL_TAG_BYTES;
  make_nonce (nonce, index);
  gboolean is_open = open_cipher (key, &cipher);
  gboolean ok = is_open
                && gnutls_aead_cipher_encrypt (cipher, nonce, sizeof nonce, NULL, 0, SATCHEL_SPOOL_TAG_BYTES,
                                               data, len, ret, &sealed)
                       == 0;
  if (is_open)
    gnutls_aead_cipher_deinit (cipher);
  return ok
         || satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "a part of the spool file cannot be sealed");
}

/* ---- reading ---- */

typedef struct Unsealed
{
  SatchelStream stream;
  SatchelStream *file;
  GBytes *key;
  guint64 size;
  guint8 *sealed, *part; /* room for one; NULL until something is read */
  gboolean has;          /* `part` is part `index` */
  guint64 index;
} Unsealed;

static gsize
part_length (const Unsealed *self, guint64 index)
{
  return (gsize) MIN (self->size - index * SATCHEL_SPOOL_PART_BYTES, SATCHEL_SPOOL_PART_BYTES);
}

static gboolean
unseal (Unsealed *self, guint64 index, gsize len)
{
  gnutls_aead_cipher_hd_t cipher;
  guint8 nonce[NONCE_BYTES];
  gsize clear = len;
  make_nonce (nonce, index);
  if (!open_cipher (self->key, &cipher))
    return FALSE;
  int status = gnutls_aead_cipher_decrypt (cipher, nonce, sizeof nonce, NULL, 0, SATCHEL_SPOOL_TAG_BYTES,
                                           self->sealed, len + SATCHEL_SPOOL_TAG_BYTES, self->part, &clear);
  gnutls_aead_cipher_deinit (cipher);
  return status == 0 && clear == len;
}

static gboolean
load_part (Unsealed *self, guint64 index, GError **error)
{
  gsize len = part_length (self, index);
  if (self->has && self->index == index)
    return TRUE;
  self->has = FALSE;
  if (self->part == NULL)
    {
      self->part = g_malloc (SATCHEL_SPOOL_PART_BYTES);
      self->sealed = g_malloc (SEALED_PART_BYTES);
    }
  gssize n = satchel_stream_read_at (self->file, index * SEALED_PART_BYTES, self->sealed,
                                     len + SATCHEL_SPOOL_TAG_BYTES, error);
  if (n < 0)
    return FALSE;
  if ((gsize) n != len + SATCHEL_SPOOL_TAG_BYTES || !unseal (self, index, len))
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the sealed spool file is damaged");
  self->index = index;
  self->has = TRUE;
  return TRUE;
}

static gssize
unsealed_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  Unsealed *self = (Unsealed *) stream;
  gsize done = 0;
  if (offset >= self->size)
    return 0;
  len = (gsize) MIN (len, self->size - offset);
  while (done < len)
    {
      guint64 index = (offset + done) / SATCHEL_SPOOL_PART_BYTES;
      gsize at = (gsize) ((offset + done) % SATCHEL_SPOOL_PART_BYTES);
      if (!load_part (self, index, error))
        return -1;
      gsize n = MIN (len - done, part_length (self, index) - at);
      memcpy ((guint8 *) buffer + done, self->part + at, n);
      done += n;
    }
  return (gssize) done;
}

static gint64
unsealed_length (SatchelStream *stream, GError **error)
{
  return (gint64) ((Unsealed *) stream)->size;
}

static void
unsealed_free (SatchelStream *stream)
{
  Unsealed *self = (Unsealed *) stream;
  satchel_stream_unref (self->file);
  g_bytes_unref (self->key);
  if (self->part != NULL)
    explicit_bzero (self->part, SATCHEL_SPOOL_PART_BYTES);
  g_free (self->part);
  g_free (self->sealed);
  g_free (self);
}

SatchelStream *
satchel_spool_unsealed (SatchelStream *file, GBytes *key, guint64 size)
{
  static const SatchelStreamOps ops = {
    .size = sizeof (SatchelStreamOps),
    .read_at = unsealed_read_at,
    .length = unsealed_length,
    .free = unsealed_free,
  };
  Unsealed *self = g_new0 (Unsealed, 1);
  satchel_stream_init (&self->stream, &ops);
  self->file = satchel_stream_ref (file);
  self->key = g_bytes_ref (key);
  self->size = size;
  return &self->stream;
}
