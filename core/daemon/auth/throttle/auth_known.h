/* SPDX-License-Identifier: MIT
 * Declares the networks from which each user has logged in. They keep a share of the account's attempts to
 * themselves (auth_throttle.h), and factors hear of them (SatchelLogin.is_network_known). A user has at most
 * SATCHEL_KNOWN_MAX; a new one replaces the one that was not used for longest. Only a right login makes one,
 * so nobody can displace those of others. They are in memory, and in the file STATE_DIR/auth/known-networks,
 * which outlives a restart. Main thread only.
 */
#pragma once
#include "core/session/network.h"

#define SATCHEL_KNOWN_MAX 8u
#define SATCHEL_KNOWN_DAYS 90 /* a network that was not used for so long is forgotten */

typedef struct SatchelKnownPlace
{
  SatchelAddress address; /* an IPv4 address, or the first of an IPv6 /64 */
  gboolean is_proved;     /* at least one login was not by an app password */
  gint64 seen_s;          /* time of the last login, in seconds since 1970 */
  guint32 share_hour;     /* the hour since 1970 that n_share counts in */
  guint n_share;          /* how much of the reserve it has used in that hour */
} SatchelKnownPlace;

typedef struct SatchelKnown SatchelKnown;
/* Reads the known networks.  @root_fd is the directory of auth (borrowed); -1: nothing is stored.  If the
 * file cannot be read, the log says so and no network is known. */
SatchelKnown *satchel_known_new (int root_fd, gint64 now_s);
void satchel_known_free (SatchelKnown *known);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelKnown, satchel_known_free)

/* Finds a known network.  @place is the network of a login (<satchel/login.h>).  NULL means that @user has
 * not logged in from there.  The result is valid until the next call that adds or forgets. */
SatchelKnownPlace *satchel_known_find (SatchelKnown *known, const char *user, const char *place);
/* Says whether @user has logged in from @place by more than an app password.  It is never true of loopback
 * and unix sockets, from where all users of a webmail come. */
gboolean satchel_known_is_proved (SatchelKnown *known, const char *user, const char *place, gint64 now_s);
/* Notes that the user got in from @place; @is_proved says that it was not by an app password. TRUE means that
 * satchel_known_sync has something to write, which may wait a while. */
gboolean satchel_known_remember (SatchelKnown *known, const char *user, const char *place, gboolean is_proved,
                                 gint64 now_s);
/* Forgets all known networks of @user, and returns how many there were. */
guint satchel_known_forget (SatchelKnown *known, const char *user);
/* Makes durable what was remembered and forgotten; a failure is logged. */
void satchel_known_sync (SatchelKnown *known);

typedef void (*SatchelKnownFunc) (const char *user, const SatchelKnownPlace *place, gpointer data);
void satchel_known_foreach (SatchelKnown *known, SatchelKnownFunc func, gpointer data);
