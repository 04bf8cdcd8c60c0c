/* SPDX-License-Identifier: MIT
 * Implements base64 as the SASL profiles of protocols send it.
 */
#include "config.h"

#include <satchel/protocol.h>
#include <string.h>

guint8 *
satchel_sasl_decode (const char *text, gsize *ret_len)
{
  gsize len = strlen (text), n_padding = 0;
  if (len % 4 != 0)
    return NULL;
  while (n_padding < 2 && n_padding < len && text[len - 1 - n_padding] == '=')
    n_padding++;
  for (gsize i = 0; i < len - n_padding; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '+' && text[i] != '/')
      return NULL;
  *ret_len = 0;
  return len > 0 ? g_base64_decode (text, ret_len) : g_new0 (guint8, 1);
}
