/* SPDX-License-Identifier: MIT
 * This header says what the files of the conversion commands share.
 */
#pragma once
#include "core/session/admin/admin_private.h"
#include "core/session/convert/turn.h"
#include "core/storage/convert/convert_note.h"
#include "core/storage/store/store_open.h"

/* One run of a command. */
typedef struct SatchelConvertRun
{
  SatchelAdminCall *call;
  const char *user;
  SatchelStore *store;         /* where the user is */
  SatchelPlace *from, *target; /* target NULL: not named */
  SatchelConvertNote note;     /* of the store */
  gboolean is_bare, verifies, keeps_old, is_dry;
  gboolean is_alone;        /* no other run for the user may begin */
  gint64 began_us, held_us; /* held: how long nothing could be changed */
  guint64 n_done_before;    /* when this run began to copy */
} SatchelConvertRun;

/* Opens the user's store and reads its note.  With @is_alone INUSE: another run for the user is at work. */
gboolean satchel_convert_run_begin (SatchelConvertRun *run, SatchelAdminCall *call, gboolean is_alone,
                                    GError **error);
void satchel_convert_run_clear (SatchelConvertRun *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelConvertRun, satchel_convert_run_clear)

/* convert_switch.c: the last pass, and the turn of the placement.  @conversion and @target are taken over. On
 * success the run's store is closed, and `from` is where the user was. */
gboolean satchel_convert_switch (SatchelConvertRun *run, SatchelConversion *conversion, SatchelStore *target,
                                 GError **error);
/* Removes the store at @old, once it is closed. */
gboolean satchel_convert_remove_old (SatchelConvertRun *run, const SatchelPlace *old, GError **error);
/* Removes the note in the store to which the user was converted. */
gboolean satchel_convert_forget_note (SatchelConvertRun *run, GError **error);
/* Is the run not wanted any more? */
gboolean satchel_convert_is_stopping (gpointer call);
gboolean satchel_convert_show_step (const SatchelConvertCounts *counts, gpointer data);
