/* SPDX-License-Identifier: MIT
 * How many connections an address has, over all gates: a table in memory that the gates share.  Advisory: a
 * gate that was taken over can write anything here, and gains nothing but more connections.
 */
#pragma once
#include "core/session/network.h"

typedef struct SatchelConnectionTable SatchelConnectionTable;
/* @area: @len zeroed shared bytes, borrowed, or NULL: one of our own.  @key: 16 secret bytes that all gates
 * share. What an earlier process in @slot left is cleared. */
SatchelConnectionTable *satchel_connection_table_new (gpointer area, gsize len, guint slot,
                                                      const guint8 key[16]);
void satchel_connection_table_free (SatchelConnectionTable *table);
/* Counts one more; FALSE (and not counted) if there are @limit already. */
gboolean satchel_connection_table_add (SatchelConnectionTable *table, const SatchelAddress *address,
                                       guint limit);
void satchel_connection_table_remove (SatchelConnectionTable *table, const SatchelAddress *address);
guint satchel_connection_table_count (SatchelConnectionTable *table, const SatchelAddress *address);
