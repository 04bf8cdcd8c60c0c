/* SPDX-License-Identifier: MIT
 * Implements commands of any state: CAPABILITY, NOOP, LOGOUT (RFC 3501 6.1), ID (RFC 2971), ENABLE (RFC
 * 5161), NAMESPACE (RFC 2342), IDLE (RFC 2177), CHECK.
 */
#include "client_id.h"
#include "imap_session.h"

#include <string.h>

ImapStep
imap_run_capability (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  imap_write (&session->writer, "* CAPABILITY ");
  imap_session_write_capabilities (session);
  imap_write (&session->writer, "\r\n");
  return imap_command_ok (command, "Capabilities listed.");
}

/* Looks for changes that other programs made to the mailbox.  Returns DONE or BLOCK. */
static ImapStep
look_outside (ImapSession *session, gboolean may_block)
{
  if (session->view == NULL)
    return IMAP_STEP_DONE;
  g_autofree char *name = satchel_mailbox_name (session->view->mailbox);
  g_autoptr (SatchelMailbox) current = satchel_store_peek_mailbox (session->store, name);
  if (current != NULL || satchel_mailbox_is_deleted (session->view->mailbox))
    return IMAP_STEP_DONE;
  if (!may_block)
    return IMAP_STEP_BLOCK;
  g_autoptr (GError) error = NULL;
  if (!satchel_mailbox_sync (session->view->mailbox, &error))
    satchel_session_log (session->session, SATCHEL_LOG_WARNING, "cannot look for new mail: %s",
                         error->message);
  return IMAP_STEP_DONE;
}

ImapStep
imap_run_noop (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  ImapStep step = look_outside (session, may_block);
  return step == IMAP_STEP_DONE ? imap_command_ok (command, "NOOP completed.") : step;
}

ImapStep
imap_run_check (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  ImapStep step = look_outside (session, may_block);
  return step == IMAP_STEP_DONE ? imap_command_ok (command, "CHECK completed.") : step;
}

ImapStep
imap_run_logout (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  imap_write (&session->writer, "* BYE Logging out.\r\n");
  command->at_end |= IMAP_END_CLOSE;
  return imap_command_ok (command, "LOGOUT completed.");
}

/* Logs the name and the version that a client gives in ID, and nothing else of it; lists of devices have it.
 */
ImapStep
imap_run_id (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  const GPtrArray *pairs = ((ImapListOfNames *) command->arguments)->names;
  const char *name = NULL, *version = NULL;
  for (guint i = 0; i + 1 < pairs->len; i += 2)
    imap_client_field (pairs->pdata[i], pairs->pdata[i + 1], &name, &version);
  if (pairs->len > 0 && !session->sent_id)
    {
      g_autoptr (GString) line = g_string_new ("client:");
      g_autofree char *text = imap_client_text (name, version);
      if (name != NULL)
        satchel_log_field (line, "name", name);
      if (version != NULL)
        satchel_log_field (line, "version", version);
      satchel_session_log (session->session, SATCHEL_LOG_INFO, "%s", line->str);
      if (text != NULL)
        satchel_session_set_client_id (session->session, text);
    }
  session->sent_id = TRUE;
  imap_write (&session->writer, "* ID (\"name\" \"Satchel\")\r\n");
  return imap_command_ok (command, "ID completed.");
}

/* ENABLE knows these names, with what each enables; unknown names are ignored (RFC 5161 3.1). */
static const struct
{
  const char *name;
  guint bits;
} enables[] = {
  { "CONDSTORE", IMAP_ENABLED_CONDSTORE },
  { "QRESYNC", IMAP_ENABLED_QRESYNC | IMAP_ENABLED_CONDSTORE },
  { "UTF8=ACCEPT", IMAP_ENABLED_UTF8 },
  { "IMAP4rev2", IMAP_ENABLED_REV2 },
  { NULL, 0 },
};

ImapStep
imap_run_enable (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  const GPtrArray *names = ((ImapListOfNames *) command->arguments)->names;
  guint bits = 0;
  imap_write (&session->writer, "* ENABLED");
  for (guint k = 0; enables[k].name != NULL; k++)
    for (guint i = 0; i < names->len; i++)
      if (g_ascii_strcasecmp (names->pdata[i], enables[k].name) == 0
          && (enables[k].bits & ~session->enabled) != 0)
        {
          bits |= enables[k].bits;
          imap_write (&session->writer, " ");
          imap_write (&session->writer, enables[k].name);
          break;
        }
  imap_write (&session->writer, "\r\n");
  imap_session_enable (session, bits);
  return imap_command_ok (command, "ENABLE completed.");
}

static void
write_namespace (ImapSession *session, const char *prefix)
{
  imap_write (&session->writer, "(");
  imap_write_mailbox (&session->writer, prefix);
  imap_write (&session->writer, " ");
  imap_write_string (&session->writer, &session->ns.separator, 1);
  imap_write (&session->writer, ")");
}

/* Writes the namespaces of one kind.  The user's own comes first among the personal ones: clients create
 * missing mailboxes in the first. */
static void
write_namespaces (ImapSession *session, SatchelNamespaceKind kind)
{
  const GPtrArray *spaces = satchel_store_namespaces (session->store);
  gboolean is_any = kind == SATCHEL_NAMESPACE_PERSONAL;
  if (is_any)
    {
      imap_write (&session->writer, "(");
      write_namespace (session, session->ns.prefix);
    }
  for (guint i = 0; i < spaces->len; i++)
    {
      const SatchelStoreNamespace *space = spaces->pdata[i];
      if (space->kind != kind
          || (satchel_store_rights (session->store, space->name) & SATCHEL_RIGHT_LOOKUP) == 0)
        continue;
      g_autofree char *name = imap_name_to_client (session, space->name);
      g_autofree char *prefix = g_strdup_printf ("%s%c", name, session->ns.separator);
      imap_write (&session->writer, is_any ? "" : "(");
      write_namespace (session, prefix);
      is_any = TRUE;
    }
  imap_write (&session->writer, is_any ? ")" : "NIL");
}

ImapStep
imap_run_namespace (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  imap_write (&session->writer, "* NAMESPACE ");
  write_namespaces (session, SATCHEL_NAMESPACE_PERSONAL);
  imap_write (&session->writer, " ");
  write_namespaces (session, SATCHEL_NAMESPACE_OTHERS);
  imap_write (&session->writer, " ");
  write_namespaces (session, SATCHEL_NAMESPACE_SHARED);
  imap_write (&session->writer, "\r\n");
  return imap_command_ok (command, "NAMESPACE completed.");
}

/* COMPRESS works in both directions, from the end of the tagged OK on (RFC 4978 3). */
ImapStep
imap_run_compress (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  if (!session->settings.may_compress)
    return imap_command_bad (command, "Compression is not available.");
  if (session->is_compressed)
    return imap_command_no (command, "COMPRESSIONACTIVE", "DEFLATE is active already.");
  session->is_compressed = TRUE;
  command->at_end |= IMAP_END_COMPRESS;
  return imap_command_ok (command, "DEFLATE active.");
}

/* ---- IDLE ---- */

typedef struct Idle
{
  gboolean is_told, is_done;
  const char *bad;
} Idle;

/* Runs IDLE.  It is called at the start, after each change of the mailbox, and for each line that comes. */
ImapStep
imap_run_idle (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  if (command->state == NULL)
    {
      command->state = g_new0 (Idle, 1);
      command->state_free = g_free;
    }
  Idle *idle = command->state;
  if (!idle->is_told && look_outside (session, may_block) == IMAP_STEP_BLOCK)
    return IMAP_STEP_BLOCK;
  if (!idle->is_told)
    imap_write_continuation (&session->writer, "idling");
  idle->is_told = TRUE;
  if (idle->is_done)
    return idle->bad != NULL ? imap_command_bad (command, idle->bad)
                             : imap_command_ok (command, "IDLE completed.");
  ImapStep step = imap_session_update_view (session, TRUE, may_block);
  if (step == IMAP_STEP_DONE)
    step = imap_renames_tell (session, may_block);
  return step == IMAP_STEP_DONE ? IMAP_STEP_WAIT : step;
}

void
imap_idle_line (ImapSession *session, ImapCommand *command, const char *line)
{
  Idle *idle = command->state;
  idle->is_done = TRUE;
  /* Anything but DONE ends IDLE too: it may be a command that was sent too early (RFC 2177 3). */
  idle->bad = g_ascii_strcasecmp (line, "DONE") == 0 ? NULL : "DONE expected.";
}
