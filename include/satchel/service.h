/* SPDX-License-Identifier: MIT
 * Declares services: modules with a listener of their own in a role of their choice (metrics, a portal). A
 * service gets each accepted connection as a SatchelConnection. There is no login, and TLS only if its
 * listener has it.
 */
#pragma once
#include <satchel/connection.h>
#include <satchel/config.h>

G_BEGIN_DECLS

typedef struct SatchelServiceOps
{
  size_t size;
  guint role; /* the role that accepts, one SatchelRole bit: GATE or MAIL */
  guint port; /* the default port of its listener; 0: the configuration must give one */
  /* A connection was accepted.  Returns its state, which the handlers get as self; NULL closes the
   * connection. */
  gpointer (*session_new) (SatchelConnection *connection, const char *peer, const SatchelConfig *section);
  const SatchelConnectionHandlers *handlers;
} SatchelServiceOps;

G_END_DECLS
