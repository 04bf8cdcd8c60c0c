/* SPDX-License-Identifier: MIT
 * Declares the janitor of a mail process, which visits each user that the process owns once in every
 * `janitor.interval`, for the upkeep of modules (<satchel/maintain.h>). Main thread only.
 */
#pragma once
#include <satchel/access.h>
#include <satchel/storage.h>

#include "core/runtime/ipc/ipc.h"
#include "core/storage/store/place.h"

typedef struct SatchelJanitorHost
{
  guint slot;
  int root_fd; /* the mail root */
  const SatchelConfig *(*group) (const char *name);
  SatchelStore *(*acquire_store) (const SatchelAccess *access, const SatchelPlace *place, GError **error);
  /* takes the message over; returns FALSE if auth is away */
  gboolean (*send_to_auth) (SatchelIpcMessage *message);
} SatchelJanitorHost;

/* Begins, also after a reload, when settings or the modules with upkeep may have changed. */
void satchel_janitor_start (const SatchelJanitorHost *host);
/* Visits @user before others, beside the rounds. */
void satchel_janitor_visit_soon (const char *user);
/* Takes OWNED_REPLY.  FALSE means that the message is malformed. */
gboolean satchel_janitor_auth_message (SatchelIpcMessage *message);
/* Notes that the link to auth broke, so that no answer will come to the last question. */
void satchel_janitor_auth_lost (void);
/* Ends the present slice, and stores the progress; its jobs end soon. */
void satchel_janitor_stop (void);
/* Appends a line such as "janitor: slot=0 state=waiting users=...". */
void satchel_janitor_describe (GString *text);
