/* SPDX-License-Identifier: MIT
 * Messages that are kept, with what is known of their removal.
 */
#pragma once
#include "record.h"
#include "retention.h"

/* A message is valid during a call of RetentionItemFunc. */
typedef struct RetentionItem
{
  guint32 uid;
  const char *mailbox; /* where it was */
  gint64 time_s;       /* when it counts as removed; 0: not known */
  SatchelMessageRow row;
  const RetentionRecord *record; /* NULL: there is none */
} RetentionItem;
/* FALSE ends the walk. */
typedef gboolean (*RetentionItemFunc) (const RetentionItem *item, gpointer data);

/* Calls @func for the messages of mailbox @stored of the tree, in order of UIDs, that came there at
 * @until_s or before, or at an unknown time. A mailbox that is gone has none. *@ret_ended: NULL, or whether
 * @func ended it. [blocks] */
gboolean retention_items_walk (SatchelStorage *storage, const SatchelAccess *access, const char *stored,
                               gint64 until_s, RetentionItemFunc func, gpointer data, gboolean *ret_ended,
                               GError **error);
