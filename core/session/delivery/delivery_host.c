/* SPDX-License-Identifier: MIT
 * Keeps the table of calls by which deliveries reach the mail process.
 */
#include "config.h"

#include "core/session/delivery/delivery_private.h"

static SatchelDeliveryHost the_host;

void
satchel_delivery_set_host (const SatchelDeliveryHost *host)
{
  the_host = *host;
}

const SatchelDeliveryHost *
satchel_delivery_host (void)
{
  return &the_host;
}

SatchelStore *
satchel_delivery_open_store (const char *user, const char *id, const SatchelPlace *place, GError **error)
{
  const SatchelAccess from = {
    .size = sizeof from,
    .cause = SATCHEL_CAUSE_DELIVERY,
    .owner = user,
    .session_id = id,
    .rights = SATCHEL_RIGHTS_ALL,
  };
  g_autoptr (SatchelAccess) access = satchel_access_new (&from);
  return the_host.acquire_store (access, place, error);
}
