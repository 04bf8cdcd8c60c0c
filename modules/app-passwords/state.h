/* SPDX-License-Identifier: MIT
 * Declares the app passwords of all users, in memory and in a file of records (<satchel/record_log.h>).
 * Changes are accepted once app_state_commit has returned TRUE. One thread at a time.
 */
#pragma once
#include "password.h"

#define APP_PASSWORDS_MAX 128u /* most app passwords of a user */

typedef struct AppState AppState;
/* Reads the file @path. NULL means that it is damaged, was removed, belongs to another installation, or
 * cannot be read. */
AppState *app_state_new (const char *path, GError **error);
void app_state_free (AppState *state);
/* Makes what is in memory durable. FALSE means that it may not be. */
gboolean app_state_commit (AppState *state, GError **error);

/* Returns AppPassword of @user in the order in which they were made, borrowed; NULL means none. */
const GPtrArray *app_state_passwords (AppState *state, const char *user);
/* Finds a password by its credential, id or label. NULL means that there is none. */
AppPassword *app_state_find (AppState *state, const char *user, const char *what);
/* Adds a password, which is taken over. */
void app_state_add (AppState *state, const char *user, AppPassword *password);
void app_state_remove (AppState *state, const char *user, AppPassword *password);
/* An app password was revoked, and its slots in keyrings may still be there. The file has it until the slots
 * are gone: a start tries all again that it names. */
typedef struct AppEnded
{
  char *user, *name; /* `name` is the credential's */
  gboolean is_told;  /* the log says that its slot stays */
} AppEnded;
gboolean app_state_has_ended (const AppState *state);
/* Returns copies of all of them; the caller frees the array. */
GPtrArray *app_state_ended (const AppState *state);
/* Notes that the slots of @name are gone, or, without @ok, that the log says that they stay. */
void app_state_slot_tried (AppState *state, const char *name, gboolean ok);
typedef void (*AppPasswordFunc) (const char *user, AppPassword *password, gpointer data);
void app_state_foreach (AppState *state, AppPasswordFunc func, gpointer data);
/* Adds last uses that the file does not have. FALSE means that there are none. */
gboolean app_state_note_uses (AppState *state);
