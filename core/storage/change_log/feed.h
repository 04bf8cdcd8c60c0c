/* SPDX-License-Identifier: MIT
 * This header declares durable listeners (listener.h: heard): each has a thread and, for each user, a cursor
 * in the change log (decision 0044).
 */
#pragma once
#include "core/storage/store/store_open.h"

struct SatchelStoreCore;

/* Is there a durable listener?  Then the bounds of the log are returned. */
gboolean satchel_feed_is_wanted (guint64 *ret_max_bytes, gint64 *ret_max_age);
/* Takes the listeners that have `heard`. */
void satchel_feed_set_listeners (const SatchelStoreListener *listeners, guint n_listeners);
/* Listeners that have no cursor for the user get one here. */
void satchel_feed_attach (struct SatchelStoreCore *store);
/* The user's log may have new changes.  Any thread. */
void satchel_feed_wake (struct SatchelStoreCore *store);
