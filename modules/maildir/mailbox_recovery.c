/* SPDX-License-Identifier: MIT
 * A new state file for a mailbox that lost its own, or comes from another server.
 */
#include "config.h"

#include "courier.h"
#include "file_name.h"
#include "index.h"
#include "log_area.h"
#include "mailbox.h"
#include "maildir_store.h"
#include "scan.h"
#include "settings.h"
#include "slots.h"
#include "uidlist.h"

#include <satchel/hash.h>
#include <satchel/log.h>

/* What the names say about a lost state file. */
typedef struct Majority
{
  GHashTable *votes; /* UIDVALIDITY -> count */
  guint32 max_uid;
} Majority;

static void
count_names (const MdScan *scan, Majority *majority)
{
  for (guint i = 0; i < scan->found->len; i++)
    {
      const MdFound *found = &g_array_index (scan->found, MdFound, i);
      MdName name;
      md_name_parse ((const char *) scan->names->data + found->name, found->len, &name);
      if (!name.has_uid)
        continue;
      gpointer key = GUINT_TO_POINTER (name.uidvalidity);
      guint votes = GPOINTER_TO_UINT (g_hash_table_lookup (majority->votes, key));
      g_hash_table_insert (majority->votes, key, GUINT_TO_POINTER (votes + 1));
    }
}

static guint32
highest_uid (const MdScan *scan, guint32 uidvalidity)
{
  guint32 highest = 0;
  for (guint i = 0; i < scan->found->len; i++)
    {
      const MdFound *found = &g_array_index (scan->found, MdFound, i);
      MdName name;
      md_name_parse ((const char *) scan->names->data + found->name, found->len, &name);
      if (name.has_uid && name.uidvalidity == uidvalidity)
        highest = MAX (highest, name.uid);
    }
  return highest;
}

/* That of the server which numbered here last. */
static MdUidlist *
foreign_list (MdMailbox *mb)
{
  gboolean is_courier = mb->store->user->server == MD_SERVER_COURIER;
  MdUidlist *list = is_courier ? md_uidlist_load (mb->fd, MD_COURIER_UIDS, 0)
                               : md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, 0);
  if (!is_courier || list->uidvalidity != 0)
    return list;
  md_uidlist_free (list);
  return md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, 0);
}

/* Lines that have ours beside a unique id were imported, or of another server; what it told goes on. */
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

/* State file lost: UIDVALIDITY from a whole index, the list of foreign UIDs, or most of the names; else a
 * new one.  Numbering goes on far above all that is seen: a UID that was told and removed is not given twice.
 */
gboolean
md_mailbox_recover_state (MdMailbox *mb, MdIndexTrust trust, const MdSummary *summary, GError **error)
{
  if (!md_scan (mb->new_fd, mb->cur_fd, &mb->early_scan, error))
    return FALSE;
  mb->has_early_scan = TRUE; /* for md_sync, which comes next */
  const MdScan *scan = &mb->early_scan;
  Majority majority = { .votes = g_hash_table_new (satchel_number_hash, NULL) };
  count_names (scan, &majority);
  guint32 uidvalidity = 0;
  guint best = 0;
  GHashTableIter iter;
  gpointer key, votes;
  g_hash_table_iter_init (&iter, majority.votes);
  while (g_hash_table_iter_next (&iter, &key, &votes))
    if (GPOINTER_TO_UINT (votes) > best)
      {
        best = GPOINTER_TO_UINT (votes);
        uidvalidity = GPOINTER_TO_UINT (key);
      }
  g_hash_table_unref (majority.votes);
  g_autoptr (MdUidlist) list = foreign_list (mb);
  guint64 limit = 1;
  if (trust == MD_INDEX_EXACT)
    {
      uidvalidity = summary->uidvalidity;
      limit = (guint64) summary->uidnext + MD_UID_BLOCK;
    }
  else if (list->uidvalidity != 0 && uidvalidity == 0)
    uidvalidity = list->uidvalidity;
  gboolean is_ours = uidvalidity != 0 && (best > 0 || trust == MD_INDEX_EXACT);
  guint32 highest = highest_uid (scan, uidvalidity);
  if (list->uidvalidity == uidvalidity && uidvalidity != 0)
    {
      guint n = list->lines->len;
      limit = MAX (limit, MAX ((guint64) list->uidnext, 1));
      if (n > 0)
        limit = MAX (limit, (guint64) g_array_index (list->lines, MdUidlistLine, n - 1).uid + 1);
      if (list->is_damaged && !is_ours)
        {
          satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                       "mailbox %s: the UID list is damaged: %u UIDs are kept, other messages get new ones",
                       mb->name, n);
          limit += MD_UID_JUMP; /* above what it may have said */
        }
    }
  /* A list that came with the Maildir from another server is exact; our own UIDs are not in it. */
  if (is_ours && trust != MD_INDEX_EXACT)
    limit = MAX (limit, (guint64) highest + 1) + MD_UID_JUMP;
  if (limit > MD_UID_MAX - MD_UID_JUMP)
    {
      satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                   "mailbox %s: UIDs up to %" G_GUINT64_FORMAT " leave no room: it gets a new UIDVALIDITY",
                   mb->name, limit);
      uidvalidity = 0;
      limit = 1;
    }
  if (!md_mailbox_new_state (mb->store, &mb->state, uidvalidity, (guint32) limit, error))
    return FALSE;
  mb->state.words[MD_STATE_HAS_UNIQUE_IDS] = is_ours && has_own_unique_ids (list);
  return md_slots_create (&mb->state, mb->fd, MD_STATE_FILE, TRUE, error);
}
