/* SPDX-License-Identifier: MIT
 * Declares runs of admin commands (<satchel/admin.h>) in a mail process or in auth. Main thread only.
 */
#pragma once
#include <satchel/access.h>
#include <satchel/admin.h>
#include <satchel/storage.h>

#include "core/runtime/config/config_image.h"
#include "core/runtime/loader/loader.h"
#include "core/storage/store/place.h"

/* The server itself has commands in groups like those of modules. Their deadline grows with the user's
 * mail. */
typedef struct SatchelOwnCommands
{
  const char *group;
  const SatchelAdminOps *ops;
} SatchelOwnCommands;

typedef struct SatchelAdminHost
{
  SatchelLoader *loader;
  int root_fd; /* the mail root, in mail processes */
  guint slot;  /* number of this mail process */
  /* ends with a row without group; NULL: there are no commands of the server itself */
  const SatchelOwnCommands *own;
  const SatchelConfig *(*group) (const char *name);
  /* NULL means that this is auth, which runs commands `in_auth`, has no stores, and has looked for the
   * user. */
  SatchelStore *(*acquire_store) (const SatchelAccess *access, const SatchelPlace *place, GError **error);
  /* Sends a part of an answer, in whole characters; the last part is final. */
  void (*reply) (guint64 request, gboolean is_final, guint status, const char *text);
} SatchelAdminHost;

void satchel_admin_calls_init (const SatchelAdminHost *host);
/* Handles "run" or "run-auth" GROUP COMMAND USER FORMAT PLACE [NAME=VALUE ...] from master.  FORMAT is text
 * or json.  For a command that concerns no user, USER and PLACE are ""; otherwise PLACE is what auth knows of
 * the user
 * ("known PATH" or "unknown PATH").  @channel_fd: borrowed; -1: none.  The request is always answered. */
void satchel_admin_calls_start (guint64 request, const char *const *argv, int channel_fd);
/* Notes that the administrator's side has taken @n_bytes of the answer to @request, or waits for it no more.
 * FALSE means that there is no such request (it has ended). */
gboolean satchel_admin_calls_room (guint64 request, guint64 n_bytes);
gboolean satchel_admin_calls_cancel (guint64 request);
/* Cancels all calls, at the end of the process. */
void satchel_admin_calls_stop (void);
guint satchel_admin_calls_n_running (void);
/* Returns where the mail of the command's user is; borrowed.  NULL means that the command concerns no user.
 * */
const SatchelPlace *satchel_admin_place (const SatchelAdminCall *call);
