/* SPDX-License-Identifier: MIT
 * Declares content that is staged: a short body waits in memory for the transaction that appends it, a
 * longer one goes to the body files as it comes.
 */
#pragma once
#include "message/content.h"

typedef struct BdbStaged
{
  BdbStore *store;
  guint64 content;      /* number of the content */
  guint64 length;       /* length of the body in bytes */
  GByteArray *rest;     /* the bytes that are not in body files */
  GByteArray *record;   /* where the body lies in body files; NULL: it is not there */
  BdbBodyTicket ticket; /* the ticket of what was written there */
  gboolean is_named;    /* a transaction has named the body, even if it has failed */
} BdbStaged;

/* Makes durable what is in body files, before the transaction is.  A failure is one of the volume. */
gboolean bdb_staged_sync (const BdbStaged *staged, GError **error);
/* Writes a short body, or the record of where a longer one is. */
gboolean bdb_staged_save (BdbStaged *staged, BdbWrite *write, GError **error);
/* Frees a stage whose content has been committed. */
void bdb_staged_free (BdbStaged *staged);
