/* SPDX-License-Identifier: MIT
 * Attributes that were opened, so that the next FETCH need not open them again: of one store, while accesses
 * with a key have it open.  Bounded for the process; what was not used for longest goes first.  Any thread.
 */
#pragma once
#include "key.h"

#include <satchel/storage.h>

typedef struct CryptOpened CryptOpened;

CryptOpened *crypt_opened_new (void);
void crypt_opened_free (CryptOpened *opened);
/* An access with a key comes; one goes, and with it all that is kept.  Only between the first of these and
 * the
 * @is_last of those anything is kept. */
void crypt_opened_begin (CryptOpened *opened);
void crypt_opened_end (CryptOpened *opened, gboolean is_last);

/* Finds attributes of messages that @keys open: those that are kept are put to @ret, references of yours, the
 * rest of it is as it was.  Returns how many there are. */
guint crypt_opened_find (CryptOpened *opened, SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                         const CryptKeys *keys, GBytes **ret);
/* Keeps attributes that the key @key_id opened. */
void crypt_opened_keep (CryptOpened *opened, SatchelStorageMailbox *mailbox, guint32 uid,
                        const guint8 key_id[CRYPT_KEY_ID_BYTES], GBytes *attributes);
void crypt_opened_forget (CryptOpened *opened, SatchelStorageMailbox *mailbox, const guint32 *uids, guint n);
