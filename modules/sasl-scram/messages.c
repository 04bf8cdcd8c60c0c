/* SPDX-License-Identifier: MIT
 * The messages of SCRAM.
 */
#include "messages.h"

#include <string.h>

#define MESSAGE_MAX 4096u
#define NONCE_MAX 256u

/* Takes one attribute, "X=value", up to the next comma. NULL means that it is not this one. *cursor stands
 * behind it, at the comma or the end. */
static char *
take_attribute (const char **cursor, char name)
{
  if ((*cursor)[0] != name || (*cursor)[1] != '=')
    return NULL;
  const char *value = *cursor + 2;
  gsize len = strcspn (value, ",");
  *cursor = value + len;
  return g_strndup (value, len);
}

static gboolean
skip_comma (const char **cursor)
{
  if (**cursor != ',')
    return FALSE;
  (*cursor)++;
  return TRUE;
}

/* Decodes a saslname (RFC 5802 7): "=2C" is a comma, "=3D" an equals sign, and no other '=' may stand
 * there. */
static gboolean
decode_name (char *name)
{
  char *to = name;
  if (*name == '\0')
    return FALSE;
  for (const char *from = name; *from != '\0'; to++)
    {
      if (*from != '=')
        {
          *to = *from++;
          continue;
        }
      gboolean is_comma = strncmp (from, "=2C", 3) == 0;
      if (!is_comma && strncmp (from, "=3D", 3) != 0)
        return FALSE;
      *to = is_comma ? ',' : '=';
      from += 3;
    }
  *to = '\0';
  return TRUE;
}

/* Says whether a nonce is printable (RFC 5802 7), which is visible ASCII but the comma. */
static gboolean
is_nonce (const char *nonce)
{
  gsize len = strlen (nonce);
  for (const char *p = nonce; *p != '\0'; p++)
    if (!g_ascii_isgraph (*p))
      return FALSE;
  return len > 0 && len <= NONCE_MAX;
}

static char *
copy_message (const guint8 *message, gsize len)
{
  return message != NULL && len > 0 && len <= MESSAGE_MAX
                 && g_utf8_validate_len ((const char *) message, len, NULL)
             ? g_strndup ((const char *) message, len)
             : NULL;
}

void
scram_first_clear (ScramFirst *first)
{
  g_free (first->header);
  g_free (first->bare);
  g_free (first->user);
  g_free (first->authorisation);
  g_free (first->nonce);
  g_free (first->binding);
  *first = (ScramFirst) { 0 };
}

/* Reads gs2-cbind-flag (RFC 5802 7): "n", "y" or "p=TYPE". */
static gboolean
parse_flag (const char **cursor, ScramFirst *first)
{
  if ((first->binding = take_attribute (cursor, 'p')) != NULL)
    return first->binding[0] != '\0';
  first->could_bind = **cursor == 'y';
  if (**cursor != 'y' && **cursor != 'n')
    return FALSE;
  (*cursor)++;
  return TRUE;
}

static gboolean
parse_first (const char *text, ScramFirst *first)
{
  const char *cursor = text;
  if (!parse_flag (&cursor, first) || !skip_comma (&cursor))
    return FALSE;
  first->authorisation = take_attribute (&cursor, 'a');
  if ((first->authorisation != NULL && !decode_name (first->authorisation)) || !skip_comma (&cursor))
    return FALSE;
  first->header = g_strndup (text, (gsize) (cursor - text));
  first->bare = g_strdup (cursor);
  /* "m=" is an extension that must be understood, and none is: it is no "n=". */
  first->user = take_attribute (&cursor, 'n');
  if (first->user == NULL || !decode_name (first->user) || !skip_comma (&cursor))
    return FALSE;
  first->nonce = take_attribute (&cursor, 'r');
  return first->nonce != NULL && is_nonce (first->nonce);
}

gboolean
scram_first_parse (const guint8 *message, gsize len, ScramFirst *ret_first)
{
  g_autofree char *text = copy_message (message, len);
  ScramFirst first = { 0 };
  if (text != NULL && parse_first (text, &first))
    {
      *ret_first = first;
      return TRUE;
    }
  scram_first_clear (&first);
  return FALSE;
}

void
scram_final_clear (ScramFinal *final)
{
  g_free (final->without_proof);
  g_free (final->nonce);
  g_free (final->binding);
  g_free (final->proof);
  *final = (ScramFinal) { 0 };
}

/* Decodes base64 strictly: what is not base64 is no message. */
static guint8 *
decode_base64 (const char *text, gsize *ret_len)
{
  gsize len = strlen (text);
  gsize n = strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  if (len == 0 || len % 4 != 0 || len - n > 2 || n + strspn (text + n, "=") != len)
    return NULL;
  return g_base64_decode (text, ret_len);
}

static gboolean
parse_final (const char *text, ScramFinal *final)
{
  const char *cursor = text, *proof = g_strrstr (text, ",p=");
  g_autofree char *binding = take_attribute (&cursor, 'c');
  if (proof == NULL || binding == NULL || !skip_comma (&cursor))
    return FALSE;
  final->binding = decode_base64 (binding, &final->binding_len);
  final->nonce = take_attribute (&cursor, 'r');
  final->without_proof = g_strndup (text, (gsize) (proof - text));
  final->proof = decode_base64 (proof + 3, &final->proof_len);
  return final->binding != NULL && final->nonce != NULL && final->proof != NULL && cursor <= proof;
}

gboolean
scram_final_parse (const guint8 *message, gsize len, ScramFinal *ret_final)
{
  g_autofree char *text = copy_message (message, len);
  ScramFinal final = { 0 };
  if (text != NULL && parse_final (text, &final))
    {
      *ret_final = final;
      return TRUE;
    }
  scram_final_clear (&final);
  return FALSE;
}

gboolean
scram_final_binds (const ScramFinal *final, const char *header, GBytes *channel)
{
  gsize header_len = strlen (header), channel_len = 0;
  const guint8 *data = channel != NULL ? g_bytes_get_data (channel, &channel_len) : NULL;
  return final->binding_len == header_len + channel_len && memcmp (final->binding, header, header_len) == 0
         && (channel_len == 0 || memcmp (final->binding + header_len, data, channel_len) == 0);
}
