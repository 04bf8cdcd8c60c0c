/* SPDX-License-Identifier: MIT
 * Prints the server's lines of KEY=VALUE as columns for people.
 */
#pragma once
#include <glib.h>

/* Returns the next word of a line, KEY="quoted" without its quotes, and moves *@at behind it. Yours. */
char *satchel_cli_next_word (const char **at);
/* Returns the value of @key in @line, which the caller frees, or NULL. */
char *satchel_cli_line_value (const char *line, const char *key);
/* Formats @seconds as "3m05s". Yours. */
char *satchel_cli_age (gint64 seconds);
/* Prints a table. @rows: arrays of n_columns UTF-8 strings, the first of which is the header. */
void satchel_cli_print_table (const GPtrArray *rows, guint n_columns);
