/* SPDX-License-Identifier: MIT
 * Content on its way into storage: sealed chunk by chunk, or with a header that says that it is not sealed.
 */
#pragma once
#include "header.h"

#include <satchel/storage.h>

/* What becomes of the attributes (storage.h) of a message that is sealed, when its content ends. */
typedef void (*CryptSealedFunc) (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], gpointer data);

/* Returns a writer that seals what it gets as @header says, with @key, and gives it to @below, which it owns.
 * It calls @ended before the finish of @below, and @data_free (or NULL) when it is freed. */
SatchelWriter *crypt_writer_new_sealing (SatchelWriter *below, const CryptHeader *header,
                                         const guint8 key[CRYPT_KEY_BYTES], CryptSealedFunc ended,
                                         gpointer data, GDestroyNotify data_free);
/* Returns a writer that passes content on as it is; what begins like a sealed message gets a header that says
 * so. */
SatchelWriter *crypt_writer_new_plain (SatchelWriter *below);
