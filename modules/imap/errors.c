/* SPDX-License-Identifier: MIT
 * Error codes in the words of RFC 5530.
 */
#include "errors.h"

static const ImapErrorText texts[] = {
  [SATCHEL_ERROR_FAILED] = { "SERVERBUG", "Internal error." },
  [SATCHEL_ERROR_NONEXISTENT] = { "NONEXISTENT", "No such mailbox." },
  [SATCHEL_ERROR_ALREADYEXISTS] = { "ALREADYEXISTS", "Mailbox already exists." },
  [SATCHEL_ERROR_OVERQUOTA] = { "OVERQUOTA", "Your quota is used up." },
  [SATCHEL_ERROR_LIMIT] = { "LIMIT", "A limit of the server is reached." },
  [SATCHEL_ERROR_NOPERM] = { "NOPERM", "Permission denied." },
  [SATCHEL_ERROR_CANNOT] = { "CANNOT", "This cannot be done." },
  [SATCHEL_ERROR_INUSE] = { "INUSE", "In use, try again later." },
  [SATCHEL_ERROR_UNAVAILABLE] = { "UNAVAILABLE", "Temporarily unavailable." },
  [SATCHEL_ERROR_LOCKED] = { "NOPERM", "Locked: this login has no key for it." },
  [SATCHEL_ERROR_GONE] = { "EXPUNGEISSUED", "Some messages no longer exist." },
  [SATCHEL_ERROR_CORRUPT] = { "CORRUPTION", "Stored data is damaged." },
  [SATCHEL_ERROR_IO] = { "UNAVAILABLE", "The storage has failed." },
  [SATCHEL_ERROR_INVALID] = { "CANNOT", "Invalid mailbox name." },
  [SATCHEL_ERROR_TIMEOUT] = { "UNAVAILABLE", "It took too long." },
  [SATCHEL_ERROR_CANCELLED] = { "UNAVAILABLE", "Interrupted." },
  [SATCHEL_ERROR_BADCHARSET] = { "BADCHARSET (US-ASCII UTF-8)", "Unknown character set." },
  [SATCHEL_ERROR_NOSPACE] = { "UNAVAILABLE", "The server's disk is full, try again later." },
  [SATCHEL_ERROR_ACCESS] = { "SERVERBUG", "The server cannot get at its own files; tell its administrator." },
  [SATCHEL_ERROR_RESOURCES] = { "UNAVAILABLE", "The server is short of resources, try again later." },
};

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
