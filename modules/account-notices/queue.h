/* SPDX-License-Identifier: MIT
 * Declares the queue of notices that have not been delivered. It is in memory, and in a file that outlives
 * auth. Main thread only.
 */
#pragma once
#include "notice.h"

#include <satchel/error.h>

#define QUEUE_MAX 1024u

typedef struct Queue Queue;
/* Opens the queue.  If @path is NULL or cannot be used, the queue is in memory only; in the second case the
 * log says so. */
Queue *queue_new (const char *path);
void queue_free (Queue *queue);
/* Adds @notice, which is taken over and gets its id.  FALSE means that there are too many, and that it has
 * been freed. */
gboolean queue_add (Queue *queue, Notice *notice);
/* Removes a notice that was delivered or given up, and frees it. */
void queue_remove (Queue *queue, Notice *notice);
/* Makes durable what was added and removed; a failure is logged. */
void queue_sync (Queue *queue);
const GPtrArray *queue_all (const Queue *queue); /* Returns all notices, the oldest first. */
Notice *queue_find (const Queue *queue, guint64 id);
