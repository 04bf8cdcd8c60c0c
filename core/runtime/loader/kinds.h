/* SPDX-License-Identifier: MIT
 * Declares what the server knows of each kind that modules provide: a row of the table in kinds.c.
 */
#pragma once
#include <satchel/module.h>

typedef struct SatchelKindRow
{
  const char *words; /* the name of the kind in messages */
  gsize known_size;  /* bytes of its table of functions in this server */
  /* bytes that its table had when ABI 1 began, or when the kind was added; no table may be shorter */
  gsize first_size;
  gsize band_at;         /* offset of its member `band`; 0: the kind has none */
  gboolean must_be_band; /* a band of 1 to 999 is required; otherwise 0 is allowed, too */
  /* The title of the list of enabled modules of this kind, for people and in JSON, if they are asked one
   * after the other.  NULL means that they have no order. */
  const char *title, *key;
} SatchelKindRow;

/* Returns the row of a kind; kinds are numbered from 1 on.  NULL means that this server does not know it. */
const SatchelKindRow *satchel_kind_row (guint kind);
/* Returns the name of the kind for messages, also if it is not known. */
const char *satchel_kind_words (guint kind);
