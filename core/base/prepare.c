/* SPDX-License-Identifier: MIT
 * This file brings secrets into the form in which they are compared: the profile OpaqueString of RFC 8265
 * 4.
 */
#include "config.h"

#include <satchel/secret.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

/* Replaces spaces that are not ASCII by the ASCII one, and changes neither case nor width (RFC 8265 4.2.1).
 * */
static char *
map_spaces (const char *secret)
{
  GString *mapped = g_string_sized_new (strlen (secret) + 1);
  for (const char *p = secret; *p != '\0'; p = g_utf8_next_char (p))
    if (g_unichar_type (g_utf8_get_char (p)) == G_UNICODE_SPACE_SEPARATOR)
      g_string_append_c (mapped, ' ');
    else
      g_string_append_len (mapped, p, g_utf8_next_char (p) - p);
  return g_string_free (mapped, FALSE);
}

char *
satchel_secret_prepare (const char *secret)
{
  if (g_str_is_ascii (secret) || !g_utf8_validate (secret, -1, NULL))
    return g_strdup (secret);
  char *mapped = map_spaces (secret);
  size_t len = 0;
  uint8_t *composed = u8_normalize (UNINORM_NFC, (const uint8_t *) mapped, strlen (mapped), NULL, &len);
  char *prepared = composed != NULL ? g_strndup ((const char *) composed, len) : g_strdup (mapped);
  explicit_bzero (mapped, strlen (mapped));
  g_free (mapped);
  if (composed != NULL)
    explicit_bzero (composed, len);
  free (composed);
  return prepared;
}
