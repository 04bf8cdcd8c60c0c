/* SPDX-License-Identifier: MIT
 * This file searches addresses as ENVELOPE shows them: without comments, folding and quoting, with names
 * decoded (RFC 3501 6.4.4 looks for FROM, TO, CC and BCC in the envelope).
 */
#include "config.h"

#include <satchel/charset.h>
#include <satchel/header.h>
#include <satchel/message.h>
#include <string.h>

#include "core/mail/charset/casefold.h"
#include "core/mail/search/needle.h"

gboolean
satchel_is_address_field (const char *name)
{
  static const char *const names[] = { "From", "To", "Cc", "Bcc", "Sender", "Reply-To" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_ascii_strcasecmp (name, names[i]) == 0)
      return TRUE;
  return FALSE;
}

/* Gives a text to @func.  TRUE means that @func wants no more. */
static gboolean
show_text (const char *text, SatchelShownFunc func, gpointer data)
{
  gsize len;
  if (text == NULL || *text == '\0')
    return FALSE;
  g_autofree char *decoded = satchel_header_decode (text, strlen (text), &len);
  g_autofree char *folded = satchel_casefold (decoded, len, &len);
  return func (folded, len, data);
}

gboolean
satchel_show_addresses (const char *value, gsize len, SatchelShownFunc func, gpointer data)
{
  g_autoptr (GPtrArray) list = satchel_addresses_parse (value, len, SATCHEL_SCAN_ADDRESSES);
  for (guint i = 0; i < list->len; i++)
    {
      const SatchelAddress *address = g_ptr_array_index (list, i);
      g_autofree char *spec = address->mailbox != NULL && address->host != NULL && *address->host != '\0'
                                  ? g_strconcat (address->mailbox, "@", address->host, NULL)
                                  : g_strdup (address->mailbox);
      if (show_text (address->name, func, data) || show_text (spec, func, data))
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_needle_in (const char *folded, gsize len, gpointer needle)
{
  return satchel_needle_is_in_folded (needle, folded, len);
}

gboolean
satchel_needle_is_in_field (const SatchelNeedle *needle, const char *name, const char *value, gsize len)
{
  return satchel_needle_is_in_value (needle, value, len)
         || (satchel_is_address_field (name)
             && satchel_show_addresses (value, len, is_needle_in, (gpointer) needle));
}
