/* SPDX-License-Identifier: MIT
 * Implements LIST and LSUB (RFC 3501 6.3.8, 6.3.9) with CHILDREN (RFC 3348), LIST-EXTENDED (RFC 5258),
 * LIST-STATUS (RFC 5819) and SPECIAL-USE (RFC 6154 2; its attributes are shown in plain LIST too). XLIST is
 * what Gmail had before it, the only way in which Outlook 2013 and 2016 find Sent and Trash: LIST under
 * another name, with other words.
 */
#include "mailboxes/listing.h"
#include "mailboxes/list_response.h"
#include "mailboxes/status.h"

#include <string.h>

/* Returns the prefix of the namespace that @reference is in. */
static char *
root_of (ImapSession *session, const char *reference)
{
  for (const char *const *other = session->ns.others; *other != NULL; other++)
    {
      g_autofree char *name = imap_name_to_client (session, *other);
      g_autofree char *prefix = g_strdup_printf ("%s%c", name, session->ns.separator);
      g_autofree char *written = imap_name_decode (session, reference);
      if (written != NULL && g_str_has_prefix (written, prefix))
        return g_steal_pointer (&prefix);
    }
  return g_strdup (g_str_has_prefix (reference, session->ns.prefix) ? session->ns.prefix : "");
}

/* Answers an empty pattern, which asks for the separator and the root of the reference (RFC 3501 6.3.8). */
static ImapStep
list_root (ImapSession *session, ImapCommand *command)
{
  const ImapListArguments *arguments = command->arguments;
  g_autofree char *root = root_of (session, arguments->reference);
  imap_write (&session->writer, arguments->is_xlist ? "* XLIST (\\Noselect" : "* LIST (\\Noselect");
  imap_list_write_name (session, root);
  imap_write (&session->writer, "\r\n");
  return imap_command_ok (command, arguments->is_xlist ? "XLIST completed." : "LIST completed.");
}

/* Returns a pattern as names are: UTF-8 in NFC.  NULL means that no mailbox can be called so, nothing
 * matches. */
static char *
canonical_pattern (const ImapSession *session, const char *written)
{
  g_autofree char *utf8 = imap_name_decode (session, written);
  return utf8 != NULL ? g_utf8_normalize (utf8, -1, G_NORMALIZE_NFC) : NULL;
}

static GPtrArray *
canonical_patterns (const ImapSession *session, const ImapListArguments *arguments)
{
  GPtrArray *patterns = imap_list_patterns_new ();
  for (guint i = 0; i < arguments->patterns->len; i++)
    {
      const char *pattern = arguments->patterns->pdata[i];
      g_autofree char *written = g_strconcat (arguments->reference, pattern, NULL);
      /* In the extended form an empty pattern is ignored (RFC 5258 3). */
      if ((*pattern == '\0' && arguments->is_extended) || strlen (written) > SATCHEL_MAILBOX_NAME_BYTES)
        continue;
      imap_list_patterns_add (patterns, canonical_pattern (session, written), FALSE);
      if (!imap_session_is_utf8 (session))
        imap_list_patterns_add (patterns, g_steal_pointer (&written), TRUE);
    }
  return patterns;
}

/* Fills command->state with the names to list.  DONE; AGAIN; BLOCK; DONE with @error. */
static ImapStep
find_names (ImapSession *session, ImapCommand *command, gboolean may_block, GError **error)
{
  const ImapListArguments *arguments = command->arguments;
  ImapListing *listing = command->state;
  if (listing == NULL)
    {
      g_autoptr (GPtrArray) infos = satchel_store_list_cached (session->store);
      if (infos == NULL && !may_block)
        return IMAP_STEP_BLOCK;
      if (infos == NULL && (infos = satchel_store_list (session->store, error)) == NULL)
        return IMAP_STEP_DONE;
      listing =
          imap_listing_new (&session->ns, g_steal_pointer (&infos), canonical_patterns (session, arguments));
      command->state = listing;
      command->state_free = imap_listing_free;
    }
  if (listing->is_chosen)
    return IMAP_STEP_DONE;
  if (!imap_listing_match (listing))
    return IMAP_STEP_AGAIN;
  imap_listing_choose (listing, arguments->select & IMAP_LIST_CRITERIA);
  return IMAP_STEP_DONE;
}

/* Writes "("CHILDINFO" ("SUBSCRIBED"))": something below meets the criteria (RFC 5258 3.5). */
static void
write_childinfo (ImapWriter *writer, guint criteria)
{
  const char *space = "";
  imap_write (writer, " (\"CHILDINFO\" (");
  if (criteria & IMAP_LIST_SUBSCRIBED)
    {
      imap_write (writer, "\"SUBSCRIBED\"");
      space = " ";
    }
  if (criteria & IMAP_LIST_SPECIAL_USE)
    {
      imap_write (writer, space);
      imap_write (writer, "\"SPECIAL-USE\"");
    }
  imap_write (writer, "))");
}

/* Writes a name. One that is a level only is no mailbox: the extended form has a word for that (RFC 5258
 * 3). */
static void
write_list (ImapSession *session, const ImapListArguments *arguments, const ImapListEntry *entry,
            gboolean is_gone)
{
  ImapWriter *writer = &session->writer;
  const SatchelMailboxInfo *info = entry->info;
  ImapPresence presence = arguments->is_extended ? IMAP_PRESENCE_NONEXISTENT : IMAP_PRESENCE_NOSELECT;
  if (imap_list_entry_is_selectable (entry) && !is_gone)
    presence = IMAP_PRESENCE_SELECTABLE;
  imap_write (writer, arguments->is_xlist ? "* XLIST " : "* LIST ");
  imap_list_write_attributes (writer, presence, entry->has_children,
                              info != NULL && info->is_subscribed
                                  && (arguments->returns & IMAP_LIST_SUBSCRIBED));
  if (arguments->is_xlist && strcmp (entry->name, "INBOX") == 0)
    imap_write (writer, " \\Inbox");
  imap_list_write_uses (writer, info != NULL ? info->special_use : 0, arguments->is_xlist);
  imap_list_write_name (session, entry->name);
  if ((arguments->select & IMAP_LIST_RECURSIVEMATCH) && entry->has_chosen_below)
    write_childinfo (writer, arguments->select);
  imap_write (writer, "\r\n");
}

/* Writes a name, with its STATUS if that is wanted and available (RFC 5819 2). Returns DONE or BLOCK. */
static ImapStep
tell_name (ImapSession *session, ImapCommand *command, const ImapListEntry *entry, gboolean may_block)
{
  const ImapListArguments *arguments = command->arguments;
  g_autoptr (GError) error = NULL;
  ImapMailboxStatus status;
  gboolean has_status =
      (arguments->returns & IMAP_LIST_STATUS) && entry->is_chosen && imap_list_entry_is_selectable (entry);
  if (has_status
      && imap_status_look (session, entry->info->name, arguments->status_items, may_block, &status, &error)
             == IMAP_STEP_BLOCK)
    return IMAP_STEP_BLOCK;
  if (error != NULL && satchel_error_is_of_machine (error) && satchel_error_is_news (error))
    satchel_session_log (session->session, SATCHEL_LOG_ERROR, "LIST: status failed: %s", error->message);
  write_list (session, arguments, entry, g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT));
  if (has_status && error == NULL)
    imap_status_write (session, entry->name, arguments->status_items, &status);
  return IMAP_STEP_DONE;
}

/* Says whether @entry is listed.  A parent is listed for its children only if none of them is listed itself
 * (RFC 5258 3.3, RFC 3501 6.3.9). */
static gboolean
is_told (const ImapListEntry *entry, gboolean is_recursive)
{
  return entry->is_matched && (entry->is_chosen || (is_recursive && entry->has_hidden_below));
}

ImapStep
imap_run_list (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapListArguments *arguments = command->arguments;
  if (!arguments->is_extended && *(const char *) arguments->patterns->pdata[0] == '\0')
    return list_root (session, command);
  ImapStep step = find_names (session, command, may_block, &error);
  if (error != NULL)
    return imap_command_error (session, command, error);
  if (step != IMAP_STEP_DONE)
    return step;
  ImapListing *listing = command->state;
  for (; listing->at < listing->entries->len; listing->at++)
    {
      const ImapListEntry *entry = imap_listing_entry (listing, listing->at);
      if (!is_told (entry, (arguments->select & IMAP_LIST_RECURSIVEMATCH) != 0))
        continue;
      if (imap_writer_is_full (&session->writer))
        return IMAP_STEP_AGAIN;
      if (may_block && imap_session_is_cancelled (session))
        return imap_command_no (command, NULL, "Interrupted.");
      if (tell_name (session, command, entry, may_block) == IMAP_STEP_BLOCK)
        return IMAP_STEP_BLOCK;
    }
  return imap_command_ok (command, arguments->is_xlist ? "XLIST completed." : "LIST completed.");
}

/* Writes an LSUB response. \Noselect has two meanings there: the name is no mailbox, or it is not subscribed
 * but has a subscribed name below it that the pattern hides. */
static void
write_lsub (ImapSession *session, const ImapListEntry *entry)
{
  ImapWriter *writer = &session->writer;
  const SatchelMailboxInfo *info = entry->info;
  ImapPresence presence = IMAP_PRESENCE_NOSELECT;
  if (info != NULL && !info->exists)
    presence = IMAP_PRESENCE_NONEXISTENT;
  else if (entry->is_chosen && imap_list_entry_is_selectable (entry))
    presence = IMAP_PRESENCE_SELECTABLE;
  imap_write (writer, "* LSUB ");
  imap_list_write_attributes (writer, presence, entry->has_children || entry->has_chosen_below, FALSE);
  imap_list_write_uses (writer, info != NULL ? info->special_use : 0, FALSE);
  imap_list_write_name (session, entry->name);
  imap_write (writer, "\r\n");
}

/* Runs LSUB: tells subscribed names and, since "%" would hide them, parents of subscribed names as \Noselect
 * (RFC 3501 6.3.9). */
ImapStep
imap_run_lsub (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  ImapStep step = find_names (session, command, may_block, &error);
  if (error != NULL)
    return imap_command_error (session, command, error);
  if (step != IMAP_STEP_DONE)
    return step;
  ImapListing *listing = command->state;
  for (; listing->at < listing->entries->len; listing->at++)
    {
      const ImapListEntry *entry = imap_listing_entry (listing, listing->at);
      if (!is_told (entry, TRUE))
        continue;
      if (imap_writer_is_full (&session->writer))
        return IMAP_STEP_AGAIN;
      write_lsub (session, entry);
    }
  return imap_command_ok (command, "LSUB completed.");
}
