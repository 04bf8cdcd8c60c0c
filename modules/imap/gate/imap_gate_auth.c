/* SPDX-License-Identifier: MIT
 * Implements LOGIN and AUTHENTICATE in a gate (RFC 3501 6.2.2, 6.2.3; initial responses of RFC 4959; codes
 * of RFC 5530). Secrets pass through, and are wiped here as soon as auth has them.
 */
#include "gate/imap_gate.h"

#include <string.h>

static void
wipe (guint8 *data, gsize len)
{
  if (data == NULL)
    return;
  explicit_bzero (data, len);
  g_free (data);
}

/* Begins an exchange, which ends with a result. */
static void
begin_exchange (ImapGate *gate, const char *tag)
{
  g_free (gate->tag);
  gate->tag = g_strdup (tag);
  imap_gate_set_state (gate, IMAP_GATE_WAITING);
}

static gboolean
refuse_clear_text (ImapGate *gate, const char *tag)
{
  if (satchel_gate_may_login (gate->session))
    return FALSE;
  imap_gate_reply (gate, tag, "NO [PRIVACYREQUIRED] Clear text passwords need TLS.");
  return TRUE;
}

void
imap_gate_login (ImapGate *gate, const char *tag, ImapReader *reader)
{
  const char *user, *password;
  gsize user_len, password_len;
  if (!imap_read_astring (reader, &user, &user_len) || !imap_read_astring (reader, &password, &password_len)
      || !imap_reader_finish (reader))
    {
      imap_gate_bad (gate, tag, reader->error);
      return;
    }
  if (refuse_clear_text (gate, tag))
    return;
  begin_exchange (gate, tag);
  satchel_gate_auth_password (gate->session, "LOGIN", user, user_len, password, password_len);
}

void
imap_gate_authenticate (ImapGate *gate, const char *tag, ImapReader *reader)
{
  const char *mechanism, *response = NULL;
  guint8 *initial = NULL;
  gsize len = 0;
  gboolean ok = imap_read_atom (reader, &mechanism);
  if (ok && !imap_reader_is_done (reader))
    ok = imap_read_word (reader, &response) && imap_reader_finish (reader);
  if (!ok)
    {
      imap_gate_bad (gate, tag, reader->error);
      return;
    }
  if (refuse_clear_text (gate, tag))
    return;
  /* An initial response of "=" has no bytes (RFC 4959 3). */
  if (response != NULL
      && (initial = satchel_sasl_decode (strcmp (response, "=") == 0 ? "" : response, &len)) == NULL)
    {
      imap_gate_bad (gate, tag, "Invalid base64.");
      return;
    }
  g_autofree char *name = g_ascii_strup (mechanism, -1);
  begin_exchange (gate, tag);
  satchel_gate_auth_start (gate->session, name, initial, len);
  wipe (initial, len);
}

static void
cancel (ImapGate *gate, const char *text)
{
  g_autofree char *tag = g_steal_pointer (&gate->tag);
  imap_gate_set_state (gate, IMAP_GATE_READING);
  satchel_gate_auth_cancel (gate->session);
  imap_line_reset (&gate->line, TRUE);
  imap_gate_bad (gate, tag, text);
}

void
imap_gate_response (ImapGate *gate, ImapLineStatus status)
{
  guint8 *data;
  gsize len;
  if (status == IMAP_LINE_TOO_LONG)
    {
      imap_gate_bye (gate, "[TOOBIG] Line too long.");
      return;
    }
  if (status == IMAP_LINE_UNCLEAR)
    {
      imap_gate_bye (gate, "Cannot tell where the next line starts.");
      return;
    }
  if (status == IMAP_LINE_BAD)
    cancel (gate, "Invalid line.");
  else if (strcmp (gate->line.text->str, "*") == 0)
    cancel (gate, "Authentication cancelled."); /* "*" cancels the exchange (RFC 3501 6.2.2) */
  else if ((data = satchel_sasl_decode (gate->line.text->str, &len)) == NULL)
    cancel (gate, "Invalid base64.");
  else
    {
      imap_line_reset (&gate->line, TRUE);
      imap_gate_set_state (gate, IMAP_GATE_WAITING);
      satchel_gate_auth_step (gate->session, data, len);
      wipe (data, len);
    }
}

static void
send_failure (ImapGate *gate, const char *text)
{
  g_autofree char *tag = g_steal_pointer (&gate->tag);
  imap_gate_reply (gate, tag, text);
}

/* Writes "NO [AUTHENTICATIONFAILED] Authentication failed.", which is the same for every failure.  What
 * explains it replaces the text, but only after a right password; a right login that is refused has the code
 * CONTACTADMIN (RFC 9051 7.1). */
static void
fail_login (ImapGate *gate, const SatchelAuthResult *result)
{
  const char *explain = result->explain;
  g_autofree char *tag = g_steal_pointer (&gate->tag);
  ImapWriter *writer = &gate->writer;
  imap_write (writer, tag);
  imap_write (writer, result->is_withheld ? " NO [CONTACTADMIN] " : " NO [AUTHENTICATIONFAILED] ");
  imap_write_safe_text (writer, explain != NULL ? explain : "Authentication failed.", 200);
  imap_write (writer, "\r\n");
  imap_gate_flush (gate);
}

void
imap_gate_auth_result (gpointer self, const SatchelAuthResult *result)
{
  ImapGate *gate = self;
  if (gate->state != IMAP_GATE_WAITING)
    return;
  imap_gate_set_state (gate, result->status == SATCHEL_AUTH_CONTINUE ? IMAP_GATE_RESPONDING
                             : result->status == SATCHEL_AUTH_OK     ? IMAP_GATE_CLOSING
                                                                     : IMAP_GATE_READING);
  imap_lexer_reset (&gate->lexer, TRUE);
  switch (result->status)
    {
    case SATCHEL_AUTH_CONTINUE:
      imap_write (&gate->writer, "+ ");
      imap_write_base64 (&gate->writer, result->challenge, result->challenge_len);
      imap_write (&gate->writer, "\r\n");
      imap_gate_flush (gate);
      break;
    case SATCHEL_AUTH_OK:
      {
        /* The mail half answers the login. The gate is freed by this. */
        g_autofree char *tag = g_steal_pointer (&gate->tag);
        satchel_gate_hand_over (gate->session, tag, strlen (tag));
        break;
      }
    case SATCHEL_AUTH_FAILED:
      fail_login (gate, result);
      break;
    case SATCHEL_AUTH_UNAVAILABLE:
      send_failure (gate, "NO [UNAVAILABLE] Temporary authentication failure.");
      break;
    case SATCHEL_AUTH_NOT_ALLOWED:
      send_failure (gate, "NO [PRIVACYREQUIRED] Clear text passwords need TLS.");
      break;
    case SATCHEL_AUTH_BAD_MECHANISM:
      send_failure (gate, "NO [CANNOT] Unknown authentication mechanism.");
      break;
    case SATCHEL_AUTH_LIMITED:
      send_failure (gate, "NO [LIMIT] Too many connections.");
      break;
    }
}
