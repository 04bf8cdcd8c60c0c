/* SPDX-License-Identifier: MIT
 * Declares settings of group `imap`, in both halves.
 */
#pragma once
#include <satchel/config.h>

extern const SatchelConfigRow imap_schema[];

typedef enum /* in the order of the choices of `literals` */
{
  IMAP_LITERALS_PLUS = 0,
  IMAP_LITERALS_MINUS
} ImapLiterals;

typedef struct ImapSettings
{
  gint64 autologout_ms, idle_keepalive_ms, tcp_keepalive_ms, rest_ms;
  guint64 literal_bytes, command_bytes, append_bytes;
  guint64 message_bytes; /* most bytes of a message, from group `limits` */
  guint append_messages, nodes, depth, bad_commands;
  ImapLiterals literals;
  gboolean may_compress;
} ImapSettings;

void imap_settings_read (ImapSettings *settings, const SatchelConfig *config);
/* Returns the size of the longest literal that a client may send without being asked; 0: any. */
guint64 imap_nonsync_bytes (const ImapSettings *settings);
/* Returns the longest message that APPEND takes (RFC 7889): a number is 32 bits. */
guint64 imap_append_limit (const ImapSettings *settings);
