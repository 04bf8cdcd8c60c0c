/* SPDX-License-Identifier: MIT
 * This file asks the stack how much room a user's mail takes, and how much it may take.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <string.h>

gboolean
satchel_store_quota (SatchelStore *store, SatchelQuota *ret_limits)
{
  SatchelQuota limits = { .size = sizeof limits,
                          .root = "",
                          .limit = { SATCHEL_UNLIMITED, SATCHEL_UNLIMITED } };
  if (!satchel_storage_limits (SATCHEL_STACK (store), &limits))
    return FALSE;
  if (ret_limits != NULL)
    {
      limits.size = MIN (ret_limits->size, sizeof limits);
      memcpy (ret_limits, &limits, limits.size);
    }
  return TRUE;
}

gboolean
satchel_store_usage (SatchelStore *store, SatchelUsage *ret_usage, GError **error)
{
  *ret_usage = (SatchelUsage) { 0 };
  return satchel_storage_usage (SATCHEL_STACK (store), NULL, NULL, ret_usage, error);
}

gboolean
satchel_mailbox_usage (SatchelMailbox *mailbox, const SatchelUidSet *uids, SatchelUsage *ret_usage,
                       GError **error)
{
  *ret_usage = (SatchelUsage) { 0 };
  return satchel_storage_usage (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, uids, ret_usage,
                                error);
}
