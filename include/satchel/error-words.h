/* SPDX-License-Identifier: MIT
 * Says what a client is told about an error, whatever protocol it speaks: one row for each SatchelErrorCode,
 * in its order. Protocols expand the columns that they need; none of them is internal text.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

/* ROW (CODE, RESPONSE, WORDS, LASTING, REPLY)
 *   CODE         SATCHEL_ERROR_CODE
 *   RESPONSE     response code of IMAP, without brackets (RFC 5530)
 *   WORDS        a sentence for the owner of the mail
 *   LASTING      IN_USE (RFC 2449 8.1.2); PERMANENT: only the administrator can mend it, another try is of no
 *                use; TEMPORARY (both RFC 3206 4)
 *   REPLY        reply, status code and text to a client that sends mail (RFC 5321 4.2, RFC 3463) */
#define SATCHEL_ERROR_WORDS(ROW)                                                                             \
  ROW (FAILED, "SERVERBUG", "Internal error.", TEMPORARY, SATCHEL_REPLY_LATER)                               \
  ROW (NONEXISTENT, "NONEXISTENT", "No such mailbox.", TEMPORARY, "550 5.1.1 No such user here")             \
  ROW (ALREADYEXISTS, "ALREADYEXISTS", "Mailbox already exists.", TEMPORARY, SATCHEL_REPLY_LATER)            \
  ROW (OVERQUOTA, "OVERQUOTA", "Your mail has reached its limit; delete some first.", TEMPORARY,             \
       "452 4.2.2 Mailbox full")                                                                             \
  ROW (LIMIT, "LIMIT", "A limit of the server is reached.", TEMPORARY, "552 5.3.4 Message too big")          \
  ROW (NOPERM, "NOPERM", "Permission denied.", PERMANENT, "550 5.7.1 Delivery refused")                      \
  ROW (CANNOT, "CANNOT", "This cannot be done.", PERMANENT, SATCHEL_REPLY_LATER)                             \
  ROW (INUSE, "INUSE", "In use, try again later.", IN_USE, SATCHEL_REPLY_LATER)                              \
  ROW (UNAVAILABLE, "UNAVAILABLE", "Temporarily unavailable.", TEMPORARY, SATCHEL_REPLY_LATER)               \
  ROW (LOCKED, "NOPERM", "Locked: this login has no key for it.", TEMPORARY, SATCHEL_REPLY_LATER)            \
  ROW (GONE, "EXPUNGEISSUED", "Some messages no longer exist.", TEMPORARY, SATCHEL_REPLY_LATER)              \
  ROW (CORRUPT, "CORRUPTION", "Stored data is damaged.", PERMANENT, SATCHEL_REPLY_LATER)                     \
  ROW (IO, "UNAVAILABLE", "The storage has failed.", TEMPORARY, SATCHEL_REPLY_LATER)                         \
  ROW (INVALID, "CANNOT", "Invalid mailbox name.", TEMPORARY, SATCHEL_REPLY_LATER)                           \
  ROW (TIMEOUT, "UNAVAILABLE", "It took too long.", TEMPORARY, SATCHEL_REPLY_LATER)                          \
  ROW (CANCELLED, "UNAVAILABLE", "Interrupted.", TEMPORARY, SATCHEL_REPLY_LATER)                             \
  ROW (BADCHARSET, "BADCHARSET (US-ASCII UTF-8)", "Unknown character set.", TEMPORARY, SATCHEL_REPLY_LATER)  \
  ROW (NOSPACE, "UNAVAILABLE", "The server's disk is full, try again later.", TEMPORARY,                     \
       "452 4.3.1 The server's disk is full, try again later")                                               \
  ROW (ACCESS, "SERVERBUG", "The server cannot get at its own files; tell its administrator.", PERMANENT,    \
       SATCHEL_REPLY_LATER)                                                                                  \
  ROW (RESOURCES, "UNAVAILABLE", "The server is short of resources, try again later.", TEMPORARY,            \
       SATCHEL_REPLY_LATER)
/* REPLY where a sender can do nothing but try again. */
#define SATCHEL_REPLY_LATER "451 4.3.0 Temporary trouble, try again later"

/* The table has a row for each code. */
#define SATCHEL_ERROR_WORDS_COUNT(...) +1
_Static_assert (SATCHEL_ERROR_WORDS (SATCHEL_ERROR_WORDS_COUNT) == SATCHEL_ERROR_RESOURCES + 1,
                "an error code has no words");

G_END_DECLS
