/* SPDX-License-Identifier: MIT
 * What a client sees of a store, as a set of short sentences: "subscribed News", "message INBOX 3 text 1..",
 * "keyword INBOX 3 Work".
 */
#pragma once
#include "modules/maildir/tests/harness.h"

GHashTable *facts_observe (Place *place); /* yours; opens every mailbox */
void facts_remove_tree (const char *path);
