/* SPDX-License-Identifier: MIT
 * One chunk of a sealed message: XChaCha20-Poly1305 or AES-256-GCM, as the header says, which is the
 * associated data, and a nonce that says which chunk it is, and whether it is the last one (STREAM; Hoang,
 * Reyhanitabar, Rogaway, Vizár 2015).
 */
#pragma once
#include "header.h"

/* Seals @len bytes (at most CRYPT_CHUNK_BYTES) to @ret, which has room for CRYPT_TAG_BYTES more, and may be
 * @data.  FALSE: there is no memory. */
gboolean crypt_chunk_seal (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], guint32 index,
                           gboolean is_last, const guint8 *data, gsize len, guint8 *ret);
/* Opens @len bytes (with the tag) to @ret, which has room for CRYPT_TAG_BYTES less, and may be @sealed.
 * FALSE: the chunk is not what was sealed here, and @ret is wiped. */
gboolean crypt_chunk_open (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], guint32 index,
                           gboolean is_last, const guint8 *sealed, gsize len, guint8 *ret);
