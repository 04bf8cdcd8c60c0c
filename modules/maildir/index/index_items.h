/* SPDX-License-Identifier: MIT
 * Declares the items of frames of the index, as bytes.
 */
#pragma once
#include "index/name_table.h"
#include "names/keyword_letters.h"

#include <satchel/storage.h>

/* Each appends one item to @out. */
void md_item_row (GByteArray *out, const SatchelMessageRow *row, const MdEntry *entry, const char *name);
void md_item_flags (GByteArray *out, const SatchelMessageRow *row, const MdEntry *entry, const char *name);
/* Messages @first to @last are gone. */
void md_item_tombstone (GByteArray *out, guint32 first, guint32 last, guint64 modseq);
void md_item_keyword (GByteArray *out, const MdKeywords *keywords, guint bit);
/* Adds metadata of a message.  @value NULL means that the message does not have @key any more. */
void md_item_metadata (GByteArray *out, guint32 uid, const char *key, GBytes *value);
/* Appends what is known of a message that may not come, whose file is called @base, with @metadata (key to
 * GBytes; NULL: none). */
void md_item_planned (GByteArray *out, const SatchelMessageRow *row, const char *base, guint base_len,
                      GHashTable *metadata);
