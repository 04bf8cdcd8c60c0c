/* SPDX-License-Identifier: MIT
 * Implements error codes in the words of <satchel/error-words.h>.
 */
#include "errors.h"

#include <satchel/error-words.h>

#define TEXT(code, response, words, lasting, reply) [SATCHEL_ERROR_##code] = { response, words },
static const ImapErrorText texts[] = { SATCHEL_ERROR_WORDS (TEXT) };

const char imap_text_long_keyword[] = "A keyword is too long.";
const char imap_text_many_keywords[] = "The messages of this mailbox have as many keywords as the server "
                                       "allows (limits.keywords); take some off first.";

const ImapErrorText *
imap_error_text (const GError *error)
{
  if (error == NULL || error->domain != SATCHEL_ERROR || error->code < 0
      || (gsize) error->code >= G_N_ELEMENTS (texts))
    return &texts[SATCHEL_ERROR_FAILED];
  return &texts[error->code];
}
