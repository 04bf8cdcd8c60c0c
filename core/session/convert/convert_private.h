/* SPDX-License-Identifier: MIT
 * Declares what the files of the conversion commands share.
 */
#pragma once
#include "core/session/admin/admin_private.h"
#include "core/session/convert/turn.h"
#include "core/storage/convert/convert_note.h"
#include "core/storage/store/store_open.h"

typedef struct SatchelConvertRun
{
  SatchelAdminCall *call;
  const char *user;
  SatchelStore *store;         /* the store of the user, at first the one at `from` */
  SatchelPlace *from, *target; /* `target` is NULL as long as the command does not name it */
  SatchelConvertNote note;     /* the note of that store */
  gboolean is_bare, verifies, keeps_old, is_dry;
  gboolean is_alone;        /* no other run for this user may begin */
  gint64 began_us, held_us; /* held_us: how long nothing could be changed */
  gint64 phase_us;          /* when it began to copy, or to compare */
  guint64 n_done_before;    /* how much was done at that time */
  gboolean is_comparing;
} SatchelConvertRun;

/* Opens the user's store and reads its note.  @is_alone makes this the only run for the user.  INUSE: another
 * run is at work. */
gboolean satchel_convert_run_begin (SatchelConvertRun *run, SatchelAdminCall *call, gboolean is_alone,
                                    GError **error);
void satchel_convert_run_clear (SatchelConvertRun *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelConvertRun, satchel_convert_run_clear)

/* convert_alone.c allows one run or upkeep for a user at a time.  INUSE: a run, or the upkeep, is at work. */
gboolean satchel_convert_be_alone (const char *user, GError **error);
void satchel_convert_end_alone (const char *user);
gboolean satchel_convert_is_at_work (const char *user);

/* convert_switch.c makes the last pass, and has the new place recorded.  @conversion and @target are taken
 * over.  On success the run's store and note are those of the target, and `from` is where the user was. */
gboolean satchel_convert_switch (SatchelConvertRun *run, SatchelConversion *conversion, SatchelStore *target,
                                 GError **error);

/* convert_leftover.c says whether the note names a store that may have to be removed, with nothing else left
 * to do. */
gboolean satchel_convert_has_leftover (const SatchelConvertNote *note);
/* Removes the store that the note names, once it is closed, and then the note.  CANCELLED: a part of it is
 * left. */
gboolean satchel_convert_clean_up (SatchelConvertRun *run, GError **error);
/* Reports how far a removal is.  It is a SatchelDestroyStepFunc. */
gboolean satchel_convert_show_removed (guint64 n_removed, gpointer run);
/* Says whether the command has been cancelled. */
gboolean satchel_convert_is_stopping (gpointer call);
gboolean satchel_convert_show_step (const SatchelConvertCounts *counts, gpointer data);
