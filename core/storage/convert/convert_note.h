/* SPDX-License-Identifier: MIT
 * Declares the note in a store which says that the store is being converted, or what a conversion has left,
 * so that after the end of a process another one knows where to go on.
 */
#pragma once
#include "core/storage/convert/convert.h"
#include "core/storage/store/place.h"

typedef enum
{
  SATCHEL_CONVERT_NONE = 0,
  SATCHEL_CONVERT_COPYING, /* in the store that is converted: it is being copied to `place` */
  SATCHEL_CONVERT_CAME,    /* in the copy: once the user is here, the store at `place` is a leftover */
  SATCHEL_CONVERT_LEFT,    /* in a store that was kept: the user has been moved to `place` */
  /* in the store, after a conversion was taken back: the copy at `place` is being removed */
  SATCHEL_CONVERT_UNDOING
} SatchelConvertState;

typedef struct SatchelConvertNote
{
  SatchelConvertState state;
  SatchelPlace *place;
  gint64 began_s;     /* seconds since 1970 */
  gboolean keeps_old; /* the old store is kept */
} SatchelConvertNote;

void satchel_convert_note_clear (SatchelConvertNote *note);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelConvertNote, satchel_convert_note_clear)
/* Reads the note of a store.  State NONE: there is no note.  CORRUPT: it cannot be understood. [blocks] */
gboolean satchel_convert_note_read (SatchelStore *store, SatchelConvertNote *ret_note, GError **error);
/* Writes the note, which is durable on return; state NONE removes it.  CANNOT: the driver keeps no files.
 * [blocks] */
gboolean satchel_convert_note_write (SatchelStore *store, const SatchelConvertNote *note, GError **error);
