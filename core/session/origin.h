/* SPDX-License-Identifier: MIT
 * Declares what is known of where a message comes from, as an MTA says it (SatchelOrigin of delivery.h): how
 * it is copied, and sent to other mail processes. Strings are cut to SATCHEL_ORIGIN_BYTES, and have
 * printable ASCII only.
 */
#pragma once
#include "core/runtime/ipc/ipc.h"
#include <satchel/delivery.h>

/* Returns a copy, which satchel_origin_free frees; NULL for NULL. */
SatchelOrigin *satchel_origin_copy (const SatchelOrigin *origin);
void satchel_origin_free (SatchelOrigin *origin);
/* Adds @origin to a message: a u32 that says whether anything is known, then a string for each member, "" for
 * one that is unknown. */
void satchel_origin_put (SatchelIpcMessage *message,
                         const SatchelOrigin *origin);          /* NULL: nothing is known */
SatchelOrigin *satchel_origin_get (SatchelIpcMessage *message); /* NULL: nothing is known */
