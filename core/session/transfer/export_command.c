/* SPDX-License-Identifier: MIT
 * Runs the command "export run", as a job in the process that owns the user: mailbox by mailbox, each as it
 * is when its turn comes.
 */
#include "config.h"

#include "core/session/transfer/export_command.h"

#include "core/mail/tree/tree.h"
#include "core/session/transfer/export.h"

#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <stdio.h>
#include <string.h>

#define AREA "export"

typedef enum
{
  FORMAT_TREE = 0,
  FORMAT_FILE,
  FORMAT_STREAM /* a file that is lent, perhaps a pipe, in place of a directory */
} Format;

typedef struct RunOptions
{
  const char *mailbox, *since;
  Format format;
  guint64 throttle;
  gboolean is_dry, is_stream;
} RunOptions;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, RunOptions, member)
static const SatchelConfigRow run_options[] = {
  { "format", INTO (ENUM, format), SATCHEL_FORMAT_OF_TREE, "The format of the export",
    .choices = SATCHEL_FORMAT_OF_TREE "|" SATCHEL_FORMAT_OF_FILE },
  { "mailbox", INTO (STRING, mailbox), NULL, "Only this mailbox" },
  { "since", INTO (STRING, since), NULL, "Only messages of this day or later, as 2026-01-31" },
  { "throttle", INTO (SIZE, throttle), "0", "Bytes a second" },
  { "dry-run", INTO (BOOL, is_dry), "false", "Write nothing" },
  { "stream", INTO (BOOL, is_stream), "false", "Write the mailbox as an mbox file into what was lent" },
  { NULL }
};

/* Reads "2026-01-31". */
static gboolean
parse_day (const char *text, gint64 *ret_s, GError **error)
{
  int year, month, day, used = 0;
  g_autoptr (GDateTime) date = NULL;
  if (sscanf (text, "%4d-%2d-%2d%n", &year, &month, &day, &used) == 3 && text[used] == '\0')
    date = g_date_time_new_utc (year, month, day, 0, 0, 0);
  if (date == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "--since: \"%s\" is no day; write one as 2026-01-31", text);
  *ret_s = g_date_time_to_unix (date);
  return TRUE;
}

static gboolean
is_wanted (const SatchelMailboxInfo *info, const char *only)
{
  return info->is_selectable && (only == NULL || strcmp (info->name, only) == 0);
}

/* Sums up what is to be done. */
static gboolean
count (SatchelExport *export, const GPtrArray *infos, const char *only, GError **error)
{
  SatchelTransfer *transfer = &export->transfer;
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      SatchelMailboxState state;
      if (!is_wanted (info, only))
        continue;
      if (!satchel_store_status (transfer->store, info->name, &state, error))
        return FALSE;
      transfer->length += state.size_bytes;
      transfer->n_mailboxes++;
      if (transfer->is_dry)
        transfer->n_messages += state.n_messages;
    }
  return transfer->n_mailboxes > 0
         || satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "%s has no mailbox %s", transfer->user,
                               only != NULL ? only : "");
}

static gboolean
tell_mailbox (SatchelExport *export, const char *name, const SatchelTransfer *before, GError **error)
{
  const SatchelTransfer *now = &export->transfer;
  return satchel_admin_record (
             now->call, SATCHEL_ADMIN_TEXT ("mailbox", name),
             SATCHEL_ADMIN_NUMBER ("messages", (gint64) (now->n_messages - before->n_messages)),
             SATCHEL_ADMIN_NUMBER ("done", (gint64) (now->n_done - before->n_done)),
             SATCHEL_ADMIN_NUMBER ("known", (gint64) (now->n_known - before->n_known)),
             SATCHEL_ADMIN_NUMBER ("failed", (gint64) (now->n_failed - before->n_failed)))
         || satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
}

static gboolean
write_mailbox (const SatchelExportMailbox *source, Format format, GError **error)
{
  switch (format)
    {
    case FORMAT_TREE:
      return satchel_export_tree (source, error);
    case FORMAT_FILE:
      return satchel_export_mbox (source, error);
    case FORMAT_STREAM:
      return satchel_export_mbox_stream (source, error);
    }
  return FALSE;
}

static gboolean
export_mailbox (SatchelExport *export, const char *name, Format format, GError **error)
{
  SatchelTransfer *transfer = &export->transfer;
  const SatchelTransfer before = *transfer;
  g_autoptr (GError) local = NULL;
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (transfer->store, name, &local);
  g_autoptr (SatchelSnapshot) snapshot = mailbox != NULL && satchel_mailbox_sync (mailbox, &local)
                                             ? satchel_mailbox_dated_snapshot (mailbox, &local)
                                             : NULL;
  const SatchelExportMailbox source = { export, name, mailbox, snapshot };
  if (snapshot != NULL && write_mailbox (&source, format, &local))
    return tell_mailbox (export, name, &before, error);
  /* The mailbox is gone by now, or cannot be written: others may be. */
  if (satchel_transfer_is_fatal (local) && !(mailbox == NULL && local->code == SATCHEL_ERROR_NONEXISTENT))
    {
      g_prefix_error (&local, "mailbox %s: ", name);
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  satchel_transfer_problem (transfer, name, G_MAXUINT64, g_steal_pointer (&local));
  return TRUE;
}

static gboolean
export_names (SatchelExport *export, const GPtrArray *infos, Format format, GError **error)
{
  g_autoptr (GPtrArray) subscribed = g_ptr_array_new ();
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->is_subscribed)
        g_ptr_array_add (subscribed, info->name);
    }
  return format == FORMAT_TREE ? satchel_export_tree_names (export, subscribed, error)
                               : satchel_export_mbox_names (export, subscribed, error);
}

static gboolean
export_all (SatchelExport *export, const char *only, Format format, GError **error)
{
  SatchelTransfer *transfer = &export->transfer;
  g_autoptr (GPtrArray) infos = satchel_store_list (transfer->store, error);
  if (infos == NULL || !count (export, infos, only, error))
    return FALSE;
  for (guint i = 0; i < infos->len && !transfer->is_dry; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (is_wanted (info, only) && !export_mailbox (export, info->name, format, error))
        return FALSE;
    }
  if (!transfer->is_dry && format != FORMAT_STREAM
      && (!export_names (export, infos, format, error) || !satchel_files_sync (transfer->files, error)))
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, AREA,
               "exported: user=\"%s\" messages=%" G_GUINT64_FORMAT " known=%" G_GUINT64_FORMAT
               " failed=%" G_GUINT64_FORMAT " dry=%d",
               transfer->user, transfer->n_done, transfer->n_known, transfer->n_failed, transfer->is_dry);
  return satchel_transfer_end (transfer, transfer->is_dry ? "would be exported" : "exported", error);
}

static void
export_clear (SatchelExport *export)
{
  satchel_transfer_clear (&export->transfer);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelExport, export_clear)

static gboolean
run_export (SatchelAdminCall *call, GError **error)
{
  RunOptions options = { 0 };
  g_auto (SatchelExport) export = { .since_s = G_MININT64 };
  g_autofree char *only = NULL;
  satchel_config_fill (satchel_admin_options (call), run_options, &options);
  export.transfer.is_dry = options.is_dry;
  export.transfer.bytes_per_s = options.throttle;
  if (options.is_stream && options.mailbox == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "a stream has one mailbox, which is to be named");
  if (options.since != NULL && !parse_day (options.since, &export.since_s, error))
    return FALSE;
  if (options.mailbox != NULL
      && (only = satchel_mailbox_name_normalise (options.mailbox, strlen (options.mailbox), error)) == NULL)
    return FALSE;
  return satchel_transfer_begin (&export.transfer, call, SATCHEL_CAUSE_ADMIN, !options.is_dry, error)
         && export_all (&export, only, options.is_stream ? FORMAT_STREAM : options.format, error);
}

static const SatchelAdminCommand command_run = { .size = sizeof command_run,
                                                 .name = "run",
                                                 .summary = "Export mail to files that are lent to it",
                                                 .options = run_options,
                                                 .of_user = TRUE,
                                                 .run = run_export };
static const SatchelAdminCommand *const commands[] = { &command_run, NULL };
const SatchelAdminOps satchel_export_commands = { .size = sizeof satchel_export_commands,
                                                  .commands = commands };
