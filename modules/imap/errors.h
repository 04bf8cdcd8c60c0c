/* SPDX-License-Identifier: MIT
 * Declares the answer to a client about an error: fixed words and a response code (RFC 5530) for each error
 * code, never internal text.
 */
#pragma once
#include <satchel/error.h>

typedef struct ImapErrorText
{
  const char *code; /* response code without brackets, or NULL */
  const char *text;
} ImapErrorText;

/* Returns the words for an error; one of another domain than SATCHEL_ERROR counts as FAILED. */
const ImapErrorText *imap_error_text (const GError *error);
extern const char imap_text_long_keyword[], imap_text_many_keywords[];
