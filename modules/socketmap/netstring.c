/* SPDX-License-Identifier: MIT
 * Reads netstrings, without a copy.
 */
#include "netstring.h"

#define DIGITS_MAX 7u

NetstringStatus
netstring_read (const guint8 *data, gsize len, gsize limit, const guint8 **ret_text, gsize *ret_len,
                gsize *ret_used)
{
  gsize n_digits = 0, n = 0;
  while (n_digits < len && n_digits <= DIGITS_MAX && g_ascii_isdigit (data[n_digits]))
    n = n * 10 + (gsize) (data[n_digits++] - '0');
  gboolean has_odd_zero = n_digits > 1 && data[0] == '0';
  if (n > limit || n_digits > DIGITS_MAX || has_odd_zero)
    return NETSTRING_BAD;
  if (n_digits == len)
    return NETSTRING_NONE;
  if (n_digits == 0 || data[n_digits] != ':')
    return NETSTRING_BAD;
  gsize start = n_digits + 1;
  if (len - start <= n)
    return NETSTRING_NONE;
  if (data[start + n] != ',')
    return NETSTRING_BAD;
  *ret_text = data + start;
  *ret_len = n;
  *ret_used = start + n + 1;
  return NETSTRING_READ;
}
