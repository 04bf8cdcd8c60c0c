/* SPDX-License-Identifier: MIT
 * Where a message comes from, as an MTA says it (SatchelOrigin of delivery.h): copies, and the way to other
 * mail processes.  Strings are cut to SATCHEL_ORIGIN_BYTES, and have printable ASCII only.
 */
#pragma once
#include "core/runtime/ipc/ipc.h"
#include <satchel/delivery.h>

/* Returns a copy, which satchel_origin_free frees; of NULL it is NULL. */
SatchelOrigin *satchel_origin_copy (const SatchelOrigin *origin);
void satchel_origin_free (SatchelOrigin *origin);
/* Messages have a u32 that says whether anything is known, then a string for each member, "" for one that is
 * unknown. */
void satchel_origin_put (SatchelIpcMessage *message,
                         const SatchelOrigin *origin);          /* NULL: nothing is known */
SatchelOrigin *satchel_origin_get (SatchelIpcMessage *message); /* NULL: nothing is known */
