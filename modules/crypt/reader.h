/* SPDX-License-Identifier: MIT
 * Content on its way out of storage: a sealed message as the stream that its client sees.
 */
#pragma once
#include "header.h"

#include <satchel/stream.h>

/* Reads as much of a stored message as a header has.  -1: it cannot be read.  [blocks] */
gssize crypt_head_read (SatchelStream *stored, guint8 head[CRYPT_HEADER_BYTES], GError **error);
/* Opens what storage has of a message, @sealed, for an access with @keys (or NULL).  A message that is not
 * sealed is given as it is.  Only the header is read; each chunk is verified when something of it is asked
 * for, and nothing of a chunk that is not what was sealed is ever given.  @known: the message was sealed with
 * this id; NULL means that nothing is known of it.  LOCKED: none of the keys opens it.  CORRUPT: it is not
 * what was sealed.  Yours.  [blocks] */
SatchelStream *crypt_reader_new (SatchelStream *sealed, const CryptKeys *keys, const CryptKnown *known,
                                 GError **error);
/* Says what is known of the sealed message that @stream opens.  FALSE: it is not sealed. */
gboolean crypt_reader_tell (SatchelStream *stream, CryptKnown *ret_known);
