/* SPDX-License-Identifier: MIT
 * Looks whether what is stored of sealed messages is as it was sealed: without a key their headers, lengths,
 * key ids, and that content and attributes belong together; with one every byte.
 */
#pragma once
#include "store.h"

typedef enum
{
  CRYPT_VERIFY_FAILED = 0, /* it cannot be told now; @error */
  CRYPT_VERIFY_CLEAR,      /* not sealed */
  CRYPT_VERIFY_RIGHT,      /* every byte is as it was sealed */
  CRYPT_VERIFY_LOCKED,     /* as far as it can be told without its key */
  CRYPT_VERIFY_DAMAGED,    /* @error says what is wrong */
  CRYPT_VERIFY_GONE
} CryptVerified;

typedef struct CryptVerify
{
  SatchelStorage *storage; /* the layer's level */
  const SatchelAccess *access;
  const CryptKeys *keys; /* or NULL */
} CryptVerify;

/* Looks at one message.  [blocks] */
CryptVerified crypt_verify_message (const CryptVerify *verify, SatchelStorageMailbox *mailbox,
                                    const SatchelMessageRow *row, GError **error);
