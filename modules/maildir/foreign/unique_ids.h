/* SPDX-License-Identifier: MIT
 * Declares POP3 unique ids (RFC 1939 section 7) of a mailbox.
 */
#pragma once
#include "foreign/uidlist.h"

typedef struct MdMailbox MdMailbox;
typedef struct MdUniqueIds MdUniqueIds;

/* Returns the ids that are saved. The caller drops the reference; never NULL. */
MdUniqueIds *md_unique_ids_current (MdMailbox *mb, GError **error);
void md_unique_ids_drop (MdUniqueIds *ids);
/* Returns the unique id of a message: the saved one, or that of the configured format; the caller frees it.
 * NULL means that the protocol makes the id, or that there is no such message. */
char *md_unique_id (MdMailbox *mb, const MdUniqueIds *ids, guint32 uid);
/* Returns the unique id that clients are told: that of md_unique_id, or the one that the protocol makes,
 * which it also is if there is no such message.  Never NULL; the caller frees it. */
char *md_unique_id_told (MdMailbox *mb, const MdUniqueIds *ids, guint32 uid);
/* Returns the id to save, and to use in the place of that of the format, if the format of @mb makes an id of
 * @file that RFC 1939 does not allow.  NULL means that the format's id is good, or that one is saved already.
 * The caller frees it. */
char *md_unique_id_to_save (const MdMailbox *mb, const MdListed *file);
