/* SPDX-License-Identifier: MIT
 * This header declares POP3 unique ids (RFC 1939 section 7) of a mailbox.
 */
#pragma once
#include "foreign/uidlist.h"

typedef struct MdMailbox MdMailbox;
typedef struct MdUniqueIds MdUniqueIds;

/* Returns the ids that are saved. The caller drops the reference; never NULL. */
MdUniqueIds *md_unique_ids_current (MdMailbox *mb);
void md_unique_ids_drop (MdUniqueIds *ids);
/* NULL means: no id is saved, so the protocol makes one. The caller frees it. */
char *md_unique_id (MdMailbox *mb, const MdUniqueIds *ids, guint32 uid);
/* Does the same, or the id that the protocol makes; NULL: no such message. The caller frees it. */
char *md_unique_id_told (MdMailbox *mb, const MdUniqueIds *ids, guint32 uid);
/* If the format of @mb makes an id of @file that RFC 1939 does not allow: the id to save and tell in its
 * place. NULL means that the format's id is good, or one is saved already. The caller frees it. */
char *md_unique_id_to_save (const MdMailbox *mb, const MdListed *file);
