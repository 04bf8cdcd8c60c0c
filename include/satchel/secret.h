/* SPDX-License-Identifier: MIT
 * Bytes that nobody else may see: keys.  Any thread.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

#define SATCHEL_SECRET_BYTES_MAX 4096u

/* A copy of @data (1 to SATCHEL_SECRET_BYTES_MAX bytes; NULL: neither, or no memory for it) on pages of its
 * own that are left out of core files and locked in memory where the limits allow, and wiped when the last
 * reference goes.  The caller wipes its own. */
SATCHEL_API GBytes *satchel_secret_new (const void *data, gsize len);
/* In a time that depends on the lengths only.  NULL is equal to NULL. */
SATCHEL_API gboolean satchel_secret_equal (GBytes *a, GBytes *b);

G_END_DECLS
