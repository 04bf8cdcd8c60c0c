/* SPDX-License-Identifier: MIT
 * This file makes and compares needles, which are the texts that SEARCH looks for (RFC 3501 6.4.4).
 */
#include "config.h"

#include "core/mail/search/needle.h"

#include <satchel/charset.h>
#include <satchel/header.h>
#include <string.h>

#include "core/mail/charset/casefold.h"

#define NEEDLE_BYTES 1024u
#define STACK_BYTES 2048u

SatchelNeedle *
satchel_needle_new (const char *text, gsize len)
{
  SatchelNeedle *needle = g_new0 (SatchelNeedle, 1);
  len = MIN (len, NEEDLE_BYTES);
  while (len > 0 && len == NEEDLE_BYTES && ((guchar) text[len - 1] & 0xc0) == 0x80)
    len--;
  needle->text = satchel_casefold (text, len, &needle->len);
  needle->is_ascii = g_str_is_ascii (needle->text);
  return needle;
}

void
satchel_needle_free (SatchelNeedle *needle)
{
  g_free (needle->text);
  g_free (needle);
}

gboolean
satchel_needle_is_in_folded (const SatchelNeedle *needle, const char *text, gsize len)
{
  return memmem (text, len, needle->text, needle->len) != NULL;
}

gboolean
satchel_needle_is_in (const SatchelNeedle *needle, const char *text, gsize len)
{
  gsize folded_len;
  g_autofree char *folded = satchel_casefold (text, len, &folded_len);
  return satchel_needle_is_in_folded (needle, folded, folded_len);
}

/* Says whether the value is plain ASCII in one line without encoded words, as most header fields are. */
static gboolean
is_simple (const char *value, gsize len)
{
  guchar bits = 0;
  for (gsize i = 0; i < len; i++)
    bits |= (guchar) value[i];
  return bits < 0x80 && memchr (value, '\n', len) == NULL && memmem (value, len, "=?", 2) == NULL;
}

gboolean
satchel_needle_is_in_value (const SatchelNeedle *needle, const char *value, gsize len)
{
  char buffer[STACK_BYTES];
  while (len > 0 && (*value == ' ' || *value == '\t'))
    {
      value++;
      len--;
    }
  if (len <= sizeof buffer && is_simple (value, len))
    {
      if (!needle->is_ascii)
        return FALSE;
      memcpy (buffer, value, len);
      satchel_ascii_lower (buffer, len);
      return satchel_needle_is_in_folded (needle, buffer, len);
    }
  gsize decoded_len;
  g_autofree char *decoded = satchel_header_decode (value, len, &decoded_len);
  return satchel_needle_is_in (needle, decoded, decoded_len);
}
