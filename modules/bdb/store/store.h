/* SPDX-License-Identifier: MIT
 * This header declares the store of a user: its place in a volume, its counters, and its mailboxes by name,
 * which are in memory while the store is open.
 */
#pragma once
#include "format/keys.h"
#include "store/pins.h"

#include <satchel/storage.h>

/* A mailbox. */
typedef struct BdbBox
{
  gatomicrefcount refs; /* of the store and of an open handle */
  guint32 number;       /* of the mailbox in the user's keys */
  guint special_use;
  /* Under the store's lock: */
  SatchelMailboxState state;     /* as committed, with its counters */
  GPtrArray *keywords;           /* char *, the names of bits 0 and up */
  guint32 n_tombstones;          /* ranges */
  SatchelStorageMailbox *handle; /* borrowed; NULL: not open */
  SatchelSnapshot *snapshot;     /* NULL: not open */
} BdbBox;

/* Counters that are written ahead, or with what they count. */
typedef struct BdbCounters
{
  guint32 last_box;
  guint32 last_uidvalidity;
  guint64 modseq;        /* at least that of every mailbox that is gone */
  guint64 content_limit; /* numbers of contents are given out below it */
  guint64 seed;          /* first half of the user's email ids */
} BdbCounters;

typedef struct BdbStore
{
  BdbVolume *volume;
  guint32 user; /* its number in keys */
  guint generation;
  gboolean holds_syncs;      /* hold_syncs */
  GMutex lock;               /* of all below; not held over calls of the volume */
  GHashTable *boxes;         /* name -> BdbBox */
  GHashTable *subscriptions; /* names */
  BdbCounters counters;      /* `modseq` is the highest that was given out */
  guint64 next_content;
  guint64 next_references; /* sequence of BDB_KIND_REFERENCES */
  BdbPins *pins;           /* contents that streams read */
} BdbStore;

BdbBox *bdb_box_new (void);
BdbBox *bdb_box_ref (BdbBox *box);
void bdb_box_unref (gpointer box);
/* With number, id and UIDVALIDITY of its own, which the counters note.  Under [alone]. */
BdbBox *bdb_box_make (BdbStore *store);
/* Writes the state of a mailbox: @state with @keywords, @n_tombstones and @special_use. */
gboolean bdb_box_save (BdbStore *store, BdbWrite *write, const BdbBox *box, const SatchelMailboxState *state,
                       char *const *keywords, guint n_keywords, guint32 n_tombstones, GError **error);
/* The same with what is in memory. */
gboolean bdb_box_save_as_is (BdbStore *store, BdbWrite *write, const BdbBox *box, GError **error);
gboolean bdb_store_save_counters (BdbStore *store, BdbWrite *write, GError **error);
gboolean bdb_store_save_name (BdbStore *store, BdbWrite *write, const char *name, const BdbBox *box,
                              GError **error);
/* A number for a content; 0 with @error. */
guint64 bdb_store_take_content (BdbStore *store, GError **error);
/* How safe calls for names have to be (hold_syncs). */
BdbSafety bdb_store_safety (const BdbStore *store);
/* After a failure of the volume, takes in again what is stored.  [alone] */
gboolean bdb_store_catch_up (SatchelStorage *storage, GError **error);
gboolean bdb_store_is_behind (BdbStore *store);
/* Removes all that the mailbox has but its name. */
gboolean bdb_box_erase (BdbStore *store, BdbWrite *write, const BdbBox *box, GError **error);
