/* SPDX-License-Identifier: MIT
 * A user on the way to another place, for the commands that send him there (auth_place.c).
 */
#pragma once
#include "core/daemon/auth/auth.h"

/* RELEASED of the mail process @slot is awaited for a user. */
typedef struct AuthMove
{
  char *user;
  guint slot;
  guint64 request, epoch;
  gboolean is_asked;    /* an administrator waits for an answer */
  gboolean has_target;  /* FALSE: the user stays released */
  gboolean is_adoption; /* the answer is for `adopt`, not for `place` */
  gboolean wants_look;  /* the target is another stack, where only a user without mail may go */
  SatchelPlacement old, target;
} AuthMove;

/* auth_move.c has these. */
/* Returns the move of @user, borrowed, or NULL. */
AuthMove *auth_move_find (const char *user);
/* Records that @user has no owner, in @state, and makes a move to @target, or to nowhere if it is NULL.  NULL
 * with @error means that the record could not be written, or that too many users are being moved. */
AuthMove *auth_move_begin (SatchelAuth *auth, guint64 request, const char *user, SatchelPlacedState state,
                           const SatchelPlacement *target, GError **error);
/* Sends the release to the old owner.  The move ends, and its request is answered, once that has let go of
 * the user, or here if it is not running. */
void auth_move_run (SatchelAuth *auth, AuthMove *move);
/* Records @to as the place of the move's user, and tells the new owner.  On FALSE nothing has changed. */
gboolean auth_move_set_active (SatchelAuth *auth, const AuthMove *move, const SatchelPlacement *to,
                               GError **error);
/* These answer where @user is, and whose @user is. */
void auth_move_reply_place (SatchelAuth *auth, guint64 request, const char *user);
void auth_move_reply_adopted (SatchelAuth *auth, guint64 request, const char *user);
