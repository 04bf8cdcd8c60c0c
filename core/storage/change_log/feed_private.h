/* SPDX-License-Identifier: MIT
 * This header says what feed_list.c, feed_cursor.c and feed.c share: the durable listeners of the
 * process, and who is in their lines.
 */
#pragma once
#include "core/storage/change_log/feed.h"
#include "core/storage/store/store_private.h"

typedef enum
{
  SATCHEL_FEED_FIRST,  /* of this process: it waits if several processes ended in the middle of the change */
  SATCHEL_FEED_WAITED, /* the first after such a wait */
  SATCHEL_FEED_AGAIN
} SatchelFeedTurn;

/* This is a user whose changes a listener has to hear. */
typedef struct SatchelFeedEntry
{
  char *user;
  SatchelPlace *place; /* of the store that was opened last */
  const SatchelStoreKeeper *keeper;
  gboolean is_running, is_due_again, is_in_line;
  SatchelFeedTurn turn;
  guint n_failures;
  gint64 due_us; /* 0: not waiting */
} SatchelFeedEntry;

/* This is a durable listener, also one that is not enabled any more. */
typedef struct SatchelFeed
{
  SatchelStoreListener listener;
  char *name;
  gboolean is_on;
  GThread *thread;
  GCond work;
  GHashTable *users; /* user -> SatchelFeedEntry */
  GQueue line;       /* SatchelFeedEntry */
  char *call;        /* "FLAGS user=..."; NULL: it is not called just now */
  gint64 call_since_us;
  guint64 n_told, n_failed;
  char *trouble; /* of the last failure, or NULL */
  gint64 logged_us;
} SatchelFeed;

/* feed_list.c has these. */
extern GMutex satchel_feeds_lock; /* for all in SatchelFeed and SatchelFeedEntry */
/* Returns SatchelFeed, for as long as the process lives.  Yours, borrowed elements; under satchel_feeds_lock.
 */
GPtrArray *satchel_feeds_enabled (void);
/* Does the process stop?  Then each thread of a listener ends before its next change. */
gboolean satchel_feed_is_stopping (void);
/* Mark the beginning and end of a listener's call, so that others can see what it works at. */
void satchel_feed_begin_call (const char *listener, const char *user, const SatchelChange *change);
void satchel_feed_end_call (const char *listener, gboolean is_done);

/* feed_cursor.c calls @listener for all changes of the user that it has not heard.  FALSE: it failed, and
 * @error says why.  One thread at a time for a listener and user.  *@ret_wait_ms > 0: the listener was not
 * called, and the caller waits so long. */
gboolean satchel_feed_run (SatchelStore *store, const SatchelStoreListener *listener, SatchelFeedTurn turn,
                           guint *ret_wait_ms, GError **error);
gboolean satchel_feed_cursor_attach (SatchelStoreCore *store, const char *listener, GError **error);
