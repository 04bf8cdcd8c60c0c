/* SPDX-License-Identifier: MIT
 * Mailbox listeners: told of appends, moves, flag changes and removals once they are durable.
 * Role mail.  A listener cannot refuse anything and must not block long: it is called in a job.
 */
#pragma once
#include <satchel/storage.h>

G_BEGIN_DECLS

typedef struct SatchelMailboxEvent
{
  size_t size;
  SatchelOperationKind kind; /* of what the client did, whatever layers made of it */
  const char *user; /* whose mailbox */
  SatchelStorageMailbox *mailbox, *destination;
  const SatchelOperation *operation; /* as it was carried out, with its ret_ fields */
  const SatchelAccess *access;       /* who did it, and why */
} SatchelMailboxEvent;

typedef struct SatchelMailboxListenerOps
{
  size_t size;
  guint band; /* order among listeners; lower first */
  void (*changed) (const SatchelMailboxEvent *event);
  /* May: upkeep (maintain.h), after that of the levels of the store.  @store: of the access that it says, cause background. */
  SatchelMaintained (*maintain) (SatchelStore *store, const SatchelMaintenance *maintenance, GError **error);
} SatchelMailboxListenerOps;

G_END_DECLS
