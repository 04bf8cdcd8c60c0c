/* SPDX-License-Identifier: MIT
 * Declares what is known of messages that a transaction was about to add, and of which names of files cannot
 * say all. If their files are found without the index having their rows, they are as they were planned
 * (decision 0101).
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdMailbox MdMailbox;

typedef struct MdPlanned
{
  SatchelMessageRow row;
  GHashTable *metadata; /* key to GBytes; NULL: there is none */
} MdPlanned;

/* Notes a message under the first @base_len bytes of @name, by which its file will be found; replaces what
 * was noted there.  What is returned lives until it is removed. */
MdPlanned *md_planned_add (MdMailbox *mb, const char *name, guint base_len, const SatchelMessageRow *row);
/* Sets metadata of a planned message; @value NULL removes @key. */
void md_planned_set_metadata (MdPlanned *planned, const char *key, GBytes *value);
/* Finds a planned message.  NULL means that nothing is planned under this name. */
MdPlanned *md_planned_find (const MdMailbox *mb, const char *name, guint base_len);
void md_planned_remove (MdMailbox *mb, const char *name, guint base_len);
void md_planned_clear (MdMailbox *mb);
