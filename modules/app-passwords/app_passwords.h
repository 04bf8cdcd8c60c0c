/* SPDX-License-Identifier: MIT
 * What the files of the module share.  The factor is asked in the main thread and commands run as jobs, so
 * whoever looks at the state holds the lock.
 */
#pragma once
#include "state.h"

#include <satchel/admin.h>

#define APP_AREA "app-passwords"

typedef struct AppModule
{
  GMutex lock; /* for all below */
  char *path;
  AppState *state;     /* NULL: the file is unusable */
  gint64 opened_at_ms; /* the last try, and what it said */
  char *trouble;
} AppModule;
extern AppModule app_module;

/* Opens the file. The caller holds the lock. */
gboolean app_open_state (GError **error);
/* Takes the lock. FALSE means that the file is unusable, and that the lock is not held. */
gboolean app_lock (GError **error);
void app_unlock (void);
gint64 app_now_s (void); /* since 1970 */
/* Ends the sessions of @user that @credential opened, from any thread; it is revoked or over. */
void app_end_session_of (const char *user, const char *credential);
/* Revokes @what (app_state_find), or all where it is NULL, durably, and ends their sessions. *@ret_n says how
 * many there were. */
gboolean app_revoke (const char *user, const char *what, guint *ret_n, GError **error);

extern const SatchelFactorOps app_factor;  /* factor.c */
extern const SatchelAdminOps app_commands; /* admin.c */
