/* SPDX-License-Identifier: MIT
 * Durable listeners (listener.h: heard): each has a thread and, for each user, a cursor in the change log
 * (decision 0044).
 */
#pragma once
#include "core/storage/store_open.h"

struct SatchelStoreCore;

/* Is there a durable listener?  Then the bounds of the log are returned. */
gboolean satchel_feed_is_wanted (guint64 *ret_max_bytes, gint64 *ret_max_age);
/* Takes the listeners that have `heard`. */
void satchel_feed_set_listeners (const SatchelStoreListener *listeners, guint n_listeners);
/* Listeners that have no cursor for the user get one here. */
void satchel_feed_attach (struct SatchelStoreCore *store);
/* The user's log may have new changes.  Any thread. */
void satchel_feed_wake (struct SatchelStoreCore *store);
typedef enum
{
  SATCHEL_FEED_FIRST,  /* number of processes that ended in the middle of this change; after several the feed
                          waits */
  SATCHEL_FEED_WAITED, /* the first after that */
  SATCHEL_FEED_AGAIN
} SatchelFeedTurn;
/* feed_cursor.c: calls @listener for all changes of the user that it has not heard.  FALSE: it failed, and
 * @error says why.  One thread at a time for a listener and user.  *@ret_wait_ms > 0: the listener was not
 * called, and the caller waits so long. */
gboolean satchel_feed_run (SatchelStore *store, const SatchelStoreListener *listener, SatchelFeedTurn turn,
                           guint *ret_wait_ms, GError **error);
gboolean satchel_feed_cursor_attach (struct SatchelStoreCore *store, const char *listener, GError **error);
/* TRUE while the process stops: a thread ends at the next change. */
gboolean satchel_feed_is_stopping (void);
/* Mark the beginning and end of a listener's call, so that others can see what it works at. */
void satchel_feed_begin_call (const char *listener, const char *user, const SatchelChange *change);
void satchel_feed_end_call (const char *listener, gboolean is_done);
