/* SPDX-License-Identifier: MIT
 * This file reads requests of the Dovecot authentication protocol, and writes values of replies.
 */
#include "request.h"

#include <string.h>

#define ESCAPE '\001'

/* Cuts the next parameter off.  NULL means that there is none. */
static char *
next_parameter (char **rest)
{
  char *parameter = *rest;
  char *tab = parameter != NULL ? strchr (parameter, '\t') : NULL;
  if (tab != NULL)
    *tab = '\0';
  *rest = tab != NULL ? tab + 1 : NULL;
  return parameter;
}

static gboolean
parse_number (const char *text, guint32 *ret_number)
{
  guint64 number;
  if (text == NULL || !g_ascii_isdigit (*text)
      || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &number, NULL))
    return FALSE;
  *ret_number = (guint32) number;
  return TRUE;
}

static char
plain_character (char escaped)
{
  switch (escaped)
    {
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'n':
      return '\n';
    case '1':
      return ESCAPE;
    default:
      return escaped;
    }
}

/* Removes escapes in place. NULL means that the value has a NUL, or ends in an escape. */
static const char *
unescape (char *value)
{
  char *to = value;
  for (const char *from = value; *from != '\0'; from++)
    {
      gboolean is_escaped = *from == ESCAPE;
      if (is_escaped)
        from++;
      if (is_escaped && (*from == '0' || *from == '\0'))
        return NULL;
      *to++ = is_escaped ? plain_character (*from) : *from;
    }
  *to = '\0';
  return value;
}

/* Takes a parameter. FALSE means that its value is broken. */
static gboolean
take_parameter (DovecotRequest *request, char *parameter)
{
  if (g_str_has_prefix (parameter, "service="))
    return (request->service = unescape (parameter + strlen ("service="))) != NULL;
  if (g_str_has_prefix (parameter, "rip="))
    return (request->address = unescape (parameter + strlen ("rip="))) != NULL;
  if (strcmp (parameter, "secured") == 0 || g_str_has_prefix (parameter, "secured="))
    request->is_secured = TRUE;
  else if (g_str_has_prefix (parameter, "resp="))
    request->response = parameter + strlen ("resp=");
  return TRUE; /* other parameters are for logs and policies of Dovecot itself */
}

static DovecotCommand
parse_version (char *rest, DovecotRequest *request)
{
  guint32 major, minor;
  gboolean ok =
      parse_number (next_parameter (&rest), &major) && parse_number (next_parameter (&rest), &minor);
  return ok && major == 1 ? DOVECOT_VERSION : DOVECOT_BAD;
}

static DovecotCommand
parse_auth (char *rest, DovecotRequest *request)
{
  gboolean has_id = parse_number (next_parameter (&rest), &request->id);
  request->mechanism = next_parameter (&rest);
  if (!has_id || request->mechanism == NULL || *request->mechanism == '\0')
    return DOVECOT_BAD;
  for (char *parameter; request->response == NULL && (parameter = next_parameter (&rest)) != NULL;)
    if (!take_parameter (request, parameter))
      return DOVECOT_BAD;
  return rest == NULL ? DOVECOT_AUTH : DOVECOT_BAD; /* nothing may follow the response */
}

static DovecotCommand
parse_cont (char *rest, DovecotRequest *request)
{
  gboolean has_id = parse_number (next_parameter (&rest), &request->id);
  request->response = next_parameter (&rest);
  return has_id && request->response != NULL && rest == NULL ? DOVECOT_CONT : DOVECOT_BAD;
}

static DovecotCommand
parse_cancel (char *rest, DovecotRequest *request)
{
  return parse_number (next_parameter (&rest), &request->id) && rest == NULL ? DOVECOT_CANCEL : DOVECOT_BAD;
}

static const struct
{
  const char *name;
  DovecotCommand (*parse) (char *rest, DovecotRequest *request);
} commands[] = {
  { "VERSION", parse_version },
  { "AUTH", parse_auth },
  { "CONT", parse_cont },
  { "CANCEL", parse_cancel },
};

void
dovecot_request_parse (char *line, gsize len, DovecotRequest *ret_request)
{
  *ret_request = (DovecotRequest) { .command = DOVECOT_BAD };
  if (strlen (line) != len)
    return;
  char *rest = line;
  const char *name = next_parameter (&rest);
  gsize n_letters = strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
  if (n_letters == 0 || name[n_letters] != '\0')
    return;
  ret_request->command = DOVECOT_IGNORED; /* for example CPID, or a command of a later version */
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (name, commands[i].name) == 0)
      ret_request->command = commands[i].parse (rest, ret_request);
}

void
dovecot_append_value (GString *line, const char *name, const char *value)
{
  static const char special[] = "\001\t\r\n", letters[] = "1trn";
  g_string_append_printf (line, "\t%s=", name);
  for (; *value != '\0'; value++)
    {
      const char *found = strchr (special, *value);
      if (found != NULL)
        g_string_append_c (line, ESCAPE);
      g_string_append_c (line, found != NULL ? letters[found - special] : *value);
    }
}
