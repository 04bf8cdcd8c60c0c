/* SPDX-License-Identifier: MIT
 * Lists what is different in the files of each server beside which ours may lie.
 */
#include "config.h"

#include "foreign/servers.h"

#include <string.h>

static const MdServerFacts facts[] = {
  [MD_SERVER_UNKNOWN] = { .name = "none", .inbox_prefix = "" },
  [MD_SERVER_NONE] = { .name = "none", .inbox_prefix = "" },
  [MD_SERVER_DOVECOT] = { .name = "dovecot",
                          .subscriptions = MD_DOVECOT_SUBSCRIPTIONS,
                          .subscriptions_head = "V\t2\n\n",
                          .has_tabs = TRUE,
                          .inbox_prefix = "" },
  [MD_SERVER_COURIER] = { .name = "courier",
                          .subscriptions = MD_COURIER_SUBSCRIPTIONS,
                          .is_in_maildir = TRUE,
                          .inbox_prefix = "INBOX.",
                          .has_utf8_names = TRUE,
                          .uidvalidity_end = 1000000000,
                          .uidl_format = "UID%u-%v" },
};

const MdServerFacts *
md_server_facts (MdServer server)
{
  return &facts[server];
}

MdServer
md_server_from_name (const char *name)
{
  for (guint i = MD_SERVER_DOVECOT; i < G_N_ELEMENTS (facts); i++)
    if (strcmp (facts[i].name, name) == 0)
      return (MdServer) i;
  return MD_SERVER_NONE;
}
