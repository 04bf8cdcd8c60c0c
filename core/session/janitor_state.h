/* SPDX-License-Identifier: MIT
 * Where the janitor of a mail process is, in a small file: a restart goes on from there.
 */
#pragma once
#include "core/session/janitor_clock.h"
#include <satchel/error.h>

typedef struct SatchelJanitorState
{
  gint64 began_s;   /* when the round began, by the machine's clock; 0: none yet */
  gboolean is_over; /* the round: the next one begins an interval after `began_s` */
  char *after;      /* the last user that was begun with; NULL: none */
  SatchelJanitorClock clock;
} SatchelJanitorState;

void satchel_janitor_state_clear (SatchelJanitorState *state);
/* From "spool/.janitor-SLOT" below @root_fd.  What is missing, or is not understood, is a beginning. [blocks]
 */
void satchel_janitor_state_load (int root_fd, guint slot, SatchelJanitorState *ret_state);
/* Replaces the file whole; @is_durable: and waits for the disk.  [blocks] */
gboolean satchel_janitor_state_save (int root_fd, guint slot, const SatchelJanitorState *state,
                                     gboolean is_durable, GError **error);
