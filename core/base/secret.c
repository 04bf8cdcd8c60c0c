/* SPDX-License-Identifier: MIT
 * Keeps each key in whole pages of memory, since mlock and madvise work on pages, and a page that several
 * keys share would be unlocked when the first one is freed. A process holds few keys.
 */
#include "config.h"

#include <satchel/secret.h>

#include <gnutls/crypto.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Secret
{
  gsize mapped_bytes;
  guint8 data[];
} Secret;

static void
secret_free (gpointer data)
{
  Secret *secret = data;
  gsize mapped_bytes = secret->mapped_bytes;
  explicit_bzero (secret, mapped_bytes);
  munmap (secret, mapped_bytes);
}

GBytes *
satchel_secret_new (const void *data, gsize len)
{
  if (len == 0 || len > SATCHEL_SECRET_BYTES_MAX)
    return NULL;
  gsize page_bytes = (gsize) sysconf (_SC_PAGESIZE);
  gsize mapped_bytes = (sizeof (Secret) + len + page_bytes - 1) / page_bytes * page_bytes;
  Secret *secret = mmap (NULL, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (secret == MAP_FAILED)
    return NULL;
  /* This may fail, since RLIMIT_MEMLOCK may be 0; the key then stays unlocked. */
  (void) mlock (secret, mapped_bytes);
  (void) madvise (secret, mapped_bytes, MADV_DONTDUMP);
  secret->mapped_bytes = mapped_bytes;
  memcpy (secret->data, data, len);
  return g_bytes_new_with_free_func (secret->data, len, secret_free, secret);
}

gboolean
satchel_secret_equal (GBytes *a, GBytes *b)
{
  gsize a_len, b_len;
  if (a == NULL || b == NULL)
    return a == b;
  const void *a_data = g_bytes_get_data (a, &a_len), *b_data = g_bytes_get_data (b, &b_len);
  return a_len == b_len && gnutls_memcmp (a_data, b_data, a_len) == 0;
}
