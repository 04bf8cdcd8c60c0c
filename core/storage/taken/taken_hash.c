/* SPDX-License-Identifier: MIT
 * This file computes the hash by which the record knows a message.
 */
#include "config.h"

#include "core/storage/taken/taken.h"

#include <string.h>

GChecksum *
satchel_taken_hash_new (const char *mailbox)
{
  GChecksum *hash = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (hash, (const guchar *) mailbox, (gssize) strlen (mailbox) + 1);
  return hash;
}

SatchelTakenId
satchel_taken_hash_end (GChecksum *hash)
{
  guint8 digest[32];
  gsize len = sizeof digest;
  SatchelTakenId id;
  g_checksum_get_digest (hash, digest, &len);
  memcpy (id.bytes, digest, sizeof id.bytes);
  g_checksum_free (hash);
  return id;
}
