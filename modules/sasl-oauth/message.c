/* SPDX-License-Identifier: MIT
 * This file parses the first messages of clients: a name, and pairs of key and value, each ended by ^A.
 */
#include "message.h"

#include <satchel/sasl.h>
#include <string.h>

#define PAIRS_MAX 16u
#define HOST_MAX 255u
#define END '\001'

void
oauth_message_clear (OauthMessage *message)
{
  if (message->token != NULL)
    explicit_bzero (message->token, strlen (message->token));
  g_clear_pointer (&message->token, g_free);
  g_clear_pointer (&message->user, g_free);
}

/* Says whether a text is a b64token (RFC 6750 2.1). */
static gboolean
is_token (const char *text)
{
  gsize len = strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/");
  return len > 0 && strlen (text) <= OAUTH_TOKEN_MAX && text[len + strspn (text + len, "=")] == '\0';
}

/* Reads "Bearer" and a token; the scheme comes in any case (RFC 9110 11.1). */
static gboolean
take_authorization (const char *value, OauthMessage *message)
{
  if (message->token != NULL)
    return FALSE;
  if (*value == '\0')
    return TRUE;
  if (g_ascii_strncasecmp (value, "Bearer ", strlen ("Bearer ")) != 0)
    return FALSE;
  value += strlen ("Bearer ");
  value += strspn (value, " ");
  if (!is_token (value))
    return FALSE;
  message->token = g_strdup (value);
  return TRUE;
}

static gboolean
is_host (const char *value)
{
  gsize len = strspn (value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]");
  return len > 0 && len <= HOST_MAX && value[len] == '\0';
}

static gboolean
is_port (const char *value)
{
  guint64 port;
  return g_ascii_string_to_unsigned (value, 10, 1, 65535, &port, NULL);
}

/* Takes one pair, which has no end of its own. Unknown keys are left out (RFC 7628 3.1). */
static gboolean
take_pair (char *pair, OauthMessage *message, gboolean *has_authorization)
{
  char *value = strchr (pair, '=');
  if (value == NULL || value == pair)
    return FALSE;
  *value++ = '\0';
  for (const char *c = pair; *c != '\0'; c++)
    if (!g_ascii_isalpha (*c))
      return FALSE;
  for (const char *c = value; *c != '\0'; c++)
    if ((*c < ' ' && *c != '\t' && *c != '\r' && *c != '\n') || *c >= 0x7f)
      return FALSE;
  if (strcmp (pair, "host") == 0)
    return is_host (value);
  if (strcmp (pair, "port") == 0)
    return is_port (value);
  if (strcmp (pair, "auth") != 0)
    return TRUE;
  if (*has_authorization)
    return FALSE;
  *has_authorization = TRUE;
  return take_authorization (value, message);
}

/* Reads *kvpair kvsep (RFC 7628 3.1), to the end of the text. */
static gboolean
take_pairs (char *text, OauthMessage *message)
{
  gboolean has_authorization = FALSE;
  for (guint n = 0; n <= PAIRS_MAX; n++)
    {
      char *end = strchr (text, END);
      if (end == NULL)
        return FALSE;
      if (end == text)
        return end[1] == '\0' && has_authorization;
      *end = '\0';
      if (!take_pair (text, message, &has_authorization))
        return FALSE;
      text = end + 1;
    }
  return FALSE;
}

/* Reads a saslname of RFC 5801 4, where a comma is =2C and an equals sign =3D. NULL means that it is none. */
static char *
read_name (const char *text)
{
  g_autoptr (GString) name = g_string_new (NULL);
  for (; *text != '\0'; text++)
    if (*text != '=')
      g_string_append_c (name, *text);
    else if (strncmp (text, "=2C", 3) == 0 || strncmp (text, "=3D", 3) == 0)
      {
        g_string_append_c (name, text[1] == '2' ? ',' : '=');
        text += 2;
      }
    else
      return NULL;
  if (name->len == 0 || name->len > SATCHEL_SASL_USER_MAX)
    return NULL;
  return g_string_free (g_steal_pointer (&name), FALSE);
}

/* Reads a gs2-header (RFC 5801 4): no channel binding, which the mechanism has not, and the user. */
static gboolean
take_header (char *header, OauthMessage *message)
{
  if ((*header != 'n' && *header != 'y') || strncmp (header + 1, ",a=", 3) != 0)
    return FALSE;
  char *name = header + strlen ("n,a="), *end = strchr (name, ',');
  if (end == NULL || end[1] != '\0')
    return FALSE;
  *end = '\0';
  message->user = read_name (name);
  return message->user != NULL;
}

static gboolean
take_user (const char *header, OauthMessage *message)
{
  if (!g_str_has_prefix (header, "user="))
    return FALSE;
  const char *name = header + strlen ("user=");
  if (*name == '\0' || strlen (name) > SATCHEL_SASL_USER_MAX)
    return FALSE;
  message->user = g_strdup (name);
  return TRUE;
}

/* Makes a copy with a NUL at its end, to be cut into pieces. NULL means that it is too long or no text. */
static char *
copy_text (const guint8 *data, gsize len)
{
  gboolean is_text = data != NULL && len > 0 && len <= SATCHEL_SASL_RESPONSE_MAX
                     && g_utf8_validate_len ((const char *) data, len, NULL);
  return is_text ? g_strndup ((const char *) data, len) : NULL;
}

static gboolean
parse (const guint8 *data, gsize len, gboolean is_bearer, OauthMessage *ret_message)
{
  char *text = copy_text (data, len), *end = text != NULL ? strchr (text, END) : NULL;
  gboolean ok = end != NULL;
  if (ok)
    {
      *end = '\0';
      ok = (is_bearer ? take_header (text, ret_message) : take_user (text, ret_message))
           && take_pairs (end + 1, ret_message);
    }
  if (text != NULL)
    explicit_bzero (text, len);
  g_free (text);
  return ok;
}

gboolean
oauth_bearer_parse (const guint8 *data, gsize len, OauthMessage *ret_message)
{
  return parse (data, len, TRUE, ret_message);
}

gboolean
oauth_xoauth2_parse (const guint8 *data, gsize len, OauthMessage *ret_message)
{
  return parse (data, len, FALSE, ret_message);
}
