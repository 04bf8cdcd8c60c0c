/* SPDX-License-Identifier: MIT
 * XFORWARD, Postfix's extension (its XFORWARD_README): an MTA says before MAIL where the message comes from,
 * and which id it has in the MTA's queue.  Several commands add up; the end of the transaction forgets what
 * they said.  Only peers of `xforward_networks` are believed.
 */
#include "lmtp_session.h"

#include <arpa/inet.h>
#include <string.h>

/* Characters that are special in header fields, besides those that are not graphic: they become '?'. */
#define SPECIALS "<>()\\\";@"

static gboolean
is_port (const char *text)
{
  guint64 port;
  return g_ascii_string_to_unsigned (text, 10, 0, 65535, &port, NULL);
}

static gboolean
is_source (const char *text)
{
  return g_ascii_strcasecmp (text, "LOCAL") == 0 || g_ascii_strcasecmp (text, "REMOTE") == 0;
}

static const struct
{
  const char *name;
  gsize member; /* offset of the member in SatchelOrigin */
  guint max;    /* most bytes of the value */
  gboolean (*is_valid) (const char *text);
} attributes[LMTP_N_FORWARDED] = {
  [LMTP_FORWARDED_NAME] = { "NAME", offsetof (SatchelOrigin, name), SATCHEL_ORIGIN_BYTES, NULL },
  [LMTP_FORWARDED_ADDR] = { "ADDR", offsetof (SatchelOrigin, address), SATCHEL_ORIGIN_BYTES, NULL },
  [LMTP_FORWARDED_PORT] = { "PORT", offsetof (SatchelOrigin, port), 5, is_port },
  [LMTP_FORWARDED_PROTO] = { "PROTO", offsetof (SatchelOrigin, protocol), 64, NULL },
  [LMTP_FORWARDED_HELO] = { "HELO", offsetof (SatchelOrigin, helo), SATCHEL_ORIGIN_BYTES, NULL },
  [LMTP_FORWARDED_IDENT] = { "IDENT", offsetof (SatchelOrigin, queue_id), SATCHEL_ORIGIN_BYTES, NULL },
  [LMTP_FORWARDED_SOURCE] = { "SOURCE", offsetof (SatchelOrigin, source), 6, is_source },
};

/* Says whether the MTA says that it does not know this attribute. */
static gboolean
is_unknown (const char *value)
{
  return *value == '\0' || g_ascii_strcasecmp (value, "[UNAVAILABLE]") == 0
         || g_ascii_strcasecmp (value, "[TEMPUNAVAIL]") == 0;
}

/* Decodes xtext (RFC 3461 4) in place. FALSE means that it is none. */
static gboolean
decode (char *text)
{
  char *out = text;
  for (const char *at = text; *at != '\0'; at++)
    {
      unsigned char c = (unsigned char) *at;
      if (c == '+')
        {
          if (!g_ascii_isxdigit (at[1]) || !g_ascii_isxdigit (at[2]))
            return FALSE;
          c = (unsigned char) (g_ascii_xdigit_value (at[1]) << 4 | g_ascii_xdigit_value (at[2]));
          at += 2;
        }
      *out++ = g_ascii_isgraph ((char) c) && strchr (SPECIALS, c) == NULL ? (char) c : '?';
    }
  *out = '\0';
  return TRUE;
}

/* Returns an IP address in its usual form, whatever the MTA's, and anything else as it is; the caller frees
 * it. */
static char *
normal_address (const char *text)
{
  guint8 bytes[16];
  char normal[INET6_ADDRSTRLEN];
  const char *address = g_ascii_strncasecmp (text, "IPv6:", 5) == 0 ? text + 5 : text;
  int family = strchr (address, ':') != NULL ? AF_INET6 : AF_INET;
  if (inet_pton (family, address, bytes) != 1 || inet_ntop (family, bytes, normal, sizeof normal) == NULL)
    return g_strdup (text);
  return g_strdup (normal);
}

/* Takes one attribute into @values. FALSE means that it is none, or that its value is not valid. */
static gboolean
take_attribute (char *text, char **values)
{
  char *value = strchr (text, '=');
  if (value == NULL)
    return FALSE;
  *value++ = '\0';
  guint i = 0;
  while (i < LMTP_N_FORWARDED && g_ascii_strcasecmp (attributes[i].name, text) != 0)
    i++;
  if (i == LMTP_N_FORWARDED || !decode (value))
    return FALSE;
  g_clear_pointer (&values[i], g_free);
  if (is_unknown (value))
    return TRUE;
  if (strlen (value) > attributes[i].max
      || (attributes[i].is_valid != NULL && !attributes[i].is_valid (value)))
    return FALSE;
  values[i] = i == LMTP_FORWARDED_ADDR     ? normal_address (value)
              : i == LMTP_FORWARDED_SOURCE ? g_ascii_strup (value, -1)
                                           : g_strdup (value);
  return TRUE;
}

static void
clear (char **values)
{
  for (guint i = 0; i < LMTP_N_FORWARDED; i++)
    g_clear_pointer (&values[i], g_free);
}

void
lmtp_run_xforward (Lmtp *lmtp, char *argument)
{
  char *values[LMTP_N_FORWARDED];
  for (guint i = 0; i < LMTP_N_FORWARDED; i++)
    values[i] = g_strdup (lmtp->forwarded[i]);
  g_auto (GStrv) words = g_strsplit (argument, " ", -1);
  gboolean ok = *argument != '\0';
  for (guint i = 0; ok && words[i] != NULL; i++)
    ok = *words[i] == '\0' || take_attribute (words[i], values);
  /* A command that is refused changes nothing. */
  if (!ok)
    {
      clear (values);
      lmtp_bad_command (lmtp, LMTP_SAY_XFORWARD_SYNTAX);
      return;
    }
  lmtp_forget_forwarded (lmtp);
  lmtp->has_forwarded = TRUE;
  memcpy (lmtp->forwarded, values, sizeof values);
  lmtp_reply (lmtp, LMTP_SAY_OK);
}

/* Says whether a fact is void: without an address the message was made on the MTA's machine, and other facts
 * of a client mean nothing. */
static gboolean
is_void (const Lmtp *lmtp, guint attribute)
{
  return lmtp->forwarded[LMTP_FORWARDED_ADDR] == NULL
         && (attribute == LMTP_FORWARDED_NAME || attribute == LMTP_FORWARDED_PORT
             || attribute == LMTP_FORWARDED_HELO);
}

void
lmtp_set_origin (const Lmtp *lmtp)
{
  SatchelOrigin origin = { .size = sizeof origin };
  if (!lmtp->has_forwarded)
    return;
  for (guint i = 0; i < LMTP_N_FORWARDED; i++)
    if (!is_void (lmtp, i))
      *(const char **) ((char *) &origin + attributes[i].member) = lmtp->forwarded[i];
  satchel_delivery_set_origin (lmtp->delivery, &origin);
}
