/* SPDX-License-Identifier: MIT
 * Declares how many notices a user gets: a certain number a day, and one an hour of one kind and network.
 */
#pragma once
#include "notice.h"

typedef struct Limits Limits;
Limits *limits_new (void);
void limits_free (Limits *limits);
/* Counts a notice, if it may be sent.  FALSE means that the user, or too many others, got enough today, or
 * that a notice of the same kind and network was sent within the hour. */
gboolean limits_take (Limits *limits, const Notice *notice, guint per_day, gint64 now_ms);
