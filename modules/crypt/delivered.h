/* SPDX-License-Identifier: MIT
 * The boxes of mail that comes while its user is away.  All that one process seals within two seconds shares
 * an ephemeral key, and what it seals for one user a box (decision 0123).  Any thread.
 */
#pragma once
#include "header.h"

/* Milliseconds after which nobody has a key any more that opens what was sealed with it; tests set others. */
extern guint crypt_delivered_life_ms;

/* Makes the header of a new message for @half, with its key.  FALSE: it must have a box of its own, as no
 * key can be kept. */
gboolean crypt_delivered_make_header (CryptHeader *header, CryptSuite suite, const CryptPublic *half,
                                      guint8 ret_key[CRYPT_KEY_BYTES]);
/* Wipes the keys that there are now.  Main thread. */
void crypt_delivered_forget (void);
/* Says whether there are any. */
gboolean crypt_delivered_has_keys (void);
