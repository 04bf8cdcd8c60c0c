/* SPDX-License-Identifier: MIT
 * This file makes the name of a client.  Anybody who can connect may send it, so it is bounded, and made
 * valid text.
 */
#include "client_id.h"

#include <string.h>

#define NAME_BYTES 63u
#define VERSION_BYTES 32u

void
imap_client_field (const char *key, const char *value, const char **name, const char **version)
{
  if (value == NULL)
    return;
  if (*name == NULL && g_ascii_strcasecmp (key, "name") == 0)
    *name = value;
  else if (*version == NULL && g_ascii_strcasecmp (key, "version") == 0)
    *version = value;
}

/* Appends at most @max bytes as text. What is cut within a character, too, becomes text; that may make it
 * longer. */
static void
append_text (GString *out, const char *text, gsize max)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) strnlen (text, max));
  for (const char *at = valid; *at != '\0' && (gsize) (g_utf8_next_char (at) - valid) <= max;
       at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);
      g_string_append_unichar (out, g_unichar_isprint (c) ? c : '?');
    }
}

char *
imap_client_text (const char *name, const char *version)
{
  if (name == NULL || *name == '\0')
    return NULL;
  GString *out = g_string_new (NULL);
  append_text (out, name, NAME_BYTES);
  if (version != NULL && *version != '\0')
    {
      g_string_append_c (out, ' ');
      append_text (out, version, VERSION_BYTES);
    }
  return g_string_free (out, FALSE);
}
