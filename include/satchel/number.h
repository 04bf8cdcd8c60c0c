/* SPDX-License-Identifier: MIT
 * Declares numbers inside of texts: those from outside are read, and those of ours are written. A text that
 * is a number and nothing else is for g_ascii_string_to_unsigned and g_ascii_string_to_signed, which are as
 * strict.
 */
#pragma once
#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/* Reads the digits at *@ref_at as a number of @base (2 to 16; letters of either case), and moves *@ref_at
 * behind them.  @end: where the text ends; NULL means that it has an end of its own that is no digit, such as
 * NUL. Neither sign nor space nor prefix is taken; leading zeros are.  FALSE changes nothing: there is no
 * digit, or the number is greater than @max. */
static inline gboolean
satchel_number_take (const char **ref_at, const char *end, guint base, guint64 max, guint64 *ret_number)
{
  const char *at = *ref_at;
  guint64 number = 0;
  for (; at != end; at++)
    {
      guint digit = (guint) (guint8) *at - '0', letter = ((guint) (guint8) *at | 0x20) - 'a';
      if (digit > 9)
        digit = letter < 6 ? letter + 10 : G_MAXUINT;
      if (digit >= base)
        break;
      if (__builtin_mul_overflow (number, base, &number) || __builtin_add_overflow (number, digit, &number)
          || number > max)
        return FALSE;
    }
  if (at == *ref_at)
    return FALSE;
  *ref_at = at;
  *ret_number = number;
  return TRUE;
}

/* Does what satchel_number_take does, in base 10 for a guint32. */
static inline gboolean
satchel_number_take_u32 (const char **ref_at, const char *end, guint32 max, guint32 *ret_number)
{
  guint64 number;
  if (!satchel_number_take (ref_at, end, 10, max, &number))
    return FALSE;
  *ret_number = (guint32) number;
  return TRUE;
}

/* A number has at most these digits in base 10. */
#define SATCHEL_NUMBER_DIGITS 20u

/* Writes the digits of @number in base 10 to @at, which has room for SATCHEL_NUMBER_DIGITS, and no NUL behind
 * them.  Returns their end. */
static inline char *
satchel_number_put (char *at, guint64 number)
{
  char digits[SATCHEL_NUMBER_DIGITS];
  guint n = 0;
  do
    digits[n++] = (char) ('0' + number % 10);
  while ((number /= 10) != 0);
  while (n > 0)
    *at++ = digits[--n];
  return at;
}

/* Moves *@ref_at behind @text, if it stands there; not for a text that ends without a NUL. */
static inline gboolean
satchel_text_take (const char **ref_at, const char *text)
{
  gsize len = strlen (text);
  if (strncmp (*ref_at, text, len) != 0)
    return FALSE;
  *ref_at += len;
  return TRUE;
}

G_END_DECLS
