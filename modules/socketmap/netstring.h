/* SPDX-License-Identifier: MIT
 * Netstrings: the length in decimal, ":", as many bytes, ",".
 */
#pragma once
#include <satchel/types.h>

typedef enum
{
  NETSTRING_NONE = 0, /* the netstring has not come as a whole yet */
  NETSTRING_READ,
  NETSTRING_BAD /* it is none, or longer than the limit: what follows cannot be told apart */
} NetstringStatus;

/* Reads the netstring that @data begins with, of at most @limit bytes (below 10,000,000). *ret_text is within
 * @data; *ret_used is the bytes of the whole netstring. */
NetstringStatus netstring_read (const guint8 *data, gsize len, gsize limit, const guint8 **ret_text,
                                gsize *ret_len, gsize *ret_used);
