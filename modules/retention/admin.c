/* SPDX-License-Identifier: MIT
 * The table of the commands, and those about purging.
 */
#include "admin.h"
#include "choice.h"
#include "clock.h"
#include "hold.h"
#include "purge.h"

#include <string.h>

/* A clock that is further ahead of the time that upkeep has trusted last may be wrong. */
#define AHEAD_MAX_S (2 * 86400)

/* ---- purge and preview ---- */

static gboolean
is_cancelled (gpointer data)
{
  return satchel_admin_is_cancelled (data);
}

static gboolean
check_clock (const RetentionChoice *choice, gint64 now_s, GError **error)
{
  gint64 trusted_s = retention_clock_trusted (choice->storage, retention_choice_access (choice));
  if (trusted_s == 0 || now_s <= trusted_s + AHEAD_MAX_S)
    return TRUE;
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                            "the machine's clock is %" G_GINT64_FORMAT " days ahead of the last time that "
                            "the upkeep has trusted; if it is right, run the command with --force",
                            (now_s - trusted_s) / 86400);
}

static gboolean
check_hold (const RetentionChoice *choice, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *hold = retention_hold_get (choice->storage, retention_choice_access (choice), &local);
  if (hold != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "the mail of %s is on hold; `satchel retention hold %s --off` ends that",
                              satchel_store_user (choice->store), satchel_store_user (choice->store));
  if (local != NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  return local == NULL;
}

static gboolean
purge_one (const RetentionChoice *choice, const char *stored, RetentionPurge *purge, GError **error)
{
  gboolean is_done;
  const char *name = retention_original (stored);
  const guint64 n_before = purge->n_messages, bytes_before = purge->n_bytes;
  if (!retention_purge_mailbox (choice->storage, retention_choice_access (choice), stored, purge,
                                is_cancelled, choice->call, &is_done, error))
    return FALSE;
  if (purge->n_messages == n_before)
    return TRUE;
  satchel_admin_progress (choice->call, purge->n_messages, 0, "messages");
  return satchel_admin_record (choice->call,
                               SATCHEL_ADMIN_TEXT ("mailbox", name != NULL ? name : "long names"),
                               SATCHEL_ADMIN_NUMBER ("messages", (gint64) (purge->n_messages - n_before)),
                               SATCHEL_ADMIN_NUMBER ("bytes", (gint64) (purge->n_bytes - bytes_before)),
                               SATCHEL_ADMIN_BOOL ("purged", !purge->is_dry))
         || satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
}

static gboolean
purge_all (const RetentionChoice *choice, RetentionPurge *purge, GError **error)
{
  const SatchelAccess *access = retention_choice_access (choice);
  g_autoptr (GPtrArray) names = retention_list_kept (choice->storage, access, error);
  for (guint i = names != NULL ? names->len : 0; i > 0; i--) /* children before their parents */
    if (!purge_one (choice, names->pdata[i - 1], purge, error))
      return FALSE;
  return names != NULL
         && satchel_admin_record (choice->call,
                                  SATCHEL_ADMIN_TEXT ("total", satchel_store_user (choice->store)),
                                  SATCHEL_ADMIN_NUMBER ("messages", (gint64) purge->n_messages),
                                  SATCHEL_ADMIN_NUMBER ("bytes", (gint64) purge->n_bytes),
                                  SATCHEL_ADMIN_BOOL ("purged", !purge->is_dry));
}

static gboolean
run_purge (SatchelAdminCall *call, GError **error)
{
  g_auto (RetentionChoice) choice = { 0 };
  const SatchelConfig *options = satchel_admin_options (call);
  RetentionPurge purge = { .now_s = g_get_real_time () / G_USEC_PER_SEC,
                           .older_s = -1,
                           .is_dry = satchel_config_bool (options, "dry-run") };
  const char *older = satchel_config_string (options, "older");
  gint64 older_ms;
  const SatchelConfigRow older_row = { "older", SATCHEL_CONFIG_DURATION, NULL, "Age" };
  if (older != NULL)
    {
      if (!satchel_config_number_parse (&older_row, older, &older_ms, error))
        return FALSE;
      purge.older_s = older_ms / 1000;
    }
  return retention_choice_open (&choice, call, FALSE, error) && check_hold (&choice, error)
         && (satchel_config_bool (options, "force") || check_clock (&choice, purge.now_s, error))
         && purge_all (&choice, &purge, error);
}

static gboolean
run_preview (SatchelAdminCall *call, GError **error)
{
  g_auto (RetentionChoice) choice = { 0 };
  gint64 ahead_ms = satchel_config_duration_ms (satchel_admin_options (call), "in");
  RetentionPurge purge = { .now_s = g_get_real_time () / G_USEC_PER_SEC + ahead_ms / 1000,
                           .older_s = -1,
                           .is_dry = TRUE };
  if (!retention_choice_open (&choice, call, FALSE, error))
    return FALSE;
  g_autofree char *hold = retention_hold_get (choice.storage, retention_choice_access (&choice), NULL);
  if (hold != NULL && !satchel_admin_print (call, "the mail is on hold: nothing is purged until that ends"))
    return FALSE;
  return purge_all (&choice, &purge, error);
}

/* ---- hold ---- */

static gboolean
print_hold (const RetentionChoice *choice, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *hold = retention_hold_get (choice->storage, retention_choice_access (choice), &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  const char *reason = hold != NULL ? strchr (hold, '\t') : NULL;
  g_autoptr (GDateTime) since =
      hold != NULL ? g_date_time_new_from_unix_utc (g_ascii_strtoll (hold, NULL, 10)) : NULL;
  g_autofree char *text = since != NULL ? g_date_time_format (since, "%Y-%m-%dT%H:%M:%SZ") : NULL;
  return satchel_admin_record (choice->call, SATCHEL_ADMIN_TEXT ("user", satchel_store_user (choice->store)),
                               SATCHEL_ADMIN_BOOL ("hold", hold != NULL), SATCHEL_ADMIN_TEXT ("since", text),
                               SATCHEL_ADMIN_TEXT ("reason", reason != NULL ? reason + 1 : NULL));
}

static gboolean
run_hold (SatchelAdminCall *call, GError **error)
{
  g_auto (RetentionChoice) choice = { 0 };
  const SatchelConfig *options = satchel_admin_options (call);
  const char *reason = satchel_config_string (options, "reason");
  gboolean ends = satchel_config_bool (options, "off"), only_shows = satchel_config_bool (options, "show");
  if (ends + only_shows + (reason != NULL) > 1)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "give one of --reason, --off and --show");
  if (!retention_choice_open (&choice, call, FALSE, error))
    return FALSE;
  if (!only_shows
      && !retention_hold_put (choice.storage, retention_choice_access (&choice),
                              ends             ? NULL
                              : reason != NULL ? reason
                                               : "",
                              error))
    return FALSE;
  return print_hold (&choice, error);
}

/* ---- the table ---- */

static const SatchelConfigRow choice_options[] = { RETENTION_CHOICE_OPTIONS, { NULL } };
static const SatchelConfigRow search_options[] = { RETENTION_CHOICE_OPTIONS,
                                                   { "limit", SATCHEL_CONFIG_INT, "1000",
                                                     "At most so many messages", .min = 1, .max = 1000000 },
                                                   { NULL } };
static const SatchelConfigRow restore_options[] = {
  RETENTION_CHOICE_OPTIONS, { "dry-run", SATCHEL_CONFIG_BOOL, "false", "Change nothing" }, { NULL }
};
static const SatchelConfigRow expunge_options[] = {
  { "query", SATCHEL_CONFIG_STRING, NULL,
    "Which messages: keys of an IMAP SEARCH (\"FROM bob BEFORE 1-Feb-2026\"; all: \"ALL\")",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "mailbox", SATCHEL_CONFIG_STRING, NULL, "Only in this mailbox" },
  { "dry-run", SATCHEL_CONFIG_BOOL, "false", "Change nothing" },
  { NULL }
};
static const SatchelConfigRow purge_options[] = {
  { "older", SATCHEL_CONFIG_STRING, NULL,
    "Purge what was removed longer ago than this (\"7d\"), in place of what the settings say" },
  { "dry-run", SATCHEL_CONFIG_BOOL, "false", "Change nothing" },
  { "force", SATCHEL_CONFIG_BOOL, "false", "The machine's clock is right, although it has jumped" },
  { NULL }
};
static const SatchelConfigRow preview_options[] = {
  { "in", SATCHEL_CONFIG_DURATION, "0s", "What will be due after this time" }, { NULL }
};
static const SatchelConfigRow hold_options[] = {
  { "reason", SATCHEL_CONFIG_STRING, NULL, "A word for those who ask later" },
  { "off", SATCHEL_CONFIG_BOOL, "false", "End the hold" },
  { "show", SATCHEL_CONFIG_BOOL, "false", "Change nothing, and show whether there is one" },
  { NULL }
};

static const SatchelAdminCommand expunge_command = {
  .size = sizeof expunge_command,
  .name = "expunge",
  .summary = "Removes messages from a user's mailboxes, which are kept like others",
  .details = "With --all it does so for every user, for a message that nobody should have got. `satchel\n"
             "retention restore` brings back what was removed by mistake.",
  .options = expunge_options,
  .of_user = TRUE,
  .run = retention_run_expunge,
  .sums = TRUE,
};
static const SatchelAdminCommand hold_command = {
  .size = sizeof hold_command,
  .name = "hold",
  .summary = "Keeps all that a user has removed, whatever its age, until the hold ends",
  .options = hold_options,
  .of_user = TRUE,
  .run = run_hold,
};
static const SatchelAdminCommand list_command = {
  .size = sizeof list_command,
  .name = "list",
  .summary = "Shows how much is kept of each mailbox",
  .options = choice_options,
  .of_user = TRUE,
  .run = retention_run_list,
};
static const SatchelAdminCommand preview_command = {
  .size = sizeof preview_command,
  .name = "preview",
  .summary = "Shows what the next upkeep will purge",
  .options = preview_options,
  .of_user = TRUE,
  .run = run_preview,
};
static const SatchelAdminCommand purge_command = {
  .size = sizeof purge_command,
  .name = "purge",
  .summary = "Removes for good what has been kept long enough",
  .details =
      "The upkeep does that as well, once in each janitor.interval. With --older it goes by another age\n"
      "than that of the settings. Nothing is purged of a user on hold.",
  .options = purge_options,
  .of_user = TRUE,
  .run = run_purge,
};
static const SatchelAdminCommand restore_command = {
  .size = sizeof restore_command,
  .name = "restore",
  .summary = "Moves removed messages back to where they were",
  .details = "Messages have the flags, keywords and dates that they had; a mailbox that is gone is made\n"
             "again. Without options all that is kept comes back. The command may be run again after it was\n"
             "cancelled.",
  .options = restore_options,
  .of_user = TRUE,
  .run = retention_run_restore,
};
static const SatchelAdminCommand search_command = {
  .size = sizeof search_command,
  .name = "search",
  .summary = "Shows removed messages, with how and by whom they were removed",
  .options = search_options,
  .of_user = TRUE,
  .run = retention_run_search,
};
static const SatchelAdminCommand *const commands[] = { &expunge_command, &hold_command,
                                                       &list_command,    &preview_command,
                                                       &purge_command,   &restore_command,
                                                       &search_command,  NULL };
const SatchelAdminOps retention_admin_ops = { .size = sizeof retention_admin_ops, .commands = commands };
