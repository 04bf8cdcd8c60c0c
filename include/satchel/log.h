/* SPDX-License-Identifier: MIT
 * Declares the log: one event a line, ids first, with reason codes, and never with content or secrets. Lines
 * go to stderr, to the configured file, or to journald with fields. Every function may be called from any
 * thread and never waits for the network.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_LOG_ERROR = 0, /* an administrator must act */
  SATCHEL_LOG_WARNING,   /* something is wrong, but the service goes on */
  SATCHEL_LOG_INFO,      /* events: logins, deliveries, starts */
  SATCHEL_LOG_DEBUG
} SatchelLogLevel;

/* Writes one line to the log, in which control characters are escaped.  @area is "imap", "maildir", ...;
 * borrowed. */
SATCHEL_API void satchel_log (SatchelLogLevel level, const char *area, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
SATCHEL_API gboolean satchel_log_is_enabled (SatchelLogLevel level);
/* Appends " key=value" to @line; a value that is not [A-Za-z0-9._:@/+-]+ is put in double quotes
 * with `"`, `\` and non-printables escaped (\xHH): what a client chose can never forge a field. */
SATCHEL_API void satchel_log_field (GString *line, const char *key, const char *value);

G_END_DECLS
