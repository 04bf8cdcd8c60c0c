/* SPDX-License-Identifier: MIT
 * Declares what feed_list.c, feed_cursor.c and feed.c share: the durable listeners of the process, and the
 * users who wait in the line of each.
 */
#pragma once
#include "core/storage/change_log/feed.h"
#include "core/storage/store/store_private.h"

typedef enum
{
  /* the first call in this process, which waits if several processes ended during the change */
  SATCHEL_FEED_FIRST,
  SATCHEL_FEED_WAITED, /* the first call after such a wait */
  SATCHEL_FEED_AGAIN
} SatchelFeedTurn;

/* A listener has to hear the changes of this user. */
typedef struct SatchelFeedEntry
{
  char *user;
  SatchelPlace *place; /* place of the store that was opened last */
  const SatchelStoreKeeper *keeper;
  gboolean is_running, is_due_again, is_in_line;
  SatchelFeedTurn turn;
  guint n_failures;
  gint64 due_us; /* 0: the entry does not wait */
} SatchelFeedEntry;

/* A durable listener has a feed, also one that is not enabled any more. */
typedef struct SatchelFeed
{
  SatchelStoreListener listener;
  char *name;
  gboolean is_on;
  guint number; /* among all of them */
  GThread *thread;
  GCond work;
  GHashTable *users;   /* user -> SatchelFeedEntry */
  GQueue line;         /* SatchelFeedEntry */
  GHashTable *skipped; /* set of users for whom it is not called, since processes crashed when it was */
  char *call;          /* "FLAGS user=..." of the call that is being made; NULL: there is none */
  gint64 call_since_us;
  guint64 n_told, n_failed;
  char *trouble; /* text of the last failure, or NULL */
  gint64 logged_us;
} SatchelFeed;

/* feed_list.c has these. */
extern GMutex satchel_feeds_lock; /* guards all members of SatchelFeed and SatchelFeedEntry */
/* Returns the listeners that are enabled: an array of yours, whose SatchelFeeds live as long as the process.
 * The caller holds satchel_feeds_lock. */
GPtrArray *satchel_feeds_enabled (void);
/* Says whether a listener is not called for a user any more; the first time it tells the administrator.  The
 * caller holds satchel_feeds_lock. */
gboolean satchel_feed_skips (SatchelFeed *feed, const char *user);
/* Says whether the process stops.  Then each thread of a listener ends before its next change. */
gboolean satchel_feed_is_stopping (void);
/* Mark the beginning and end of a listener's call, so that others can see what it works at.  @change NULL:
 * its own work. */
void satchel_feed_begin_call (const char *listener, const char *user, const SatchelChange *change);
void satchel_feed_end_call (const char *listener, gboolean is_done);

/* feed_cursor.c calls @listener for all changes of the user that it has not heard.  FALSE means that it
 * failed, and @error says why.  For a listener and a user one thread at a time may call it.  If *@ret_wait_ms
 * is not 0, the listener was not called, and the caller has to wait that long. */
gboolean satchel_feed_run (SatchelStore *store, const SatchelStoreListener *listener, SatchelFeedTurn turn,
                           guint *ret_wait_ms, GError **error);
gboolean satchel_feed_cursor_attach (SatchelStoreCore *store, const char *listener, GError **error);
