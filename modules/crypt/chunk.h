/* SPDX-License-Identifier: MIT
 * One chunk of a sealed message: XChaCha20-Poly1305 with the header as associated data, and a nonce that says
 * which chunk it is, and whether it is the last one (STREAM; Hoang, Reyhanitabar, Rogaway, Vizár 2015).
 */
#pragma once
#include "header.h"

/* Seals @len bytes (at most CRYPT_CHUNK_BYTES) to @ret, which has room for CRYPT_TAG_BYTES more. */
void crypt_chunk_seal (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], guint32 index,
                       gboolean is_last, const guint8 *data, gsize len, guint8 *ret);
/* Opens @len bytes (with the tag) in their place.  FALSE: the chunk is not what was sealed here, and @bytes
 * are wiped. */
gboolean crypt_chunk_open (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], guint32 index,
                           gboolean is_last, guint8 *bytes, gsize len);
