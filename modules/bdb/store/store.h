/* SPDX-License-Identifier: MIT
 * Declares the store of a user: its place in a volume, its counters, and its mailboxes by name, which are in
 * memory while the store is open.
 */
#pragma once
#include "format/keys.h"
#include "store/pins.h"

#include <satchel/storage.h>

typedef struct BdbBox
{
  gatomicrefcount refs; /* references of the store and of an open handle */
  guint32 number;       /* number of the mailbox in keys */
  guint special_use;
  /* The members below are guarded by the store's lock. */
  SatchelMailboxState state;     /* as it was committed, counters included */
  GPtrArray *keywords;           /* char *, the names of bits 0 and up */
  guint32 n_tombstones;          /* how many ranges of UIDs the history has */
  SatchelStorageMailbox *handle; /* borrowed; NULL: the mailbox is not open */
  SatchelSnapshot *snapshot;     /* NULL: the mailbox is not open */
} BdbBox;

/* These counters are written in advance, or together with what they count. */
typedef struct BdbCounters
{
  guint32 last_box;
  guint32 last_uidvalidity;
  guint64 modseq;        /* at least that of every mailbox that was removed */
  guint64 content_limit; /* numbers of contents below this may be given out */
  guint64 seed;          /* first half of the email ids of the user */
} BdbCounters;

typedef struct BdbStore
{
  BdbVolume *volume;
  guint32 user; /* number of the user in keys */
  guint generation;
  GThread *holder;           /* the thread whose changes are synced at the end of its hold (hold_syncs) */
  guint listed_generation;   /* `generation` when the names were listed last */
  GMutex lock;               /* guards everything below; not held during calls of the volume */
  GHashTable *boxes;         /* name -> BdbBox */
  GHashTable *subscriptions; /* names */
  BdbCounters counters;      /* `modseq` is the highest mod-sequence that was given out */
  guint64 next_content;
  guint64 next_references; /* next sequence number of BDB_KIND_REFERENCES */
  BdbPins *pins;           /* contents that streams are reading */
} BdbStore;

BdbBox *bdb_box_new (void);
BdbBox *bdb_box_ref (BdbBox *box);
void bdb_box_unref (gpointer box);
/* Makes a mailbox with a number, an id and a UIDVALIDITY of its own, which the counters note. [alone] */
BdbBox *bdb_box_make (BdbStore *store);
/* Writes the state of a mailbox: @state with @keywords, @n_tombstones and @special_use. */
gboolean bdb_box_save (BdbStore *store, BdbWrite *write, const BdbBox *box, const SatchelMailboxState *state,
                       char *const *keywords, guint n_keywords, guint32 n_tombstones, GError **error);
/* Writes the state of a mailbox as it is in memory. */
gboolean bdb_box_save_as_is (BdbStore *store, BdbWrite *write, const BdbBox *box, GError **error);
gboolean bdb_store_save_counters (BdbStore *store, BdbWrite *write, GError **error);
gboolean bdb_store_save_name (BdbStore *store, BdbWrite *write, const char *name, const BdbBox *box,
                              GError **error);
/* Returns a number for a new content; 0 with @error. */
guint64 bdb_store_take_content (BdbStore *store, GError **error);
/* Returns how safe a change of names has to be (hold_syncs). */
BdbSafety bdb_store_safety (const BdbStore *store);
/* Reads the store again after a failure of the volume. [alone] */
gboolean bdb_store_catch_up (SatchelStorage *storage, GError **error);
gboolean bdb_store_is_behind (BdbStore *store);
/* Removes everything that belongs to the mailbox but its name. */
gboolean bdb_box_erase (BdbStore *store, BdbWrite *write, const BdbBox *box, GError **error);
