/* SPDX-License-Identifier: MIT
 * What header_names.c tells attributes.c.
 */
#pragma once
#include <satchel/header.h>

/* The numbers (blob.h) of names that blobs keep.  FALSE: some are not kept. */
gboolean satchel_header_names_kept (const SatchelHeaderNames *names, guint64 *ret_bits);
