/* SPDX-License-Identifier: MIT
 * This file keeps the state in memory and in its file.
 */
#include "state.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/record_log.h>
#include <satchel/retry.h>
#include <unistd.h>

struct TotpState
{
  char *path, *name;
  int directory;
  GHashTable *users; /* name -> TotpUser */
  char *hash_key;    /* sealed, or NULL */
  guint n_grants;
  SatchelRecordLog *log;
  guint n_unknown; /* records that this version does not know */
  guint64 newest_step;
};

static TotpGrant *
find_grant (const TotpUser *user, guint64 id)
{
  for (guint i = 0; i < user->grants->len; i++)
    if (((TotpGrant *) user->grants->pdata[i])->id == id)
      return user->grants->pdata[i];
  return NULL;
}

static void
drop_grant (TotpState *state, TotpUser *user, TotpGrant *grant)
{
  if (grant != NULL && g_ptr_array_remove (user->grants, grant))
    state->n_grants--;
}

static void
see_steps (TotpState *state, const TotpUser *user)
{
  if (user->n_used > 0)
    state->newest_step = MAX (state->newest_step, user->used[user->n_used - 1]);
}

static void
put_user (TotpState *state, TotpUser *user)
{
  TotpUser *old = totp_state_find (state, user->name);
  if (old != NULL)
    {
      g_ptr_array_unref (user->grants);
      user->grants = g_ptr_array_ref (old->grants);
    }
  see_steps (state, user);
  g_hash_table_replace (state->users, user->name, user);
}

static void
put_grant (TotpState *state, TotpUser *user, TotpGrant *grant)
{
  drop_grant (state, user, find_grant (user, grant->id));
  grant->written_s = grant->used_s;
  g_ptr_array_add (user->grants, grant);
  state->n_grants++;
}

static void
load_record (const char *line, gpointer data)
{
  TotpState *state = data;
  g_auto (TotpRecord) record = { 0 };
  if (!totp_record_parse (line, &record))
    {
      state->n_unknown++;
      return;
    }
  TotpUser *user = totp_state_find (state, record.name);
  if (record.kind == 'm')
    {
      g_free (state->hash_key);
      state->hash_key = g_steal_pointer (&record.hash_key);
    }
  else if (record.kind == 'u')
    put_user (state, g_steal_pointer (&record.user));
  else if (user == NULL)
    return; /* a record of a user who has been removed */
  else if (record.kind == 'x')
    totp_state_remove (state, user);
  else if (record.kind == 'g')
    put_grant (state, user, g_steal_pointer (&record.grant));
  else
    drop_grant (state, user, find_grant (user, record.id));
}

static void
dump_records (SatchelRecordFunc emit, gpointer emit_data, gpointer data)
{
  TotpState *state = data;
  GHashTableIter iter;
  gpointer value;
  if (state->hash_key != NULL)
    {
      g_autofree char *line = totp_record_of_hash_key (state->hash_key);
      emit (line, emit_data);
    }
  g_hash_table_iter_init (&iter, state->users);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const TotpUser *user = value;
      g_autofree char *line = totp_record_of_user (user);
      emit (line, emit_data);
      for (guint i = 0; i < user->grants->len; i++)
        {
          g_autofree char *grant = totp_record_of_grant (user, user->grants->pdata[i]);
          emit (grant, emit_data);
        }
    }
}

static gboolean
open_file (TotpState *state, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (state->path);
  state->directory = SATCHEL_RETRY (open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (state->directory < 0)
    return satchel_error_set_errno (
        error, errno,
        "the directory of totp.path (%s) cannot be opened; set totp.path to a file in "
        "a directory that is the auth account's",
        directory);
  state->log = satchel_record_log_open (state->directory, state->name, "satchel-totp",
                                        SATCHEL_RECORD_LOG_WHOLE | SATCHEL_RECORD_LOG_GUARDED, load_record,
                                        dump_records, state, error);
  if (state->log == NULL)
    {
      g_prefix_error (error, "%s/", directory);
      return FALSE;
    }
  return state->n_unknown == 0
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                               "%s has %u records that this program does not know; restore it from a backup",
                               state->path, state->n_unknown);
}

TotpState *
totp_state_new (const char *path, GError **error)
{
  TotpState *state = g_new0 (TotpState, 1);
  state->path = g_strdup (path);
  state->name = g_path_get_basename (path);
  state->directory = -1;
  state->users =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, (GDestroyNotify) totp_user_free);
  if (open_file (state, error))
    return state;
  totp_state_free (state);
  return NULL;
}

void
totp_state_free (TotpState *state)
{
  if (state == NULL)
    return;
  satchel_record_log_free (state->log);
  g_hash_table_unref (state->users);
  if (state->directory >= 0)
    close (state->directory);
  g_free (state->hash_key);
  g_free (state->name);
  g_free (state->path);
  g_free (state);
}

gboolean
totp_state_commit (TotpState *state, GError **error)
{
  guint n_live = g_hash_table_size (state->users) + state->n_grants;
  return satchel_record_log_sync (state->log, n_live, error);
}

TotpUser *
totp_state_find (TotpState *state, const char *name)
{
  return g_hash_table_lookup (state->users, name);
}

void
totp_state_foreach (TotpState *state, TotpUserFunc func, gpointer data)
{
  GHashTableIter iter;
  gpointer user;
  g_hash_table_iter_init (&iter, state->users);
  while (g_hash_table_iter_next (&iter, NULL, &user))
    func (user, data);
}

static void
add_line (TotpState *state, char *line)
{
  satchel_record_log_add (state->log, line);
  g_free (line);
}

void
totp_state_add (TotpState *state, TotpUser *user)
{
  put_user (state, user);
  totp_state_note_user (state, user);
}

void
totp_state_remove (TotpState *state, TotpUser *user)
{
  if (state->log != NULL)
    add_line (state, totp_record_of_end (user, NULL));
  state->n_grants -= user->grants->len;
  g_hash_table_remove (state->users, user->name);
}

void
totp_state_note_user (TotpState *state, const TotpUser *user)
{
  see_steps (state, user);
  add_line (state, totp_record_of_user (user));
}

void
totp_state_note_grant (TotpState *state, const TotpUser *user, TotpGrant *grant)
{
  grant->written_s = grant->used_s;
  add_line (state, totp_record_of_grant (user, grant));
}

void
totp_state_end_grant (TotpState *state, TotpUser *user, TotpGrant *grant)
{
  add_line (state, totp_record_of_end (user, grant));
  drop_grant (state, user, grant);
}

void
totp_state_expire (TotpState *state, TotpUser *user, TotpGrantTimes times, gint64 now_s)
{
  for (guint i = user->grants->len; i-- > 0;)
    {
      TotpGrant *grant = user->grants->pdata[i];
      if (now_s - grant->used_s >= times.idle_s || now_s - grant->created_s >= times.max_s)
        totp_state_end_grant (state, user, grant);
    }
}

void
totp_state_add_grant (TotpState *state, TotpUser *user, TotpGrant *grant)
{
  if (user->grants->len >= TOTP_GRANTS_MAX)
    {
      TotpGrant *oldest = user->grants->pdata[0];
      for (guint i = 1; i < user->grants->len; i++)
        if (((TotpGrant *) user->grants->pdata[i])->used_s < oldest->used_s)
          oldest = user->grants->pdata[i];
      totp_state_end_grant (state, user, oldest);
    }
  grant->id = user->next_grant++;
  put_grant (state, user, grant);
  /* the user is written first, so that no grant is in the file without the code that opened it being marked
   * as used */
  totp_state_note_user (state, user);
  totp_state_note_grant (state, user, grant);
}

const char *
totp_state_hash_key (const TotpState *state)
{
  return state->hash_key;
}

/* Swaps the sealed secrets and key; what was there is in @sealed and *hash_key then. */
static void
swap_sealed (TotpState *state, GHashTable *sealed, char **hash_key)
{
  GHashTableIter iter;
  gpointer value;
  char *old = state->hash_key;
  state->hash_key = *hash_key;
  *hash_key = old;
  g_hash_table_iter_init (&iter, state->users);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      TotpUser *user = value;
      char *text = g_strdup (g_hash_table_lookup (sealed, user->name));
      g_hash_table_replace (sealed, g_strdup (user->name), user->sealed);
      user->sealed = text;
    }
}

gboolean
totp_state_reseal (TotpState *state, GHashTable *sealed, const char *hash_key, GError **error)
{
  g_autofree char *other = g_strdup (hash_key);
  swap_sealed (state, sealed, &other);
  gboolean ok = satchel_record_log_rewrite (state->log, error);
  if (!ok)
    swap_sealed (state, sealed, &other);
  return ok;
}

guint64
totp_state_newest_step (const TotpState *state)
{
  return state->newest_step;
}
