/* SPDX-License-Identifier: MIT
 * Lists the settings of group `imap`, and what they mean.
 */
#include "settings.h"

#include <satchel/connection.h>
#include <satchel/protocol.h>

#define LITERAL_MINUS_BYTES 4096u /* RFC 7888 5 */
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, ImapSettings, member)
#define RELOAD SATCHEL_CONFIG_RELOADABLE

const SatchelConfigRow imap_schema[] = {
  { "autologout", INTO (DURATION, autologout_ms), "30m",
    "A client that sends nothing for this long is logged out (RFC 3501 5.4: at least 30m)",
    .min = SATCHEL_MINUTES (30), .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "idle_keepalive", INTO (DURATION, idle_keepalive_ms), "2m",
    "How often a client in IDLE gets a line, so that address translation on the way does not forget the "
    "connection; 0: never",
    .min = 0, .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "tcp_keepalive", INTO (DURATION, tcp_keepalive_ms), "30m",
    "Time within which the server notices that a client has vanished (TCP keepalive); long enough to let "
    "phones sleep; 0: never",
    .min = 0, .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "rest_after", INTO (DURATION, rest_ms), "1m",
    "Idle time after which a session releases most of its memory", .min = 100, .max = SATCHEL_DAYS (1),
    .flags = RELOAD },
  { "literals", INTO (ENUM, literals), "plus",
    "Non-synchronizing literals: plus (any size), minus (at most 4096 bytes, RFC 7888)", "plus|minus",
    .flags = RELOAD },
  { "literal_size", INTO (SIZE, literal_bytes), "128K", "Longest literal, except a message that is appended",
    .min = SATCHEL_KIB (1), .max = SATCHEL_MIB (16), .flags = RELOAD },
  { "command_size", INTO (SIZE, command_bytes), "1M", "Longest command, its literals included",
    .min = SATCHEL_KIB (8), .max = SATCHEL_MIB (64), .flags = RELOAD },
  { "command_arguments", INTO (INT, nodes), "4096",
    "Largest number of arguments of a command, those in lists included", .min = 64, .max = 65536,
    .flags = RELOAD },
  { "command_depth", INTO (INT, depth), "32", "Deepest nesting of lists in a command", .min = 4, .max = 64,
    .flags = RELOAD },
  { "append_messages", INTO (INT, append_messages), "2000",
    "Largest number of messages of one APPEND (RFC 3502)", .min = 1, .max = 10000, .flags = RELOAD },
  { "append_size", INTO (SIZE, append_bytes), "1G", "Largest size of all messages of one APPEND together",
    .min = SATCHEL_KIB (1), .max = SATCHEL_TIB (1), .flags = RELOAD },
  { "compress", INTO (BOOL, may_compress), "true",
    "Whether COMPRESS=DEFLATE (RFC 4978) is offered; it needs zlib at the build", .flags = RELOAD },
  { "bad_commands", INTO (INT, bad_commands), "20",
    "Number of bad commands in a row, after login, after which the connection is closed", .min = 1,
    .max = 10000, .flags = RELOAD },
  { NULL }
};

void
imap_settings_read (ImapSettings *settings, const SatchelConfig *config)
{
  satchel_config_fill (config, imap_schema, settings);
  settings->may_compress = settings->may_compress && satchel_connection_can_compress ();
  settings->message_bytes = satchel_limits ()->message_size;
}

guint64
imap_nonsync_bytes (const ImapSettings *settings)
{
  return settings->literals == IMAP_LITERALS_MINUS ? LITERAL_MINUS_BYTES : 0;
}

guint64
imap_append_limit (const ImapSettings *settings)
{
  return MIN (settings->message_bytes, G_MAXUINT32);
}
