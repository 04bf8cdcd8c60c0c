/* SPDX-License-Identifier: MIT
 * Drafts that clients store and replace by a later version minutes afterwards need not be kept. What counts
 * is only what this process saw a client store with \Draft, and remove from where it was stored; it is noted
 * in memory, by a listener, so that neither deliveries nor copies nor what is moved there can be among it.
 */
#pragma once
#include "retention.h"

#include <satchel/listener.h>

/* Serves the listener's `changed`. */
void retention_drafts_changed (const SatchelMailboxEvent *event);
/* Says whether all messages that @operation removes from @mailbox (its name below the layer: @stored) are
 * such drafts, at most @age_s seconds old. [blocks] */
gboolean retention_drafts_are_exempt (SatchelStorage *storage, const SatchelAccess *access,
                                      const SatchelOperation *operation, const char *stored, gint64 age_s);
/* Forgets what was noted, when the process ends. */
void retention_drafts_forget (void);
