/* SPDX-License-Identifier: MIT
 * This file makes a visit of the janitor to one store.  It asks the levels, the one nearest to the client
 * first, then the listeners, each until it has finished.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/log.h>

#include "core/runtime/loop/job_private.h"

static gint is_stopping; /* atomic */

void
satchel_maintenance_stop (void)
{
  g_atomic_int_set (&is_stopping, 1);
}

gboolean
satchel_maintenance_is_over (const SatchelMaintenance *maintenance)
{
  return g_atomic_int_get (&is_stopping) != 0 || g_get_monotonic_time () >= maintenance->end_us;
}

static SatchelMaintained
call_step (SatchelStore *store, const SatchelStoreListener *listeners, guint step,
           const SatchelMaintenance *maintenance, const char **ret_name, GError **error)
{
  SatchelStoreCore *core = store->core;
  SatchelMaintained result = SATCHEL_MAINTAIN_DONE;
  if (step < core->n_levels)
    {
      SatchelStorage *level = &core->levels[step];
      *ret_name = core->level_names[step];
      satchel_job_call (*ret_name, "maintain");
      if (SATCHEL_HAS (level->ops, maintain))
        result = level->ops->maintain (level, satchel_store_access (store), maintenance, error);
    }
  else
    {
      const SatchelStoreListener *listener = &listeners[step - core->n_levels];
      *ret_name = listener->name;
      satchel_job_call (*ret_name, "maintain");
      if (SATCHEL_HAS (listener->ops, maintain))
        result = listener->ops->maintain (store, maintenance, error);
    }
  satchel_job_call (NULL, NULL);
  return result;
}

SatchelMaintained
satchel_store_maintain (SatchelStore *store, const SatchelMaintenance *maintenance, guint *ref_step,
                        guint *ref_failed)
{
  guint n_listeners;
  g_autofree SatchelStoreListener *listeners = satchel_store_get_listeners (&n_listeners);
  for (; *ref_step < store->core->n_levels + n_listeners; (*ref_step)++)
    {
      const char *name = "";
      g_autoptr (GError) error = NULL;
      if (satchel_maintenance_is_over (maintenance))
        return SATCHEL_MAINTAIN_MORE;
      switch (call_step (store, listeners, *ref_step, maintenance, &name, &error))
        {
        case SATCHEL_MAINTAIN_MORE:
          return SATCHEL_MAINTAIN_MORE;
        case SATCHEL_MAINTAIN_DONE:
          break;
        case SATCHEL_MAINTAIN_FAILED:
          (*ref_failed)++;
          if (satchel_error_is_news (error))
            satchel_log (SATCHEL_LOG_ERROR, "janitor", "user=%s module=%s: %s", satchel_store_user (store),
                         name, error != NULL ? error->message : "the module failed and gave no reason");
          break;
        }
    }
  return SATCHEL_MAINTAIN_DONE;
}
