/* SPDX-License-Identifier: MIT
 * What clients and layers see of a whole store, to compare it before and after something went wrong.
 */
#pragma once
#include "conformance.h"

#define TRIALS_SPACE "trials" /* of the blobs that are seen */
/* Of keys of metadata; others, of layers, are not seen. */
#define METADATA_PREFIX "trial-"
/* Other save dates are of the moment, and are not seen. */
#define IMPORTED_SAVE_DATE 1500000000

/* What clients see of a store. */
typedef struct View
{
  char *seen;           /* the same for every user: names, flags, contents, metadata */
  char *exact;          /* with UIDs and UIDVALIDITY */
  GHashTable *messages; /* "ID UIDVALIDITY UID" -> content and mod-sequence */
} View;
/* FALSE: something cannot be read; @ret_view is empty. */
gboolean view_take (Fixture *user, View *ret_view, GError **error);
void view_clear (View *view);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (View, view_clear)
/* What a client has noted under a number stands for nothing else, and mod-sequences have not gone back. (They
 * may have risen: an index that could not be written is made anew.) */
void view_assert_numbers_hold (const View *before, const View *after, const char *where);
/* Says whether the driver of the stack keeps metadata, which is seen then. */
gboolean view_has_metadata (const Fixture *user);
