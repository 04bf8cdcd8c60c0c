/* SPDX-License-Identifier: MIT
 * What a client is told about an error: fixed words and a response code by error code (RFC 5530), never
 * internal text.
 */
#pragma once
#include <satchel/error.h>

typedef struct ImapErrorText
{
  const char *code; /* response code without brackets, or NULL */
  const char *text;
} ImapErrorText;

/* @code: of SATCHEL_ERROR; any other is FAILED. */
const ImapErrorText *imap_error_text (const GError *error);
extern const char imap_text_long_keyword[], imap_text_many_keywords[];
