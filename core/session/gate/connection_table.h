/* SPDX-License-Identifier: MIT
 * Declares the number of connections of each address over all gates, in a table in memory that the gates
 * share. It is advisory: a gate that an attacker controls can write anything here, and gains nothing but
 * more connections.
 */
#pragma once
#include "core/session/network.h"

typedef struct SatchelConnectionTable SatchelConnectionTable;
/* Opens the table.  @area has @len zeroed shared bytes, and is borrowed; NULL means that the table is in
 * private memory.  @key has 16 secret bytes that all gates share.  The counts of an earlier process in @slot
 * are cleared. */
SatchelConnectionTable *satchel_connection_table_new (gpointer area, gsize len, guint slot,
                                                      const guint8 key[16]);
void satchel_connection_table_free (SatchelConnectionTable *table);
/* Counts one connection more.  FALSE means that the address has @limit already, and the connection is not
 * counted. */
gboolean satchel_connection_table_add (SatchelConnectionTable *table, const SatchelAddress *address,
                                       guint limit);
void satchel_connection_table_remove (SatchelConnectionTable *table, const SatchelAddress *address);
guint satchel_connection_table_count (SatchelConnectionTable *table, const SatchelAddress *address);
