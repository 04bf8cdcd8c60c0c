/* SPDX-License-Identifier: MIT
 * Implements a look at one open mailbox: what another program changed in it goes into the change log.
 */
#include "config.h"

#include "core/storage/change_log/changes.h"
#include "core/storage/change_log/feed.h"

void
satchel_changes_look (SatchelMailboxCore *core)
{
  SatchelChangeLog *log = core->store->changes;
  if (log == NULL || log->is_mending || !satchel_changes_know_mailbox (&core->handle))
    return;
  g_autoptr (SatchelChangeRound) round = satchel_change_round_new (log);
  satchel_change_round_delta (round, &core->handle);
  satchel_change_round_settle (round, 0);
  satchel_change_round_end (round, FALSE);
  if (round->set->notes->len > 0)
    satchel_feed_wake (core->store);
}
