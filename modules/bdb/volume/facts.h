/* SPDX-License-Identifier: MIT
 * Declares sizes and counters of a volume.
 */
#pragma once
#include "volume/tables.h"
#include "volume/volume.h"

typedef struct BdbVolumeFacts
{
  char *home; /* yours */
  guint64 table_bytes[BDB_N_TABLES], log_bytes, bodies_bytes;
  guint64 n_since_checkpoint; /* bytes of the log since the last checkpoint */
  guint64 n_syncs;            /* syncs of the log since the volume was opened */
  guint64 n_commits, n_hits, n_misses, n_deadlocks;
} BdbVolumeFacts;
gboolean bdb_volume_facts (BdbVolume *volume, BdbVolumeFacts *ret_facts, GError **error);
