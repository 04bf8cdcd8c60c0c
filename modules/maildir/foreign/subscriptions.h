/* SPDX-License-Identifier: MIT
 * Reads and writes what another server of the same Maildir left with the user: which server it was, and
 * its subscriptions.
 */
#pragma once
#include "settings.h"

typedef struct MdStore MdStore;

MdServer md_server_find (MdStore *store);
gboolean md_server_has_utf8_names (MdStore *store);
/* TRUE means: the other server's file is not as we left it, and was read. */
gboolean md_subscriptions_read (MdStore *store);
void md_subscriptions_write (MdStore *store);
