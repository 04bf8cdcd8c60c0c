/* SPDX-License-Identifier: MIT
 * Declares what is shared by the files of the module. The factor is asked in the main thread and commands
 * run as jobs, so every use of the state holds the lock.
 */
#pragma once
#include "state.h"

#include <satchel/admin.h>

#define APP_AREA "app-passwords"

typedef struct AppModule
{
  GMutex lock; /* guards all members below */
  char *path;
  AppState *state;     /* NULL: the file cannot be used */
  gint64 opened_at_ms; /* monotonic time of the last try to open the file, and what was wrong then */
  char *trouble;
} AppModule;
extern AppModule app_module;

/* Opens the file. The caller holds the lock. */
gboolean app_open_state (GError **error);
/* Takes the lock. FALSE means that the file is unusable, and that the lock is not held. */
gboolean app_lock (GError **error);
void app_unlock (void);
gint64 app_now_s (void); /* Returns the time in seconds since 1970. */
/* Revokes @what (app_state_find), or all where it is NULL, durably, and ends their sessions. *@ret_n says how
 * many there were. */
gboolean app_revoke (const char *user, const char *what, guint *ret_n, GError **error);

/* slots.c.  The first gives the app password @name a slot in the user's keyrings; @password is the user's
 * own, or NULL. NOPERM means that it does not open them. [blocks] */
gboolean app_slot_add (const char *user, const char *name, const char *secret, const char *password,
                       GError **error);
/* Drops the slots of all that have been revoked; what fails is tried again later. [blocks] */
void app_slots_drop (void);
/* Does that in a job.  Main thread. */
void app_slots_drop_soon (void);

extern const SatchelFactorOps app_factor;  /* factor.c */
extern const SatchelAdminOps app_commands; /* admin.c */
