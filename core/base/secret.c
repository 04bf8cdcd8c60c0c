/* SPDX-License-Identifier: MIT
 * Keeps keys in memory of their own, since mlock and madvise work on pages: small ones in slots of pages that
 * stay, so that a login costs no system calls for its keys, and each large one on pages that go with it.
 */
#include "config.h"

#include <satchel/secret.h>

#include <gnutls/crypto.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOT_BYTES 128u

typedef struct Secret Secret;
struct Secret
{
  union
  {
    gsize mapped_bytes; /* of a secret that is in use; 0: it is in a slot */
    Secret *next;       /* of a free slot */
  };
  guint8 data[];
};

static GMutex lock;        /* guards the list */
static Secret *free_slots; /* all of them are zero, but for `next` */

/* Returns pages that are zero, or NULL. */
static gpointer
map_pages (gsize bytes)
{
  gpointer pages = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    return NULL;
  /* This may fail, since RLIMIT_MEMLOCK may be 0; the keys then stay unlocked. */
  (void) mlock (pages, bytes);
  (void) madvise (pages, bytes, MADV_DONTDUMP);
  return pages;
}

static gsize
whole_pages (gsize bytes)
{
  gsize page_bytes = (gsize) sysconf (_SC_PAGESIZE);
  return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

/* Makes a page of free slots.  The caller holds the lock. */
static void
add_slots (void)
{
  gsize bytes = whole_pages (1);
  guint8 *page = map_pages (bytes);
  for (gsize at = 0; page != NULL && at + SLOT_BYTES <= bytes; at += SLOT_BYTES)
    {
      Secret *slot = (Secret *) (gpointer) (page + at);
      slot->next = free_slots;
      free_slots = slot;
    }
}

static Secret *
take_slot (void)
{
  g_mutex_lock (&lock);
  if (free_slots == NULL)
    add_slots ();
  Secret *slot = free_slots;
  if (slot != NULL)
    {
      free_slots = slot->next;
      slot->mapped_bytes = 0;
    }
  g_mutex_unlock (&lock);
  return slot;
}

static Secret *
map_secret (gsize len)
{
  gsize bytes = whole_pages (sizeof (Secret) + len);
  Secret *secret = map_pages (bytes);
  if (secret != NULL)
    secret->mapped_bytes = bytes;
  return secret;
}

static void
secret_free (gpointer data)
{
  Secret *secret = data;
  gsize mapped_bytes = secret->mapped_bytes;
  explicit_bzero (secret, mapped_bytes > 0 ? mapped_bytes : SLOT_BYTES);
  if (mapped_bytes > 0)
    {
      munmap (secret, mapped_bytes);
      return;
    }
  g_mutex_lock (&lock);
  secret->next = free_slots;
  free_slots = secret;
  g_mutex_unlock (&lock);
}

GBytes *
satchel_secret_new (const void *data, gsize len)
{
  if (len == 0 || len > SATCHEL_SECRET_BYTES_MAX)
    return NULL;
  Secret *secret = len <= SLOT_BYTES - sizeof (Secret) ? take_slot () : map_secret (len);
  if (secret == NULL)
    return NULL;
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
