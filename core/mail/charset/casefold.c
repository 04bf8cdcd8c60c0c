/* SPDX-License-Identifier: MIT
 * Implements case folding for search: ASCII eight bytes a step, common scripts by table, the rest by
 * libunistring (RFC 5051's comparison without its removal of compatibility differences).
 */
#include "config.h"

#include "core/mail/charset/charset_reader.h"
#include "core/mail/charset/casefold.h"

#include <satchel/charset.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>

/* Below this character, the combining class alone says whether characters compose. */
#define TABLE_END 0x600u

typedef struct FoldEntry
{
  guint8 len; /* 0: the character is not folded by the table */
  char text[7];
} FoldEntry;

static FoldEntry table[TABLE_END];

void
satchel_ascii_lower (char *text, gsize len)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  gsize i = 0;
  for (; i + 8 <= len; i += 8)
    {
      guint64 word;
      memcpy (&word, text + i, 8);
      guint64 heptets = word & (ones * 0x7f);
      guint64 is_above_z = heptets + ones * (0x7f - 'Z');
      guint64 is_from_a = heptets + ones * (0x80 - 'A');
      guint64 is_upper = ~word & (is_from_a ^ is_above_z) & (ones * 0x80);
      word |= is_upper >> 2;
      memcpy (text + i, &word, 8);
    }
  for (; i < len; i++)
    text[i] = g_ascii_tolower (text[i]);
}

static void
fold_slowly (const char *text, gsize len, GString *out)
{
  size_t result_len;
  uint8_t *result = u8_casefold ((const uint8_t *) text, len, NULL, UNINORM_NFC, NULL, &result_len);
  if (result != NULL)
    g_string_append_len (out, (char *) result, result_len);
  free (result);
}

static void
fill_table (void)
{
  for (gunichar c = 0x80; c < TABLE_END; c++)
    {
      char utf8[6];
      g_autoptr (GString) folded = g_string_new (NULL);
      if (uc_combining_class (c) != 0)
        continue;
      fold_slowly (utf8, g_unichar_to_utf8 (c, utf8), folded);
      if (folded->len == 0 || folded->len > sizeof table[c].text)
        continue;
      table[c].len = (guint8) folded->len;
      memcpy (table[c].text, folded->str, folded->len);
    }
}

/* Folds by table from @at; stops at the first character that needs libunistring. */
static const char *
fold_by_table (const char *at, const char *end, GString *out)
{
  while (at < end)
    {
      guchar lead = (guchar) *at;
      if (lead < 0x80)
        {
          const char *start = at;
          while (at < end && (guchar) *at < 0x80)
            at++;
          gsize before = out->len;
          g_string_append_len (out, start, at - start);
          satchel_ascii_lower (out->str + before, at - start);
        }
      else if (lead < 0xe0 && at + 1 < end)
        {
          gunichar c = (gunichar) (lead & 0x1f) << 6 | ((guchar) at[1] & 0x3f);
          if (c >= TABLE_END || table[c].len == 0)
            return at;
          g_string_append_len (out, table[c].text, table[c].len);
          at += 2;
        }
      else if (lead >= 0xe4 && lead <= 0xe9 && at + 2 < end)
        {
          /* Ideographs have no case, and compose with nothing. */
          g_string_append_len (out, at, 3);
          at += 3;
        }
      else
        return at;
    }
  return at;
}

/* Returns how many bytes fold_by_table made of the character at @at. */
static gsize
folded_length (const char *at)
{
  guchar lead = (guchar) *at;
  if (lead < 0x80)
    return 1;
  return lead < 0xe0 ? table[(gunichar) (lead & 0x1f) << 6 | ((guchar) at[1] & 0x3f)].len : 3;
}

/* Says whether @at is a character that fold_by_table takes, so that nothing before it composes with it. */
static gboolean
is_plain_start (const char *at, const char *end)
{
  guchar lead = (guchar) *at;
  if (lead < 0x80)
    return TRUE;
  if (lead < 0xe0 && at + 1 < end)
    {
      gunichar c = (gunichar) (lead & 0x1f) << 6 | ((guchar) at[1] & 0x3f);
      return c < TABLE_END && table[c].len > 0;
    }
  return lead >= 0xe4 && lead <= 0xe9;
}

void
satchel_casefold_append (const char *text, gsize len, GString *out)
{
  static gsize is_ready;
  if (g_once_init_enter (&is_ready))
    {
      fill_table ();
      g_once_init_leave (&is_ready, 1);
    }
  const char *at = text, *end = text + len;
  while ((at = fold_by_table (text, end, out)) < end)
    {
      /* The character before may compose with this one: it is folded again, together with what follows. */
      const char *from = at;
      if (at > text)
        {
          from = g_utf8_prev_char (at);
          g_string_truncate (out, out->len - folded_length (from));
        }
      do
        at = MIN (g_utf8_next_char (at), end);
      while (at < end && !is_plain_start (at, end));
      fold_slowly (from, at - from, out);
      text = at;
    }
}

gsize
satchel_casefold_safe_length (const char *text, gsize len)
{
  /* Finds where to cut: before the last ASCII byte, since no sequence composes across it. If the last 1,024
   * bytes have none, the cut is at a boundary of characters. */
  const gsize limit = len > 1024 ? len - 1024 : 0;
  for (gsize i = len; i > limit; i--)
    if ((guchar) text[i - 1] < 0x80)
      return i - 1;
  if (limit == 0)
    return 0;
  gsize cut = len;
  while (cut > limit && ((guchar) text[cut - 1] & 0xc0) == 0x80)
    cut--;
  return cut > limit ? cut - 1 : len;
}

char *
satchel_casefold (const char *text, gsize len, gsize *ret_len)
{
  g_autofree char *valid = NULL;
  if (!g_utf8_validate_len (text, len, NULL))
    text = valid = satchel_charset_to_utf8 ("utf-8", text, len, &len);
  GString *out = g_string_sized_new (len + 8);
  satchel_casefold_append (text, len, out);
  if (ret_len != NULL)
    *ret_len = out->len;
  return g_string_free (out, FALSE);
}
