/* SPDX-License-Identifier: MIT
 * This file keeps the state in memory and in its file.  The file begins with a mark of the installation's
 * secret, since with another secret every app password would just be wrong.
 */
#include "state.h"

#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/record_log.h>
#include <satchel/retry.h>
#include <string.h>
#include <unistd.h>

struct AppState
{
  char *path;
  int directory;
  GHashTable *users; /* name -> GPtrArray of AppPassword */
  guint n_passwords;
  guint8 mark[APP_HASH_BYTES];
  gboolean is_marked; /* the file has the mark of this installation */
  guint n_unknown, n_unnoted;
  GPtrArray *ended; /* AppEnded */
  SatchelRecordLog *log;
};

static GPtrArray *
passwords_of (AppState *state, const char *user)
{
  return g_hash_table_lookup (state->users, user);
}

static AppPassword *
find_id (const GPtrArray *passwords, const char *id)
{
  for (guint i = 0; passwords != NULL && i < passwords->len; i++)
    if (strcmp (((AppPassword *) passwords->pdata[i])->id, id) == 0)
      return passwords->pdata[i];
  return NULL;
}

static AppEnded *
ended_new (const char *user, const char *name, gboolean is_told)
{
  AppEnded *ended = g_new (AppEnded, 1);
  *ended = (AppEnded) { g_strdup (user), g_strdup (name), is_told };
  return ended;
}

static void
ended_free (gpointer data)
{
  AppEnded *ended = data;
  g_free (ended->user);
  g_free (ended->name);
  g_free (ended);
}

static void
add_ended (AppState *state, const char *user, const char *id)
{
  g_autofree char *name = app_credential_name (id);
  g_ptr_array_add (state->ended, ended_new (user, name, FALSE));
}

static void
drop (AppState *state, const char *user, AppPassword *password)
{
  GPtrArray *passwords = passwords_of (state, user);
  if (password == NULL || !g_ptr_array_remove (passwords, password))
    return;
  state->n_passwords--;
  if (passwords->len == 0)
    g_hash_table_remove (state->users, user);
}

static void
put (AppState *state, const char *user, AppPassword *password)
{
  GPtrArray *passwords = passwords_of (state, user);
  AppPassword *old = find_id (passwords, password->id);
  if (old != NULL) /* the new record replaces the password, which was used */
    {
      guint at;
      (void) g_ptr_array_find (passwords, old, &at);
      app_password_free (old);
      passwords->pdata[at] = password;
      return;
    }
  if (passwords == NULL)
    {
      passwords = g_ptr_array_new_with_free_func ((GDestroyNotify) app_password_free);
      g_hash_table_insert (state->users, g_strdup (user), passwords);
    }
  g_ptr_array_add (passwords, password);
  state->n_passwords++;
}

static void
load_record (const char *line, gpointer data)
{
  AppState *state = data;
  g_auto (AppRecord) record = { 0 };
  if (!app_record_parse (line, &record))
    state->n_unknown++;
  else if (record.kind == 'k')
    state->is_marked = app_hash_equal (record.mark, state->mark);
  else if (record.kind == 'p')
    put (state, record.user, g_steal_pointer (&record.password));
  else
    {
      drop (state, record.user, find_id (passwords_of (state, record.user), record.id));
      add_ended (state, record.user, record.id);
    }
}

static void
dump_records (SatchelRecordFunc emit, gpointer emit_data, gpointer data)
{
  AppState *state = data;
  g_autofree char *mark = app_record_of_mark (state->mark);
  GHashTableIter iter;
  gpointer user, value;
  emit (mark, emit_data);
  g_hash_table_iter_init (&iter, state->users);
  while (g_hash_table_iter_next (&iter, &user, &value))
    {
      const GPtrArray *passwords = value;
      for (guint i = 0; i < passwords->len; i++)
        {
          g_autofree char *line = app_record_of_password (user, passwords->pdata[i]);
          emit (line, emit_data);
        }
    }
  for (guint i = 0; i < state->ended->len; i++)
    {
      const AppEnded *ended = state->ended->pdata[i];
      g_autofree char *line = app_record_of_end (ended->user, app_credential_id (ended->name));
      emit (line, emit_data);
    }
}

static gboolean
check_file (const AppState *state, gboolean exists, GError **error)
{
  if (state->n_unknown > 0)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "%s has %u records that this program does not know; restore it from a backup",
                              state->path, state->n_unknown);
  return !exists || state->is_marked
         || satchel_error_set (
             error, SATCHEL_ERROR_CORRUPT,
             "%s was made with another secret of the installation; restore the file \"secret\" "
             "in the state directory of auth, which belongs to it",
             state->path);
}

static gboolean
open_file (AppState *state, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (state->path), *name = g_path_get_basename (state->path);
  if (!app_secret_mark (state->mark))
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "GnuTLS cannot compute hashes");
  state->directory = SATCHEL_RETRY (open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (state->directory < 0)
    return satchel_error_set_errno (error, errno,
                                    "the directory of app-passwords.path (%s) cannot be opened; set "
                                    "app-passwords.path to a file in a directory that is the auth account's",
                                    directory);
  gboolean exists = faccessat (state->directory, name, F_OK, 0) == 0;
  state->log = satchel_record_log_open (state->directory, name, "satchel-app-passwords",
                                        SATCHEL_RECORD_LOG_WHOLE | SATCHEL_RECORD_LOG_GUARDED, load_record,
                                        dump_records, state, error);
  if (state->log != NULL)
    return check_file (state, exists, error);
  g_prefix_error (error, "%s/", directory);
  return FALSE;
}

AppState *
app_state_new (const char *path, GError **error)
{
  AppState *state = g_new0 (AppState, 1);
  state->path = g_strdup (path);
  state->directory = -1;
  state->users =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  state->ended = g_ptr_array_new_with_free_func (ended_free);
  if (open_file (state, error))
    return state;
  app_state_free (state);
  return NULL;
}

void
app_state_free (AppState *state)
{
  if (state == NULL)
    return;
  satchel_record_log_free (state->log);
  g_hash_table_unref (state->users);
  g_ptr_array_unref (state->ended);
  if (state->directory >= 0)
    close (state->directory);
  g_free (state->path);
  g_free (state);
}

gboolean
app_state_commit (AppState *state, GError **error)
{
  return satchel_record_log_sync (state->log, state->n_passwords + state->ended->len + 1, error);
}

const GPtrArray *
app_state_passwords (AppState *state, const char *user)
{
  return passwords_of (state, user);
}

AppPassword *
app_state_find (AppState *state, const char *user, const char *what)
{
  const GPtrArray *passwords = passwords_of (state, user);
  AppPassword *found = find_id (passwords, app_credential_id (what));
  for (guint i = 0; found == NULL && passwords != NULL && i < passwords->len; i++)
    if (strcmp (((AppPassword *) passwords->pdata[i])->label, what) == 0)
      found = passwords->pdata[i];
  return found;
}

static void
add_line (AppState *state, char *line)
{
  satchel_record_log_add (state->log, line);
  g_free (line);
}

void
app_state_add (AppState *state, const char *user, AppPassword *password)
{
  put (state, user, password);
  add_line (state, app_record_of_password (user, password));
}

void
app_state_remove (AppState *state, const char *user, AppPassword *password)
{
  add_line (state, app_record_of_end (user, password->id));
  add_ended (state, user, password->id);
  drop (state, user, password);
}

gboolean
app_state_has_ended (const AppState *state)
{
  return state->ended->len > 0;
}

GPtrArray *
app_state_ended (const AppState *state)
{
  GPtrArray *copies = g_ptr_array_new_with_free_func (ended_free);
  for (guint i = 0; i < state->ended->len; i++)
    {
      const AppEnded *ended = state->ended->pdata[i];
      g_ptr_array_add (copies, ended_new (ended->user, ended->name, ended->is_told));
    }
  return copies;
}

void
app_state_slot_tried (AppState *state, const char *name, gboolean ok)
{
  for (guint i = state->ended->len; i-- > 0;)
    {
      AppEnded *ended = state->ended->pdata[i];
      if (strcmp (ended->name, name) != 0)
        continue;
      ended->is_told = TRUE;
      if (ok)
        g_ptr_array_remove_index (state->ended, i);
    }
}

void
app_state_foreach (AppState *state, AppPasswordFunc func, gpointer data)
{
  GHashTableIter iter;
  gpointer user, value;
  g_hash_table_iter_init (&iter, state->users);
  while (g_hash_table_iter_next (&iter, &user, &value))
    {
      const GPtrArray *passwords = value;
      for (guint i = 0; i < passwords->len; i++)
        func (user, passwords->pdata[i], data);
    }
}

static void
note_use (const char *user, AppPassword *password, gpointer data)
{
  AppState *state = data;
  if (password->is_noted)
    return;
  password->is_noted = TRUE;
  state->n_unnoted++;
  add_line (state, app_record_of_password (user, password));
}

gboolean
app_state_note_uses (AppState *state)
{
  state->n_unnoted = 0;
  app_state_foreach (state, note_use, state);
  return state->n_unnoted > 0;
}
