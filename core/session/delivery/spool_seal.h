/* SPDX-License-Identifier: MIT
 * Spool files whose content may not lie in clear on the disk: parts of 64 KiB, each sealed by AES-256-GCM
 * with a key that only processes have, so that what a crash leaves cannot be read.
 */
#pragma once
#include <satchel/secret.h>
#include <satchel/stream.h>

#define SATCHEL_SPOOL_PART_BYTES 65536u
#define SATCHEL_SPOOL_TAG_BYTES 16u

/* Makes the key of one file, which seals each of its parts once; yours. */
GBytes *satchel_spool_key_new (GError **error);
/* Returns a copy of a key that came from another process; yours.  NULL: it is none. */
GBytes *satchel_spool_key_take (const guint8 *bytes, gsize len);
/* Seals a part, of which only the last one has fewer than SATCHEL_SPOOL_PART_BYTES.  @ret has room for
 * SATCHEL_SPOOL_TAG_BYTES more. */
gboolean satchel_spool_part_seal (GBytes *key, guint64 index, const guint8 *data, gsize len, guint8 *ret,
                                  GError **error);
/* Returns the content, of @size bytes, of a file; yours.  It takes a reference to @file and @key. */
SatchelStream *satchel_spool_unsealed (SatchelStream *file, GBytes *key, guint64 size);
