/* SPDX-License-Identifier: MIT
 * Declares taking in what the directories of a mailbox hold.
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdMailbox MdMailbox;

/* Reads the directories if they changed, or with @force in any case, and makes table and snapshot say what
 * they hold. The caller holds the writer lock. */
gboolean md_sync (MdMailbox *mb, gboolean force, GError **error);
