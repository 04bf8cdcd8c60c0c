/* SPDX-License-Identifier: MIT
 * This file keeps the records of where users are.  A record is "STATE EPOCH SLOT NODE DRIVER VOLUME PROFILE
 * USER" with tabs between; the last one of a user counts.  A user without a record is where the rules say,
 * and while there are no rules, no record is written for such users.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/daemon/auth/auth.h"
#include "core/daemon/auth/placement/placement.h"
#include <satchel/record_log.h>

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <satchel/retry.h>
#include <string.h>
#include <sys/stat.h>

#define AREA "auth"
#define FILE_NAME "placements"
#define N_FIELDS 8u
#define OLD_NAME "owners" /* the file of older servers: "USER SLOT", or "USER -" for a released user */
#define OLD_BYTES_MAX (16 * 1024 * 1024)

struct SatchelPlacements
{
  int root_fd;
  guint n_slots;
  SatchelPlacementRules *rules;
  GHashTable *records; /* user -> SatchelPlacement */
  SatchelRecordLog *log;
  GPtrArray *unsynced; /* users who were placed since the last sync */
  guint n_unread;      /* records that could not be understood */
};

static const char *const state_names[][2] = { { "active", "new" },
                                              { "moving", "moving-new" },
                                              { "released", "released-new" } };

const char *
satchel_placement_state_name (const SatchelPlacement *placement)
{
  return state_names[placement->state][placement->is_new != FALSE];
}

static char *
record_text (const char *user, const SatchelPlacement *placement)
{
  char slot[16] = "-";
  if (placement->slot != SATCHEL_SLOT_BY_RULE)
    g_snprintf (slot, sizeof slot, "%d", placement->slot);
  return g_strdup_printf ("%s\t%" G_GUINT64_FORMAT "\t%s\t%s\t%s\t%s\t%s\t%s",
                          satchel_placement_state_name (placement), placement->epoch, slot, placement->node,
                          placement->driver, placement->volume, placement->profile, user);
}

static gboolean
parse_record (char **fields, SatchelPlacement *ret)
{
  guint64 slot;
  if (g_strv_length (fields) < N_FIELDS || strchr (fields[7], '@') == NULL)
    return FALSE;
  guint state = 0;
  while (state < 2 * G_N_ELEMENTS (state_names) && strcmp (state_names[state / 2][state % 2], fields[0]) != 0)
    state++;
  *ret = (SatchelPlacement) { .state = state / 2,
                              .is_new = state % 2,
                              .slot = SATCHEL_SLOT_BY_RULE,
                              .node = satchel_placement_intern (fields[3]),
                              .driver = satchel_placement_intern (fields[4]),
                              .volume = satchel_placement_intern (fields[5]),
                              .profile = satchel_placement_intern (fields[6]) };
  if (strcmp (fields[2], "-") != 0)
    {
      if (!g_ascii_string_to_unsigned (fields[2], 10, 0, SATCHEL_SLOTS_MAX - 1, &slot, NULL))
        return FALSE;
      ret->slot = (int) slot;
    }
  return state < 2 * G_N_ELEMENTS (state_names)
         && g_ascii_string_to_unsigned (fields[1], 10, 1, G_MAXUINT64, &ret->epoch, NULL);
}

static void
put_record (SatchelPlacements *placements, const char *user, const SatchelPlacement *placement)
{
  g_hash_table_replace (placements->records, g_strdup (user), g_memdup2 (placement, sizeof *placement));
}

static void
load_record (const char *record, gpointer data)
{
  SatchelPlacements *placements = data;
  g_auto (GStrv) fields = g_strsplit (record, "\t", N_FIELDS + 1);
  SatchelPlacement placement;
  if (parse_record (fields, &placement))
    put_record (placements, fields[7], &placement);
  else if (placements->n_unread++ == 0)
    satchel_log (SATCHEL_LOG_ERROR, AREA, "file " FILE_NAME ": \"%s\" is not a placement, and does not count",
                 record);
}

static void
dump_records (SatchelRecordFunc emit, gpointer emit_data, gpointer data)
{
  SatchelPlacements *placements = data;
  GHashTableIter iter;
  gpointer user, placement;
  g_hash_table_iter_init (&iter, placements->records);
  while (g_hash_table_iter_next (&iter, &user, &placement))
    {
      g_autofree char *text = record_text (user, placement);
      emit (text, emit_data);
    }
}

static void
take_old_line (SatchelPlacements *placements, const char *line)
{
  /* the last space separates, since a user name may contain spaces */
  const char *space = strrchr (line, ' ');
  guint64 slot = 0;
  gboolean is_released = space != NULL && strcmp (space, " -") == 0;
  if (*line == '\0' || *line == '#')
    return;
  if (space == NULL
      || (!is_released && !g_ascii_string_to_unsigned (space + 1, 10, 0, SATCHEL_SLOTS_MAX - 1, &slot, NULL)))
    {
      satchel_log (SATCHEL_LOG_ERROR, AREA,
                   "file " OLD_NAME ": \"%s\" is not USER SLOT; this line is left out", line);
      return;
    }
  g_autofree char *user = g_strndup (line, (gsize) (space - line));
  if (strchr (user, '@') == NULL || g_hash_table_contains (placements->records, user))
    return;
  SatchelPlacement placement;
  satchel_placement_rules_choose (placements->rules, user, &placement);
  satchel_placement_rules_set_profile (placements->rules, &placement, SATCHEL_DEFAULT_PROFILE);
  placement.volume = satchel_placement_intern ("");
  placement.epoch = 1;
  placement.slot = is_released ? SATCHEL_SLOT_BY_RULE : (int) slot;
  placement.state = is_released ? SATCHEL_PLACED_RELEASED : SATCHEL_PLACED_ACTIVE;
  g_autofree char *text = record_text (user, &placement);
  put_record (placements, user, &placement);
  satchel_record_log_add (placements->log, text);
}

char *
satchel_auth_user_path (const char *user)
{
  const char *at = strrchr (user, '@');
  gsize local_len = (gsize) (at - user);
  char *path = g_malloc (strlen (user) + 1);
  char *end = stpcpy (stpcpy (path, at + 1), "/");
  memcpy (end, user, local_len);
  end[local_len] = '\0';
  return path;
}

/* Turns the file of an older server into records, once. */
static void
take_old_file (SatchelPlacements *placements)
{
  g_auto (SatchelFd) fd =
      SATCHEL_RETRY (openat (placements->root_fd, OLD_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status;
  if (fd < 0)
    return;
  if (fstat (fd, &status) == 0 && S_ISREG (status.st_mode) && status.st_size <= OLD_BYTES_MAX)
    {
      g_autofree char *text = g_malloc0 ((gsize) status.st_size + 1);
      (void) satchel_fd_read_all (fd, text, (gsize) status.st_size);
      g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
      for (char **line = lines; *line != NULL; line++)
        take_old_line (placements, *line);
    }
  g_autoptr (GError) error = NULL;
  if (!satchel_placements_sync (placements, &error))
    satchel_log (SATCHEL_LOG_ERROR, AREA,
                 "file " OLD_NAME " is kept, since its users could not be recorded: %s", error->message);
  else if (unlinkat (placements->root_fd, OLD_NAME, 0) == 0)
    satchel_log (SATCHEL_LOG_INFO, AREA, "file " OLD_NAME ": its users are in " FILE_NAME " now");
}

/* A move by `place` that was under way when auth ended is undone: the user is where he was, since no mail has
 * been moved yet. */
static void
take_moves_back (SatchelPlacements *placements)
{
  GHashTableIter iter;
  gpointer user, value;
  g_hash_table_iter_init (&iter, placements->records);
  while (g_hash_table_iter_next (&iter, &user, &value))
    {
      SatchelPlacement *placement = value;
      if (placement->state != SATCHEL_PLACED_MOVING)
        continue;
      placement->state = SATCHEL_PLACED_ACTIVE;
      placement->epoch++;
      g_autofree char *text = record_text (user, placement);
      satchel_record_log_add (placements->log, text);
      satchel_log (SATCHEL_LOG_WARNING, AREA, "user=\"%s\" is not moved: this process ended during the move",
                   (char *) user);
    }
  g_autoptr (GError) error = NULL;
  if (!satchel_placements_sync (placements, &error))
    satchel_log (SATCHEL_LOG_ERROR, AREA, "%s", error->message);
}

/* Logs which users have a stack that the configuration no longer has.  Their logins will be refused, and the
 * administrator should know before they do. */
static void
tell_misfits (SatchelPlacements *placements)
{
  GHashTableIter iter;
  gpointer user, value;
  g_autoptr (GError) first = NULL;
  guint n = 0;
  g_hash_table_iter_init (&iter, placements->records);
  while (g_hash_table_iter_next (&iter, &user, &value))
    {
      SatchelPlacement placement;
      guint slot;
      if (((SatchelPlacement *) value)->state != SATCHEL_PLACED_RELEASED
          && !satchel_placements_find (placements, user, &placement, &slot, first == NULL ? &first : NULL))
        n++;
    }
  if (n > 0)
    satchel_log (SATCHEL_LOG_ERROR, AREA,
                 "%u users can neither log in nor get mail; the reason for one of them: %s", n,
                 first->message);
}

SatchelPlacements *
satchel_placements_new (int root_fd, guint n_slots, const SatchelConfigSet *config, GError **error)
{
  SatchelPlacements *placements = g_new0 (SatchelPlacements, 1);
  placements->root_fd = root_fd;
  placements->n_slots = n_slots;
  placements->rules = satchel_placement_rules_new (config);
  placements->records = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  placements->unsynced = g_ptr_array_new_with_free_func (g_free);
  placements->log = satchel_record_log_open (root_fd, FILE_NAME, "satchel-placements", 0, load_record,
                                             dump_records, placements, error);
  if (placements->log == NULL)
    {
      g_prefix_error (error, "where users are is not known: state_dir/auth/");
      satchel_placements_free (placements);
      return NULL;
    }
  if (root_fd >= 0)
    take_old_file (placements);
  take_moves_back (placements);
  tell_misfits (placements);
  return placements;
}

void
satchel_placements_free (SatchelPlacements *placements)
{
  if (placements == NULL)
    return;
  satchel_record_log_free (placements->log);
  satchel_placement_rules_free (placements->rules);
  g_hash_table_unref (placements->records);
  g_ptr_array_unref (placements->unsynced);
  g_free (placements);
}

const SatchelPlacementRules *
satchel_placements_rules (const SatchelPlacements *placements)
{
  return placements->rules;
}

guint
satchel_placements_n_slots (const SatchelPlacements *placements)
{
  return placements->n_slots;
}

guint
satchel_placements_rule_slot (SatchelPlacements *placements, const char *user,
                              const SatchelPlacement *placement)
{
  return satchel_placement_rules_slot (placements->rules, placement, user, placements->n_slots);
}

/* Returns the mail process of @user.  If its recorded number does not exist any more, or the stack may not be
 * opened by two processes, the rule decides again. */
guint
satchel_placements_slot (SatchelPlacements *placements, const char *user, const SatchelPlacement *placement)
{
  if (placement->slot != SATCHEL_SLOT_BY_RULE && (guint) placement->slot < placements->n_slots
      && satchel_placement_rules_slot_by (placements->rules, placement->profile) != SATCHEL_SLOT_BY_VOLUME)
    return (guint) placement->slot;
  return satchel_placements_rule_slot (placements, user, placement);
}

gboolean
satchel_placements_get (SatchelPlacements *placements, const char *user, SatchelPlacement *ret,
                        guint *ret_slot)
{
  const SatchelPlacement *record = g_hash_table_lookup (placements->records, user);
  if (record != NULL)
    *ret = *record;
  else
    satchel_placement_rules_choose (placements->rules, user, ret);
  *ret_slot = satchel_placements_slot (placements, user, ret);
  return record != NULL;
}

/* Checks whether the configuration still has what the record says. */
static gboolean
check_stack (SatchelPlacements *placements, const char *user, const SatchelPlacement *placement,
             GError **error)
{
  SatchelPlacement now = *placement;
  if (!satchel_placement_rules_set_profile (placements->rules, &now, placement->profile))
    return satchel_error_set (
        error, SATCHEL_ERROR_UNAVAILABLE,
        "%s is of the profile \"%s\", which storage.profiles does not have; put it back", user,
        placement->profile);
  if (*now.driver != '\0' && *placement->driver != '\0' && strcmp (now.driver, placement->driver) != 0)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "%s has mail in the driver %s, and the profile \"%s\" has the driver %s now; "
                              "put it back, and give the other a profile of its own",
                              user, placement->driver, placement->profile, now.driver);
  return TRUE;
}

gboolean
satchel_placements_find (SatchelPlacements *placements, const char *user, SatchelPlacement *ret,
                         guint *ret_slot, GError **error)
{
  if (placements->n_slots == 0)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "there is no mail process");
  gboolean is_written = satchel_placements_get (placements, user, ret, ret_slot);
  if (ret->state != SATCHEL_PLACED_ACTIVE)
    return satchel_error_set (error, SATCHEL_ERROR_INUSE, "%s is %s", user,
                              ret->state == SATCHEL_PLACED_RELEASED ? "released" : "being moved");
  if (is_written || !satchel_placement_rules_exist (placements->rules))
    return check_stack (placements, user, ret, error);
  gboolean is_default = strcmp (ret->profile, SATCHEL_DEFAULT_PROFILE) == 0 && *ret->volume == '\0';
  ret->epoch = 1;
  ret->is_new = !is_default;
  g_autofree char *text = record_text (user, ret);
  put_record (placements, user, ret);
  satchel_record_log_add (placements->log, text);
  g_ptr_array_add (placements->unsynced, g_strdup (user));
  return TRUE;
}

gboolean
satchel_placements_sync (SatchelPlacements *placements, GError **error)
{
  gboolean ok = satchel_record_log_sync (placements->log, g_hash_table_size (placements->records), error);
  for (guint i = 0; !ok && i < placements->unsynced->len; i++)
    g_hash_table_remove (placements->records, placements->unsynced->pdata[i]);
  g_ptr_array_set_size (placements->unsynced, 0);
  return ok;
}

gboolean
satchel_placements_set (SatchelPlacements *placements, const char *user, const SatchelPlacement *placement,
                        GError **error)
{
  g_autofree SatchelPlacement *old = g_memdup2 (g_hash_table_lookup (placements->records, user), sizeof *old);
  g_autofree char *text = record_text (user, placement);
  put_record (placements, user, placement);
  satchel_record_log_add (placements->log, text);
  if (satchel_placements_sync (placements, error))
    return TRUE;
  if (old != NULL)
    put_record (placements, user, old);
  else
    g_hash_table_remove (placements->records, user);
  return FALSE;
}

void
satchel_placements_foreach (SatchelPlacements *placements, SatchelPlacedState state,
                            void (*func) (const char *user, const SatchelPlacement *placement, guint slot,
                                          gpointer data),
                            gpointer data)
{
  GHashTableIter iter;
  gpointer user, placement;
  g_hash_table_iter_init (&iter, placements->records);
  while (g_hash_table_iter_next (&iter, &user, &placement))
    if (((SatchelPlacement *) placement)->state == state)
      func (user, placement, satchel_placements_slot (placements, user, placement), data);
}

/* Says whether users of the default stack are in the same mail process as @user with @placement. */
static gboolean
shares_default_slot (SatchelPlacements *placements, const char *user, const SatchelPlacement *placement)
{
  SatchelPlacement plain;
  satchel_placement_rules_choose (placements->rules, user, &plain);
  satchel_placement_rules_set_profile (placements->rules, &plain, SATCHEL_DEFAULT_PROFILE);
  plain.volume = "";
  plain.slot = placement->slot;
  return satchel_placements_slot (placements, user, placement)
         == satchel_placements_slot (placements, user, &plain);
}

SatchelPlace *
satchel_placements_place (SatchelPlacements *placements, const char *user, const SatchelPlacement *placement,
                          const char *attributes)
{
  g_autofree char *path = satchel_auth_user_path (user);
  return satchel_place_new (&(SatchelPlace) {
      .path = path,
      .profile = placement->profile,
      .volume = placement->volume,
      .epoch = placement->epoch,
      .is_new = placement->is_new,
      .may_stay = placement->is_new && shares_default_slot (placements, user, placement),
      .attributes = attributes,
  });
}
