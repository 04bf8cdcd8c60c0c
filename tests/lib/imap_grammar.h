/* SPDX-License-Identifier: MIT
 * Checks text against the envelope and body productions of RFC 3501 9, with the message/global of RFC 9051 9,
 * strictly.  For tests of what the scanner writes.
 */
#pragma once
#include <glib.h>

gboolean imap_is_string (const char *data, gsize len);
gboolean imap_is_envelope (const char *data, gsize len);
/* @is_extended: BODYSTRUCTURE. */
gboolean imap_is_body (const char *data, gsize len, gboolean is_extended);
