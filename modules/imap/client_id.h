/* SPDX-License-Identifier: MIT
 * What a client calls itself in ID (RFC 2971 3.3), before and after login.
 */
#pragma once
#include <glib.h>

/* Takes one field: the first name and the first version that are there.  @value: NULL for NIL. */
void imap_client_field (const char *key, const char *value, const char **name, const char **version);
/* "Thunderbird 128.5.0": at most 96 bytes of text without control characters.  Yours; NULL: it has no name.
 */
char *imap_client_text (const char *name, const char *version);
