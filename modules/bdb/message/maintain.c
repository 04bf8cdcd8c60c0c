/* SPDX-License-Identifier: MIT
 * This file does the upkeep of a user: it removes contents that no message uses any more.
 */
#include "config.h"

#include "driver.h"
#include "message/content.h"

SatchelMaintained
bdb_maintain (SatchelStorage *storage, const SatchelAccess *access, const SatchelMaintenance *maintenance,
              GError **error)
{
  gboolean is_done = FALSE;
  while (!is_done)
    {
      if (!bdb_references_settle (storage->self, &is_done, error))
        return SATCHEL_MAINTAIN_FAILED;
      if (!is_done && satchel_maintenance_is_over (maintenance))
        return SATCHEL_MAINTAIN_MORE;
    }
  return SATCHEL_MAINTAIN_DONE;
}
