/* SPDX-License-Identifier: MIT
 * Implements the hash that assigns users to mail processes: FNV-1a with 64 bits, which is the same after a
 * restart and in every version.
 */
#include "config.h"

#include "core/daemon/auth/placement/placement.h"

guint
satchel_placement_hash_slot (const char *text, guint n_slots)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  for (const guchar *c = (const guchar *) text; *c != '\0'; c++)
    hash = (hash ^ *c) * G_GUINT64_CONSTANT (0x100000001b3);
  return (guint) (hash % MAX (n_slots, 1));
}
