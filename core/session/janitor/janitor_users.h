/* SPDX-License-Identifier: MIT
 * Declares the search for users that a mail process owns: those who have mail, by the directories of the
 * mail root, and those who have an account, as auth knows. Main thread only.
 */
#pragma once
#include "core/session/janitor/janitor.h"

/* Takes the result.  @names are sorted, each once, and the function frees them; NULL means that auth went
 * away. */
typedef void (*SatchelJanitorUsersFunc) (GPtrArray *names);
void satchel_janitor_users_find (const SatchelJanitorHost *host, SatchelJanitorUsersFunc func);
/* Takes the answer about one user. @is_answered FALSE means that auth is away, @place (borrowed) NULL that
 * this process does not own the user. */
typedef void (*SatchelJanitorOwnerFunc) (gboolean is_answered, const SatchelPlace *place);
void satchel_janitor_users_ask (const SatchelJanitorHost *host, const char *user,
                                SatchelJanitorOwnerFunc func);
gboolean satchel_janitor_users_message (SatchelIpcMessage *message);
void satchel_janitor_users_lost (void);
