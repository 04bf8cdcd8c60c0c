/* SPDX-License-Identifier: MIT
 * Purging: what has been kept for as long as it is to be kept is removed for good.
 */
#pragma once
#include "retention.h"

typedef struct RetentionPurge
{
  gint64 now_s;
  /* -1: by the ages of the settings; else all that was removed longer ago than this goes. */
  gint64 older_s;
  gboolean is_dry; /* nothing is removed */
  /* Results. */
  guint64 n_messages, n_bytes;
} RetentionPurge;

/* Purges mailbox @stored of the tree, and removes it when it is empty then. @is_over: NULL, or asked between
 * batches; TRUE ends the call, and a later one goes on (*@ret_is_done is FALSE). A hold is the caller's to
 * look at. [blocks] */
gboolean retention_purge_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *stored,
                                  RetentionPurge *purge, gboolean (*is_over) (gpointer data), gpointer data,
                                  gboolean *ret_is_done, GError **error);
/* The layer's upkeep. */
SatchelMaintained retention_maintain (SatchelStorage *storage, const SatchelAccess *access,
                                      const SatchelMaintenance *maintenance, GError **error);
