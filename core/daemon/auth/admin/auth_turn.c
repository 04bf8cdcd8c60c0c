/* SPDX-License-Identifier: MIT
 * This file takes a user's new place when a mail process has copied the user's store.  The record is the
 * moment of the change: before it was written the user is at the old place.  A question that was answered
 * before gets the same answer.
 */
#include "config.h"

#include "core/daemon/auth/admin/auth_turn.h"

#include <satchel/log.h>
#include <string.h>

typedef struct Question
{
  guint64 request, epoch;
  const char *user, *profile, *volume;
  gboolean is_final;
} Question;

static void
reply (SatchelPeer *mail, const Question *question, const GError *error, guint64 epoch, guint slot)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_TURNED, 0);
  satchel_ipc_put_u64 (message, question->request);
  satchel_ipc_put_u32 (message, error != NULL ? 1 + (guint32) error->code : 0);
  satchel_ipc_put_string (message, error != NULL ? error->message : "");
  satchel_ipc_put_u64 (message, epoch);
  satchel_ipc_put_u32 (message, slot);
  satchel_peer_send (mail, message);
}

static gboolean
is_at (const SatchelPlacement *placement, const Question *question)
{
  return strcmp (placement->profile, question->profile) == 0
         && strcmp (placement->volume, question->volume) == 0;
}

/* Keeps the user in the mail process that has both stores open. */
static gboolean
set_target (SatchelAuth *auth, const Question *question, guint slot, SatchelPlacement *target, GError **error)
{
  const SatchelPlacementRules *rules = satchel_placements_rules (auth->placements);
  if (!satchel_placement_rules_set_profile (rules, target, question->profile))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "there is no profile \"%s\"", question->profile);
  target->volume = satchel_placement_intern (question->volume);
  target->is_new = FALSE;
  target->slot = SATCHEL_SLOT_BY_RULE;
  target->epoch++;
  const guint by_rule = satchel_placements_slot (auth->placements, question->user, target);
  if (by_rule == slot)
    return TRUE;
  if (satchel_placement_rules_slot_by (rules, target->profile) == SATCHEL_SLOT_BY_VOLUME)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "all users of that volume are in mail process %u: run `satchel user place %s "
                              "--slot %u` first",
                              by_rule, question->user, by_rule);
  target->slot = (int) slot;
  return TRUE;
}

static gboolean
turn (SatchelAuth *auth, SatchelPeer *mail, const Question *question, SatchelPlacement *ret, GError **error)
{
  SatchelPlacement placement;
  guint slot;
  satchel_placements_get (auth->placements, question->user, &placement, &slot);
  *ret = placement;
  if (placement.state != SATCHEL_PLACED_ACTIVE || slot != mail->slot)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the user is being moved");
  if (question->is_final && placement.epoch == question->epoch + 1 && is_at (&placement, question))
    return TRUE;
  if (placement.epoch != question->epoch)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the user was moved meanwhile");
  if (!set_target (auth, question, slot, ret, error)
      || (question->is_final && !satchel_placements_set (auth->placements, question->user, ret, error)))
    return FALSE;
  if (question->is_final)
    satchel_log (SATCHEL_LOG_INFO, "auth",
                 "user placed: user=\"%s\" profile=%s volume=\"%s\" slot=%u epoch=%" G_GUINT64_FORMAT,
                 question->user, ret->profile, ret->volume, slot, ret->epoch);
  return TRUE;
}

gboolean
satchel_auth_turn_message (SatchelAuth *auth, SatchelPeer *mail, SatchelIpcMessage *message)
{
  Question question = { .request = satchel_ipc_get_u64 (message) };
  question.user = satchel_ipc_get_string (message);
  question.epoch = satchel_ipc_get_u64 (message);
  question.profile = satchel_ipc_get_string (message);
  question.volume = satchel_ipc_get_string (message);
  question.is_final = satchel_ipc_get_u32 (message) != 0;
  if (!satchel_ipc_message_is_done (message) || strchr (question.user, '@') == NULL
      || strlen (question.volume) > SATCHEL_PLACE_NAME_MAX || strpbrk (question.volume, "\t\r\n") != NULL)
    return FALSE;
  g_autoptr (GError) error = NULL;
  SatchelPlacement placement;
  gboolean ok = turn (auth, mail, &question, &placement, &error);
  reply (mail, &question, ok ? NULL : error, placement.epoch, mail->slot);
  return TRUE;
}
