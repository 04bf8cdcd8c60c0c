/* SPDX-License-Identifier: MIT
 * Declares how a mail process asks auth to record that the mail of one of its users is at another place.
 */
#pragma once
#include "core/runtime/ipc/ipc.h"
#include "core/storage/store/place.h"

#include <satchel/error.h>

typedef enum
{
  SATCHEL_TURN_DONE = 0, /* auth has recorded the place (or, without @is_final, would record it) */
  SATCHEL_TURN_REFUSED,  /* auth has not recorded it, and nothing has changed */
  SATCHEL_TURN_UNKNOWN   /* the process has to stop before auth has answered, so nobody knows */
} SatchelTurnResult;

typedef struct SatchelTurnAnswer
{
  guint64 epoch; /* the epoch that begins with the new place */
  guint slot;    /* number of the mail process that owns the user there */
} SatchelTurnAnswer;

/* Returns TRUE if the process stops, so that it cannot wait for the answer. */
typedef gboolean (*SatchelTurnStopFunc) (gpointer data);

/* Asks auth to change the place of a user, who is at @from, to profile and volume of @to.  With @is_final
 * auth records it, and the call waits for the answer for as long as it takes; otherwise auth says within
 * seconds whether it would.  Called in a job. [blocks] */
SatchelTurnResult satchel_turn_ask (const char *user, const SatchelPlace *from, const SatchelPlace *to,
                                    gboolean is_final, SatchelTurnStopFunc is_stopping, gpointer data,
                                    SatchelTurnAnswer *ret_answer, GError **error);

/* Sets how messages go to auth.  @send takes the message over; it returns FALSE if auth is away.  Main thread
 * only, as are the two calls below. */
void satchel_turn_init (gboolean (*send) (SatchelIpcMessage *message));
/* Takes TURNED of auth.  FALSE means that it is malformed. */
gboolean satchel_turn_message (SatchelIpcMessage *message);
/* Notes that the link to auth has broken.  What was asked is asked again once it is back. */
void satchel_turn_auth_lost (void);
