/* SPDX-License-Identifier: MIT
 * Declares the progress of a mail process's janitor, which is in a small file, so that the janitor goes on
 * there after a restart.
 */
#pragma once
#include "core/session/janitor/janitor_clock.h"
#include <satchel/error.h>

typedef struct SatchelJanitorState
{
  gint64 began_s;   /* when the round began, by the machine's clock; 0: none yet */
  gboolean is_over; /* the round is over; the next one begins one janitor.interval after `began_s` */
  char *after;      /* the last user whose visit began; NULL: none */
  SatchelJanitorClock clock;
} SatchelJanitorState;

void satchel_janitor_state_clear (SatchelJanitorState *state);
/* Reads "spool/.janitor-SLOT" below @root_fd.  If the file is missing or cannot be read, the state is that
 * of a beginning.  [blocks] */
void satchel_janitor_state_load (int root_fd, guint slot, SatchelJanitorState *ret_state);
/* Replaces the whole file; @is_durable: waits for the disk.  [blocks] */
gboolean satchel_janitor_state_save (int root_fd, guint slot, const SatchelJanitorState *state,
                                     gboolean is_durable, GError **error);
