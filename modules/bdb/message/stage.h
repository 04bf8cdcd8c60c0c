/* SPDX-License-Identifier: MIT
 * This header declares content that is staged: short content waits in memory for the transaction that appends
 * it, long content goes to the table as it comes.
 */
#pragma once
#include "message/content.h"

typedef struct BdbStaged
{
  BdbStore *store;
  guint64 content;  /* its number */
  guint64 length;   /* bytes */
  guint32 n_stored; /* pieces that are in the table */
  GByteArray *rest; /* what is not */
} BdbStaged;

/* Writes what is not in the table yet, and ends the note that it is staged only. */
gboolean bdb_staged_save (const BdbStaged *staged, BdbWrite *write, GError **error);
void bdb_staged_free (BdbStaged *staged);
