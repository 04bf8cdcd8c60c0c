/* SPDX-License-Identifier: MIT
 * Sealing and opening in memory, for the tests of module crypt.
 */
#pragma once
#include "attributes.h"
#include "reader.h"
#include "writer.h"

/* Makes keys with a private half that follows from @seed. */
CryptKeys *keys_of (guint8 seed);
/* How messages are sealed from now on: at first with CHACHA, and a box for each. */
typedef struct SealingWay
{
  CryptSuite suite;
  gboolean is_shared;
} SealingWay;
extern SealingWay sealing_way;
/* Seals @len bytes in writes of @piece, and the attributes with them (NULL: none are wanted).  Yours. */
GByteArray *seal_bytes (const CryptKeys *keys, const guint8 *data, gsize len, gsize piece, GBytes *attributes,
                        GBytes **ret_attributes);
/* Does what an unsealed user's delivery does.  Yours. */
GByteArray *pass_bytes (const guint8 *data, gsize len, gsize piece);
/* Opens @sealed, whose bytes must stay.  NULL with @error. */
SatchelStream *open_bytes (const GByteArray *sealed, const CryptKeys *keys, const guint8 *message_id,
                           GError **error); /* @message_id: NULL, or what is known */
/* Reads all of it in reads of @piece; yours.  NULL with @error, or the code of the failure in place of it. */
GByteArray *read_whole (SatchelStream *stream, gsize piece, GError **error);
GByteArray *open_whole (const GByteArray *sealed, const CryptKeys *keys, GError **error);
