/* SPDX-License-Identifier: MIT
 * Declares the name that a client gives in ID (RFC 2971 3.3), before and after login.
 */
#pragma once
#include <glib.h>

/* Takes one field: the first name and the first version that are there.  @value: NULL for NIL. */
void imap_client_field (const char *key, const char *value, const char **name, const char **version);
/* Returns a text such as "Thunderbird 128.5.0", of at most 96 bytes without control characters; the caller
 * frees it. NULL means that the client has no name. */
char *imap_client_text (const char *name, const char *version);
