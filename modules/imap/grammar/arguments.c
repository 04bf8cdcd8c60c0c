/* SPDX-License-Identifier: MIT
 * This file reads the arguments of STORE, COPY, MOVE, UID EXPUNGE, ENABLE and ID (RFC 3501 6; RFC 2971, RFC
 * 4315, RFC 5161, RFC 6851).  Pure.
 */
#include "grammar/arguments.h"

#include <satchel/transaction.h>
#include <string.h>

#define ID_PAIRS_MAX 30u /* RFC 2971 3.3 */
#define ENABLE_MAX 64u

gboolean
imap_parse_none (ImapReader *reader, gpointer arguments)
{
  return imap_reader_finish (reader);
}

guint32
imap_system_flag (const char *name)
{
  static const struct
  {
    const char *name;
    guint32 flag;
  } flags[] = { { "Seen", SATCHEL_FLAG_SEEN },
                { "Answered", SATCHEL_FLAG_ANSWERED },
                { "Flagged", SATCHEL_FLAG_FLAGGED },
                { "Deleted", SATCHEL_FLAG_DELETED },
                { "Draft", SATCHEL_FLAG_DRAFT } };
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    if (g_ascii_strcasecmp (name, flags[i].name) == 0)
      return flags[i].flag;
  return 0;
}

/* Fails with an error that names the atom that was read last. */
static gboolean
fail_on_last (ImapReader *reader, const char *error)
{
  reader->blamed = reader->at - 1;
  return imap_reader_fail (reader, error);
}

/* Reads flag (RFC 3501 9): \Recent cannot be set, and other names with a backslash are for later standards.
 */
static gboolean
read_flag (ImapReader *reader, ImapFlagList *flags, GPtrArray *keywords)
{
  const char *name;
  if (!imap_read_word (reader, &name))
    return FALSE;
  if (*name == '\\')
    {
      guint32 flag = imap_system_flag (name + 1);
      flags->flags |= flag;
      return flag != 0 || (flags->takes_recent && g_ascii_strcasecmp (name, "\\Recent") == 0)
             || fail_on_last (reader, "Unknown system flag");
    }
  if (!imap_is_atom (name))
    return fail_on_last (reader, "Invalid character in keyword");
  if (keywords->len >= IMAP_FLAGS_MAX)
    return imap_reader_fail (reader, "Too many keywords");
  if (strlen (name) > SATCHEL_KEYWORD_BYTES)
    flags->has_long_keyword = TRUE;
  else
    g_ptr_array_add (keywords, g_strdup (name));
  return TRUE;
}

/* Reads flag-list, or in STORE flags without parentheses. */
gboolean
imap_parse_flag_list (ImapReader *reader, ImapFlagList *ret_flags)
{
  g_autoptr (GPtrArray) keywords = g_ptr_array_new_with_free_func (g_free);
  if (imap_reader_peek (reader) == IMAP_NODE_LIST)
    {
      ImapReader members;
      if (!imap_read_list (reader, &members))
        return FALSE;
      while (!imap_reader_is_done (&members) && read_flag (&members, ret_flags, keywords))
        ;
      if (!imap_read_list_end (reader, &members))
        return FALSE;
    }
  else
    do
      if (!read_flag (reader, ret_flags, keywords))
        return FALSE;
    while (!imap_reader_is_done (reader));
  g_ptr_array_add (keywords, NULL);
  ret_flags->keywords = (char **) g_ptr_array_free (g_steal_pointer (&keywords), FALSE);
  return TRUE;
}

void
imap_flag_list_clear (ImapFlagList *flags)
{
  g_clear_pointer (&flags->keywords, g_strfreev);
}

gboolean
imap_parse_set (ImapReader *reader, gpointer arguments)
{
  ImapSetArguments *set = arguments;
  return imap_parse_sequence (reader, &set->set) && imap_reader_finish (reader);
}

gboolean
imap_parse_copy (ImapReader *reader, gpointer arguments)
{
  ImapSetArguments *set = arguments;
  return imap_parse_sequence (reader, &set->set) && imap_parse_name (reader, &set->name)
         && imap_reader_finish (reader);
}

void
imap_set_arguments_clear (gpointer arguments)
{
  ImapSetArguments *set = arguments;
  imap_sequence_clear (&set->set);
  g_free (set->name);
}

gboolean
imap_parse_store (ImapReader *reader, gpointer arguments)
{
  ImapStoreArguments *store = arguments;
  const char *item;
  if (!imap_parse_sequence (reader, &store->set) || !imap_parse_store_modifiers (reader, store)
      || !imap_read_word (reader, &item))
    return FALSE;
  store->mode = *item == '+'   ? SATCHEL_FLAGS_ADD
                : *item == '-' ? SATCHEL_FLAGS_REMOVE
                               : SATCHEL_FLAGS_REPLACE;
  if (store->mode != SATCHEL_FLAGS_REPLACE)
    item++;
  store->is_silent = g_ascii_strcasecmp (item, "FLAGS.SILENT") == 0;
  if (!store->is_silent && g_ascii_strcasecmp (item, "FLAGS") != 0)
    return imap_reader_fail (reader, "Unknown STORE item");
  return imap_parse_flag_list (reader, &store->flags) && imap_reader_finish (reader);
}

void
imap_store_arguments_clear (gpointer arguments)
{
  ImapStoreArguments *store = arguments;
  imap_sequence_clear (&store->set);
  imap_flag_list_clear (&store->flags);
}

gboolean
imap_parse_enable (ImapReader *reader, gpointer arguments)
{
  ImapListOfNames *list = arguments;
  list->names = g_ptr_array_new_with_free_func (g_free);
  do
    {
      const char *name;
      if (!imap_read_atom (reader, &name))
        return FALSE;
      if (list->names->len >= ENABLE_MAX)
        return imap_reader_fail (reader, "Too many arguments");
      g_ptr_array_add (list->names, g_strdup (name));
    }
  while (!imap_reader_is_done (reader));
  return TRUE;
}

gboolean
imap_parse_id (ImapReader *reader, gpointer arguments)
{
  ImapListOfNames *list = arguments;
  list->names = g_ptr_array_new_with_free_func (g_free);
  const char *nil = imap_reader_peek_atom (reader);
  if (nil != NULL && g_ascii_strcasecmp (nil, "NIL") == 0)
    {
      imap_reader_skip (reader);
      return imap_reader_finish (reader);
    }
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  while (!imap_reader_is_done (&members) && list->names->len < 2 * ID_PAIRS_MAX)
    {
      const char *key, *value;
      gsize key_len, value_len;
      if (!imap_read_string (&members, &key, &key_len) || !imap_read_nstring (&members, &value, &value_len))
        break;
      if (key_len > 30 || value_len > 1024) /* RFC 2971 3.3 */
        return imap_reader_fail (reader, "ID field too long");
      g_ptr_array_add (list->names, g_strdup (key));
      g_ptr_array_add (list->names, g_strdup (value));
    }
  return imap_read_list_end (reader, &members) && imap_reader_finish (reader);
}

void
imap_list_of_names_clear (gpointer arguments)
{
  ImapListOfNames *list = arguments;
  g_clear_pointer (&list->names, g_ptr_array_unref);
}

/* Reads algorithm (RFC 4978 5): there is one. */
gboolean
imap_parse_compress (ImapReader *reader, gpointer arguments)
{
  const char *name;
  if (!imap_read_atom (reader, &name))
    return FALSE;
  if (g_ascii_strcasecmp (name, "DEFLATE") != 0)
    return imap_reader_fail (reader, "Unknown compression");
  return imap_reader_finish (reader);
}
