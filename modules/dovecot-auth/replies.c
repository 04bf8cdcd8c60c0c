/* SPDX-License-Identifier: MIT
 * This file writes the lines of the server's side of the Dovecot authentication protocol.
 */
#include "replies.h"
#include "request.h"

#include <satchel/sasl.h>
#include <unistd.h>

/* Ends @line with a line feed, and writes it. */
static void
send_line (SatchelConnection *connection, GString *line)
{
  g_string_append_c (line, '\n');
  satchel_connection_write (connection, line->str, line->len);
}

static GString *
begin_reply (const char *name, guint32 id)
{
  GString *line = g_string_new (NULL);
  g_string_printf (line, "%s\t%" G_GUINT32_FORMAT, name, id);
  return line;
}

static void
append_mechanism (GString *lines, const char *name, guint flags)
{
  g_string_append_printf (lines, "MECH\t%s%s\n", name,
                          flags & SATCHEL_SASL_SENDS_PASSWORD     ? "\tplaintext"
                          : g_str_has_prefix (name, "SCRAM-SHA-") ? "\tmutual-auth"
                                                                  : "");
}

void
dovecot_send_handshake (SatchelGateSession *session, const char *const *names, const guint8 *cookie)
{
  static guint last_id;
  g_autoptr (GString) lines = g_string_new ("VERSION\t1\t2\n");
  for (; *names != NULL; names++)
    append_mechanism (lines, *names, satchel_gate_mechanism_flags (session, *names));
  g_string_append_printf (lines, "SPID\t%d\nCUID\t%u\nCOOKIE\t", (int) getpid (), ++last_id);
  for (guint i = 0; i < DOVECOT_COOKIE_BYTES; i++)
    g_string_append_printf (lines, "%02x", cookie[i]);
  g_string_append (lines, "\nDONE");
  send_line (satchel_gate_connection (session), lines);
}

/* Appends the user, unless the name is invalid or would need an escape, since MTAs write names into logs as
 * they come. */
static void
append_user (GString *line, const char *user)
{
  gboolean is_plain = user != NULL && *user != '\0' && g_utf8_validate (user, -1, NULL);
  for (const char *c = user; is_plain && *c != '\0'; c++)
    is_plain = (guchar) *c >= ' ' && *c != '\177';
  if (is_plain)
    dovecot_append_value (line, "user", user);
}

void
dovecot_send_failure (SatchelConnection *connection, guint32 id, const char *user, const char *flag,
                      const char *reason)
{
  g_autoptr (GString) line = begin_reply ("FAIL", id);
  append_user (line, user);
  if (flag != NULL)
    g_string_append_printf (line, "\t%s", flag);
  if (reason != NULL)
    dovecot_append_value (line, "reason", reason);
  send_line (connection, line);
}

void
dovecot_send_success (SatchelConnection *connection, guint32 id, const char *user)
{
  g_autoptr (GString) line = begin_reply ("OK", id);
  dovecot_append_value (line, "user", user);
  send_line (connection, line);
}

void
dovecot_send_challenge (SatchelConnection *connection, guint32 id, const guint8 *challenge, gsize len)
{
  g_autofree char *text = g_base64_encode (challenge, len);
  g_autoptr (GString) line = begin_reply ("CONT", id);
  g_string_append_printf (line, "\t%s", text);
  send_line (connection, line);
}
