/* SPDX-License-Identifier: MIT
 * Durable listeners (listener.h: heard): each has a thread and, for each user, a cursor in the change log.
 * Decision 0044.
 */
#pragma once
#include "core/storage/store_open.h"

struct SatchelStoreCore;

/* Is anybody to be told?  Then the bounds of the log. */
gboolean satchel_feed_is_wanted (guint64 *ret_max_bytes, gint64 *ret_max_age);
/* Takes those of them that have `heard`. */
void satchel_feed_set_listeners (const SatchelStoreListener *listeners, guint n_listeners);
/* Listeners that never heard of the user begin here. */
void satchel_feed_attach (struct SatchelStoreCore *store);
/* There is something in the user's log, perhaps.  Any thread. */
void satchel_feed_wake (struct SatchelStoreCore *store);
typedef enum
{
  SATCHEL_FEED_FIRST,  /* of this process: after several processes that ended in the middle it waits */
  SATCHEL_FEED_WAITED, /* the first after that */
  SATCHEL_FEED_AGAIN
} SatchelFeedTurn;
/* feed_cursor.c: tells @listener all that it has not heard of the user.  FALSE: it failed; @error says how.
 * One thread at a time for a listener and user.  *@ret_wait_ms > 0: nothing was told, it is to wait so long.
 */
gboolean satchel_feed_run (SatchelStore *store, const SatchelStoreListener *listener, SatchelFeedTurn turn,
                           guint *ret_wait_ms, GError **error);
gboolean satchel_feed_cursor_attach (struct SatchelStoreCore *store, const char *listener, GError **error);
/* Set while a process stops: what is under way ends at the next change. */
gboolean satchel_feed_is_stopping (void);
/* Around a call of the listener, for those who ask what it is at. */
void satchel_feed_begin_call (const char *listener, const char *user, const SatchelChange *change);
void satchel_feed_end_call (const char *listener, gboolean is_done);
