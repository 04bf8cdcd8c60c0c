/* SPDX-License-Identifier: MIT
 * Declares how `satchel` shows the answers of a running server.
 */
#pragma once
#include "core/cli/cli.h"

/* Prints the server's answer to the command of @cli: with --json as one JSON value, otherwise as a table, as
 * text, or as a sentence of the command's own if the server only reports success.  An answer with another
 * @status than 0 goes to standard error.  @user may be NULL for a command without a user. */
void satchel_server_answer_print (const SatchelCli *cli, const char *user, guint status, const char *answer);
/* Returns how many sessions ended by the answer to kick. */
guint64 satchel_server_answer_kicked (const char *answer);
/* Returns how many credentials and sessions ended by the answer to `devices end`. */
guint64 satchel_server_answer_ended (const char *answer);
