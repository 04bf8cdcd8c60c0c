/* SPDX-License-Identifier: MIT
 * How far a session has come: its state and phase, its replies and refusals, and the end of a transaction.
 */
#include "lmtp_session.h"

#include <satchel/log.h>
#include <string.h>

void
lmtp_log_refusal (Lmtp *lmtp, const char *reply, const char *why, const char *recipient)
{
  g_autoptr (GString) line = g_string_new ("refused:");
  satchel_log_field (line, "reply", reply);
  if (why != NULL && *why != '\0')
    satchel_log_field (line, "reason", why);
  if (lmtp->sender != NULL)
    satchel_log_field (line, "sender", lmtp->sender);
  if (recipient != NULL)
    satchel_log_field (line, "recipient", recipient);
  else if (lmtp->line != NULL)
    satchel_log_field (line, "line", lmtp->line);
  if (lmtp->forwarded[LMTP_FORWARDED_IDENT] != NULL)
    satchel_log_field (line, "queue-id", lmtp->forwarded[LMTP_FORWARDED_IDENT]);
  satchel_session_log (lmtp->session, SATCHEL_LOG_INFO, "%s", line->str);
}

void
lmtp_reply (Lmtp *lmtp, LmtpReply reply)
{
  const char *line = lmtp_reply_line (reply);
  gsize len = strlen (line);
  satchel_connection_write (lmtp->connection, line, len);
  /* A permanent refusal is logged, since its sender will ask why. */
  if (*line == '5')
    {
      g_autofree char *text = g_strndup (line, len - strlen ("\r\n"));
      lmtp_log_refusal (lmtp, text, NULL, NULL);
    }
}

#define TO(state) (1u << LMTP_##state)
static const guint8 next_states[] = {
  [LMTP_COMMAND] = TO (DATA) | TO (CHUNK) | TO (DISCARD_LINE) | TO (CLOSING),
  [LMTP_DATA] = TO (COMMAND) | TO (CLOSING),
  [LMTP_CHUNK] = TO (COMMAND) | TO (CLOSING),
  [LMTP_DISCARD_LINE] = TO (COMMAND) | TO (CLOSING),
};

void
lmtp_set_state (Lmtp *lmtp, LmtpState state)
{
  /* Nothing comes after the goodbye. */
  if (lmtp->state == LMTP_CLOSING)
    return;
  g_return_if_fail ((next_states[lmtp->state] & 1u << state) != 0);
  lmtp->state = state;
}

static const guint8 next_phases[] = {
  [LMTP_GREETED] = TO (READY),
  [LMTP_READY] = TO (READY) | TO (HAS_SENDER),
  [LMTP_HAS_SENDER] = TO (HAS_RECIPIENTS) | TO (READY),
  [LMTP_HAS_RECIPIENTS] = TO (HAS_RECIPIENTS) | TO (HAS_CHUNKS) | TO (READY),
  [LMTP_HAS_CHUNKS] = TO (READY),
};

void
lmtp_set_phase (Lmtp *lmtp, LmtpPhase phase)
{
  g_return_if_fail ((next_phases[lmtp->phase] & 1u << phase) != 0);
  lmtp->phase = phase;
}

void
lmtp_close (Lmtp *lmtp)
{
  lmtp_set_state (lmtp, LMTP_CLOSING);
  satchel_connection_close (lmtp->connection);
}

void
lmtp_say_goodbye (Lmtp *lmtp, LmtpReply reply)
{
  lmtp_reply (lmtp, reply);
  lmtp_close (lmtp);
}

void
lmtp_close_unclear (Lmtp *lmtp, LmtpReply reply)
{
  lmtp_reply (lmtp, reply);
  lmtp_say_goodbye (lmtp, LMTP_SAY_UNCLEAR);
}

void
lmtp_bad_command (Lmtp *lmtp, LmtpReply reply)
{
  if (lmtp->is_chunk)
    {
      lmtp_close_unclear (lmtp, reply);
      return;
    }
  lmtp_reply (lmtp, reply);
  if (++lmtp->n_bad < lmtp->settings.bad_commands)
    return;
  lmtp_say_goodbye (lmtp, LMTP_SAY_TOO_MANY_BAD);
  satchel_session_log (lmtp->session, SATCHEL_LOG_WARNING, "closed: reason=bad-commands");
}

void
lmtp_forget_forwarded (Lmtp *lmtp)
{
  lmtp->has_forwarded = FALSE;
  for (guint i = 0; i < LMTP_N_FORWARDED; i++)
    g_clear_pointer (&lmtp->forwarded[i], g_free);
}

void
lmtp_reset (Lmtp *lmtp)
{
  if (lmtp->phase != LMTP_GREETED)
    lmtp_set_phase (lmtp, LMTP_READY);
  lmtp->is_utf8 = FALSE;
  lmtp->declared_size = lmtp->n_bytes = 0;
  lmtp->failure = SATCHEL_DELIVERY_OK;
  lmtp->block_ends_content = FALSE;
  g_clear_pointer (&lmtp->sender, g_free);
  g_clear_pointer (&lmtp->delivery, satchel_delivery_free);
  lmtp_forget_forwarded (lmtp);
  g_ptr_array_set_size (lmtp->recipients, 0);
  g_byte_array_set_size (lmtp->block, 0);
}

void
lmtp_set_busy (Lmtp *lmtp, gboolean is_busy)
{
  lmtp->is_busy = is_busy;
  if (is_busy)
    satchel_connection_pause (lmtp->connection);
  else if (lmtp->state != LMTP_CLOSING)
    satchel_connection_resume (lmtp->connection);
}
