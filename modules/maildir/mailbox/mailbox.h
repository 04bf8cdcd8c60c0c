/* SPDX-License-Identifier: MIT
 * Declares one mailbox that is open or looked at: its directories, its numbers and what is known of its
 * messages. The writer lock of the store guards it; names, cache offsets and metadata are changed under the
 * table lock as well.
 */
#pragma once
#include "index/cache.h"
#include "files/file_io.h"
#include "index/index.h"
#include "names/keyword_letters.h"
#include "index/name_table.h"
#include "mailbox/scan.h"
#include "store/slots.h"

#include <satchel/storage.h>

typedef struct MdStore MdStore;
typedef struct MdUniqueIds MdUniqueIds;
typedef struct MdUnsized MdUnsized;
typedef struct MdMailbox MdMailbox;

#define MD_STATE_FILE "satchel-state"
#define MD_UID_BLOCK 1000u     /* UIDs reserved by one write of the state file */
#define MD_UID_JUMP (1u << 24) /* numbering goes on this far above what is seen after a loss */
#define MD_TOMBSTONES_MAX 20000u

/* MD_STATE_FILE has these words, and hints in it: the frame of the index written last, and the boot of
 * that. */
enum
{
  MD_STATE_UIDVALIDITY,
  MD_STATE_UID_LIMIT, /* no UID at or above it was ever given */
  MD_STATE_ID_1,
  MD_STATE_ID_2,
  MD_STATE_RECENT,
  MD_STATE_HISTORY,
  MD_STATE_HAS_UNIQUE_IDS
};
enum
{
  MD_HINT_SEQUENCE,
  MD_HINT_INDEX_BOOT_1,
  MD_HINT_INDEX_BOOT_2
};

struct MdMailbox
{
  MdStore *store;
  SatchelStorageMailbox *handle; /* NULL: only looked at */
  char *name, *dir;              /* dir: "" for INBOX */
  char *new_path, *cur_path;
  int fd, new_fd, cur_fd;
  int control_fd;          /* of UID list and keywords; fd if they have no other place */
  guint32 listed_upto;     /* the UID list has all UIDs below it, and UIDNEXT; 0: not known */
  MdUniqueIds *unique_ids; /* guarded by `table`; NULL: not read yet */
  /* Unique ids of messages below told_upto, which an import must not give to another message; NULL: not
   * collected yet. */
  GHashTable *told_ids;
  guint32 told_upto;
  gboolean is_changed; /* since it was opened: Courier's files are behind */
  gboolean is_deleted;
  MdSlots state;
  guint32 uidvalidity, uidnext, first_recent;
  guint64 history_start; /* expunges up to this mod-sequence are forgotten */
  MdKeywords keywords;
  MdTable table;
  GHashTable *metadata; /* uid to GHashTable of key to GBytes; NULL: there is none */
  GHashTable *planned;  /* base name to MdPlanned, of messages that may come; NULL: there are none */
  GArray *tombstones;   /* MdTombstone, ascending by modseq */
  MdIndex index;
  MdCache cache;
  MdIndexTrust trust;
  SatchelSnapshot *snapshot; /* the newest, published or about to be */
  SatchelSnapshot *published;
  MdUnsized *unsized;       /* see usage_count.c; NULL: not counted */
  SatchelSnapshot *indexed; /* what the index said when the mailbox was opened, until that is published */
  MdStamp new_stamp, cur_stamp;
  gint64 suspect_due_ms; /* when the directories must be read although the stamps fit; 0: never */
  gint64 scan_ms;        /* how long the last scan took */
  MdScan early_scan;     /* made to recover the state, used up by the next sync */
  gboolean has_early_scan;
  gint busy;        /* atomic: a commit is at work */
  gboolean watched; /* main thread */
  int watch_wd[2];
};

/* mailbox_open.c has these. */

MdMailbox *md_mailbox_load (MdStore *store, const char *name, GError **error);
void md_mailbox_unload (MdMailbox *mb);

/* mailbox_state.c has these. */

void md_mailbox_set_paths (MdMailbox *mb);
void md_mailbox_state (MdMailbox *mb, guint64 modseq, SatchelMailboxState *ret);
/* Makes the state file say that UIDs below @upto may have been given. */
gboolean md_mailbox_reserve_uids (MdMailbox *mb, guint32 upto, GError **error);
void md_mailbox_add_tombstone (MdMailbox *mb, guint32 uid, guint64 modseq);
/* Takes over the reference; md_mailbox_publish lets readers see it. */
void md_mailbox_take_snapshot (MdMailbox *mb, SatchelSnapshot *snapshot);
void md_mailbox_publish (MdMailbox *mb);
/* Says whether the directories have the stamps of the last scan, and these can be trusted. */
gboolean md_mailbox_is_current (MdMailbox *mb);
/* Says whether the path of the mailbox still leads to the directory that is open. */
gboolean md_mailbox_is_in_place (const MdMailbox *mb);
/* Takes in that another program removed the mailbox. It is called in a sync only. */
void md_mailbox_lose (MdMailbox *mb);
/* One more scan is due, after at least that time. */
void md_mailbox_mark_suspect (MdMailbox *mb, gint64 at_least_ms);
/* Words of a state file, which is not written yet. @uidvalidity 0: a new one. */
gboolean md_mailbox_new_state (MdStore *store, MdSlots *slots, guint32 uidvalidity, guint32 uid_limit,
                               GError **error);
/* Makes the directories and the state file below @fd. @as: whose id, UIDVALIDITY and UIDNEXT the mailbox
 * gets; NULL: new ones. */
gboolean md_mailbox_create_files (MdStore *store, int fd, const SatchelMailboxImport *as, GError **error);
/* Says whether frame @sequence of the index was the last one that was written. */
gboolean md_hint_is_of (const MdSlots *state, guint64 sequence);
/* Finds the row of a message.  FALSE means that @snapshot has none. */
gboolean md_find_row (const SatchelSnapshot *snapshot, guint32 uid, SatchelMessageRow *ret);

/* mailbox_recovery.c has these. */

/* Makes the state file of a mailbox that has none; @trust and @summary: what its index said. */
gboolean md_mailbox_recover_state (MdMailbox *mb, MdIndexTrust trust, const MdSummary *summary,
                                   GError **error);

/* mailbox_calls.c has these. */

/* Answers from the index alone, if it is of this boot, the directories did not change since, and the mailbox
 * could be opened. */
gboolean md_mailbox_peek (MdStore *store, const char *dir, MdSummary *ret_summary,
                          SatchelMailboxState *ret_state);
