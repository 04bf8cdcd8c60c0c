/* SPDX-License-Identifier: MIT
 * This header says where each user is: which stack keeps the mail, and which mail process owns the user.
 * Part of the auth role.
 */
#pragma once
#include "core/runtime/config/config_image.h"
#include "core/storage/store/place.h"

#define SATCHEL_SLOT_BY_RULE (-1)

typedef enum
{
  SATCHEL_PLACED_ACTIVE = 0,
  SATCHEL_PLACED_MOVING,  /* while `place` works */
  SATCHEL_PLACED_RELEASED /* until the administrator's `adopt` */
} SatchelPlacedState;

/* Strings are of satchel_placement_intern. */
typedef struct SatchelPlacement
{
  const char *profile;
  const char *driver; /* "": whichever is the only one that is enabled */
  const char *volume;
  const char *node; /* "": this one; there is no other yet */
  int slot;         /* or SATCHEL_SLOT_BY_RULE */
  guint64 epoch;    /* grows with each change of owner; 0: never written down */
  SatchelPlacedState state;
  gboolean is_new; /* a rule sent him there; nobody has looked yet whether there is mail of a time before the
                      rule */
} SatchelPlacement;
/* Returns "active", "new", ...: frozen, as in records. */
const char *satchel_placement_state_name (const SatchelPlacement *placement);

typedef enum
{
  SATCHEL_SLOT_BY_USER = 0,
  SATCHEL_SLOT_BY_DOMAIN,
  SATCHEL_SLOT_BY_VOLUME
} SatchelSlotBy;

typedef struct SatchelPlacementRules SatchelPlacementRules;
SatchelPlacementRules *satchel_placement_rules_new (const SatchelConfigSet *config);
void satchel_placement_rules_free (SatchelPlacementRules *rules);
gboolean satchel_placement_rules_exist (const SatchelPlacementRules *rules);
/* Fills in profile, driver and volume of a new user: of the first rule that fits, else the default. */
void satchel_placement_rules_choose (const SatchelPlacementRules *rules, const char *user,
                                     SatchelPlacement *ret);
/* Sets profile and driver.  FALSE means that there is no such profile. */
gboolean satchel_placement_rules_set_profile (const SatchelPlacementRules *rules, SatchelPlacement *placement,
                                              const char *profile);
/* Would the same mail be read the same way? */
gboolean satchel_placement_rules_is_same (const SatchelPlacementRules *rules, const SatchelPlacement *a,
                                          const SatchelPlacement *b);
SatchelSlotBy satchel_placement_rules_slot_by (const SatchelPlacementRules *rules, const char *profile);
guint satchel_placement_rules_slot (const SatchelPlacementRules *rules, const SatchelPlacement *placement,
                                    const char *user, guint n_slots);
/* It is about one rule of storage.rules; also for the check of the configuration. */
gboolean satchel_placement_pattern_fits (const char *pattern, const char *user);
/* Returns one copy of @text, for good; NULL: "".  Main thread. */
const char *satchel_placement_intern (const char *text);
/* placement_slot.c has this. It is frozen, since it decides which process owns a user. */
guint satchel_placement_hash_slot (const char *text, guint n_slots);

typedef struct SatchelPlacements SatchelPlacements;
/* @root_fd is STATE_DIR/auth; -1: in memory only.  What `place` was at when the last process ended is taken
 * back.  NULL means that the records cannot be read, and nobody may be placed anywhere. */
SatchelPlacements *satchel_placements_new (int root_fd, guint n_slots, const SatchelConfigSet *config,
                                           GError **error);
void satchel_placements_free (SatchelPlacements *placements);
const SatchelPlacementRules *satchel_placements_rules (const SatchelPlacements *placements);
guint satchel_placements_n_slots (const SatchelPlacements *placements);
/* Finds where @user is now, for a login or mail. A new user is placed, durably only after
 * satchel_placements_sync. INUSE: the user is released or being moved. UNAVAILABLE: the configuration has no
 * such place. */
gboolean satchel_placements_find (SatchelPlacements *placements, const char *user, SatchelPlacement *ret,
                                  guint *ret_slot, GError **error);
gboolean satchel_placements_sync (SatchelPlacements *placements, GError **error);
/* Does the same without placing anybody, whatever the state. FALSE means that there is no record; @ret is
 * what there would be. */
gboolean satchel_placements_get (SatchelPlacements *placements, const char *user, SatchelPlacement *ret,
                                 guint *ret_slot);
guint satchel_placements_slot (SatchelPlacements *placements, const char *user,
                               const SatchelPlacement *placement);
/* Returns the slot that rules give. */
guint satchel_placements_rule_slot (SatchelPlacements *placements, const char *user,
                                    const SatchelPlacement *placement);
/* Sets the placement of @user, which is durable on return. FALSE means that nothing changed. */
gboolean satchel_placements_set (SatchelPlacements *placements, const char *user,
                                 const SatchelPlacement *placement, GError **error);
/* Of all that have a record in @state. */
void satchel_placements_foreach (SatchelPlacements *placements, SatchelPlacedState state,
                                 void (*func) (const char *user, const SatchelPlacement *placement,
                                               guint slot, gpointer data),
                                 gpointer data);
/* It is for the mail process.  @attributes: as SatchelPlace has them. */
SatchelPlace *satchel_placements_place (SatchelPlacements *placements, const char *user,
                                        const SatchelPlacement *placement, const char *attributes);
/* Returns "DOMAIN/LOCAL" below the mail root: where the mail of @user, "LOCAL@DOMAIN", is.  Yours. */
char *satchel_auth_user_path (const char *user);
