/* SPDX-License-Identifier: MIT
 * Implements the removal of a store by its driver, in steps. The caller hears how far it is and may end it;
 * after each few milliseconds of work it rests as long, so that other work goes on while a big store is
 * removed.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#define WORK_US 2000
#define REST_MAX_US 100000

typedef struct Removal
{
  SatchelDestroyStepFunc step;
  gpointer data;
  guint64 n_removed;
  gint64 rested_us; /* since when it has worked without a rest */
} Removal;

static GPrivate present; /* the Removal of this thread */

static void
take_rest (Removal *removal)
{
  const gint64 worked_us = g_get_monotonic_time () - removal->rested_us;
  if (worked_us < WORK_US)
    return;
  g_usleep ((gulong) MIN (worked_us, REST_MAX_US));
  removal->rested_us = g_get_monotonic_time ();
}

gboolean
satchel_destroy_step (guint n_removed, GError **error)
{
  Removal *removal = g_private_get (&present);
  if (removal == NULL)
    return TRUE;
  removal->n_removed += n_removed;
  if (!removal->step (removal->n_removed, removal->data))
    return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "the removal of the store was stopped");
  take_rest (removal);
  return TRUE;
}

gboolean
satchel_store_level_destroy (const SatchelStoreLevel *driver, const SatchelStorageIdentity *identity,
                             SatchelDestroyStepFunc step, gpointer data, GError **error)
{
  Removal removal = { .step = step, .data = data, .rested_us = g_get_monotonic_time () };
  if (!SATCHEL_HAS (driver->ops, destroy))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the driver %s removes no stores", driver->name);
  g_private_set (&present, step != NULL ? &removal : NULL);
  gboolean ok = driver->ops->destroy (identity, driver->section, error);
  g_private_set (&present, NULL);
  return ok;
}
