/* SPDX-License-Identifier: MIT
 * Arguments of RFC 7162 (CONDSTORE, QRESYNC) in the commands that take them: parameters of SELECT, modifiers
 * of FETCH and STORE (RFC 4466 2.2, 2.4, 2.5), the MODSEQ search key.  Pure.
 */
#include "grammar/arguments.h"

gboolean
imap_parse_modseq (ImapReader *reader, guint64 *ret_modseq)
{
  return imap_read_number (reader, G_MAXINT64, ret_modseq);
}

/* Reads a sequence-set in which neither "*" nor "$" is allowed. */
static gboolean
read_known_set (ImapReader *reader, ImapSequence *ret_sequence)
{
  if (!imap_parse_sequence (reader, ret_sequence))
    return FALSE;
  gboolean is_known = !ret_sequence->is_saved;
  for (guint i = 0; i < ret_sequence->n_ranges; i++)
    is_known = is_known && ret_sequence->ranges[i].first != 0 && ret_sequence->ranges[i].last != 0;
  return is_known || imap_reader_fail (reader, "Known messages are numbers");
}

static gboolean
is_ascending (const ImapSequence *sequence)
{
  for (guint i = 0; i < sequence->n_ranges; i++)
    if (sequence->ranges[i].first > sequence->ranges[i].last
        || (i > 0 && sequence->ranges[i].first <= sequence->ranges[i - 1].last))
      return FALSE;
  return TRUE;
}

/* Reads seq-match-data (RFC 7162 3.2.5.2), two sets in ascending order. */
static gboolean
read_match_data (ImapReader *reader, ImapQresync *qresync)
{
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  if (read_known_set (&members, &qresync->match_numbers) && read_known_set (&members, &qresync->match_uids)
      && (!is_ascending (&qresync->match_numbers) || !is_ascending (&qresync->match_uids)))
    imap_reader_fail (&members, "Known messages must be in ascending order");
  return imap_read_list_end (reader, &members);
}

/* Reads "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")".  A client that wants
 * everything may give the mod-sequence 0. */
static gboolean
read_qresync (ImapReader *reader, ImapQresync *qresync)
{
  ImapReader members;
  guint64 uidvalidity;
  if (!imap_read_list (reader, &members))
    return FALSE;
  if (imap_read_number (&members, G_MAXUINT32, &uidvalidity)
      && imap_parse_modseq (&members, &qresync->modseq))
    {
      qresync->uidvalidity = (guint32) uidvalidity;
      if (uidvalidity == 0)
        imap_reader_fail (&members, "Invalid UIDVALIDITY");
      qresync->has_uids = imap_reader_peek (&members) == IMAP_NODE_ATOM;
      if (qresync->has_uids)
        read_known_set (&members, &qresync->uids);
      if (members.error == NULL && imap_reader_peek (&members) == IMAP_NODE_LIST)
        read_match_data (&members, qresync);
    }
  return imap_read_list_end (reader, &members);
}

gboolean
imap_parse_select (ImapReader *reader, gpointer arguments)
{
  ImapSelectArguments *select = arguments;
  const char *name;
  gsize len;
  if (!imap_read_astring (reader, &name, &len))
    return FALSE;
  select->name = g_strndup (name, len);
  if (imap_reader_is_done (reader))
    return TRUE;
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  do
    {
      if (!imap_read_atom (&members, &name))
        break;
      if (g_ascii_strcasecmp (name, "CONDSTORE") == 0)
        select->is_condstore = TRUE;
      else if (g_ascii_strcasecmp (name, "QRESYNC") != 0 || select->qresync.uidvalidity != 0)
        imap_reader_fail (&members, "Unknown SELECT parameter");
      else
        read_qresync (&members, &select->qresync);
    }
  while (members.error == NULL && !imap_reader_is_done (&members));
  return imap_read_list_end (reader, &members) && imap_reader_finish (reader);
}

void
imap_select_arguments_clear (gpointer arguments)
{
  ImapSelectArguments *select = arguments;
  g_free (select->name);
  imap_sequence_clear (&select->qresync.uids);
  imap_sequence_clear (&select->qresync.match_numbers);
  imap_sequence_clear (&select->qresync.match_uids);
}

gboolean
imap_parse_fetch_modifiers (ImapReader *reader, ImapFetchArguments *fetch)
{
  ImapReader members;
  if (imap_reader_is_done (reader))
    return TRUE;
  if (!imap_read_list (reader, &members))
    return FALSE;
  do
    {
      const char *name;
      if (!imap_read_atom (&members, &name))
        break;
      if (g_ascii_strcasecmp (name, "VANISHED") == 0 && !fetch->wants_vanished)
        fetch->wants_vanished = TRUE;
      else if (g_ascii_strcasecmp (name, "CHANGEDSINCE") != 0 || fetch->has_changed_since)
        imap_reader_fail (&members, "Unknown FETCH modifier");
      else
        fetch->has_changed_since = imap_parse_modseq (&members, &fetch->changed_since);
    }
  while (members.error == NULL && !imap_reader_is_done (&members));
  if (!imap_read_list_end (reader, &members))
    return FALSE;
  if (fetch->has_changed_since)
    fetch->items |= IMAP_FETCH_MODSEQ; /* RFC 7162 3.1.4.1 */
  else if (fetch->wants_vanished)
    return imap_reader_fail (reader, "VANISHED needs CHANGEDSINCE");
  return TRUE;
}

gboolean
imap_parse_store_modifiers (ImapReader *reader, ImapStoreArguments *store)
{
  ImapReader members;
  const char *name;
  store->unchanged_since = G_MAXUINT64;
  if (imap_reader_peek (reader) != IMAP_NODE_LIST)
    return TRUE;
  if (!imap_read_list (reader, &members))
    return FALSE;
  if (imap_read_atom (&members, &name))
    {
      if (g_ascii_strcasecmp (name, "UNCHANGEDSINCE") == 0)
        imap_parse_modseq (&members, &store->unchanged_since);
      else
        imap_reader_fail (&members, "Unknown STORE modifier");
    }
  return imap_read_list_end (reader, &members);
}

/* Reads [entry-name entry-type-req] mod-sequence-valzer. One mod-sequence a message is kept, so that the
 * entry does not matter (RFC 7162 3.1.5). */
gboolean
imap_parse_search_modseq (ImapReader *reader, guint64 *ret_modseq)
{
  const char *text;
  gsize len;
  if (imap_reader_peek (reader) == IMAP_NODE_QUOTED)
    {
      if (!imap_read_quoted (reader, &text, &len))
        return FALSE;
      if (g_ascii_strncasecmp (text, "/flags/", 7) != 0 || text[7] == '\0')
        return imap_reader_fail (reader, "Unknown metadata entry");
      if (!imap_read_atom (reader, &text))
        return FALSE;
      if (g_ascii_strcasecmp (text, "all") != 0 && g_ascii_strcasecmp (text, "shared") != 0
          && g_ascii_strcasecmp (text, "priv") != 0)
        return imap_reader_fail (reader, "Unknown metadata entry type");
    }
  return imap_parse_modseq (reader, ret_modseq);
}
