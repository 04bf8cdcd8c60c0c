/* SPDX-License-Identifier: MIT
 * This file moves users from one mail process to another, or to another stack: it records each step, with a
 * higher epoch, before anybody hears of it, and tells the mail processes.  auth_place.c has the commands.
 */
#include "config.h"

#include "core/daemon/auth/admin/auth_move.h"

#include "core/base/exit.h"
#include "core/daemon/auth/admin/auth_admin.h"
#include "core/daemon/auth/admin/auth_move_private.h"
#include "core/runtime/log/log_private.h"

#include <satchel/log.h>
#include <string.h>

#define AREA "auth"
#define MAX_MOVES 1024
#define MAX_OWED 65536u

static GQueue moves = G_QUEUE_INIT;

/* A mail process was away when it had to let go of a user. It hears of it once it is back, if it ever had the
 * user. */
typedef struct Owed
{
  char *user;
  guint slot;
  guint64 epoch;
} Owed;
static GQueue owed = G_QUEUE_INIT;

static void
move_free (gpointer data)
{
  g_free (((AuthMove *) data)->user);
  g_free (data);
}

static void
owed_free (gpointer data)
{
  g_free (((Owed *) data)->user);
  g_free (data);
}

void
satchel_auth_moves_clear (void)
{
  g_queue_clear_full (&moves, move_free);
  g_queue_clear_full (&owed, owed_free);
}

AuthMove *
auth_move_find (const char *user)
{
  for (GList *link = moves.head; link != NULL; link = link->next)
    if (strcmp (((AuthMove *) link->data)->user, user) == 0)
      return link->data;
  return NULL;
}

static AuthMove *
add_move (const char *user, guint slot, guint64 request)
{
  AuthMove *move = g_new0 (AuthMove, 1);
  *move = (AuthMove) { .user = g_strdup (user), .slot = slot, .request = request, .is_asked = TRUE };
  g_queue_push_head (&moves, move);
  return move;
}

static gboolean
send_release (SatchelAuth *auth, SatchelPeer *mail, const char *user, const SatchelPlacement *placement,
              const SatchelPlacement *target)
{
  g_autoptr (SatchelPlace) place = satchel_placements_place (auth->placements, user, placement, NULL);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_RELEASE, 0);
  satchel_ipc_put_string (message, user);
  satchel_place_put (message, place);
  satchel_ipc_put_u32 (message, target != NULL);
  satchel_ipc_put_string (message, target != NULL ? target->profile : NULL);
  satchel_ipc_put_string (message, target != NULL ? target->volume : NULL);
  return satchel_peer_send (mail, message);
}

static void
send_adopt (SatchelAuth *auth, const char *user, const SatchelPlacement *placement, guint slot)
{
  SatchelPeer *mail = satchel_role_peer (auth->context, SATCHEL_ROLE_MAIL, slot);
  if (mail == NULL)
    return;
  g_autoptr (SatchelPlace) place = satchel_placements_place (auth->placements, user, placement, NULL);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_ADOPT, 0);
  satchel_ipc_put_string (message, user);
  satchel_place_put (message, place);
  satchel_peer_send (mail, message);
}

static void
owe_release (const AuthMove *move)
{
  if (owed.length >= MAX_OWED)
    {
      satchel_log (
          SATCHEL_LOG_WARNING, AREA,
          "user=%s mail process %u is not told to let go of the user: %u others wait already; restart it",
          move->user, move->slot, MAX_OWED);
      return;
    }
  Owed *one = g_new0 (Owed, 1);
  *one = (Owed) { g_strdup (move->user), move->slot, move->epoch };
  g_queue_push_head (&owed, one);
}

void
auth_move_reply_place (SatchelAuth *auth, guint64 request, const char *user)
{
  SatchelPlacement placement;
  guint slot;
  gboolean is_written = satchel_placements_get (auth->placements, user, &placement, &slot);
  g_autoptr (GString) line = g_string_new ("placement");
  satchel_log_field (line, "user", user);
  satchel_log_field (line, "profile", placement.profile);
  satchel_log_field (line, "driver", placement.driver);
  satchel_log_field (line, "volume", placement.volume);
  satchel_log_field (line, "node", placement.node);
  g_string_append_printf (line, " slot=%u pinned=%s epoch=%" G_GUINT64_FORMAT " state=%s recorded=%s\n", slot,
                          placement.slot == SATCHEL_SLOT_BY_RULE ? "no" : "yes", placement.epoch,
                          satchel_placement_state_name (&placement), is_written ? "yes" : "no");
  satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "%s", line->str);
}

void
auth_move_reply_adopted (SatchelAuth *auth, guint64 request, const char *user)
{
  SatchelPlacement placement;
  guint slot;
  satchel_placements_get (auth->placements, user, &placement, &slot);
  satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "%s belongs to mail process %u\n", user, slot);
}

gboolean
auth_move_set_active (SatchelAuth *auth, const AuthMove *move, const SatchelPlacement *to, GError **error)
{
  SatchelPlacement placement = *to, ignored;
  guint slot;
  placement.state = SATCHEL_PLACED_ACTIVE;
  placement.epoch = move->epoch + 1;
  if (!satchel_placements_set (auth->placements, move->user, &placement, error))
    return FALSE;
  satchel_placements_get (auth->placements, move->user, &ignored, &slot);
  send_adopt (auth, move->user, &placement, slot);
  satchel_log (SATCHEL_LOG_INFO, AREA,
               "user placed: user=\"%s\" profile=%s volume=\"%s\" slot=%u epoch=%" G_GUINT64_FORMAT,
               move->user, placement.profile, placement.volume, slot, placement.epoch);
  return TRUE;
}

/* Returns why @move does not go to its target; NULL means that it does.  @look is what the old owner found of
 * the user's mail, and @what says it in words. */
static char *
why_not (const AuthMove *move, SatchelLook look, const char *what)
{
  if (!move->wants_look || look == SATCHEL_LOOK_FREE)
    return NULL;
  if (look == SATCHEL_LOOK_HAS_MAIL)
    return g_strdup_printf ("%s has mail (%s) in profile \"%s\"%s%s, and profile \"%s\"%s%s keeps it "
                            "elsewhere: it would have to be copied, which `satchel convert` does",
                            move->user, what, move->old.profile, *move->old.volume != '\0' ? ", volume " : "",
                            move->old.volume, move->target.profile,
                            *move->target.volume != '\0' ? ", volume " : "", move->target.volume);
  return g_strdup_printf ("%s: %s", move->user,
                          *what != '\0' ? what : "it is not known whether the user has mail; try again");
}

static void
finish_move (SatchelAuth *auth, AuthMove *move, SatchelLook look, const char *what)
{
  g_autoptr (GError) error = NULL;
  if (!move->has_target)
    {
      if (move->is_asked)
        satchel_auth_admin_reply (auth, move->request, SATCHEL_EXIT_OK, "%s is released\n", move->user);
      move_free (move);
      return;
    }
  g_autofree char *why = why_not (move, look, what);
  if (!auth_move_set_active (auth, move, why == NULL ? &move->target : &move->old, &error))
    satchel_auth_admin_reply (auth, move->request, SATCHEL_EXIT_FAILED,
                              "%s is not placed, and still being moved: %s; then run `satchel adopt %s`\n",
                              move->user, error->message, move->user);
  else if (why != NULL)
    satchel_auth_admin_reply (auth, move->request, SATCHEL_EXIT_FAILED, "%s\n", why);
  else if (move->is_adoption)
    auth_move_reply_adopted (auth, move->request, move->user);
  else
    auth_move_reply_place (auth, move->request, move->user);
  move_free (move);
}

/* Ends the moves that wait for @slot: all of them, or that of @user at @epoch if @user is not NULL. */
static void
end_moves (SatchelAuth *auth, guint slot, const char *user, guint64 epoch, SatchelLook look, const char *what)
{
  GQueue ended = G_QUEUE_INIT;
  for (GList *link = moves.head, *next; link != NULL; link = next)
    {
      const AuthMove *move = link->data;
      next = link->next;
      if (move->slot != slot || (user != NULL && (strcmp (move->user, user) != 0 || move->epoch != epoch)))
        continue;
      g_queue_unlink (&moves, link);
      g_queue_push_head_link (&ended, link);
    }
  for (AuthMove *move = g_queue_pop_head (&ended); move != NULL; move = g_queue_pop_head (&ended))
    {
      if (user == NULL)
        owe_release (move);
      finish_move (auth, move, look, what);
    }
}

static gboolean
take_released (SatchelAuth *auth, SatchelPeer *mail, SatchelIpcMessage *message)
{
  const char *user = satchel_ipc_get_string (message);
  guint64 epoch = satchel_ipc_get_u64 (message);
  guint32 look = satchel_ipc_get_u32 (message);
  const char *what = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message) || look > SATCHEL_LOOK_FAILED)
    return FALSE;
  /* If auth was restarted after it asked, no move waits for this answer.  That is harmless. */
  end_moves (auth, mail->slot, user, epoch, look, what);
  return TRUE;
}

/* Takes what the mail process found of a user whom a rule had sent there. */
static gboolean
take_placed (SatchelAuth *auth, SatchelPeer *mail, SatchelIpcMessage *message)
{
  const char *user = satchel_ipc_get_string (message);
  guint64 epoch = satchel_ipc_get_u64 (message);
  gboolean has_mail = satchel_ipc_get_u32 (message) != 0;
  if (!satchel_ipc_message_is_done (message) || strchr (user, '@') == NULL)
    return FALSE;
  SatchelPlacement placement;
  guint slot;
  if (!satchel_placements_get (auth->placements, user, &placement, &slot) || !placement.is_new
      || placement.state != SATCHEL_PLACED_ACTIVE || placement.epoch != epoch || slot != mail->slot)
    return TRUE;
  placement.is_new = FALSE;
  if (has_mail)
    {
      satchel_placement_rules_set_profile (satchel_placements_rules (auth->placements), &placement,
                                           SATCHEL_DEFAULT_PROFILE);
      placement.volume = satchel_placement_intern ("");
      if (satchel_placements_slot (auth->placements, user, &placement) != slot)
        placement.epoch++;
      satchel_log (SATCHEL_LOG_INFO, AREA,
                   "user=\"%s\" has mail of before the rules: profile=" SATCHEL_DEFAULT_PROFILE, user);
    }
  g_autoptr (GError) error = NULL;
  /* If the record cannot be written, the mail process reports the same when the user comes again. */
  if (!satchel_placements_set (auth->placements, user, &placement, &error))
    satchel_log (SATCHEL_LOG_ERROR, AREA, "%s", error->message);
  return TRUE;
}

gboolean
satchel_auth_moves_message (SatchelAuth *auth, SatchelPeer *mail, SatchelIpcMessage *message)
{
  return message->type == SATCHEL_IPC_RELEASED
             ? take_released (auth, mail, message)
             : message->type == SATCHEL_IPC_PLACED && take_placed (auth, mail, message);
}

typedef struct Retelling
{
  SatchelAuth *auth;
  SatchelPeer *mail;
} Retelling;

/* Sends a release again: if this process ended between the record and the message, the mail process does not
 * know yet that it is the owner no more. */
static void
retell_release (const char *user, const SatchelPlacement *placement, guint slot, gpointer data)
{
  Retelling *retelling = data;
  if (slot != retelling->mail->slot || moves.length >= MAX_MOVES || auth_move_find (user) != NULL
      || !send_release (retelling->auth, retelling->mail, user, placement, NULL))
    return;
  AuthMove *move = add_move (user, slot, 0);
  move->is_asked = FALSE;
  move->epoch = placement->epoch;
}

void
satchel_auth_moves_mail_up (SatchelAuth *auth, SatchelPeer *mail)
{
  Retelling retelling = { auth, mail };
  satchel_placements_foreach (auth->placements, SATCHEL_PLACED_RELEASED, retell_release, &retelling);
  for (GList *link = owed.head, *next; link != NULL; link = next)
    {
      Owed *one = link->data;
      SatchelPlacement placement;
      guint slot;
      next = link->next;
      if (one->slot != mail->slot)
        continue;
      satchel_placements_get (auth->placements, one->user, &placement, &slot);
      placement.epoch = one->epoch;
      send_release (auth, mail, one->user, &placement, NULL);
      owed_free (one);
      g_queue_delete_link (&owed, link);
    }
}

void
satchel_auth_moves_mail_lost (SatchelAuth *auth, SatchelPeer *mail)
{
  end_moves (auth, mail->slot, NULL, 0, SATCHEL_LOOK_FAILED, "the mail process ended meanwhile; try again");
}

AuthMove *
auth_move_begin (SatchelAuth *auth, guint64 request, const char *user, SatchelPlacedState state,
                 const SatchelPlacement *target, GError **error)
{
  SatchelPlacement placement;
  guint slot;
  satchel_placements_get (auth->placements, user, &placement, &slot);
  if (moves.length >= MAX_MOVES)
    {
      satchel_error_set (error, SATCHEL_ERROR_LIMIT, "too many users are being moved; try again later");
      return NULL;
    }
  SatchelPlacement moving = placement;
  moving.epoch++;
  moving.state = state;
  if (!satchel_placements_set (auth->placements, user, &moving, error))
    return NULL;
  AuthMove *move = add_move (user, slot, request);
  move->epoch = moving.epoch;
  move->old = placement;
  if (target != NULL)
    {
      move->has_target = TRUE;
      move->target = *target;
      move->wants_look =
          !satchel_placement_rules_is_same (satchel_placements_rules (auth->placements), &placement, target);
      if (!move->wants_look)
        move->target.is_new = placement.is_new;
    }
  return move;
}

void
auth_move_run (SatchelAuth *auth, AuthMove *move)
{
  SatchelPlacement placement;
  guint slot;
  satchel_placements_get (auth->placements, move->user, &placement, &slot);
  SatchelPeer *mail = satchel_role_peer (auth->context, SATCHEL_ROLE_MAIL, move->slot);
  if (mail == NULL
      || !send_release (auth, mail, move->user, &placement, move->wants_look ? &move->target : NULL))
    {
      g_autofree char *user = g_strdup (move->user);
      owe_release (move);
      end_moves (auth, move->slot, user, move->epoch, SATCHEL_LOOK_FAILED,
                 "the user's mail process is not running; try again");
    }
}
