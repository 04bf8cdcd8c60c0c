/* SPDX-License-Identifier: MIT
 * Declares functions that the files of the change log share, besides those of store_private.h.
 */
#pragma once
#include "core/storage/change_log/change_delta.h"

/* change_commit.c makes a mark of a message's size and date, by which its copy is recognised; 0 means that
 * they are unknown. */
guint32 satchel_change_mark (guint64 size, gint64 internal_date);
/* Applies a change to flags and keywords. @how: the `mode` of an intent. */
void satchel_change_apply (SatchelChangeSet *set, guint32 how, guint32 flags, const char *const *keywords,
                           SatchelToldMessage *message);

/* change_names.c adds the change to @round, and changes the rows accordingly. */
void satchel_change_round_name (SatchelChangeRound *round, const SatchelNameChange *change);
gboolean satchel_change_kind_is_of_names (SatchelChangeKind kind);

/* change_match.c finds out whether the change of @intent was made. If it was, listeners will hear of it. */
void satchel_change_round_match (SatchelChangeRound *round, const SatchelChangeNote *intent);
