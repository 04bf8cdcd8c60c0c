/* SPDX-License-Identifier: MIT
 * Declares what another server of the same Maildir left with the user: which server it was, and its
 * subscriptions.
 */
#pragma once
#include "settings.h"

typedef struct MdStore MdStore;

MdServer md_server_find (MdStore *store);
gboolean md_server_has_utf8_names (MdStore *store);
/* Reads the other server's subscriptions.  TRUE means that its file is not as this server left it, so that it
 * has been read. */
gboolean md_subscriptions_read (MdStore *store);
void md_subscriptions_write (MdStore *store);
