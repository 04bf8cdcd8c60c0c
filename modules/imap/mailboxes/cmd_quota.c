/* SPDX-License-Identifier: MIT
 * Implements GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208). All mailboxes of a user have one quota root, or
 * none.
 */
#include "imap_session.h"

#include <string.h>

/* Writes "* QUOTA root (STORAGE used limit MESSAGE used limit)".  Only resources that have a limit are listed
 * (RFC 9208 4.2.1). [blocks] */
static gboolean
tell_quota (ImapSession *session, const SatchelQuota *quota, GError **error)
{
  ImapWriter *writer = &session->writer;
  SatchelUsage usage;
  if (!satchel_store_usage (session->store, &usage, error))
    return FALSE;
  const struct
  {
    const char *name;
    guint64 used, limit, unit;
  } resources[] = {
    /* STORAGE counts in units of 1,024 octets (RFC 9208 5.1) */
    { "STORAGE", usage.bytes, quota->limit.bytes, 1024 },
    { "MESSAGE", usage.messages, quota->limit.messages, 1 },
  };
  const char *separator = "";
  imap_write (writer, "* QUOTA ");
  imap_write_string (writer, quota->root, strlen (quota->root));
  imap_write (writer, " (");
  for (guint i = 0; i < G_N_ELEMENTS (resources); i++)
    {
      guint64 unit = resources[i].unit;
      if (resources[i].limit == SATCHEL_UNLIMITED)
        continue;
      imap_write_format (writer, "%s%s ", separator, resources[i].name);
      imap_write_number (writer, resources[i].used / unit + (resources[i].used % unit > 0));
      imap_write (writer, " ");
      imap_write_number (writer, resources[i].limit / unit + (resources[i].limit % unit > 0));
      separator = " ";
    }
  imap_write (writer, ")\r\n");
  return TRUE;
}

ImapStep
imap_run_get_quota (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  const ImapMailboxArguments *arguments = command->arguments;
  g_autoptr (GError) error = NULL;
  SatchelQuota quota = { .size = sizeof quota };
  if (!satchel_store_quota (session->store, &quota) || strcmp (arguments->name, quota.root) != 0)
    return imap_command_no (command, "NONEXISTENT", "No such quota root.");
  if (!tell_quota (session, &quota, &error))
    return imap_command_error (session, command, error);
  return imap_command_ok (command, "GETQUOTA completed.");
}

/* Runs GETQUOTAROOT; the mailbox need not exist (RFC 9208 4.1.2). */
ImapStep
imap_run_get_quota_root (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  const ImapMailboxArguments *arguments = command->arguments;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = imap_name_to_internal (session, arguments->name, &error);
  if (name == NULL)
    return imap_command_error (session, command, error);
  g_autofree char *client_name = imap_name_to_client (session, name);
  SatchelQuota quota = { .size = sizeof quota };
  gboolean has_quota = satchel_store_quota (session->store, &quota);
  imap_write (&session->writer, "* QUOTAROOT ");
  imap_write_mailbox (&session->writer, client_name);
  if (has_quota)
    {
      imap_write (&session->writer, " ");
      imap_write_string (&session->writer, quota.root, strlen (quota.root));
    }
  imap_write (&session->writer, "\r\n");
  if (has_quota && !tell_quota (session, &quota, &error))
    return imap_command_error (session, command, error);
  return imap_command_ok (command, "GETQUOTAROOT completed.");
}

ImapStep
imap_run_set_quota (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  return imap_command_no (command, "NOPERM", "Quotas are the administrator's.");
}
