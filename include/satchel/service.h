/* SPDX-License-Identifier: MIT
 * Services: a listener of their own in a role of their choice (metrics, a portal).  A service gets each
 * accepted connection as a SatchelConnection; there is no login and no TLS unless its listener says so.
 */
#pragma once
#include <satchel/connection.h>
#include <satchel/config.h>

G_BEGIN_DECLS

typedef struct SatchelServiceOps
{
  size_t size;
  guint role; /* one SatchelRole bit that accepts: GATE or MAIL */
  guint port; /* default of its listener; 0: config must say */
  /* A connection came in; returns its state, given to the handlers as self.  NULL closes. */
  gpointer (*session_new) (SatchelConnection *connection, const char *peer, const SatchelConfig *section);
  const SatchelConnectionHandlers *handlers;
} SatchelServiceOps;

G_END_DECLS
