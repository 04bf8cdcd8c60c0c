/* SPDX-License-Identifier: MIT
 * The janitor of a mail process: visits each user that the process owns once every `janitor.interval`, for
 * what modules have to do
 * (<satchel/maintain.h>).  Main thread.
 */
#pragma once
#include <satchel/access.h>
#include <satchel/storage.h>

#include "core/runtime/ipc.h"
#include "core/storage/place.h"

typedef struct SatchelJanitorHost
{
  guint slot;
  int root_fd; /* the mail root */
  const SatchelConfig *(*group) (const char *name);
  SatchelStore *(*acquire_store) (const SatchelAccess *access, const SatchelPlace *place, GError **error);
  gboolean (*send_to_auth) (SatchelIpcMessage *message); /* takes it over; FALSE: auth is away */
} SatchelJanitorHost;

/* Begins; also after a reload, when settings or what there is to do may have changed. */
void satchel_janitor_start (const SatchelJanitorHost *host);
/* OWNED_REPLY.  FALSE: not acceptable. */
gboolean satchel_janitor_auth_message (SatchelIpcMessage *message);
/* No answer will come to what was asked. */
void satchel_janitor_auth_lost (void);
/* Ends the slice that runs, and keeps where it was; its jobs end soon. */
void satchel_janitor_stop (void);
/* "janitor: slot=0 state=waiting users=..." and a line end. */
void satchel_janitor_describe (GString *text);
