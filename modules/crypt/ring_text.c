/* SPDX-License-Identifier: MIT
 * A ring as the text of its file: lines of words with blanks between them, the last one with a hash of all
 * before it (FORMAT.md).
 */
#include "ring.h"

#include <satchel/number.h>
#include <sodium.h>
#include <string.h>

#define FIRST_LINE "satchel-ring 1"
#define HASH_BYTES 16u
#define NO_WORD "-"
#define SLOT_WORDS 8u
#define SEALING "sealing"
#define OPENING "opening"
#define REKEYING "rekeying"

/* ---- out ---- */

static void
add_hex (GString *text, const guint8 *bytes, gsize len)
{
  for (gsize i = 0; i < len; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
}

static void
add_slot (GString *text, const CryptSlot *slot)
{
  g_string_append_printf (text, "slot %s %s %s %" G_GSIZE_FORMAT " %u ", crypt_opener_words[slot->kind],
                          slot->name, *slot->variant != '\0' ? slot->variant : NO_WORD,
                          slot->cost.memory_bytes, slot->cost.passes);
  add_hex (text, slot->salt, sizeof slot->salt);
  g_string_append_c (text, ' ');
  add_hex (text, slot->sealed, sizeof slot->sealed);
  g_string_append_c (text, '\n');
}

/* Adds the slots of a key. */
static void
add_slots (GString *text, const CryptRing *ring)
{
  for (guint i = 0; i < ring->slots->len; i++)
    add_slot (text, &g_array_index (ring->slots, CryptSlot, i));
}

static void
add_public (GString *text, const char *word, const CryptPublic *half)
{
  g_string_append_printf (text, "%s ", word);
  add_hex (text, half->bytes, CRYPT_KEY_BYTES);
  g_string_append_c (text, '\n');
}

static void
hash_of (const char *text, gsize len, guint8 ret[HASH_BYTES])
{
  crypto_generichash (ret, HASH_BYTES, (const guint8 *) text, len, NULL, 0);
}

char *
crypt_ring_to_text (const CryptRing *ring)
{
  guint8 hash[HASH_BYTES];
  GString *text = g_string_new (FIRST_LINE "\n");
  g_string_append_printf (text, "user %s\n", ring->user);
  add_public (text, "public", &ring->half);
  if (ring->serial != 0)
    g_string_append_printf (text, "since %" G_GUINT64_FORMAT " %s\n", ring->serial,
                            ring->is_opening    ? OPENING
                            : ring->is_rekeying ? REKEYING
                                                : SEALING);
  add_slots (text, ring);
  if (ring->is_open)
    {
      g_string_append (text, "first ");
      add_hex (text, ring->first_secret, sizeof ring->first_secret);
      g_string_append_c (text, '\n');
    }
  for (guint i = 0; i < ring->former->len; i++)
    {
      const CryptRing *former = ring->former->pdata[i];
      add_public (text, "former", &former->half);
      add_slots (text, former);
    }
  hash_of (text->str, text->len, hash);
  g_string_append (text, "end ");
  add_hex (text, hash, sizeof hash);
  g_string_append_c (text, '\n');
  return g_string_free (text, FALSE);
}

/* ---- in ---- */

static gboolean
take_hex (const char *word, guint8 *ret, gsize len)
{
  gsize n = 0;
  return strlen (word) == 2 * len && sodium_hex2bin (ret, len, word, 2 * len, NULL, &n, NULL) == 0
         && n == len;
}

static CryptOpenerKind
kind_of (const char *word)
{
  for (guint i = 1; i < CRYPT_N_OPENERS; i++)
    if (strcmp (word, crypt_opener_words[i]) == 0)
      return (CryptOpenerKind) i;
  return 0;
}

/* A cost that would stop the server is refused, and one for what needs none. */
static gboolean
take_cost (CryptSlot *slot, const char *memory, const char *passes)
{
  guint64 bytes, n;
  if (!g_ascii_string_to_unsigned (memory, 10, 0, CRYPT_COST_MEMORY_MAX, &bytes, NULL)
      || !g_ascii_string_to_unsigned (passes, 10, 0, CRYPT_COST_PASSES_MAX, &n, NULL))
    return FALSE;
  slot->cost = (CryptCost) { (gsize) bytes, (guint) n };
  return crypt_opener_is_stretched (slot->kind) ? bytes >= CRYPT_COST_MEMORY_MIN && n > 0
                                                : bytes == 0 && n == 0;
}

static gboolean
take_slot (CryptRing *ring, char *const *words, guint n)
{
  CryptSlot slot = { 0 };
  if (n != SLOT_WORDS)
    return FALSE;
  slot.kind = kind_of (words[1]);
  const char *variant = strcmp (words[3], NO_WORD) != 0 ? words[3] : "";
  return slot.kind != 0 && *words[2] != '\0'
         && g_strlcpy (slot.name, words[2], sizeof slot.name) < sizeof slot.name
         && g_strlcpy (slot.variant, variant, sizeof slot.variant) < sizeof slot.variant
         && take_cost (&slot, words[4], words[5]) && take_hex (words[6], slot.salt, sizeof slot.salt)
         && take_hex (words[7], slot.sealed, sizeof slot.sealed) && crypt_ring_put (ring, &slot, NULL);
}

/* Takes the public half of a key of before, whose slots follow. */
static gboolean
take_former (CryptRing *ring, const char *digits)
{
  guint8 bytes[CRYPT_KEY_BYTES];
  CryptPublic half;
  if (!take_hex (digits, bytes, sizeof bytes) || ring->former->len >= CRYPT_FORMERS_MAX)
    return FALSE;
  crypt_public_set (&half, bytes);
  g_ptr_array_add (ring->former, crypt_ring_new (NULL, &half));
  return TRUE;
}

static gboolean
take_line (CryptRing *ring, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  guint n = g_strv_length (words);
  CryptRing *former = ring->former->len > 0 ? ring->former->pdata[ring->former->len - 1] : NULL;
  if (n == SLOT_WORDS && strcmp (words[0], "slot") == 0)
    return take_slot (former != NULL ? former : ring, words, n);
  if (n == 2 && strcmp (words[0], "former") == 0)
    return take_former (ring, words[1]);
  if (n == 3 && strcmp (words[0], "since") == 0 && ring->serial == 0)
    {
      ring->is_opening = strcmp (words[2], OPENING) == 0;
      ring->is_rekeying = strcmp (words[2], REKEYING) == 0;
      return (ring->is_opening || ring->is_rekeying || strcmp (words[2], SEALING) == 0)
             && g_ascii_string_to_unsigned (words[1], 10, 1, G_MAXINT64, &ring->serial, NULL);
    }
  if (n == 2 && strcmp (words[0], "first") == 0 && !ring->is_open && former == NULL)
    {
      ring->is_open = take_hex (words[1], ring->first_secret, sizeof ring->first_secret);
      return ring->is_open;
    }
  return FALSE;
}

static CryptRing *
refuse (GError **error, const char *what)
{
  satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s", what);
  return NULL;
}

/* Returns where the last line begins, if it has the right hash; else NULL. */
static const char *
find_end (const char *text, gsize len)
{
  guint8 hash[HASH_BYTES], there[HASH_BYTES];
  if (len < 2 || text[len - 1] != '\n')
    return NULL;
  const char *end = g_strrstr_len (text, (gssize) len - 1, "\n");
  g_autofree char *last = end != NULL ? g_strndup (end + 1, (gsize) (text + len - 1 - (end + 1))) : NULL;
  if (last == NULL || !g_str_has_prefix (last, "end ") || !take_hex (last + 4, there, sizeof there))
    return NULL;
  hash_of (text, (gsize) (end + 1 - text), hash);
  return memcmp (hash, there, sizeof hash) == 0 ? end + 1 : NULL;
}

CryptRing *
crypt_ring_parse (const char *text, gsize len, GError **error)
{
  guint8 bytes[CRYPT_KEY_BYTES];
  const char *end =
      len <= CRYPT_RING_BYTES_MAX && memchr (text, '\0', len) == NULL ? find_end (text, len) : NULL;
  if (end == NULL)
    return refuse (error, "the ring is damaged: its last line does not fit the others");
  g_autofree char *whole = g_strndup (text, (gsize) (end - 1 - text));
  g_auto (GStrv) lines = g_strsplit (whole, "\n", -1);
  guint n = g_strv_length (lines);
  if (n < 3 || strcmp (lines[0], FIRST_LINE) != 0)
    return refuse (error, "the ring is of another version of the program");
  if (!g_str_has_prefix (lines[1], "user ") || !g_str_has_prefix (lines[2], "public ")
      || !take_hex (lines[2] + strlen ("public "), bytes, sizeof bytes))
    return refuse (error, "the ring has no user or no key");
  CryptPublic half;
  crypt_public_set (&half, bytes);
  g_autoptr (CryptRing) ring = crypt_ring_new (lines[1] + strlen ("user "), &half);
  for (guint i = 3; i < n; i++)
    if (!take_line (ring, lines[i]))
      return refuse (error, "the ring has a line that this version does not know");
  return g_steal_pointer (&ring);
}
