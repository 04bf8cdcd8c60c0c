/* SPDX-License-Identifier: MIT
 * Declares the environment of a volume: the Berkeley DB handles that belong together, opened with recovery
 * by the one process that holds the volume's lock.
 */
#pragma once
#include "settings.h"
#include "volume/memory.h"
#include "volume/tables.h"

#include <db.h>
#include <satchel/error.h>

#define BDB_LOG_BUFFER_BYTES (1024u * 1024u)

typedef struct BdbEnvironment
{
  DB_ENV *env;
  DB *tables[BDB_N_TABLES];
  BdbMemory *memory; /* entered by whoever calls the library on these handles */
} BdbEnvironment;

/* What Berkeley DB says of an error in words, and when it gives up (@message NULL).  [any thread] */
typedef void (*BdbMessageFunc) (gpointer data, const char *message);

/* Opens the environment in directory @home, which exists, with recovery.  @func may be called until
 * bdb_environment_close.  FALSE: nothing is open; CORRUPT if recovery fails, UNAVAILABLE if another version
 * of the library wrote it.  [blocks] */
gboolean bdb_environment_open (BdbEnvironment *environment, const char *home, const BdbSettings *settings,
                               BdbMessageFunc func, gpointer data, GError **error);
/* Closes what is open, with a checkpoint if nothing failed, and frees all memory of it.  No other thread uses
 * it any more. */
void bdb_environment_close (BdbEnvironment *environment, gboolean has_failed);
/* Sets @error from a code of Berkeley DB, and returns FALSE. */
gboolean bdb_error_set (GError **error, int code, const char *what);
