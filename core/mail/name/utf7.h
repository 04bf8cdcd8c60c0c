/* SPDX-License-Identifier: MIT
 * Declares a variant of modified UTF-7 for names of directories that cannot hold a certain character: that
 * character is encoded, too.
 */
#pragma once
#include <glib.h>

/* These do what satchel_utf7_decode and satchel_utf7_encode do (mailbox_name.h), but the character @shifted
 * is always encoded.  NUL: there is no such character. */
char *satchel_utf7_decode_with (const char *text, gsize len, char shifted);
char *satchel_utf7_encode_with (const char *utf8, char shifted);
