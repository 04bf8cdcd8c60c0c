/* SPDX-License-Identifier: MIT
 * Implements the replies of a gate, and its state, which a goodbye ends.
 */
#include "gate/imap_gate.h"

#define TO(state) (1u << IMAP_GATE_##state)
static const guint8 next_states[] = {
  [IMAP_GATE_READING] = TO (WAITING) | TO (CLOSING),
  [IMAP_GATE_WAITING] = TO (READING) | TO (RESPONDING) | TO (CLOSING),
  [IMAP_GATE_RESPONDING] = TO (READING) | TO (WAITING) | TO (CLOSING),
  [IMAP_GATE_CLOSING] = 0,
};

void
imap_gate_set_state (ImapGate *gate, ImapGateState state)
{
  g_return_if_fail ((next_states[gate->state] & 1u << state) != 0);
  gate->state = state;
}

void
imap_gate_flush (ImapGate *gate)
{
  if (gate->writer.len > 0 && gate->connection != NULL && gate->state != IMAP_GATE_CLOSING)
    satchel_connection_write (gate->connection, gate->writer.data, gate->writer.len);
  imap_writer_clear (&gate->writer);
}

void
imap_gate_reply (ImapGate *gate, const char *tag, const char *text)
{
  imap_write (&gate->writer, tag);
  imap_write (&gate->writer, " ");
  imap_write (&gate->writer, text);
  imap_write (&gate->writer, "\r\n");
  imap_gate_flush (gate);
}

void
imap_gate_say_goodbye (ImapGate *gate, const char *text, const char *tag)
{
  if (gate->state == IMAP_GATE_CLOSING)
    return;
  imap_gate_reply (gate, "* BYE", text);
  if (tag != NULL)
    imap_gate_reply (gate, tag, "OK LOGOUT completed.");
  imap_gate_set_state (gate, IMAP_GATE_CLOSING);
  satchel_connection_close (gate->connection);
}

void
imap_gate_bye (ImapGate *gate, const char *text)
{
  imap_gate_say_goodbye (gate, text, NULL);
}

void
imap_gate_bad (ImapGate *gate, const char *tag, const char *text)
{
  g_autofree char *line = g_strconcat ("BAD ", text, NULL);
  imap_gate_reply (gate, tag != NULL ? tag : "*", line);
  if (!satchel_gate_count_bad (gate->session))
    imap_gate_bye (gate, "Too many bad commands.");
}
