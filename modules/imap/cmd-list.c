/* SPDX-License-Identifier: MIT
 * LIST and LSUB (RFC 3501 6.3.8, 6.3.9) with CHILDREN (RFC 3348) and SPECIAL-USE (RFC 6154 2, shown in plain LIST too).
 */
#include "session.h"

#include <stdlib.h>
#include <string.h>

typedef struct Entry
{
  char *name; /* as clients see it, UTF-8 */
  guint special_use;
  gboolean is_selectable, exists, is_subscribed, has_children;
} Entry;

typedef struct Listing
{
  GArray *entries; /* Entry, sorted so that children follow their parent; parents that are only names included */
  guint at;
  char *pattern;
} Listing;

static const struct
{
  guint use;
  const char *attribute;
} uses[] = {
  { SATCHEL_USE_ALL, "\\All" },   { SATCHEL_USE_ARCHIVE, "\\Archive" }, { SATCHEL_USE_DRAFTS, "\\Drafts" },
  { SATCHEL_USE_FLAGGED, "\\Flagged" }, { SATCHEL_USE_JUNK, "\\Junk" }, { SATCHEL_USE_SENT, "\\Sent" },
  { SATCHEL_USE_TRASH, "\\Trash" },
};

static void
entry_clear (gpointer data)
{
  g_free (((Entry *) data)->name);
}

static void
listing_free (gpointer data)
{
  Listing *listing = data;
  g_array_unref (listing->entries);
  g_free (listing->pattern);
  g_free (listing);
}

/* INBOX first; the separator before any other character, so that a subtree is contiguous. */
static int
compare_entries (gconstpointer a, gconstpointer b, gpointer data)
{
  const char *first = ((const Entry *) a)->name, *second = ((const Entry *) b)->name;
  char separator = *(const char *) data;
  gboolean is_inbox[2];
  for (guint i = 0; i < 2; i++)
    {
      const char *name = i == 0 ? first : second;
      is_inbox[i] = strncmp (name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == separator);
    }
  if (is_inbox[0] != is_inbox[1])
    return is_inbox[0] ? -1 : 1;
  for (; *first == *second && *first != '\0'; first++, second++)
    ;
  int x = *first == separator ? 1 : (guint8) *first * 2, y = *second == separator ? 1 : (guint8) *second * 2;
  return x - y;
}

static gboolean
is_below (const char *name, const char *parent, char separator)
{
  gsize len = strlen (parent);
  return strncmp (name, parent, len) == 0 && name[len] == separator;
}

/* Levels above @name that are no names of storage: "a" and "a/b" before "a/b/c". */
static void
add_parents (GArray *entries, const char *name, const char *previous, char separator)
{
  for (const char *at = strchr (name, separator); at != NULL; at = strchr (at + 1, separator))
    {
      gsize len = (gsize) (at - name);
      if (previous != NULL && strncmp (previous, name, len) == 0 && (previous[len] == '\0' || previous[len] == separator))
        continue;
      Entry entry = { .name = g_strndup (name, len), .exists = TRUE };
      g_array_append_val (entries, entry);
    }
}

/* Entries of @infos that count, sorted, completed by parents. */
static GArray *
make_entries (ImapSession *session, GPtrArray *infos, gboolean only_subscribed)
{
  char separator = session->ns.separator;
  g_autoptr (GArray) named = g_array_new (FALSE, FALSE, sizeof (Entry));
  g_array_set_clear_func (named, entry_clear);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (only_subscribed ? !info->is_subscribed : !info->exists)
        continue;
      Entry entry = { .name = imap_name_to_client (session, info->name), .special_use = info->special_use,
                      .is_selectable = info->is_selectable, .exists = info->exists, .is_subscribed = info->is_subscribed };
      g_array_append_val (named, entry);
    }
  g_array_sort_with_data (named, compare_entries, &separator);
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  g_array_set_clear_func (entries, entry_clear);
  for (guint i = 0; i < named->len; i++)
    {
      Entry *entry = &g_array_index (named, Entry, i);
      const char *previous = entries->len > 0 ? g_array_index (entries, Entry, entries->len - 1).name : NULL;
      add_parents (entries, entry->name, previous, separator);
      g_array_append_val (entries, *entry);
      entry->name = NULL;
    }
  for (guint i = 0; i + 1 < entries->len; i++)
    {
      Entry *entry = &g_array_index (entries, Entry, i);
      entry->has_children = is_below (g_array_index (entries, Entry, i + 1).name, entry->name, separator);
    }
  return entries;
}

static void
write_entry (ImapSession *session, const char *response, const Entry *entry)
{
  ImapWriter *writer = &session->writer;
  imap_write (writer, response);
  if (!entry->exists)
    imap_write (writer, "(\\NonExistent \\Noselect ");
  else
    imap_write (writer, entry->is_selectable ? "(" : "(\\Noselect ");
  imap_write (writer, entry->has_children ? "\\HasChildren" : "\\HasNoChildren");
  for (guint i = 0; i < G_N_ELEMENTS (uses); i++)
    if (entry->special_use & uses[i].use)
      {
        imap_write (writer, " ");
        imap_write (writer, uses[i].attribute);
      }
  imap_write (writer, ") ");
  imap_write_string (writer, &session->ns.separator, 1);
  imap_write (writer, " ");
  imap_write_mailbox (writer, entry->name);
  imap_write (writer, "\r\n");
}

/* An empty pattern asks for the separator and the root of the reference (RFC 3501 6.3.8). */
static ImapStep
list_root (ImapSession *session, ImapCommand *command)
{
  const ImapListArguments *arguments = command->arguments;
  gboolean has_prefix = *session->ns.prefix != '\0' && g_str_has_prefix (arguments->reference, session->ns.prefix);
  imap_write (&session->writer, "* LIST (\\Noselect) ");
  imap_write_string (&session->writer, &session->ns.separator, 1);
  imap_write (&session->writer, " ");
  imap_write_mailbox (&session->writer, has_prefix ? session->ns.prefix : "");
  imap_write (&session->writer, "\r\n");
  return imap_command_ok (command, "LIST completed.");
}

/* Fills command->state.  FALSE: it would block, or failed (then *ret_step says so). */
static gboolean
begin (ImapSession *session, ImapCommand *command, gboolean is_lsub, gboolean may_block, ImapStep *ret_step)
{
  g_autoptr (GError) error = NULL;
  const ImapListArguments *arguments = command->arguments;
  g_autofree char *encoded = g_strconcat (arguments->reference, arguments->pattern, NULL);
  gsize len = strlen (encoded);
  g_autofree char *pattern = len <= SATCHEL_MAILBOX_NAME_BYTES ? satchel_utf7_decode (encoded, len) : NULL;
  if (pattern == NULL)
    {
      /* No mailbox has such a name. */
      *ret_step = imap_command_ok (command, is_lsub ? "LSUB completed." : "LIST completed.");
      return FALSE;
    }
  g_autoptr (GPtrArray) infos = satchel_store_list_cached (session->store);
  if (infos == NULL && !may_block)
    {
      *ret_step = IMAP_STEP_BLOCK;
      return FALSE;
    }
  if (infos == NULL && (infos = satchel_store_list (session->store, &error)) == NULL)
    {
      *ret_step = imap_command_error (session, command, error);
      return FALSE;
    }
  Listing *listing = g_new0 (Listing, 1);
  listing->entries = make_entries (session, infos, is_lsub);
  listing->pattern = g_steal_pointer (&pattern);
  command->state = listing;
  command->state_free = listing_free;
  return TRUE;
}

ImapStep
imap_run_list (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  ImapStep step;
  const ImapListArguments *arguments = command->arguments;
  if (*arguments->pattern == '\0')
    return list_root (session, command);
  if (command->state == NULL && !begin (session, command, FALSE, may_block, &step))
    return step;
  Listing *listing = command->state;
  for (; listing->at < listing->entries->len; listing->at++)
    {
      const Entry *entry = &g_array_index (listing->entries, Entry, listing->at);
      if (!satchel_list_match (listing->pattern, entry->name, session->ns.separator))
        continue;
      if (imap_writer_is_full (&session->writer))
        return IMAP_STEP_AGAIN;
      write_entry (session, "* LIST ", entry);
    }
  return imap_command_ok (command, "LIST completed.");
}

/* Does a name below @index match as well?  Then the parent is not named for its sake. */
static gboolean
has_hidden_child (const Listing *listing, guint index, char separator)
{
  const char *parent = g_array_index (listing->entries, Entry, index).name;
  for (guint i = index + 1; i < listing->entries->len; i++)
    {
      const Entry *entry = &g_array_index (listing->entries, Entry, i);
      if (!is_below (entry->name, parent, separator))
        return FALSE;
      if (entry->is_subscribed && !satchel_list_match (listing->pattern, entry->name, separator))
        return TRUE;
    }
  return FALSE;
}

/* Subscribed names; and, since "%" would hide them, parents of subscribed names as \Noselect (RFC 3501 6.3.9). */
ImapStep
imap_run_lsub (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  ImapStep step;
  if (command->state == NULL && !begin (session, command, TRUE, may_block, &step))
    return step;
  Listing *listing = command->state;
  for (; listing->at < listing->entries->len; listing->at++)
    {
      const Entry *entry = &g_array_index (listing->entries, Entry, listing->at);
      if (!satchel_list_match (listing->pattern, entry->name, session->ns.separator) ||
          (!entry->is_subscribed && !has_hidden_child (listing, listing->at, session->ns.separator)))
        continue;
      if (imap_writer_is_full (&session->writer))
        return IMAP_STEP_AGAIN;
      write_entry (session, "* LSUB ", entry);
    }
  return imap_command_ok (command, "LSUB completed.");
}
