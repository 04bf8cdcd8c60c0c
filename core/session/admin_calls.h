/* SPDX-License-Identifier: MIT
 * Runs of admin commands (<satchel/admin.h>) in a mail process.  Main thread.
 */
#pragma once
#include <satchel/access.h>
#include <satchel/storage.h>

#include "core/runtime/config_image.h"
#include "core/runtime/loader.h"
#include "core/storage/place.h"

typedef struct SatchelAdminHost
{
  SatchelLoader *loader;
  int root_fd; /* the mail root */
  const SatchelConfig *(*group) (const char *name);
  SatchelStore *(*acquire_store) (const SatchelAccess *access, const SatchelPlace *place, GError **error);
  /* A part of an answer, whole characters; the last one is final. */
  void (*reply) (guint64 request, gboolean is_final, guint status, const char *text);
} SatchelAdminHost;

void satchel_admin_calls_init (const SatchelAdminHost *host);
/* "run" GROUP COMMAND USER FORMAT PLACE [NAME=VALUE ...], as master passes it on: FORMAT text or json; USER
 * and PLACE "" if it is of no user, else PLACE is what auth knows of the user ("known PATH" or "unknown
 * PATH").  Answered in any case. */
void satchel_admin_calls_start (guint64 request, const char *const *argv);
/* The admin took @n_bytes of the answer to @request; nobody waits for it any more.  FALSE: no such request
 * (it is over). */
gboolean satchel_admin_calls_room (guint64 request, guint64 n_bytes);
gboolean satchel_admin_calls_cancel (guint64 request);
/* Cancels all: at the end of the process. */
void satchel_admin_calls_stop (void);
guint satchel_admin_calls_n_running (void);
