/* SPDX-License-Identifier: MIT
 * Declares durable listeners (listener.h: heard): each has a thread and, for each user, a cursor in the
 * change log (decision 0044).
 */
#pragma once
#include "core/storage/store/store_open.h"

struct SatchelStoreCore;

/* Says whether there is a durable listener, and returns the bounds of the log then. */
gboolean satchel_feed_is_wanted (guint64 *ret_max_bytes, gint64 *ret_max_age);
/* Takes the listeners that have `heard`. */
void satchel_feed_set_listeners (const SatchelStoreListener *listeners, guint n_listeners);
/* Gives each listener that has no cursor for the user one. */
void satchel_feed_attach (struct SatchelStoreCore *store);
/* Notes that the user's log may have new changes.  Any thread may call it. */
void satchel_feed_wake (struct SatchelStoreCore *store);
