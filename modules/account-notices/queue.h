/* SPDX-License-Identifier: MIT
 * Notices that have not been delivered: in memory, and in a file that outlives auth.  Main thread.
 */
#pragma once
#include "notice.h"

#include <satchel/error.h>

#define QUEUE_MAX 1024u

typedef struct Queue Queue;
/* Opens the queue. If @path is NULL or unusable it is in memory only; the log says so of the latter. */
Queue *queue_new (const char *path);
void queue_free (Queue *queue);
/* Takes @notice over, and gives it its id. FALSE means that there are too many, and that it is freed. */
gboolean queue_add (Queue *queue, Notice *notice);
/* Removes a notice that was delivered or given up, and frees it. */
void queue_remove (Queue *queue, Notice *notice);
/* Makes durable what was added and removed; a failure is logged. */
void queue_sync (Queue *queue);
const GPtrArray *queue_all (const Queue *queue); /* Notice, the oldest first */
Notice *queue_find (const Queue *queue, guint64 id);
