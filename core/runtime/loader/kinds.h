/* SPDX-License-Identifier: MIT
 * What the server knows of each kind of what modules provide: a row of the table in kinds.c.
 */
#pragma once
#include <satchel/module.h>

typedef struct SatchelKindRow
{
  const char *words;     /* what people call it */
  gsize known_size;      /* bytes of its table of functions in this server */
  gsize first_size;      /* bytes that its table had when ABI 1 began, or the kind: none may be shorter */
  gsize band_at;         /* offset of its member `band`; 0: the kind has none */
  gboolean must_be_band; /* 1..999; else 0 is a band, too */
  /* Several of the kind may be enabled, and are asked one after the other: the title of that list, for people
   * and in JSON.  NULL means that there is no order. */
  const char *title, *key;
} SatchelKindRow;

/* Kinds are numbered from 1 on.  NULL: this server knows no such kind. */
const SatchelKindRow *satchel_kind_row (guint kind);
/* Returns the words for people, also for what is unknown. */
const char *satchel_kind_words (guint kind);
