/* SPDX-License-Identifier: MIT
 * How the mail of a user is to lie on the disk, as the ring says it and a blob beside the mail remembers it:
 * "DIGITS SERIAL", sealed for the public half with these hexadecimal digits; "DIGITS SERIAL opening", in
 * clear, and what is sealed is to be opened; "DIGITS SERIAL rekeying", sealed, and what has another key gets
 * this one; "off SERIAL", in clear.  A later serial counts more.
 */
#pragma once
#include "key.h"

#define CRYPT_ATTRIBUTE "crypt.public" /* of the user, in which auth says it */
#define CRYPT_STATE_BYTES_MAX 128u

typedef struct CryptState
{
  gboolean is_known;    /* somebody said it; FALSE: nothing was ever said, which means in clear */
  gboolean is_sealed;   /* new mail is sealed for `half` */
  gboolean is_opening;  /* there is a ring that goes when all mail is open */
  gboolean is_rekeying; /* and keys of before that go when all mail is sealed for `half` */
  CryptPublic half;     /* of the ring; zero where there is none */
  guint64 serial;       /* microseconds since 1970 when it was said; 0: by an earlier version */
} CryptState;

/* Reads what is said; NULL is nothing.  FALSE: it is damaged. */
gboolean crypt_state_parse (const char *text, CryptState *ret_state);
/* Returns what is kept beside the mail; yours. */
char *crypt_state_to_text (const CryptState *state);
/* Returns what auth says of a ring; yours. */
char *crypt_state_of_ring (const CryptPublic *half, guint64 serial, gboolean is_opening,
                           gboolean is_rekeying);
/* Writes the id of the form that mail is to have: that of the key, or zero for mail in clear. */
void crypt_state_id (const CryptState *state, guint8 ret_id[CRYPT_KEY_ID_BYTES]);
