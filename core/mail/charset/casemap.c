/* SPDX-License-Identifier: MIT
 * Implements i;unicode-casemap (RFC 5051 2), by which SORT and THREAD compare (RFC 5256 7): titlecase, then
 * full decomposition.
 */
#include "config.h"

#include "core/mail/charset/casefold.h"
#include "core/mail/charset/charset_reader.h"
#include <satchel/charset.h>

#define DECOMPOSED_MAX 18 /* The longest decomposition has so many characters (that of U+FDFA). */

static void
append_mapped (GString *out, gunichar c)
{
  gunichar parts[DECOMPOSED_MAX];
  gsize n = g_unichar_fully_decompose (g_unichar_totitle (c), TRUE, parts, DECOMPOSED_MAX);
  for (gsize i = 0; i < MIN (n, DECOMPOSED_MAX); i++)
    g_string_append_unichar (out, parts[i]);
}

char *
satchel_casemap (const char *text, gsize len, gsize *ret_len)
{
  g_autofree char *valid = NULL;
  if (!g_utf8_validate_len (text, len, NULL))
    text = valid = satchel_charset_to_utf8 ("utf-8", text, len, &len);
  GString *out = g_string_sized_new (len + 1);
  for (const char *at = text, *end = text + len; at < end; at = g_utf8_next_char (at))
    if ((guchar) *at < 0x80)
      g_string_append_c (out, g_ascii_toupper (*at));
    else
      append_mapped (out, g_utf8_get_char (at));
  if (ret_len != NULL)
    *ret_len = out->len;
  return g_string_free (out, FALSE);
}
