/* SPDX-License-Identifier: MIT
 * Settings of group `imap`, and what they mean.
 */
#include "settings.h"

#include <satchel/connection.h>
#include <satchel/protocol.h>

#include <string.h>

#define LITERAL_MINUS_BYTES 4096u /* RFC 7888 5 */
#define RELOAD SATCHEL_CONFIG_RELOADABLE

const SatchelConfigRow imap_schema[] = {
  { "autologout", SATCHEL_CONFIG_DURATION, "30m",
    "A client that sends nothing for this long is logged out (RFC 3501 5.4: at least 30m)", .min = 1800000,
    .max = 86400000, .flags = RELOAD },
  { "idle_keepalive", SATCHEL_CONFIG_DURATION, "2m",
    "\"Still here\" during IDLE, so that address translation on the way stays; 0: never", .min = 0,
    .max = 86400000, .flags = RELOAD },
  { "tcp_keepalive", SATCHEL_CONFIG_DURATION, "30m",
    "A vanished client is noticed within this time; long enough to let phones sleep; 0: off", .min = 0,
    .max = 86400000, .flags = RELOAD },
  { "rest_after", SATCHEL_CONFIG_DURATION, "1m",
    "A session that is quiet for this long keeps UID ranges only", .min = 100, .max = 86400000,
    .flags = RELOAD },
  { "literals", SATCHEL_CONFIG_ENUM, "plus",
    "Non-synchronizing literals: plus (any size), minus (at most 4096 bytes, RFC 7888)", "plus|minus",
    .flags = RELOAD },
  { "literal_size", SATCHEL_CONFIG_SIZE, "128K", "Longest literal but the message of APPEND", .min = 1024,
    .max = 16777216, .flags = RELOAD },
  { "command_size", SATCHEL_CONFIG_SIZE, "1M", "Longest command, its literals included", .min = 8192,
    .max = 67108864, .flags = RELOAD },
  { "command_arguments", SATCHEL_CONFIG_INT, "4096", "Most arguments of a command, those in lists included",
    .min = 64, .max = 65536, .flags = RELOAD },
  { "command_depth", SATCHEL_CONFIG_INT, "32", "Deepest nesting of lists in a command", .min = 4, .max = 64,
    .flags = RELOAD },
  { "append_messages", SATCHEL_CONFIG_INT, "2000", "Most messages of one APPEND (RFC 3502)", .min = 1,
    .max = 10000, .flags = RELOAD },
  { "append_size", SATCHEL_CONFIG_SIZE, "1G", "Most bytes of all messages of one APPEND", .min = 1024,
    .max = 1099511627776, .flags = RELOAD },
  { "compress", SATCHEL_CONFIG_BOOL, "true",
    "COMPRESS=DEFLATE (RFC 4978) is offered, if zlib was there at the build", .flags = RELOAD },
  { "bad_commands", SATCHEL_CONFIG_INT, "20", "Bad commands in a row after login; the last one closes",
    .min = 1, .max = 10000, .flags = RELOAD },
  { NULL }
};

void
imap_settings_read (ImapSettings *settings, const SatchelConfig *config)
{
  settings->autologout_ms = satchel_config_duration_ms (config, "autologout");
  settings->idle_keepalive_ms = satchel_config_duration_ms (config, "idle_keepalive");
  settings->rest_ms = satchel_config_duration_ms (config, "rest_after");
  settings->literal_bytes = satchel_config_size (config, "literal_size");
  settings->command_bytes = satchel_config_size (config, "command_size");
  settings->append_bytes = satchel_config_size (config, "append_size");
  settings->append_messages = (guint) satchel_config_int (config, "append_messages");
  settings->nodes = (guint) satchel_config_int (config, "command_arguments");
  settings->depth = (guint) satchel_config_int (config, "command_depth");
  settings->bad_commands = (guint) satchel_config_int (config, "bad_commands");
  settings->literals = strcmp (satchel_config_string (config, "literals"), "minus") == 0 ? IMAP_LITERALS_MINUS
                                                                                         : IMAP_LITERALS_PLUS;
  settings->may_compress = satchel_connection_can_compress () && satchel_config_bool (config, "compress");
  settings->message_bytes = satchel_config_size (satchel_limits (), "message_size");
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
