/* SPDX-License-Identifier: MIT
 * Says whether mail is internationalized (RFC 6530, RFC 6532).  Only such mail has a surrogate
 * (RFC 6855 7), since careless programs have always sent headers with 8-bit bytes.
 */
#include "config.h"

#include <satchel/header.h>
#include <satchel/message.h>
#include <string.h>

#include "core/mail/scan/scan.h"

/* so many addresses that are not ASCII are looked for in their fields, in each message */
#define MAX_LOOKED_FOR 16u

static gboolean
has_8bit (const char *text, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if ((guchar) text[i] >= 0x80)
      return TRUE;
  return FALSE;
}

/* Says whether a Received field has "with UTF8LMTP" or the like (RFC 6531 4.3). */
static gboolean
came_by_smtputf8 (const SatchelHeaderField *received)
{
  g_autofree char *text = satchel_header_unfold (received->value, received->value_len, NULL);
  for (char *at = text; (at = strstr (at, "with")) != NULL; at += 4)
    if (at > text && g_ascii_isspace (at[-1]) && g_ascii_isspace (at[4])
        && g_ascii_strncasecmp (at + 4 + strspn (at + 4, " \t"), "UTF8", 4) == 0)
      return TRUE;
  return FALSE;
}

/* Says whether the field has an address that is not ASCII.  Words before an address without brackets are read
 * as part of its local part, so that such an address is not in the field as a whole, and does not count. */
static gboolean
needs_utf8 (const SatchelHeaderField *field, guint *n_looked_for)
{
  g_autoptr (GPtrArray) list =
      satchel_addresses_parse (field->value, field->value_len, SATCHEL_SCAN_ADDRESSES);
  for (guint i = 0; i < list->len && *n_looked_for < MAX_LOOKED_FOR; i++)
    {
      const SatchelAddress *address = g_ptr_array_index (list, i);
      if (address->mailbox == NULL || address->host == NULL || *address->mailbox == '\0'
          || *address->host == '\0')
        continue;
      g_autofree char *spec = g_strconcat (address->mailbox, "@", address->host, NULL);
      if (!has_8bit (spec, strlen (spec)))
        continue;
      (*n_looked_for)++;
      if (memmem (field->value, field->value_len, spec, strlen (spec)) != NULL)
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_address_field (const SatchelHeaderField *field)
{
  static const char *const names[] = { "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Return-Path" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (satchel_header_field_is (field, names[i]))
      return TRUE;
  return FALSE;
}

gboolean
satchel_scan_is_internationalized (const char *block, gsize len)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  gboolean is_after_received = FALSE;
  guint n_looked_for = 0;
  satchel_header_reader_init (&reader, block, len);
  while (satchel_header_reader_next (&reader, &field))
    {
      /* Only the newest Received field counts, which this server or the one before it wrote. */
      if (!is_after_received && satchel_header_field_is (&field, "Received"))
        {
          is_after_received = TRUE;
          if (came_by_smtputf8 (&field))
            return TRUE;
        }
      else if (has_8bit (field.value, field.value_len) && is_address_field (&field)
               && g_utf8_validate_len (field.value, field.value_len, NULL)
               && needs_utf8 (&field, &n_looked_for))
        return TRUE;
    }
  return FALSE;
}
