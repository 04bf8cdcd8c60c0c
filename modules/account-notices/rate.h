/* SPDX-License-Identifier: MIT
 * How many notices a user gets: a number a day, and of one kind and network one an hour.
 */
#pragma once
#include "notice.h"

typedef struct Limits Limits;
Limits *limits_new (void);
void limits_free (Limits *limits);
/* Counts a notice, if it may be sent. FALSE means that the user, or too many others, got enough today, or
 * that one like it was sent within the hour. */
gboolean limits_take (Limits *limits, const Notice *notice, guint per_day, gint64 now_ms);
