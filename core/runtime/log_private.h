/* SPDX-License-Identifier: MIT
 * Where log lines go: set up by each role before its sandbox closes; a role without file system writes to a
 * descriptor that master opened.
 */
#pragma once
#include <satchel/error.h>
#include <satchel/log.h>

/* Appending, 0640, made if missing, no terminal; -1 with @error. */
int satchel_log_open_file (const char *path, GError **error);
/* @fd: taken over; -1: standard error.  Without a file the journal gets the lines with fields, if standard
 * error is connected to it.  @ident: "gate", "mail", ...: borrowed for good.  Also catches GLib's own
 * messages. */
void satchel_log_open (int fd, SatchelLogLevel level, const char *ident);
/* After a rotation: @fd, taken over, takes the place of the log file. */
void satchel_log_reopen (int fd);
void satchel_log_set_level (SatchelLogLevel level);
/* "error" "warning" "info" "debug"; INFO for anything else. */
SatchelLogLevel satchel_log_level_from_string (const char *name);
/* Appends @value in quotes, as in a field: nothing in it can end them or look like a field.  NUL is a byte
 * like others.
 * @is_ascii: what is not ASCII is escaped too. */
void satchel_log_append_quoted (GString *line, const char *value, gsize len, gboolean is_ascii);
/* One entry of the journal's native protocol; @text as it comes from satchel_log. */
void satchel_log_journal_entry (GString *entry, SatchelLogLevel level, const char *area, const char *text);
/* For tests and for checks of the configuration: lines go to @func instead (NULL: back). */
typedef void (*SatchelLogTestFunc) (SatchelLogLevel level, const char *area, const char *message);
void satchel_log_set_test (SatchelLogTestFunc func);
