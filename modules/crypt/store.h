/* SPDX-License-Identifier: MIT
 * What the layer knows of one store: the keys of those who have it open, the public half by which new mail is
 * sealed, and what is known of sealed messages.  Any thread.
 */
#pragma once
#include "header.h"

#include <satchel/storage.h>

typedef struct CryptStore CryptStore;

CryptStore *crypt_store_new (void);
void crypt_store_free (CryptStore *store);

/* Notes the first access with a key, and the last one. */
void crypt_store_attach (CryptStore *store, const SatchelAccess *access);
void crypt_store_detach (CryptStore *store, const SatchelAccess *access);
/* Returns the keys of @access; a reference of yours.  NULL: it has none that opens mail. */
CryptKeys *crypt_store_keys (CryptStore *store, const SatchelAccess *access);

/* Finds by which public half new mail is sealed.  *@ret_is_sealed FALSE: by none, since the user has no ring.
 * FALSE with @error: it cannot be told, and nothing may be stored in clear meanwhile.  [blocks] */
gboolean crypt_store_half (SatchelStorage *storage, const SatchelAccess *access, gboolean *ret_is_sealed,
                           CryptPublic *ret_half, GError **error);

/* Remembers and finds what is known of a sealed message.  Keys are forgotten, and all else with them, when
 * the last access with a key goes.  A lookup that finds nothing says nothing. */
void crypt_store_note (CryptStore *store, SatchelStorageMailbox *mailbox, guint32 uid,
                       const CryptKnown *known);
gboolean crypt_store_find (CryptStore *store, SatchelStorageMailbox *mailbox, guint32 uid,
                           CryptKnown *ret_known);
