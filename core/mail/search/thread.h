/* SPDX-License-Identifier: MIT
 * Declares what is between thread.c (links by message ids) and thread_finish.c (subjects, order).
 */
#pragma once
#include <satchel/sort.h>

#include "core/mail/search/forest.h"

typedef struct ThreadMessage
{
  gint64 sent, arrived;
  guint64 base_subject;
  gboolean is_reply;
} ThreadMessage;
typedef struct ThreadId
{
  guint64 id;      /* 0: the node is not in the table */
  guint32 message; /* SATCHEL_THREAD_NONE: the id was only referred to */
} ThreadId;

struct SatchelThreader
{
  SatchelThreadAlgorithm algorithm;
  guint32 n, n_max;
  ThreadMessage *messages;
  /* These serve REFERENCES, and are NULL and 0 for ORDEREDSUBJECT.  Nodes are numbered from 1. */
  GArray *forest;                         /* ForestNode */
  GArray *ids;                            /* ThreadId */
  guint32 *table, table_size, n_in_table; /* hash table with open addressing */
  guint64 dummies_left;
};

/* Gives the parent of each message: a message, n + k for dummy k at the top, or SATCHEL_THREAD_NONE.  Returns
 * the number of dummies.  Uses the links up. */
guint32 satchel_threader_prune (SatchelThreader *threader, guint32 *ret_parents);
