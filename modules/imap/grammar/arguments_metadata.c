/* SPDX-License-Identifier: MIT
 * This file parses GETMETADATA and SETMETADATA (RFC 5464 5): names of entries, options, values.  Pure.
 */
#include "grammar/arguments.h"

#include <string.h>

/* Says whether a component of @name has no characters, or an "/" is at its end. */
static gboolean
has_empty_component (const char *name)
{
  return strstr (name, "//") != NULL || name[strlen (name) - 1] == '/';
}

static guint
count_components (const char *name)
{
  guint n = 0;
  for (const char *at = name; *at != '\0'; at++)
    n += *at == '/';
  return n;
}

/* Says whether @name is an entry.  By RFC 5464 3.2, names of vendors have at least four components, others
 * two.  @is_exact means that it names one entry, and not a tree of them. */
static gboolean
is_entry (const char *name, gboolean is_exact)
{
  guint least = is_exact ? 2 : 1;
  for (const char *at = name; *at != '\0'; at++)
    if ((guint8) *at < 0x20 || (guint8) *at >= 0x7f || *at == '*' || *at == '%')
      return FALSE;
  gboolean is_private = g_str_has_prefix (name, "/private"), is_shared = g_str_has_prefix (name, "/shared");
  if (!is_private && !is_shared)
    return FALSE;
  const char *rest = name + strlen (is_private ? "/private" : "/shared");
  if (*rest != '/' && *rest != '\0')
    return FALSE;
  if (is_exact && (strcmp (rest, "/vendor") == 0 || g_str_has_prefix (rest, "/vendor/")))
    least = 4;
  return strlen (name) <= IMAP_METADATA_NAME_MAX && !has_empty_component (name)
         && count_components (name) >= least;
}

/* Reads an entry, in lower case. */
static gboolean
read_entry (ImapReader *reader, gboolean is_exact, GPtrArray *entries)
{
  const char *text;
  gsize len;
  if (!imap_read_astring (reader, &text, &len))
    return FALSE;
  g_autofree char *name = g_ascii_strdown (text, (gssize) len);
  if (!is_entry (name, is_exact))
    return imap_reader_fail (reader, "Invalid entry name");
  if (entries->len >= IMAP_METADATA_ENTRIES_MAX)
    return imap_reader_fail (reader, "Too many entries");
  g_ptr_array_add (entries, g_steal_pointer (&name));
  return TRUE;
}

static gboolean
read_depth (ImapReader *reader, guint *ret_depth)
{
  static const struct
  {
    const char *name;
    guint depth;
  } depths[] = { { "0", 0 }, { "1", 1 }, { "infinity", IMAP_METADATA_DEPTH_INFINITY } };
  const char *word;
  if (!imap_read_word (reader, &word))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (depths); i++)
    if (g_ascii_strcasecmp (word, depths[i].name) == 0)
      {
        *ret_depth = depths[i].depth;
        return TRUE;
      }
  return imap_reader_fail (reader, "DEPTH is 0, 1 or infinity");
}

static gboolean
read_options (ImapReader *reader, ImapMetadataArguments *metadata)
{
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  do
    {
      gboolean ok;
      if (imap_reader_skip_word (&members, "MAXSIZE"))
        ok = imap_read_number (&members, G_MAXUINT32, &metadata->max_size);
      else if (imap_reader_skip_word (&members, "DEPTH"))
        ok = read_depth (&members, &metadata->depth);
      else
        ok = imap_reader_fail (&members, "Unknown GETMETADATA option");
      if (!ok)
        return imap_reader_fail (reader, members.error);
    }
  while (!imap_reader_is_done (&members));
  return TRUE;
}

static gboolean
read_entries (ImapReader *reader, ImapMetadataArguments *metadata)
{
  ImapReader members;
  gboolean is_exact = metadata->depth == 0;
  if (imap_reader_peek (reader) != IMAP_NODE_LIST)
    return read_entry (reader, is_exact, metadata->entries);
  if (!imap_read_list (reader, &members))
    return FALSE;
  while (read_entry (&members, is_exact, metadata->entries) && !imap_reader_is_done (&members))
    ;
  return imap_read_list_end (reader, &members);
}

/* Reads GETMETADATA.  Options stand before the mailbox by the grammar of RFC 5464 5, and behind it in the
 * examples of 4.2; clients send both. */
gboolean
imap_parse_get_metadata (ImapReader *reader, gpointer arguments)
{
  ImapMetadataArguments *metadata = arguments;
  metadata->entries = g_ptr_array_new_with_free_func (g_free);
  metadata->max_size = G_MAXUINT64;
  gboolean has_options = imap_reader_peek (reader) == IMAP_NODE_LIST;
  if (has_options && !read_options (reader, metadata))
    return FALSE;
  if (!imap_parse_name (reader, &metadata->name))
    return FALSE;
  ImapReader after = *reader;
  if (!has_options && imap_reader_peek (reader) == IMAP_NODE_LIST)
    {
      imap_reader_skip (&after);
      if (!imap_reader_is_done (&after) && !read_options (reader, metadata))
        return FALSE;
    }
  return read_entries (reader, metadata) && imap_reader_finish (reader);
}

gboolean
imap_parse_set_metadata (ImapReader *reader, gpointer arguments)
{
  ImapMetadataArguments *metadata = arguments;
  ImapReader members;
  metadata->entries = g_ptr_array_new_with_free_func (g_free);
  /* this function also takes NULL */
  metadata->values = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  if (!imap_parse_name (reader, &metadata->name) || !imap_read_list (reader, &members))
    return FALSE;
  do
    {
      const char *value;
      gsize len;
      if (!read_entry (&members, TRUE, metadata->entries) || !imap_read_nstring (&members, &value, &len))
        return imap_reader_fail (reader, members.error);
      g_ptr_array_add (metadata->values, value != NULL ? g_bytes_new (value, len) : NULL);
    }
  while (!imap_reader_is_done (&members));
  return imap_reader_finish (reader);
}

void
imap_metadata_arguments_clear (gpointer arguments)
{
  ImapMetadataArguments *metadata = arguments;
  g_free (metadata->name);
  g_clear_pointer (&metadata->entries, g_ptr_array_unref);
  g_clear_pointer (&metadata->values, g_ptr_array_unref);
}
