/* SPDX-License-Identifier: MIT
 * This file parses the commands on mailbox names: CREATE, DELETE, RENAME, SELECT and the like (RFC 3501
 * 6.3), LIST with its options (RFC 5258 6, RFC 5819 4), uses of mailboxes (RFC 6154 6), LSUB, STATUS (RFC
 * 3501 9, RFC 7889 5, RFC 8438 4, RFC 8474 7), quotas (RFC 9208 7).  Pure.
 */
#include "grammar/arguments.h"

#include <satchel/store.h>

#define LIST_PATTERNS_MAX 256u

typedef struct Option
{
  const char *name;
  guint bit;
} Option;

/* Returns the bit of the option that comes next; 0 means that it is none of @options. */
static guint
read_option (ImapReader *reader, const Option *options, guint n)
{
  const char *name;
  if (!imap_read_atom (reader, &name))
    return 0;
  for (guint i = 0; i < n; i++)
    if (g_ascii_strcasecmp (name, options[i].name) == 0)
      return options[i].bit;
  return 0;
}

gboolean
imap_parse_name (ImapReader *reader, char **ret_name)
{
  const char *name;
  gsize len;
  if (!imap_read_astring (reader, &name, &len))
    return FALSE;
  *ret_name = g_strndup (name, len);
  return TRUE;
}

gboolean
imap_parse_mailbox (ImapReader *reader, gpointer arguments)
{
  ImapMailboxArguments *mailbox = arguments;
  return imap_parse_name (reader, &mailbox->name) && imap_reader_finish (reader);
}

/* Reads setquota (RFC 9208 7).  The limits must be well-formed; they are not kept, since the command is
 * always refused. */
gboolean
imap_parse_set_quota (ImapReader *reader, gpointer arguments)
{
  ImapMailboxArguments *root = arguments;
  ImapReader members;
  if (!imap_parse_name (reader, &root->name) || !imap_read_list (reader, &members))
    return FALSE;
  while (!imap_reader_is_done (&members))
    {
      const char *resource;
      guint64 limit;
      if (!imap_read_atom (&members, &resource) || !imap_read_number (&members, G_MAXINT64, &limit))
        return imap_reader_fail (reader, members.error);
    }
  return imap_reader_finish (reader);
}

gboolean
imap_parse_two_mailboxes (ImapReader *reader, gpointer arguments)
{
  ImapMailboxArguments *mailbox = arguments;
  return imap_parse_name (reader, &mailbox->name) && imap_parse_name (reader, &mailbox->to)
         && imap_reader_finish (reader);
}

const ImapUse imap_uses[] = {
  { SATCHEL_USE_ALL, "\\All", "\\AllMail" },      { SATCHEL_USE_ARCHIVE, "\\Archive", "\\Archive" },
  { SATCHEL_USE_DRAFTS, "\\Drafts", "\\Drafts" }, { SATCHEL_USE_FLAGGED, "\\Flagged", "\\Starred" },
  { SATCHEL_USE_JUNK, "\\Junk", "\\Spam" },       { SATCHEL_USE_SENT, "\\Sent", "\\Sent" },
  { SATCHEL_USE_TRASH, "\\Trash", "\\Trash" },    { 0, NULL, NULL },
};

/* Reads "(" [use-attr *(SP use-attr)] ")" (RFC 6154 6).  An unknown use is no syntax error. */
static gboolean
read_uses (ImapReader *reader, ImapMailboxArguments *create)
{
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  while (!imap_reader_is_done (&members))
    {
      const char *name;
      guint use = 0;
      if (!imap_read_word (&members, &name) || *name != '\\' || !imap_is_atom (name + 1))
        return imap_reader_fail (reader, "Special-use attribute expected");
      for (guint i = 0; imap_uses[i].attribute != NULL; i++)
        if (g_ascii_strcasecmp (name, imap_uses[i].attribute) == 0)
          use = imap_uses[i].use;
      create->special_use |= use;
      create->has_other_use |= use == 0;
    }
  return TRUE;
}

/* Reads CREATE, which create-params (RFC 4466 2.2) may follow, of which USE is known (RFC 6154 6). */
gboolean
imap_parse_create (ImapReader *reader, gpointer arguments)
{
  ImapMailboxArguments *create = arguments;
  ImapReader members;
  const char *name;
  if (!imap_parse_name (reader, &create->name))
    return FALSE;
  if (imap_reader_is_done (reader))
    return TRUE;
  if (!imap_read_list (reader, &members))
    return FALSE;
  do
    if (!imap_read_atom (&members, &name) || g_ascii_strcasecmp (name, "USE") != 0)
      return imap_reader_fail (reader, "Unknown CREATE parameter");
    else if (!read_uses (&members, create))
      return imap_reader_fail (reader, members.error);
  while (!imap_reader_is_done (&members));
  return imap_reader_finish (reader);
}

void
imap_mailbox_arguments_clear (gpointer arguments)
{
  ImapMailboxArguments *mailbox = arguments;
  g_free (mailbox->name);
  g_free (mailbox->to);
}

/* ---- STATUS ---- */

static const Option status_items[] = {
  { "MESSAGES", IMAP_STATUS_MESSAGES },
  { "RECENT", IMAP_STATUS_RECENT },
  { "UIDNEXT", IMAP_STATUS_UIDNEXT },
  { "UIDVALIDITY", IMAP_STATUS_UIDVALIDITY },
  { "UNSEEN", IMAP_STATUS_UNSEEN },
  { "DELETED", IMAP_STATUS_DELETED },
  { "SIZE", IMAP_STATUS_SIZE },
  { "APPENDLIMIT", IMAP_STATUS_APPENDLIMIT },
  { "MAILBOXID", IMAP_STATUS_MAILBOXID },
  { "HIGHESTMODSEQ", IMAP_STATUS_HIGHESTMODSEQ },
  { "DELETED-STORAGE", IMAP_STATUS_DELETED_STORAGE },
};

static gboolean
read_status_items (ImapReader *reader, guint *ret_items)
{
  ImapReader members;
  guint items = 0;
  if (!imap_read_list (reader, &members))
    return FALSE;
  while (!imap_reader_is_done (&members))
    {
      guint item = read_option (&members, status_items, G_N_ELEMENTS (status_items));
      if (item == 0)
        return imap_reader_fail (reader, members.error != NULL ? members.error : "Unknown STATUS item");
      items |= item;
    }
  *ret_items = items;
  return items != 0 || imap_reader_fail (reader, "No STATUS items");
}

gboolean
imap_parse_status (ImapReader *reader, gpointer arguments)
{
  ImapStatusArguments *status = arguments;
  return imap_parse_name (reader, &status->name) && read_status_items (reader, &status->items)
         && imap_reader_finish (reader);
}

void
imap_status_arguments_clear (gpointer arguments)
{
  ImapStatusArguments *status = arguments;
  g_free (status->name);
}

/* ---- LIST ---- */

static const Option select_options[] = {
  { "SUBSCRIBED", IMAP_LIST_SUBSCRIBED },
  { "SPECIAL-USE", IMAP_LIST_SPECIAL_USE },
  { "REMOTE", IMAP_LIST_REMOTE },
  { "RECURSIVEMATCH", IMAP_LIST_RECURSIVEMATCH },
};
static const Option return_options[] = {
  { "SUBSCRIBED", IMAP_LIST_SUBSCRIBED },
  { "SPECIAL-USE", IMAP_LIST_SPECIAL_USE },
  { "CHILDREN", IMAP_LIST_CHILDREN },
  { "STATUS", IMAP_LIST_STATUS },
};

/* Reads list-select-opts.  RECURSIVEMATCH needs an option that leaves names out (RFC 5258 3.1). */
static gboolean
read_select_options (ImapReader *reader, ImapListArguments *list)
{
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  while (!imap_reader_is_done (&members))
    {
      guint bit = read_option (&members, select_options, G_N_ELEMENTS (select_options));
      if (bit == 0)
        return imap_reader_fail (reader,
                                 members.error != NULL ? members.error : "Unknown LIST selection option");
      list->select |= bit;
    }
  if ((list->select & IMAP_LIST_RECURSIVEMATCH) && !(list->select & IMAP_LIST_CRITERIA))
    return imap_reader_fail (reader, "RECURSIVEMATCH needs another selection option");
  /* a criterion of selection is also returned (RFC 5258 3.1, RFC 6154 2) */
  list->returns |= list->select & IMAP_LIST_CRITERIA;
  return TRUE;
}

static gboolean
read_return_options (ImapReader *reader, ImapListArguments *list)
{
  ImapReader members;
  const char *word;
  if (!imap_read_atom (reader, &word))
    return FALSE;
  if (g_ascii_strcasecmp (word, "RETURN") != 0)
    return imap_reader_fail (reader, "RETURN expected");
  if (!imap_read_list (reader, &members))
    return FALSE;
  while (!imap_reader_is_done (&members))
    {
      guint bit = read_option (&members, return_options, G_N_ELEMENTS (return_options));
      if (bit == 0)
        return imap_reader_fail (reader,
                                 members.error != NULL ? members.error : "Unknown LIST return option");
      if (bit == IMAP_LIST_STATUS && !read_status_items (&members, &list->status_items))
        return imap_reader_fail (reader, members.error);
      list->returns |= bit;
    }
  return TRUE;
}

static gboolean
read_pattern (ImapReader *reader, GPtrArray *patterns)
{
  const char *pattern;
  gsize len;
  if (!imap_read_list_mailbox (reader, &pattern, &len))
    return FALSE;
  if (patterns->len >= LIST_PATTERNS_MAX)
    return imap_reader_fail (reader, "Too many patterns");
  g_ptr_array_add (patterns, g_strndup (pattern, len));
  return TRUE;
}

/* Reads mbox-or-pat. */
static gboolean
read_patterns (ImapReader *reader, ImapListArguments *list)
{
  ImapReader members;
  if (imap_reader_peek (reader) != IMAP_NODE_LIST)
    return read_pattern (reader, list->patterns);
  list->is_extended = TRUE;
  if (!imap_read_list (reader, &members))
    return FALSE;
  while (read_pattern (&members, list->patterns) && !imap_reader_is_done (&members))
    ;
  return imap_read_list_end (reader, &members);
}

gboolean
imap_parse_list (ImapReader *reader, gpointer arguments)
{
  ImapListArguments *list = arguments;
  list->patterns = g_ptr_array_new_with_free_func (g_free);
  if (imap_reader_peek (reader) == IMAP_NODE_LIST)
    {
      list->is_extended = TRUE;
      if (!read_select_options (reader, list))
        return FALSE;
    }
  if (!imap_parse_name (reader, &list->reference) || !read_patterns (reader, list))
    return FALSE;
  if (imap_reader_is_done (reader))
    return TRUE;
  list->is_extended = TRUE;
  return read_return_options (reader, list) && imap_reader_finish (reader);
}

gboolean
imap_parse_lsub (ImapReader *reader, gpointer arguments)
{
  ImapListArguments *list = arguments;
  list->patterns = g_ptr_array_new_with_free_func (g_free);
  list->select = list->returns = IMAP_LIST_SUBSCRIBED;
  return imap_parse_name (reader, &list->reference) && read_pattern (reader, list->patterns)
         && imap_reader_finish (reader);
}

gboolean
imap_parse_xlist (ImapReader *reader, gpointer arguments)
{
  ImapListArguments *list = arguments;
  list->patterns = g_ptr_array_new_with_free_func (g_free);
  list->is_xlist = TRUE;
  return imap_parse_name (reader, &list->reference) && read_pattern (reader, list->patterns)
         && imap_reader_finish (reader);
}

void
imap_list_arguments_clear (gpointer arguments)
{
  ImapListArguments *list = arguments;
  g_free (list->reference);
  g_clear_pointer (&list->patterns, g_ptr_array_unref);
}
