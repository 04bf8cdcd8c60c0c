/* SPDX-License-Identifier: MIT
 * Declares where each user is: which stack keeps the mail, and which mail process owns the user. It is part
 * of the auth role.
 */
#pragma once
#include "core/runtime/config/config_image.h"
#include "core/storage/store/place.h"

#define SATCHEL_SLOT_BY_RULE (-1)

typedef enum
{
  SATCHEL_PLACED_ACTIVE = 0,
  SATCHEL_PLACED_MOVING,  /* the user is being moved by `place` */
  SATCHEL_PLACED_RELEASED /* the user has no owner until the administrator's `adopt` */
} SatchelPlacedState;

/* The strings come from satchel_placement_intern. */
typedef struct SatchelPlacement
{
  const char *profile;
  const char *driver; /* "": the only driver that is enabled */
  const char *volume;
  const char *node; /* "": this machine; there are no others yet */
  int slot;         /* or SATCHEL_SLOT_BY_RULE */
  guint64 epoch;    /* grows with each change of owner; 0: there is no record */
  SatchelPlacedState state;
  /* a rule chose this place, and nobody has looked yet whether the user has mail from before the rule */
  gboolean is_new;
} SatchelPlacement;
/* Returns the word for the state in records and answers ("active", "new", ...), which never changes. */
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
/* Says whether both placements name the same mail, read by the same stack. */
gboolean satchel_placement_rules_is_same (const SatchelPlacementRules *rules, const SatchelPlacement *a,
                                          const SatchelPlacement *b);
SatchelSlotBy satchel_placement_rules_slot_by (const SatchelPlacementRules *rules, const char *profile);
guint satchel_placement_rules_slot (const SatchelPlacementRules *rules, const SatchelPlacement *placement,
                                    const char *user, guint n_slots);
/* Says whether @pattern, one of the users of a rule in storage.rules, fits @user; or, if @pattern is one of
 * its domains, whether it fits the domain @user. */
gboolean satchel_placement_pattern_fits (const char *pattern, const char *user);
/* Returns the one copy of @text that lives as long as the process; NULL stands for "".  Main thread only. */
const char *satchel_placement_intern (const char *text);
/* placement_slot.c has this. It is frozen, since it decides which process owns a user. */
guint satchel_placement_hash_slot (const char *text, guint n_slots);

typedef struct SatchelPlacements SatchelPlacements;
/* Reads the records.  @root_fd is STATE_DIR/auth; -1: nothing is stored.  A move by `place` that was under
 * way when the last process ended is undone.  NULL means that the records cannot be read, so that no user may
 * be placed. */
SatchelPlacements *satchel_placements_new (int root_fd, guint n_slots, const SatchelConfigSet *config,
                                           GError **error);
void satchel_placements_free (SatchelPlacements *placements);
const SatchelPlacementRules *satchel_placements_rules (const SatchelPlacements *placements);
guint satchel_placements_n_slots (const SatchelPlacements *placements);
/* Finds where @user is now, for a login or a delivery.  A new user is placed, and that is durable only after
 * satchel_placements_sync.  INUSE: the user is released or being moved.  UNAVAILABLE: the configuration has
 * no such place. */
gboolean satchel_placements_find (SatchelPlacements *placements, const char *user, SatchelPlacement *ret,
                                  guint *ret_slot, GError **error);
gboolean satchel_placements_sync (SatchelPlacements *placements, GError **error);
/* Reads the placement of @user without placing anybody, whatever the state.  FALSE means that there is no
 * record; *ret is what would be recorded now. */
gboolean satchel_placements_get (SatchelPlacements *placements, const char *user, SatchelPlacement *ret,
                                 guint *ret_slot);
guint satchel_placements_slot (SatchelPlacements *placements, const char *user,
                               const SatchelPlacement *placement);
/* Returns the number of the mail process that the rules give, whatever the record says. */
guint satchel_placements_rule_slot (SatchelPlacements *placements, const char *user,
                                    const SatchelPlacement *placement);
/* Records the placement of @user, which is durable on return.  FALSE means that nothing changed. */
gboolean satchel_placements_set (SatchelPlacements *placements, const char *user,
                                 const SatchelPlacement *placement, GError **error);
/* Calls @func for each user who has a record in @state. */
void satchel_placements_foreach (SatchelPlacements *placements, SatchelPlacedState state,
                                 void (*func) (const char *user, const SatchelPlacement *placement,
                                               guint slot, gpointer data),
                                 gpointer data);
/* Makes the place that a mail process is sent.  @attributes are as SatchelPlace has them. */
SatchelPlace *satchel_placements_place (SatchelPlacements *placements, const char *user,
                                        const SatchelPlacement *placement, const char *attributes);
/* Returns "DOMAIN/LOCAL" for the user "LOCAL@DOMAIN": the directory of the user's mail below the mail root.
 * Yours. */
char *satchel_auth_user_path (const char *user);
