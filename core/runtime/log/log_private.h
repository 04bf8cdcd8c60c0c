/* SPDX-License-Identifier: MIT
 * Declares where log lines go. Each role sets it before its sandbox closes; a role without access to files
 * writes to a descriptor that master opened.
 */
#pragma once
#include <satchel/error.h>
#include <satchel/log.h>
#include <time.h>

/* Opens a log file for appending, and makes it with mode 0640 if it is missing; a terminal does not become
 * the controlling one. -1 with @error. */
int satchel_log_open_file (const char *path, GError **error);
/* Opens the log, which also takes GLib's own messages. @fd (taken over; -1: standard error): if it is -1 and
 * standard error leads to the journal, the journal gets lines with fields. @ident: "gate", "mail", ...;
 * borrowed for ever. */
void satchel_log_open (int fd, SatchelLogLevel level, const char *ident);
/* Replaces the log file by @fd (taken over), after a rotation. */
void satchel_log_reopen (int fd);
void satchel_log_set_level (SatchelLogLevel level);
/* Appends @value in quotes, as in a field, so that nothing in it can end the quotes or look like a field.
 * NUL is a byte like others. @is_ascii: characters outside ASCII are escaped as well. */
void satchel_log_append_quoted (GString *line, const char *value, gsize len, gboolean is_ascii);
/* Appends @now as "2025-11-30T10:59:59.123Z". */
void satchel_log_append_time (GString *line, const struct timespec *now);
/* Makes one entry of the journal's native protocol. @text: as satchel_log gets it. */
void satchel_log_journal_entry (GString *entry, SatchelLogLevel level, const char *area, const char *text);
/* Gives log lines to @func instead of the log, until it is called with NULL.  The check of the configuration
 * shows them among its own problems.  Only for a process with one thread. */
typedef void (*SatchelLogFunc) (SatchelLogLevel level, const char *area, const char *message);
void satchel_log_divert (SatchelLogFunc func);
