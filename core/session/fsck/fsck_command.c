/* SPDX-License-Identifier: MIT
 * Runs the command "fsck run", as a job in the process that owns the user: every message is read from its
 * beginning to its end, as a client would.
 */
#include "config.h"

#include "core/session/fsck/fsck_command.h"

#include "core/session/admin/admin_calls.h"
#include "core/storage/store/store_open.h"

#include <satchel/log.h>
#include <satchel/storage.h>
#include <satchel/stream.h>

#define AREA "fsck"
#define READ_BYTES (64u * 1024u)

typedef struct RunOptions
{
  gboolean saves;
} RunOptions;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, RunOptions, member)
static const SatchelConfigRow run_options[] = {
  { "save", INTO (BOOL, saves), "false", "Save what can be read of a store that cannot be opened" }, { NULL }
};

typedef struct Check
{
  SatchelAdminCall *call;
  const char *user;
  SatchelStore *store;
  guint8 *buffer;
  guint64 total_bytes, n_bytes; /* bytes of all mailboxes; bytes that have been read */
  guint64 n_messages, n_damaged, n_locked;
} Check;

static gboolean
fail_cancelled (GError **error)
{
  return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
}

/* ---- messages ---- */

static gboolean
read_all (Check *check, SatchelStream *stream, GError **error)
{
  gint64 length = satchel_stream_length (stream, error);
  gssize n = length < 0 ? -1 : 1;
  for (guint64 at = 0; n > 0 && at < (guint64) length; at += (guint64) n)
    {
      n = satchel_stream_read_at (stream, at, check->buffer, READ_BYTES, error);
      if (n == 0)
        return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "it is shorter than its size says");
    }
  return n >= 0;
}

/* Notes a message that cannot be read.  FALSE means that the command has to end.  A message that was removed
 * while it was read does not count. */
static gboolean
note_failure (Check *check, const char *name, guint32 uid, const GError *failure, GError **error)
{
  if (failure->code == SATCHEL_ERROR_GONE)
    return TRUE;
  check->n_messages++;
  if (failure->code == SATCHEL_ERROR_LOCKED)
    {
      check->n_locked++;
      return TRUE;
    }
  check->n_damaged++;
  return satchel_admin_record (check->call, SATCHEL_ADMIN_TEXT ("damaged", name),
                               SATCHEL_ADMIN_NUMBER ("uid", uid),
                               SATCHEL_ADMIN_TEXT ("problem", failure->message))
         || fail_cancelled (error);
}

static gboolean
check_message (Check *check, SatchelMailbox *mailbox, const char *name, guint32 uid, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (SatchelStream) stream = satchel_mailbox_open_message (mailbox, uid, &failure);
  if (stream == NULL || !read_all (check, stream, &failure))
    return note_failure (check, name, uid, failure, error);
  check->n_messages++;
  return TRUE;
}

/* ---- mailboxes ---- */

static gboolean
check_messages (Check *check, SatchelMailbox *mailbox, const SatchelSnapshot *snapshot, const char *name,
                GError **error)
{
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      if (satchel_admin_is_cancelled (check->call))
        return fail_cancelled (error);
      if (!check_message (check, mailbox, name, chunk->uid[row], error))
        return FALSE;
      check->n_bytes += chunk->size[row] != SATCHEL_SIZE_UNKNOWN ? chunk->size[row] : 0;
      satchel_admin_progress (check->call, check->n_bytes, MAX (check->total_bytes, check->n_bytes),
                              "bytes read");
    }
  return TRUE;
}

static gboolean
check_mailbox (Check *check, const char *name, GError **error)
{
  const guint64 n_messages = check->n_messages, n_damaged = check->n_damaged;
  g_autoptr (GError) failure = NULL;
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (check->store, name, &failure);
  if (mailbox == NULL && failure->code == SATCHEL_ERROR_NONEXISTENT)
    return TRUE; /* the mailbox was deleted after it was listed */
  if (mailbox == NULL)
    {
      check->n_damaged++;
      return satchel_admin_record (check->call, SATCHEL_ADMIN_TEXT ("damaged", name),
                                   SATCHEL_ADMIN_TEXT ("problem", failure->message))
             || fail_cancelled (error);
    }
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  if (!check_messages (check, mailbox, snapshot, name, error))
    return FALSE;
  return satchel_admin_record (check->call, SATCHEL_ADMIN_TEXT ("mailbox", name),
                               SATCHEL_ADMIN_NUMBER ("messages", (gint64) (check->n_messages - n_messages)),
                               SATCHEL_ADMIN_NUMBER ("damaged", (gint64) (check->n_damaged - n_damaged)))
         || fail_cancelled (error);
}

/* Sums up what is to be read, for the progress. */
static void
count (Check *check, const GPtrArray *infos)
{
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      SatchelMailboxState state;
      if (info->is_selectable && satchel_store_status (check->store, info->name, &state, NULL))
        check->total_bytes += state.size_bytes;
    }
}

static gboolean
check_all (Check *check, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_store_list (check->store, error);
  if (infos == NULL)
    return FALSE;
  count (check, infos);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->is_selectable && !check_mailbox (check, info->name, error))
        return FALSE;
    }
  return TRUE;
}

/* Says what an administrator can do about mail that cannot be opened. */
static const char *
hint_of (const SatchelAdminCall *call)
{
  return satchel_stores_can_salvage (satchel_admin_place (call))
             ? "; if it is damaged as a whole, --save saves what can be read"
             : "";
}

static gboolean
tell_end (const Check *check, GError **error)
{
  satchel_log (SATCHEL_LOG_INFO, AREA,
               "checked: user=\"%s\" messages=%" G_GUINT64_FORMAT " damaged=%" G_GUINT64_FORMAT
               " locked=%" G_GUINT64_FORMAT,
               check->user, check->n_messages, check->n_damaged, check->n_locked);
  satchel_admin_record (check->call, SATCHEL_ADMIN_TEXT ("user", check->user),
                        SATCHEL_ADMIN_NUMBER ("messages", (gint64) check->n_messages),
                        SATCHEL_ADMIN_NUMBER ("damaged", (gint64) check->n_damaged),
                        SATCHEL_ADMIN_NUMBER ("locked", (gint64) check->n_locked));
  return check->n_damaged == 0
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                               "%" G_GUINT64_FORMAT " messages or mailboxes of %s cannot be read; `satchel "
                               "export %s PATH` saves all others to files, and a backup may have these%s",
                               check->n_damaged, check->user, check->user, hint_of (check->call));
}

/* ---- stores that cannot be opened ---- */

static gboolean
save (SatchelAdminCall *call, const char *user, GError **error)
{
  g_autoptr (GString) said = g_string_new (NULL);
  if (!satchel_stores_salvage (user, satchel_admin_place (call), said, error))
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, AREA, "saved: user=\"%s\": %s", user, said->str);
  satchel_admin_print (call, "%s", said->str);
  return TRUE;
}

static gboolean
run_fsck (SatchelAdminCall *call, GError **error)
{
  RunOptions options = { 0 };
  g_autoptr (GError) failure = NULL;
  const char *user = satchel_admin_access (call)->owner;
  satchel_config_fill (satchel_admin_options (call), run_options, &options);
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, &failure);
  if (options.saves)
    return save (call, user, error);
  if (store == NULL)
    return satchel_error_set (error, failure->code, "the mail of %s cannot be opened: %s%s", user,
                              failure->message, hint_of (call));
  g_autofree guint8 *buffer = g_malloc (READ_BYTES);
  Check check = { .call = call, .user = user, .store = store, .buffer = buffer };
  return check_all (&check, error) && tell_end (&check, error);
}

static const SatchelAdminCommand command_run = { .size = sizeof command_run,
                                                 .name = "run",
                                                 .summary = "Read a user's mail, and say what is damaged",
                                                 .options = run_options,
                                                 .of_user = TRUE,
                                                 .run = run_fsck };
static const SatchelAdminCommand *const commands[] = { &command_run, NULL };
const SatchelAdminOps satchel_fsck_commands = { .size = sizeof satchel_fsck_commands, .commands = commands };
