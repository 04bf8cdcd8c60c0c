/* SPDX-License-Identifier: MIT
 * This header declares how a mail process asks auth to record that the mail of one of its users is at another
 * place.
 */
#pragma once
#include "core/runtime/ipc/ipc.h"
#include "core/storage/store/place.h"

#include <satchel/error.h>

typedef enum
{
  SATCHEL_TURN_DONE = 0, /* it is recorded (or, of a question, it would be) */
  SATCHEL_TURN_REFUSED,  /* it is not, and nothing has changed */
  SATCHEL_TURN_UNKNOWN   /* nobody knows: the process has to stop before auth has answered */
} SatchelTurnResult;

typedef struct SatchelTurnAnswer
{
  guint64 epoch; /* from now on */
  guint slot;    /* of the owner */
} SatchelTurnAnswer;

/* Returns TRUE if the process stops, so that nobody can wait. */
typedef gboolean (*SatchelTurnStopFunc) (gpointer data);

/* The user is at @from, and is to be at profile and volume of @to.  With @is_final auth records it, and the
 * call waits for its word for as long as it takes; otherwise it only says whether it would, within seconds.
 * In a job. [blocks] */
SatchelTurnResult satchel_turn_ask (const char *user, const SatchelPlace *from, const SatchelPlace *to,
                                    gboolean is_final, SatchelTurnStopFunc is_stopping, gpointer data,
                                    SatchelTurnAnswer *ret_answer, GError **error);

/* @send takes the message over; FALSE: auth is away.  Main thread, as are the two below. */
void satchel_turn_init (gboolean (*send) (SatchelIpcMessage *message));
/* Takes TURNED of auth.  FALSE: malformed. */
gboolean satchel_turn_message (SatchelIpcMessage *message);
/* The link to auth is gone: what was asked is asked again. */
void satchel_turn_auth_lost (void);
