/* SPDX-License-Identifier: MIT
 * Keeps the metadata of layers about messages, in memory and in the index.
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdMailbox MdMailbox;

/* Sets metadata of a message; @value NULL removes it. */
void md_metadata_set (MdMailbox *mb, guint32 uid, const char *key, GBytes *value);
/* Forgets the metadata of a message that is gone. */
void md_metadata_drop (MdMailbox *mb, guint32 uid);
/* Returns key to GBytes, the mailbox's; NULL: the message has no metadata. */
GHashTable *md_metadata_of (const MdMailbox *mb, guint32 uid);
/* Adds all that the message has to the index. */
void md_metadata_index (MdMailbox *mb, guint32 uid);
/* Takes over what @op says of a message that it adds. */
void md_plan_set_metadata (MdMailbox *mb, guint32 uid, const SatchelOperation *op);
