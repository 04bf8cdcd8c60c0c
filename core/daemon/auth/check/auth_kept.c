/* SPDX-License-Identifier: MIT
 * Implements the block of memory that keeps verified logins over a crash of auth: a head, then slots of one
 * size.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_kept.h"

#include <gnutls/crypto.h>
#include <string.h>

#define KEY_BYTES 32u
#define TAG_BYTES 16u

typedef struct Head
{
  guint8 salt[KEY_BYTES];
  guint64 generation; /* generation of the configuration; 0: nothing has been written yet */
  /* no slot from this number on was ever written: pages that nobody touches take no memory */
  guint64 n_used;
} Head;

typedef struct Slot
{
  guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES];
  gint64 until_ms;
  guint16 sealed_len;
  guint8 sealed[SATCHEL_KEPT_SEALED_MAX];
  guint8 tag[TAG_BYTES]; /* a tag over everything above */
} Slot;

#define N_SLOTS ((SATCHEL_REMEMBERED_BYTES - sizeof (Head)) / sizeof (Slot))

struct SatchelKept
{
  Head *head;
  Slot *slots;
  GArray *spare; /* guint: slots that are free */
  guint8 key[KEY_BYTES];
};

static gboolean
is_zero (const void *bytes, gsize len)
{
  const guint8 *at = bytes;
  for (gsize i = 0; i < len; i++)
    if (at[i] != 0)
      return FALSE;
  return TRUE;
}

/* Derives the key of digests. FALSE means that the library fails. */
static gboolean
derive_key (SatchelKept *kept)
{
  char text[2 * KEY_BYTES + 1];
  for (guint i = 0; i < KEY_BYTES; i++)
    g_snprintf (text + 2 * i, 3, "%02x", kept->head->salt[i]);
  satchel_auth_derive ("remembered logins", text, kept->key);
  explicit_bzero (text, sizeof text);
  return !is_zero (kept->key, sizeof kept->key);
}

static guint
n_used (const SatchelKept *kept)
{
  return (guint) MIN (kept->head->n_used, N_SLOTS);
}

static void
wipe_slots (SatchelKept *kept)
{
  explicit_bzero (kept->slots, n_used (kept) * sizeof (Slot));
  kept->head->n_used = 0;
}

SatchelKept *
satchel_kept_new (gpointer area, guint64 generation)
{
  SatchelKept *kept = g_new0 (SatchelKept, 1);
  kept->head = area;
  kept->slots = (Slot *) (gpointer) ((guint8 *) area + sizeof (Head));
  kept->spare = g_array_sized_new (FALSE, FALSE, sizeof (guint), N_SLOTS);
  if (kept->head->generation != generation)
    {
      wipe_slots (kept);
      if (gnutls_rnd (GNUTLS_RND_KEY, kept->head->salt, KEY_BYTES) == 0)
        kept->head->generation = generation;
    }
  if (kept->head->generation != generation || !derive_key (kept))
    g_clear_pointer (&kept, satchel_kept_free);
  return kept;
}

void
satchel_kept_free (SatchelKept *kept)
{
  if (kept == NULL)
    return;
  explicit_bzero (kept->key, sizeof kept->key);
  g_array_unref (kept->spare);
  g_free (kept);
}

const guint8 *
satchel_kept_key (const SatchelKept *kept)
{
  return kept->key;
}

static gboolean
make_tag (const SatchelKept *kept, const Slot *slot, guint8 ret_tag[TAG_BYTES])
{
  static const char label[] = "a remembered login";
  guint8 whole[32];
  gnutls_hmac_hd_t hmac;
  if (gnutls_hmac_init (&hmac, GNUTLS_MAC_SHA256, kept->key, KEY_BYTES) < 0)
    return FALSE;
  gnutls_hmac (hmac, label, sizeof label);
  gnutls_hmac (hmac, slot, G_STRUCT_OFFSET (Slot, tag));
  gnutls_hmac_deinit (hmac, whole);
  memcpy (ret_tag, whole, TAG_BYTES);
  return TRUE;
}

static gboolean
is_good (const SatchelKept *kept, const Slot *slot, gint64 now_ms)
{
  guint8 tag[TAG_BYTES];
  return slot->until_ms > now_ms && slot->sealed_len <= SATCHEL_KEPT_SEALED_MAX && make_tag (kept, slot, tag)
         && gnutls_memcmp (tag, slot->tag, TAG_BYTES) == 0;
}

guint
satchel_kept_put (SatchelKept *kept, const guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES], gint64 until_ms,
                  GBytes *sealed)
{
  gsize len = sealed != NULL ? g_bytes_get_size (sealed) : 0;
  if (kept->spare->len == 0 || len > SATCHEL_KEPT_SEALED_MAX)
    return SATCHEL_KEPT_NONE;
  guint number = g_array_index (kept->spare, guint, kept->spare->len - 1);
  Slot slot = { .until_ms = until_ms, .sealed_len = (guint16) len };
  memcpy (slot.digest, digest, sizeof slot.digest);
  if (len > 0)
    memcpy (slot.sealed, g_bytes_get_data (sealed, NULL), len);
  if (!make_tag (kept, &slot, slot.tag))
    return SATCHEL_KEPT_NONE;
  g_array_set_size (kept->spare, kept->spare->len - 1);
  kept->head->n_used = MAX (n_used (kept), number + 1);
  kept->slots[number] = slot;
  return number;
}

static void
note_spare (SatchelKept *kept, guint number)
{
  g_array_append_val (kept->spare, number);
}

void
satchel_kept_drop (SatchelKept *kept, guint number)
{
  if (number >= N_SLOTS)
    return;
  explicit_bzero (&kept->slots[number], sizeof (Slot));
  note_spare (kept, number);
}

void
satchel_kept_clear (SatchelKept *kept, guint64 generation)
{
  wipe_slots (kept);
  kept->head->generation = generation;
  g_array_set_size (kept->spare, 0);
  for (guint i = N_SLOTS; i > 0; i--)
    note_spare (kept, i - 1);
}

static void
load_slot (SatchelKept *kept, guint number, gint64 now_ms, SatchelKeptFunc func, gpointer data)
{
  const Slot *slot = &kept->slots[number];
  if (number >= n_used (kept) || is_zero (slot, sizeof *slot))
    {
      note_spare (kept, number);
      return;
    }
  if (!is_good (kept, slot, now_ms))
    {
      satchel_kept_drop (kept, number);
      return;
    }
  g_autoptr (GBytes) sealed = slot->sealed_len > 0 ? g_bytes_new (slot->sealed, slot->sealed_len) : NULL;
  func (number, slot->digest, slot->until_ms, sealed, data);
}

void
satchel_kept_load (SatchelKept *kept, gint64 now_ms, SatchelKeptFunc func, gpointer data)
{
  for (guint i = N_SLOTS; i > 0; i--) /* the first slot is taken first */
    load_slot (kept, i - 1, now_ms, func, data);
}
