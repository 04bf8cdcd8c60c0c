/* SPDX-License-Identifier: MIT
 * What an admin may ask of auth: status, kick; release, adopt and place are in auth_move.h.
 */
#pragma once
#include "core/daemon/auth/auth.h"

/* FALSE: not known here. */
gboolean satchel_auth_admin (SatchelAuth *auth, guint64 request, const char *const *argv);
/* An answer, the last one to @request. */
void satchel_auth_admin_reply (SatchelAuth *auth, guint64 request, guint status, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
/* The user that an argument names, yours; NULL: none, and that was answered. */
char *satchel_auth_admin_user (SatchelAuth *auth, guint64 request, const char *name);
/* Whether any database knows @user. */
gboolean satchel_auth_admin_is_known (SatchelAuth *auth, const char *user);
/* Answers and FALSE where there is no such user.  A database that cannot be asked just now makes nobody
 * unknown. */
gboolean satchel_auth_admin_check_known (SatchelAuth *auth, guint64 request, const char *user);
