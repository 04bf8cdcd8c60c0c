/* SPDX-License-Identifier: MIT
 * Implements modified UTF-7 of mailbox names (RFC 3501 5.1.3). It is strict both ways, so that each name has
 * one form only.
 */
#include "config.h"

#include "core/mail/name/utf7.h"

#include <satchel/mailbox_name.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static gboolean
is_direct (gunichar c, char shifted)
{
  return c >= 0x20 && c <= 0x7e && (shifted == '\0' || c != (guchar) shifted);
}

/* Adds one UTF-16 unit. @high: a high surrogate that waits for its other half. */
static gboolean
add_unit (GString *out, guint unit, guint *high, char shifted)
{
  gunichar c = unit;
  if (*high != 0)
    {
      if (unit < 0xdc00 || unit > 0xdfff)
        return FALSE;
      c = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
      *high = 0;
    }
  else if (unit >= 0xd800 && unit <= 0xdbff)
    {
      *high = unit;
      return TRUE;
    }
  /* A printing US-ASCII character that can represent itself must not be encoded (RFC 3501 5.1.3). */
  if (c == 0 || is_direct (c, shifted) || (c >= 0xdc00 && c <= 0xdfff))
    return FALSE;
  g_string_append_unichar (out, c);
  return TRUE;
}

/* Decodes a shifted run from the first character after '&'. Returns the closing '-'; NULL means that the run
 * is bad. */
static const char *
decode_shift (const char *at, const char *end, char shifted, GString *out)
{
  guint bits = 0, n_bits = 0, high = 0, n_chars = 0;
  for (; at < end && *at != '-'; at++)
    {
      const char *digit = *at != '\0' ? strchr (alphabet, *at) : NULL;
      if (digit == NULL)
        return NULL;
      bits = bits << 6 | (guint) (digit - alphabet);
      n_bits += 6;
      n_chars++;
      if (n_bits >= 16)
        {
          n_bits -= 16;
          if (!add_unit (out, bits >> n_bits & 0xffff, &high, shifted))
            return NULL;
          bits &= (1u << n_bits) - 1;
        }
    }
  /* Fill bits are zero and fewer than one digit. */
  return at == end || n_chars == 0 || high != 0 || n_bits >= 6 || bits != 0 ? NULL : at;
}

char *
satchel_utf7_decode (const char *text, gsize len)
{
  return satchel_utf7_decode_with (text, len, '\0');
}

char *
satchel_utf7_decode_with (const char *text, gsize len, char shifted)
{
  g_autoptr (GString) out = g_string_new (NULL);
  const char *at = text, *end = text + len, *shift_end = NULL;
  for (; at < end; at++)
    {
      if (!is_direct ((guchar) *at, shifted))
        return NULL;
      if (*at != '&')
        g_string_append_c (out, *at);
      else if (at + 1 < end && at[1] == '-')
        g_string_append_c (out, *at++);
      else
        {
          /* Two encoded runs in a row are refused, since one run could have held both. */
          if (shift_end != NULL && shift_end + 1 == at)
            return NULL;
          at = decode_shift (at + 1, end, shifted, out);
          if (at == NULL)
            return NULL;
          shift_end = at;
        }
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

typedef struct Shift
{
  gboolean is_open;
  guint bits, n_bits;
} Shift;

static void
put_unit (GString *out, Shift *shift, guint unit)
{
  shift->bits = shift->bits << 16 | unit;
  shift->n_bits += 16;
  while (shift->n_bits >= 6)
    {
      shift->n_bits -= 6;
      g_string_append_c (out, alphabet[shift->bits >> shift->n_bits & 63]);
    }
}

static void
end_shift (GString *out, Shift *shift)
{
  if (!shift->is_open)
    return;
  if (shift->n_bits > 0)
    g_string_append_c (out, alphabet[shift->bits << (6 - shift->n_bits) & 63]);
  g_string_append_c (out, '-');
  *shift = (Shift) { 0 };
}

char *
satchel_utf7_encode (const char *utf8)
{
  return satchel_utf7_encode_with (utf8, '\0');
}

char *
satchel_utf7_encode_with (const char *utf8, char shifted)
{
  GString *out = g_string_new (NULL);
  Shift shift = { 0 };
  for (; *utf8 != '\0'; utf8 = g_utf8_next_char (utf8))
    {
      gunichar c = g_utf8_get_char (utf8);
      if (is_direct (c, shifted))
        {
          end_shift (out, &shift);
          g_string_append_c (out, (char) c);
          if (c == '&')
            g_string_append_c (out, '-');
          continue;
        }
      if (!shift.is_open)
        g_string_append_c (out, '&');
      shift.is_open = TRUE;
      if (c >= 0x10000)
        {
          put_unit (out, &shift, 0xd800 + ((c - 0x10000) >> 10));
          put_unit (out, &shift, 0xdc00 + ((c - 0x10000) & 0x3ff));
        }
      else
        put_unit (out, &shift, c);
    }
  end_shift (out, &shift);
  return g_string_free (out, FALSE);
}
