/* SPDX-License-Identifier: MIT
 * The commands of `satchel crypt ...` that run beside the mail: how far the form of the mail of before is,
 * and to wait for it.
 */
#include "work_admin.h"
#include "layer.h"
#include "recovery_slot.h"
#include "work.h"

#include <string.h>

static const char *
user_of (SatchelAdminCall *call)
{
  return satchel_admin_access (call)->owner;
}

SatchelStore *
crypt_open_level (SatchelAdminCall *call, SatchelStorage **ret_level, GError **error)
{
  SatchelStore *store = satchel_admin_open_store (call, error);
  *ret_level = store != NULL ? satchel_store_level (store, &crypt_layer) : NULL;
  return store;
}

gboolean
crypt_ask_recovery (SatchelAdminCall *call)
{
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", user_of (call)),
                        SATCHEL_ADMIN_TEXT ("needs", "password"));
  return satchel_admin_ask (call, "password", "The recovery key");
}

static const char *
name_state (const CryptState *state)
{
  return state->is_opening    ? "opening"
         : state->is_rekeying ? "rekeying"
         : state->is_sealed   ? "sealed"
                              : "clear";
}

static gboolean
show (SatchelAdminCall *call, SatchelStorage *level, GError **error)
{
  CryptWork work = { .storage = level, .access = satchel_admin_access (call) };
  g_autofree char *said = satchel_storage_user_attribute (level, CRYPT_ATTRIBUTE);
  g_autoptr (CryptKeys) keys = crypt_store_any_keys (level->self);
  if (!crypt_work_look (&work, error))
    return FALSE;
  /* Without a ring there is nothing to do. */
  const guint64 n_done = said != NULL ? work.counts.n_done : work.counts.n_messages;
  return satchel_admin_record (
      call, SATCHEL_ADMIN_TEXT ("mail", name_state (&work.state)),
      SATCHEL_ADMIN_NUMBER ("messages", (gint64) work.counts.n_messages),
      SATCHEL_ADMIN_NUMBER ("left", (gint64) (work.counts.n_messages - n_done)),
      SATCHEL_ADMIN_BOOL ("at_work", crypt_store_is_at_work (level->self)),
      SATCHEL_ADMIN_BOOL ("waits_for_key", (work.state.is_opening || work.state.is_rekeying)
                                               && n_done < work.counts.n_messages && keys == NULL));
}

static gboolean
run_progress (SatchelAdminCall *call, GError **error)
{
  SatchelStorage *level;
  g_autoptr (SatchelStore) store = crypt_open_level (call, &level, error);
  if (store != NULL && level == NULL)
    return satchel_admin_print (call, "%s", CRYPT_NO_LAYER);
  return store != NULL && show (call, level, error);
}

/* ---- to wait for it ---- */

typedef struct ContinueOptions
{
  gboolean waits, has_recovery;
  guint64 throttle;
  const char *password;
} ContinueOptions;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, ContinueOptions, member)
const SatchelConfigRow crypt_continue_options[] = {
  { "wait", INTO (BOOL, waits), "false", "Wait until all mail has its form, and show how far it is" },
  { "throttle", INTO (SIZE, throttle), "0",
    "With --wait or --recovery: at most so many bytes of mail a second; 0: as fast as it can" },
  { "recovery", INTO (BOOL, has_recovery), "false",
    "Open the mail with the recovery key, which is asked for, without waiting for a login" },
  { "password", INTO (STRING, password), NULL, "The recovery key; asked for if it is not given" },
  { NULL }
};

static gboolean
show_step (const CryptWorkCounts *counts, gpointer call)
{
  return !satchel_admin_is_cancelled (call)
         && satchel_admin_progress (call, counts->n_done, counts->n_messages, "messages");
}

static gboolean
explain (CryptWorkResult result, const CryptWork *work, const char *user, GError **error)
{
  switch (result)
    {
    case CRYPT_WORK_DONE:
      return TRUE;
    case CRYPT_WORK_STOPPED:
      return satchel_error_set (error, SATCHEL_ERROR_CANCELLED,
                                "a part of the mail is left as it was; the upkeep goes on with it");
    case CRYPT_WORK_LOCKED:
      return satchel_error_set (
          error, SATCHEL_ERROR_LOCKED,
          "the rest needs the key of the mail: it goes on while a session of %s is there, "
          "or with --recovery",
          user);
    case CRYPT_WORK_LEFT:
      return satchel_error_set (
          error, SATCHEL_ERROR_CORRUPT,
          "%" G_GUINT64_FORMAT
          " messages are damaged and stay as they are; `satchel crypt verify %s` names them",
          work->counts.n_damaged, user);
    case CRYPT_WORK_FAILED:
      break;
    }
  return FALSE;
}

static gboolean
work_and_wait (SatchelAdminCall *call, SatchelStorage *level, const ContinueOptions *options, CryptKeys *keys,
               GError **error)
{
  CryptWork work = { .storage = level,
                     .access = satchel_admin_access (call),
                     .keys = keys,
                     .bytes_per_s = options->throttle,
                     .goes_on = show_step,
                     .data = call };
  const CryptWorkResult result = crypt_work_run (&work, error);
  return explain (result, &work, user_of (call), error)
         && satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", user_of (call)),
                                  SATCHEL_ADMIN_TEXT ("mail", name_state (&work.state)),
                                  SATCHEL_ADMIN_NUMBER ("messages", (gint64) work.counts.n_messages),
                                  SATCHEL_ADMIN_NUMBER ("changed", (gint64) work.counts.n_changed),
                                  SATCHEL_ADMIN_NUMBER ("bytes", (gint64) work.counts.n_bytes));
}

static gboolean
run_continue (SatchelAdminCall *call, GError **error)
{
  ContinueOptions options = { 0 };
  SatchelStorage *level;
  satchel_config_fill (satchel_admin_options (call), crypt_continue_options, &options);
  if (options.has_recovery && options.password == NULL)
    return crypt_ask_recovery (call);
  g_autoptr (SatchelStore) store = crypt_open_level (call, &level, error);
  if (store == NULL)
    return FALSE;
  if (level == NULL)
    return options.waits || options.has_recovery
               ? satchel_error_set (error, SATCHEL_ERROR_CANNOT, CRYPT_NO_LAYER)
               : satchel_admin_print (call, "%s", CRYPT_NO_LAYER);
  g_autoptr (CryptKeys) keys =
      options.has_recovery ? crypt_recovery_open (level, options.password, error) : NULL;
  if (options.has_recovery && keys == NULL)
    return FALSE;
  if (options.waits || options.has_recovery)
    return work_and_wait (call, level, &options, keys, error);
  satchel_storage_ask_upkeep (level);
  return show (call, level, error);
}

const SatchelAdminCommand crypt_command_continue = {
  .size = sizeof (SatchelAdminCommand),
  .name = "continue",
  .summary = "Go on with sealing or opening a user's mail of before",
  .details = "The upkeep does it by itself (crypt.rate); this begins it at once.\n"
             "Mail is opened while a session of the user is there, or with the recovery key.",
  .options = crypt_continue_options,
  .of_user = TRUE,
  .run = run_continue,
};
const SatchelAdminCommand crypt_command_progress = {
  .size = sizeof (SatchelAdminCommand),
  .name = "progress",
  .summary = "Show how far sealing or opening a user's mail of before is",
  .of_user = TRUE,
  .run = run_progress,
};
