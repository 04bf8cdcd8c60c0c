/* SPDX-License-Identifier: MIT
 * Declares names of the message files of a mailbox by UID.
 */
#pragma once
#include <glib.h>

/* An entry has bits: the file is in new/; the message is gone; Satchel made the name. */
enum
{
  MD_ENTRY_NEW = 1,
  MD_ENTRY_DEAD = 2,
  MD_ENTRY_OURS = 4
};

typedef struct MdEntry
{
  guint32 uid;
  guint32 name; /* offset of the whole name in the arena; a NUL ends it */
  guint8 bits, base_len, name_len, reserved;
  guint32 cache_len;
  guint64 cache_off; /* offset of the attributes; 0: not in the cache */
} MdEntry;

typedef struct MdTable
{
  GArray *entries; /* ascending by uid, dead ones among them */
  GByteArray *arena;
  guint n_dead;
  gsize garbage; /* bytes of the arena that no entry names */
} MdTable;

void md_table_init (MdTable *table);
void md_table_clear (MdTable *table);
/* Finds the entry of a UID.  NULL means that there is none, or that it is dead. */
MdEntry *md_table_find (MdTable *table, guint32 uid);
/* Finds the entry of a UID, even a dead one.  NULL means that there is none. */
MdEntry *md_table_find_even_dead (MdTable *table, guint32 uid);
const char *md_table_name (const MdTable *table, const MdEntry *entry);
/* Adds an entry; @uid must be above all others. */
MdEntry *md_table_add (MdTable *table, guint32 uid, guint8 bits, const char *name, guint base_len);
void md_table_rename (MdTable *table, MdEntry *entry, guint8 bits, const char *name, guint base_len);
/* Drops dead entries and garbage. Pointers to entries become stale. */
void md_table_compact (MdTable *table);
