/* SPDX-License-Identifier: MIT
 * The commands `satchel release`, `adopt` and `place`.  A released user cannot log in and gets no mail
 * (temporarily) until adopted; `place` is a release and an adoption in one, with a look at the mail between
 * where another stack is wanted.
 */
#include "config.h"

#include "core/daemon/auth/admin/auth_move.h"

#include "core/base/exit.h"
#include "core/daemon/auth/admin/auth_admin.h"
#include "core/daemon/auth/admin/auth_move_private.h"

#include <satchel/log.h>
#include <string.h>

#define AREA "auth"

static void
release_user (SatchelAuth *auth, guint64 request, const char *user, gboolean is_known,
              const char *const *arguments)
{
  g_autoptr (GError) error = NULL;
  SatchelPlacement placement;
  guint slot;
  satchel_placements_get (auth->placements, user, &placement, &slot);
  /* the state may have changed since the command was checked */
  AuthMove *move = placement.state != SATCHEL_PLACED_ACTIVE
                       ? NULL
                       : auth_move_begin (auth, request, user, SATCHEL_PLACED_RELEASED, NULL, &error);
  if (move == NULL)
    {
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_FAILED, "%s is not released: %s\n", user,
                                error != NULL ? error->message : "the user is being moved");
      return;
    }
  satchel_log (SATCHEL_LOG_INFO, AREA, "user released: user=\"%s\" slot=%u", user, slot);
  auth_move_run (auth, move);
}

void
satchel_auth_admin_release (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  SatchelPlacement placement;
  guint slot;
  if (user == NULL)
    return;
  satchel_placements_get (auth->placements, user, &placement, &slot);
  if (placement.state != SATCHEL_PLACED_ACTIVE)
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_OK, "%s is released already\n", user);
  else
    satchel_auth_admin_with_user (auth, request, user, arguments, release_user);
}

/* Sets the mail process of @placement to the one whose number is @text, or to the one that the rule says if
 * @text is NULL.  FALSE means that the user cannot be placed there, and the administrator has been told why.
 */
static gboolean
set_slot (SatchelAuth *auth, guint64 request, const char *user, const char *text, SatchelPlacement *placement)
{
  guint64 slot;
  guint n_slots = satchel_placements_n_slots (auth->placements),
        by_rule = satchel_placements_rule_slot (auth->placements, user, placement);
  placement->slot = SATCHEL_SLOT_BY_RULE;
  if (text == NULL)
    return TRUE;
  if (!g_ascii_string_to_unsigned (text, 10, 0, SATCHEL_SLOTS_MAX - 1, &slot, NULL))
    {
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_USAGE,
                                "\"%s\" is not the number of a mail process\n", text);
      return FALSE;
    }
  if (slot >= n_slots)
    {
      satchel_auth_admin_reply (
          auth, request, 1, "%s is not moved: mail processes have the numbers 0 to %u\n", user, n_slots - 1);
      return FALSE;
    }
  if (slot != by_rule
      && satchel_placement_rules_slot_by (satchel_placements_rules (auth->placements), placement->profile)
             == SATCHEL_SLOT_BY_VOLUME)
    {
      satchel_auth_admin_reply (
          auth, request, 1,
          "%s stays with mail process %u: slot_by of profile \"%s\" keeps all users of a volume in one\n",
          user, by_rule, placement->profile);
      return FALSE;
    }
  if (slot != by_rule)
    placement->slot = (int) slot;
  return TRUE;
}

/* Answers a request to adopt a user who is not released: that is right if the user is where he should be. */
static void
reply_owned (SatchelAuth *auth, guint64 request, const char *user, gboolean is_known,
             const char *const *arguments)
{
  SatchelPlacement placement;
  guint slot;
  satchel_placements_get (auth->placements, user, &placement, &slot);
  SatchelPlacement target = placement;
  if (!set_slot (auth, request, user, arguments[1], &target))
    return;
  gboolean is_there = satchel_placements_slot (auth->placements, user, &target) == slot;
  satchel_auth_admin_reply (auth, request, is_there ? SATCHEL_EXIT_OK : SATCHEL_EXIT_FAILED,
                            "%s belongs to mail process %u; release it first\n", user, slot);
}

void
satchel_auth_admin_adopt (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  g_autoptr (GError) error = NULL;
  SatchelPlacement placement;
  guint old;
  if (user == NULL)
    return;
  satchel_placements_get (auth->placements, user, &placement, &old);
  if (placement.state == SATCHEL_PLACED_ACTIVE)
    {
      satchel_auth_admin_with_user (auth, request, user, arguments, reply_owned);
      return;
    }
  SatchelPlacement target = placement;
  if (!set_slot (auth, request, user, arguments[1], &target))
    return;
  AuthMove *waits = auth_move_find (user);
  if (waits != NULL && waits->is_asked)
    {
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_TEMPORARY, "%s is still being released\n", user);
      return;
    }
  if (waits != NULL)
    {
      waits->is_asked = waits->has_target = waits->is_adoption = TRUE;
      waits->request = request;
      waits->target = target;
      return;
    }
  AuthMove move = { .user = user, .epoch = placement.epoch };
  if (auth_move_set_active (auth, &move, &target, &error))
    auth_move_reply_adopted (auth, request, user);
  else
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_FAILED, "%s is not adopted: %s\n", user,
                              error->message);
}

/* What the words of `place` have said so far. */
typedef struct Wanted
{
  SatchelPlacement *target;
  const char *slot;
  gboolean has_profile, has_volume;
} Wanted;

/* Takes "slot N", "profile P" or "volume V".  FALSE means that it makes no sense. */
static gboolean
take_wanted (Wanted *wanted, const SatchelPlacementRules *rules, const char *name, const char *value)
{
  if (strcmp (name, "slot") == 0)
    wanted->slot = value;
  else if (strcmp (name, "volume") == 0)
    {
      if (strpbrk (value, "\t\r\n") != NULL || strlen (value) > SATCHEL_PLACE_NAME_MAX)
        return FALSE;
      wanted->target->volume = satchel_placement_intern (value);
      wanted->has_volume = TRUE;
    }
  else if (strcmp (name, "profile") == 0)
    {
      if (!satchel_placement_rules_set_profile (rules, wanted->target, value))
        return FALSE;
      wanted->has_profile = TRUE;
    }
  else
    return FALSE;
  return TRUE;
}

/* Reads "slot N", "profile P", "volume V" and "new" into @target.  FALSE means that they make no sense, and
 * that the administrator has been told so. */
static gboolean
read_target (SatchelAuth *auth, guint64 request, const char *user, const char *const *words,
             SatchelPlacement *target)
{
  const SatchelPlacementRules *rules = satchel_placements_rules (auth->placements);
  Wanted wanted = { .target = target };
  while (*words != NULL)
    {
      const char *name = *words++;
      if (strcmp (name, "new") == 0)
        {
          satchel_placement_rules_choose (rules, user, target);
          wanted.has_profile = wanted.has_volume = TRUE;
          continue;
        }
      if (*words == NULL)
        {
          satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_USAGE, "\"%s\" says nothing of a place\n",
                                    name);
          return FALSE;
        }
      const char *value = *words++;
      if (!take_wanted (&wanted, rules, name, value))
        {
          satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_FAILED,
                                    "%s: there is no %s \"%s\"; storage.profiles names them\n", user, name,
                                    value);
          return FALSE;
        }
    }
  /* A volume belongs to one driver, so the user's present volume does not go with another profile. */
  if (wanted.has_profile && !wanted.has_volume)
    target->volume = satchel_placement_intern ("");
  target->is_new = FALSE;
  return set_slot (auth, request, user, wanted.slot, target);
}

static void
place_user (SatchelAuth *auth, guint64 request, const char *user, gboolean is_known,
            const char *const *arguments)
{
  g_autoptr (GError) error = NULL;
  SatchelPlacement placement, target;
  guint slot;
  satchel_placements_get (auth->placements, user, &placement, &slot);
  if (arguments[1] == NULL)
    {
      auth_move_reply_place (auth, request, user);
      return;
    }
  if (placement.state != SATCHEL_PLACED_ACTIVE)
    {
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_TEMPORARY, "%s is %s; adopt the user first\n",
                                user,
                                placement.state == SATCHEL_PLACED_RELEASED ? "released" : "being moved");
      return;
    }
  target = placement;
  if (!read_target (auth, request, user, arguments + 1, &target))
    return;
  if (strcmp (target.profile, placement.profile) == 0 && strcmp (target.volume, placement.volume) == 0
      && satchel_placements_slot (auth->placements, user, &target) == slot)
    {
      auth_move_reply_place (auth, request, user);
      return;
    }
  AuthMove *move = auth_move_begin (auth, request, user, SATCHEL_PLACED_MOVING, &target, &error);
  if (move == NULL)
    satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_FAILED, "%s is not moved: %s\n", user,
                              error->message);
  else
    auth_move_run (auth, move);
}

void
satchel_auth_admin_place (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  g_autofree char *user = satchel_auth_admin_user (auth, request, arguments[0]);
  if (user != NULL)
    satchel_auth_admin_with_user (auth, request, user, arguments, place_user);
}
