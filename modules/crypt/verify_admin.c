/* SPDX-License-Identifier: MIT
 * The command `satchel crypt verify`.
 */
#include "layer.h"
#include "recovery_slot.h"
#include "verify.h"
#include "work_admin.h"

typedef struct VerifyOptions
{
  gboolean has_recovery;
  const char *password;
} VerifyOptions;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, VerifyOptions, member)
static const SatchelConfigRow verify_options[] = {
  { "recovery", INTO (BOOL, has_recovery), "false",
    "Open the mail with the recovery key, which is asked for, without waiting for a login" },
  { "password", INTO (STRING, password), NULL, "The recovery key; asked for if it is not given" },
  { NULL }
};

typedef struct Run
{
  SatchelAdminCall *call;
  CryptVerify verify;
  guint64 n_messages, n_seen;
  guint64 n[CRYPT_VERIFY_GONE + 1]; /* by what was found */
} Run;

static gboolean
tell_bad (const Run *run, const char *name, guint32 uid, const GError *why)
{
  return satchel_admin_record (run->call, SATCHEL_ADMIN_TEXT ("mailbox", name),
                               SATCHEL_ADMIN_NUMBER ("uid", uid),
                               SATCHEL_ADMIN_TEXT ("problem", why->message));
}

static gboolean
verify_one (Run *run, SatchelStorageMailbox *mailbox, const char *name, const SatchelMessageRow *row,
            GError **error)
{
  g_autoptr (GError) why = NULL;
  const CryptVerified found = crypt_verify_message (&run->verify, mailbox, row, &why);
  run->n[found]++;
  run->n_seen++;
  if (found == CRYPT_VERIFY_FAILED)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&why), "mailbox %s, message %u: ", name, row->uid);
      return FALSE;
    }
  if ((found == CRYPT_VERIFY_DAMAGED && !tell_bad (run, name, row->uid, why))
      || !satchel_admin_progress (run->call, run->n_seen, run->n_messages, "messages verified"))
    return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "not all messages were looked at");
  return TRUE;
}

static gboolean
verify_mailbox (Run *run, const char *name, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (SatchelStorageMailbox) mailbox =
      satchel_storage_hold_mailbox (run->verify.storage, run->verify.access, name, &why);
  if (mailbox == NULL && g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  if (mailbox == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (mailbox);
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint at;
      SatchelMessageRow row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &at);
      satchel_chunk_get_row (chunk, at, &row);
      if (!verify_one (run, mailbox, name, &row, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
verify_all (Run *run, GError **error)
{
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  if (!satchel_storage_list (run->verify.storage, run->verify.access, infos, error))
    return FALSE;
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      SatchelMailboxState state;
      if (info->is_selectable
          && satchel_storage_status (run->verify.storage, run->verify.access, info->name, &state, NULL))
        run->n_messages += state.n_messages;
    }
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->is_selectable && !verify_mailbox (run, info->name, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
report (Run *run, GError **error)
{
  const char *user = satchel_admin_access (run->call)->owner;
  const guint64 n_bad = run->n[CRYPT_VERIFY_DAMAGED];
  if (!satchel_admin_record (
          run->call, SATCHEL_ADMIN_TEXT ("user", user),
          SATCHEL_ADMIN_NUMBER ("messages", (gint64) (run->n_seen - run->n[CRYPT_VERIFY_GONE])),
          SATCHEL_ADMIN_NUMBER ("right", (gint64) run->n[CRYPT_VERIFY_RIGHT]),
          SATCHEL_ADMIN_NUMBER ("locked", (gint64) run->n[CRYPT_VERIFY_LOCKED]),
          SATCHEL_ADMIN_NUMBER ("clear", (gint64) run->n[CRYPT_VERIFY_CLEAR]),
          SATCHEL_ADMIN_NUMBER ("damaged", (gint64) n_bad)))
    return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "not all was told");
  return n_bad == 0
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%" G_GUINT64_FORMAT " messages are damaged",
                               n_bad);
}

static gboolean
run_verify (SatchelAdminCall *call, GError **error)
{
  VerifyOptions options = { 0 };
  SatchelStorage *level;
  satchel_config_fill (satchel_admin_options (call), verify_options, &options);
  if (options.has_recovery && options.password == NULL)
    return crypt_ask_recovery (call);
  g_autoptr (SatchelStore) store = crypt_open_level (call, &level, error);
  if (store == NULL)
    return FALSE;
  if (level == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, CRYPT_NO_LAYER);
  g_autoptr (CryptKeys) keys = options.has_recovery ? crypt_recovery_open (level, options.password, error)
                                                    : crypt_store_any_keys (level->self);
  if (options.has_recovery && keys == NULL)
    return FALSE;
  Run run = { .call = call, .verify = { level, satchel_admin_access (call), keys } };
  return verify_all (&run, error) && report (&run, error);
}

const SatchelAdminCommand crypt_command_verify = {
  .size = sizeof (SatchelAdminCommand),
  .name = "verify",
  .summary = "Look whether a user's sealed mail is as it was sealed",
  .details = "Every byte is looked at while a session of the user is there, or with the recovery key;\n"
             "otherwise headers, lengths, and whether content and attributes belong together.  Each\n"
             "damaged message is named, and the command fails if there is one.",
  .options = verify_options,
  .of_user = TRUE,
  .run = run_verify,
};
