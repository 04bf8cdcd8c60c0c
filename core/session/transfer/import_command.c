/* SPDX-License-Identifier: MIT
 * Runs the command "import run", as a job in the process that owns the user.
 */
#include "config.h"

#include "core/session/transfer/import_command.h"

#include "core/session/transfer/import.h"

#include <satchel/fd.h>
#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <string.h>

#define AREA "import"

typedef enum
{
  FORMAT_AUTO = 0,
  FORMAT_FILE,
  FORMAT_TREE
} Format;

typedef struct RunOptions
{
  const char *name, *into;
  Format format;
  SatchelMboxVariant variant;
  SatchelTreeLayout layout;
  guint64 throttle;
  gboolean keeps_uids, is_dry, forgets;
} RunOptions;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, RunOptions, member)
static const SatchelConfigRow run_options[] = {
  { "name", INTO (STRING, name), NULL, "Name of the file or directory", .flags = SATCHEL_CONFIG_REQUIRED },
  { "into", INTO (STRING, into), NULL, "The mailbox where everything goes, or below which" },
  { "format", INTO (ENUM, format), "auto", "The format of the source",
    .choices = "auto|" SATCHEL_FORMAT_OF_FILE "|" SATCHEL_FORMAT_OF_TREE },
  { "mbox-variant", INTO (ENUM, variant), "auto", "How lines are quoted", .choices = "auto|o|rd|cl|cl2" },
  { "layout", INTO (ENUM, layout), "auto", "How folders are named", .choices = "auto|++|fs" },
  { "throttle", INTO (SIZE, throttle), "0", "Bytes a second" },
  { "keep-uids", INTO (BOOL, keeps_uids), "false", "Keep UIDs and UIDVALIDITY" },
  { "dry-run", INTO (BOOL, is_dry), "false", "Change nothing" },
  { "again", INTO (BOOL, forgets), "false", "Import what was imported before, too" },
  { NULL }
};

static void
import_clear (SatchelImport *import)
{
  g_clear_pointer (&import->taken, satchel_taken_free);
  g_clear_pointer (&import->subscribed, g_ptr_array_unref);
  g_clear_pointer (&import->into, g_free);
  g_clear_pointer (&import->name, g_free);
  satchel_transfer_clear (&import->transfer);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelImport, import_clear)

/* A driver that keeps no files has no record, so an import that ended must not be repeated. */
static gboolean
open_record (SatchelImport *import, gboolean forgets, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (import->transfer.is_dry)
    return TRUE;
  import->taken = satchel_taken_open (import->transfer.store, forgets, &local);
  if (import->taken != NULL)
    return TRUE;
  if (!g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return satchel_admin_print (import->transfer.call,
                              "The storage driver keeps no record of imports: running this again will import "
                              "all of it again.")
         || satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
}

/* The mailbox of a single file has its name, unless that says nothing. */
static char *
mailbox_of_file (const SatchelImport *import, GError **error)
{
  static const char *const ends[] = { ".mbox", ".mbx" };
  g_autofree char *name = g_path_get_basename (import->name);
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    if (g_str_has_suffix (name, ends[i]) && strlen (name) > strlen (ends[i]))
      name[strlen (name) - strlen (ends[i])] = '\0';
  if (import->into != NULL)
    return g_strdup (import->into);
  const gboolean has_name = g_ascii_strcasecmp (name, SATCHEL_FORMAT_OF_FILE) != 0
                            && strcmp (import->name, SATCHEL_IMPORT_NAME_OF_STREAM) != 0;
  return satchel_import_mailbox (import, has_name ? name : NULL, error);
}

static gboolean
import_one_file (SatchelImport *import, GError **error)
{
  SatchelTransfer *transfer = &import->transfer;
  struct stat st;
  g_auto (SatchelFd) fd = satchel_files_open (transfer->files, "", error);
  g_autofree char *mailbox = fd >= 0 ? mailbox_of_file (import, error) : NULL;
  if (mailbox == NULL)
    return FALSE;
  if (fstat (fd, &st) == 0)
    transfer->length = (guint64) MAX (st.st_size, 0);
  return satchel_import_mbox_file (import, "", mailbox, error);
}

/* Finds out what the source is, and imports it. */
static gboolean
import_source (SatchelImport *import, Format format, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GPtrArray) entries = satchel_files_list (import->transfer.files, "", &local);
  /* A file is no directory, which is an error of the system without a code of its own. */
  if (entries == NULL && (format == FORMAT_TREE || !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_IO)))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (entries == NULL)
    return import_one_file (import, error);
  if (format == FORMAT_AUTO)
    format = satchel_files_find (entries, "cur") != NULL ? FORMAT_TREE : FORMAT_FILE;
  return format == FORMAT_TREE ? satchel_import_tree (import, error)
                               : satchel_import_mbox_files (import, error);
}

static gboolean
import_all (SatchelImport *import, Format format, GError **error)
{
  g_autoptr (GError) local = NULL;
  const gboolean ok = import_source (import, format, error);
  /* What was committed is noted, however the import ended. */
  if (import->taken != NULL && !satchel_taken_finish (import->taken, &local) && ok)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  const SatchelTransfer *transfer = &import->transfer;
  satchel_log (SATCHEL_LOG_INFO, AREA,
               "imported: user=\"%s\" messages=%" G_GUINT64_FORMAT " known=%" G_GUINT64_FORMAT
               " failed=%" G_GUINT64_FORMAT " dry=%d whole=%d",
               transfer->user, transfer->n_done, transfer->n_known, transfer->n_failed, transfer->is_dry, ok);
  if (ok && transfer->n_mailboxes == 0 && transfer->n_problems == 0)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s has no mail in a known format (" SATCHEL_FORMAT_WORD ")", import->name);
  return ok
         && satchel_transfer_end (&import->transfer, transfer->is_dry ? "would be imported" : "imported",
                                  error);
}

static gboolean
run_import (SatchelAdminCall *call, GError **error)
{
  RunOptions options = { 0 };
  g_auto (SatchelImport) import = { { NULL } };
  satchel_config_fill (satchel_admin_options (call), run_options, &options);
  import.name = g_strdup (options.name);
  import.variant = options.variant;
  import.layout = options.layout;
  import.keeps_uids = options.keeps_uids;
  import.transfer.is_dry = options.is_dry;
  import.transfer.bytes_per_s = options.throttle;
  if (options.into != NULL
      && (import.into = satchel_mailbox_name_normalise (options.into, strlen (options.into), error)) == NULL)
    return FALSE;
  /* Layers treat what comes in as a delivery; an administrator's own changes have no quota. */
  return satchel_transfer_begin (&import.transfer, call, SATCHEL_CAUSE_DELIVERY, TRUE, error)
         && open_record (&import, options.forgets, error) && import_all (&import, options.format, error);
}

static const SatchelAdminCommand command_run = { .size = sizeof command_run,
                                                 .name = "run",
                                                 .summary = "Import mail of files that are lent to it",
                                                 .options = run_options,
                                                 .of_user = TRUE,
                                                 .run = run_import };
static const SatchelAdminCommand *const commands[] = { &command_run, NULL };
const SatchelAdminOps satchel_import_commands = { .size = sizeof satchel_import_commands,
                                                  .commands = commands };
