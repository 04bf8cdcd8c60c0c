/* SPDX-License-Identifier: MIT
 * What a client sees of a store, as a set of short sentences: "subscribed News", "message INBOX 3 text 1..",
 * "keyword INBOX 3 Work".
 */
#pragma once
#include "tests/lib/messages.h"

GHashTable *facts_observe (SatchelStore *store);                     /* yours; opens every mailbox */
GHashTable *facts_try_observe (SatchelStore *store, GError **error); /* NULL: something cannot be read */
/* Compares what is there after a crash with the last state that was acknowledged, and with the one that was
 * on its way: what both have must be there, what neither has must not. */
typedef void (*FactsWrongFunc) (const char *what, const char *fact, gpointer data);
void facts_check (GHashTable *last, GHashTable *next, GHashTable *seen, FactsWrongFunc func, gpointer data);
void facts_remove_tree (const char *path);
