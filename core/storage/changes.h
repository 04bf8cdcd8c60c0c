/* SPDX-License-Identifier: MIT
 * What the files of the change log share beside store_private.h.
 */
#pragma once
#include "core/storage/change_delta.h"

/* change_commit.c: of a message's size and date; 0: not known.  By it a copy is known again. */
guint32 satchel_change_mark (guint64 size, gint64 internal_date);
/* @how: the `mode` of an intent. */
void satchel_change_apply (SatchelChangeSet *set, guint32 how, guint32 flags, const char *const *keywords,
                           SatchelToldMessage *message);

/* change_names.c: adds the change to @round, and makes the rows what it says. */
void satchel_change_round_name (SatchelChangeRound *round, const SatchelNameChange *change);
gboolean satchel_change_kind_is_of_names (SatchelChangeKind kind);

/* change_match.c: did what @intent says happen?  Then it is told. */
void satchel_change_round_match (SatchelChangeRound *round, const SatchelChangeNote *intent);
