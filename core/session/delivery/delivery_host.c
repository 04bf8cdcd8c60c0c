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
