/* SPDX-License-Identifier: MIT
 * One question to a scanner over a socket, and its answer.  Role helper.
 */
#pragma once
#include <satchel/helper.h>

/* Sends @head and the content of @call over @fd, and appends the answer to @answer, until it is whole or the
 * scanner closes.  It ends by the time of @call.  Errors: TIMEOUT, CANCELLED, LIMIT (the answer is too long),
 * UNAVAILABLE (the connection broke).  [blocks] */
gboolean spam_exchange (int fd, SatchelHelperCall *call, const char *head, GString *answer, GError **error);
