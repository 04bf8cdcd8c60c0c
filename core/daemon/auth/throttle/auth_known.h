/* SPDX-License-Identifier: MIT
 * This header declares the networks from which each user has logged in, which keep a share of the account's
 * attempts to themselves (auth_throttle.h), and of which factors hear (SatchelLogin.is_network_known).  At
 * most SATCHEL_KNOWN_MAX of a user, the one that was not used for longest goes; only a right login makes one,
 * so that nobody can push out those of others.  In memory, and in the file STATE_DIR/auth/known-networks,
 * which outlives a restart.  Main thread.
 */
#pragma once
#include "core/session/network.h"

#define SATCHEL_KNOWN_MAX 8u
#define SATCHEL_KNOWN_DAYS 90 /* one that was not used for so long is forgotten */

typedef struct SatchelKnownPlace
{
  SatchelAddress address; /* an IPv4 address, or the first of an IPv6 /64 */
  gint64 seen_s;          /* the last login, since 1970 */
  gboolean is_proved;     /* one of these logins was not by an app password */
  gint64 share_hour;      /* the hour that n_share counts in */
  guint n_share;          /* what it has used of the reserve in that hour */
} SatchelKnownPlace;

typedef struct SatchelKnown SatchelKnown;
/* @root_fd is the directory of auth (borrowed); -1: in memory only.  A file that cannot be read is said in
 * the log, and nobody is known then. */
SatchelKnown *satchel_known_new (int root_fd, gint64 now_s);
void satchel_known_free (SatchelKnown *known);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelKnown, satchel_known_free)

/* @place is the network of a login (<satchel/login.h>).  NULL means that @user has not logged in from there.
 * Valid until the next call that adds or forgets. */
SatchelKnownPlace *satchel_known_find (SatchelKnown *known, const char *user, const char *place);
/* Says whether @user has proved from @place who he is, by more than an app password. It is never true of
 * loopback and unix sockets, where a webmail's users all come from. */
gboolean satchel_known_is_proved (SatchelKnown *known, const char *user, const char *place, gint64 now_s);
/* Notes that the user got in from @place; @is_proved says that it was not by an app password. TRUE means that
 * satchel_known_sync has something to write, which may wait a while. */
gboolean satchel_known_remember (SatchelKnown *known, const char *user, const char *place, gboolean is_proved,
                                 gint64 now_s);
/* Returns how many of @user's were forgotten. */
guint satchel_known_forget (SatchelKnown *known, const char *user);
/* Makes durable what was remembered and forgotten; a failure is logged. */
void satchel_known_sync (SatchelKnown *known);

typedef void (*SatchelKnownFunc) (const char *user, const SatchelKnownPlace *place, gpointer data);
void satchel_known_foreach (SatchelKnown *known, SatchelKnownFunc func, gpointer data);
