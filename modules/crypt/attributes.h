/* SPDX-License-Identifier: MIT
 * Attributes of a message (storage.h: envelope, structure, first words) as they are stored when the message
 * is sealed: by whoever stores the message with the message's own key, later with the user's key at hand,
 * which is faster to open (FORMAT.md).  They carry the message id, so that content and attributes belong
 * together.
 */
#pragma once
#include "header.h"

/* Seals @attributes with the key of the message @header.  Yours. */
GBytes *crypt_attributes_seal (GBytes *attributes, const CryptHeader *header,
                               const guint8 key[CRYPT_KEY_BYTES]);
/* Seals @attributes of the message @known, and its key, with the user's key.  Yours. */
GBytes *crypt_attributes_seal_again (GBytes *attributes, const CryptKnown *known, const CryptKey *key);
/* Says whether @stored are sealed attributes, and of which message: *@ret_message_id is borrowed. */
gboolean crypt_attributes_is_sealed (GBytes *stored, const guint8 **ret_message_id);
/* Returns which key opens sealed attributes, borrowed. */
const guint8 *crypt_attributes_key_id (GBytes *stored);
/* Says whether sealed attributes cost more to open than they would if they were sealed again. */
gboolean crypt_attributes_is_slow (GBytes *stored);
/* Opens sealed attributes; yours.  *@ret_known gets the message id and the key of the message, for the caller
 * to wipe.  LOCKED: none of the keys (or NULL) opens them.  CORRUPT: they are damaged, and can be made of the
 * content again. */
GBytes *crypt_attributes_open (GBytes *stored, const CryptKeys *keys, CryptKnown *ret_known, GError **error);
