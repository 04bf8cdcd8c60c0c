/* SPDX-License-Identifier: MIT
 * The app passwords of all users: in memory, and in a file of records (<satchel/record_log.h>).  Changes
 * count once app_state_commit has returned TRUE.  One thread at a time.
 */
#pragma once
#include "password.h"

#define APP_PASSWORDS_MAX 128u /* of a user */

typedef struct AppState AppState;
/* @path: of the file.  NULL: it is damaged, was removed, belongs to another installation, or cannot be read.
 */
AppState *app_state_new (const char *path, GError **error);
void app_state_free (AppState *state);
/* What is in memory is durable.  FALSE: it may not be. */
gboolean app_state_commit (AppState *state, GError **error);

/* AppPassword of @user in the order in which they were made; NULL: none.  Borrowed. */
const GPtrArray *app_state_passwords (AppState *state, const char *user);
/* Finds a password by its credential, id or label.  NULL: there is none. */
AppPassword *app_state_find (AppState *state, const char *user, const char *what);
/* Takes @password over. */
void app_state_add (AppState *state, const char *user, AppPassword *password);
void app_state_remove (AppState *state, const char *user, AppPassword *password);
typedef void (*AppPasswordFunc) (const char *user, AppPassword *password, gpointer data);
void app_state_foreach (AppState *state, AppPasswordFunc func, gpointer data);
/* Adds last uses that the file does not have.  FALSE: there are none. */
gboolean app_state_note_uses (AppState *state);
