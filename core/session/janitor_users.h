/* SPDX-License-Identifier: MIT
 * Whom a mail process owns: who has mail, by the directories of the mail root, and who has an account, as
 * auth knows.  Main thread.
 */
#pragma once
#include "core/session/janitor.h"

/* @names: sorted, each once, yours; NULL: auth went away meanwhile. */
typedef void (*SatchelJanitorUsersFunc) (GPtrArray *names);
void satchel_janitor_users_find (const SatchelJanitorHost *host, SatchelJanitorUsersFunc func);
/* One user: @place (borrowed) NULL: not ours now, or auth is away. */
typedef void (*SatchelJanitorOwnerFunc) (const SatchelPlace *place);
void satchel_janitor_users_ask (const SatchelJanitorHost *host, const char *user,
                                SatchelJanitorOwnerFunc func);
gboolean satchel_janitor_users_message (SatchelIpcMessage *message);
void satchel_janitor_users_lost (void);
