/* SPDX-License-Identifier: MIT
 * Implements a new state file for a mailbox that lost its own, or comes from another server.
 */
#include "config.h"

#include "foreign/courier.h"
#include "names/file_name.h"
#include "index/index.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "mailbox/scan.h"
#include "settings.h"
#include "store/slots.h"
#include "foreign/uidlist.h"

#include <satchel/hash.h>
#include <satchel/log.h>

/* This evidence remains of how a mailbox was numbered. */
typedef struct Evidence
{
  MdMailbox *mb;
  const MdSummary *index; /* NULL: the index is lost or out of date */
  const MdScan *scan;
  MdUidlist *list;
} Evidence;

typedef struct Numbering
{
  guint32 uidvalidity; /* 0: nothing says which it is */
  guint64 uidnext;
  gboolean is_ours; /* Satchel gave the last UIDs, not the other server */
} Numbering;

static void
parse_found (const MdScan *scan, guint index, MdName *ret)
{
  const MdFound *found = &g_array_index (scan->found, MdFound, index);
  md_name_parse ((const char *) scan->names->data + found->name, found->len, ret);
}

/* Returns the UIDVALIDITY that most names have, of several the greatest; 0 means that no name has one. */
static guint32
find_majority (const MdScan *scan)
{
  /* UIDVALIDITY -> how many names say it */
  g_autoptr (GHashTable) votes = g_hash_table_new (satchel_number_hash, NULL);
  guint32 winner = 0;
  guint most = 0;
  for (guint i = 0; i < scan->found->len; i++)
    {
      MdName name;
      parse_found (scan, i, &name);
      if (!name.has_uid)
        continue;
      gpointer key = GUINT_TO_POINTER (name.uidvalidity);
      guint n = GPOINTER_TO_UINT (g_hash_table_lookup (votes, key)) + 1;
      g_hash_table_insert (votes, key, GUINT_TO_POINTER (n));
      if (n > most || (n == most && name.uidvalidity > winner))
        {
          most = n;
          winner = name.uidvalidity;
        }
    }
  return winner;
}

static guint32
find_highest_uid (const MdScan *scan, guint32 uidvalidity)
{
  guint32 highest = 0;
  for (guint i = 0; i < scan->found->len; i++)
    {
      MdName name;
      parse_found (scan, i, &name);
      if (name.has_uid && name.uidvalidity == uidvalidity)
        highest = MAX (highest, name.uid);
    }
  return highest;
}

/* Returns UIDNEXT as the list has it; 1: it is of another UIDVALIDITY. */
static guint64
get_list_uidnext (const MdUidlist *list, guint32 uidvalidity)
{
  if (list->uidvalidity != uidvalidity)
    return 1;
  const guint n = list->lines->len;
  const guint64 above = n > 0 ? (guint64) g_array_index (list->lines, MdUidlistLine, n - 1).uid + 1 : 1;
  return MAX (above, list->uidnext);
}

static Numbering
number_by_index (const Evidence *evidence)
{
  if (evidence->index == NULL)
    return (Numbering) { 0 };
  const guint32 uidvalidity = evidence->index->uidvalidity;
  const guint64 above_index = (guint64) evidence->index->uidnext + MD_UID_BLOCK;
  return (Numbering) { uidvalidity, MAX (above_index, get_list_uidnext (evidence->list, uidvalidity)), TRUE };
}

/* Messages that were expunged since left no name, so numbering goes on far above. */
static Numbering
number_by_names (const Evidence *evidence)
{
  const guint32 uidvalidity = find_majority (evidence->scan);
  if (uidvalidity == 0)
    return (Numbering) { 0 };
  const guint64 above_names = (guint64) find_highest_uid (evidence->scan, uidvalidity) + 1;
  const guint64 above_list = get_list_uidnext (evidence->list, uidvalidity);
  return (Numbering) { uidvalidity, MAX (above_names, above_list) + MD_UID_JUMP, TRUE };
}

/* The list of another server is exact unless it is damaged. */
static Numbering
number_by_list (const Evidence *evidence)
{
  const MdUidlist *list = evidence->list;
  if (list->uidvalidity == 0)
    return (Numbering) { 0 };
  const guint64 uidnext = get_list_uidnext (list, list->uidvalidity);
  if (!list->is_damaged)
    return (Numbering) { list->uidvalidity, uidnext, FALSE };
  satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
               "user=%s mailbox %s: the UID list is damaged: %u UIDs are kept, other messages get new ones",
               evidence->mb->store->storage->identity->user, evidence->mb->name, list->lines->len);
  return (Numbering) { list->uidvalidity, uidnext + MD_UID_JUMP, FALSE };
}

/* Where the numbers of a lost state file come from; the first that says something decides:
 *
 *   source          UIDVALIDITY            UIDNEXT is above                      and higher by
 *   a whole index   of its last frame      its UIDNEXT; all that the list has    MD_UID_BLOCK; 0
 *   names of files  that most of them say  their UIDs and all that the list has  MD_UID_JUMP
 *   the UID list    of its header          all that it has                       MD_UID_JUMP if damaged; 0
 *   none of these   a new one              0                                     0
 *
 * What the list has counts only under the UIDVALIDITY that was chosen.  So no UID that a client may have seen
 * is given to another message. */
static Numbering
choose_numbering (const Evidence *evidence)
{
  static Numbering (*const sources[]) (const Evidence *) = { number_by_index, number_by_names,
                                                             number_by_list };
  Numbering numbering = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (sources) && numbering.uidvalidity == 0; i++)
    numbering = sources[i](evidence);
  if (numbering.uidnext > MD_UID_MAX - MD_UID_JUMP)
    {
      satchel_log (
          SATCHEL_LOG_WARNING, MD_AREA,
          "user=%s mailbox %s: UIDs up to %" G_GUINT64_FORMAT
          " leave none for new messages: the mailbox gets a new UIDVALIDITY, and clients read it again",
          evidence->mb->store->storage->identity->user, evidence->mb->name, numbering.uidnext);
      numbering.uidvalidity = 0;
    }
  if (numbering.uidvalidity == 0)
    numbering.uidnext = 1;
  return numbering;
}

/* Returns the list of the server that numbered here last. */
static MdUidlist *
load_foreign_list (MdMailbox *mb, GError **error)
{
  gboolean is_courier = mb->store->user->server == MD_SERVER_COURIER;
  MdUidlist *list = is_courier ? md_uidlist_load (mb->fd, MD_COURIER_UIDS, 0, error)
                               : md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, 0, error);
  if (!is_courier || list == NULL || list->uidvalidity != 0)
    return list;
  md_uidlist_free (list);
  return md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, 0, error);
}

/* A line with our checksum and a unique id was imported, or taken over from another server: clients know the
 * id. */
static gboolean
has_own_unique_ids (const MdUidlist *list)
{
  for (guint i = 0; i < list->lines->len; i++)
    {
      const MdUidlistLine *line = &g_array_index (list->lines, MdUidlistLine, i);
      gsize len;
      if (line->is_checked && md_uidlist_field (line, 'P', &len) != NULL)
        return TRUE;
    }
  return FALSE;
}

gboolean
md_mailbox_recover_state (MdMailbox *mb, MdIndexTrust trust, const MdSummary *summary, GError **error)
{
  if (!md_scan (mb->new_fd, mb->cur_fd, &mb->early_scan, error))
    return FALSE;
  mb->has_early_scan = TRUE; /* md_sync uses the scan next */
  g_autoptr (MdUidlist) list = load_foreign_list (mb, error);
  if (list == NULL)
    return FALSE;
  const Evidence evidence = { mb, trust == MD_INDEX_EXACT ? summary : NULL, &mb->early_scan, list };
  const Numbering numbering = choose_numbering (&evidence);
  if (!md_mailbox_new_state (mb->store, &mb->state, numbering.uidvalidity, (guint32) numbering.uidnext,
                             error))
    return FALSE;
  mb->state.words[MD_STATE_HAS_UNIQUE_IDS] = numbering.is_ours && has_own_unique_ids (list);
  return md_slots_create (&mb->state, mb->fd, MD_STATE_FILE, TRUE, error);
}
