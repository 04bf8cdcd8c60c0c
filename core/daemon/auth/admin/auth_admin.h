/* SPDX-License-Identifier: MIT
 * Says what an admin may ask of auth: status, kick, throttle, test; release, adopt and place are in
 * auth_move.h.
 */
#pragma once
#include "core/daemon/auth/auth.h"

/* Answers an admin request. FALSE means that it is not known here. */
gboolean satchel_auth_admin (SatchelAuth *auth, guint64 request, const char *const *argv);
/* auth_admin_throttle.c and auth_admin_test.c have these. */
void satchel_auth_admin_throttle (SatchelAuth *auth, guint64 request, const char *const *arguments);
void satchel_auth_admin_test (SatchelAuth *auth, guint64 request, const char *const *arguments);
/* auth_devices.c shows the credentials of a user, and ends them. */
void satchel_auth_devices_list (SatchelAuth *auth, guint64 request, const char *const *arguments);
void satchel_auth_devices_end (SatchelAuth *auth, guint64 request, const char *const *arguments);
/* Forgets everything about a name that no user has any more, or not yet: all credentials, what codes need,
 * and known networks. */
void satchel_auth_devices_forget (SatchelAuth *auth, guint64 request, const char *const *arguments);
/* Takes a CLIENT_NAMED of a mail process. FALSE means that it is malformed. */
gboolean satchel_auth_client_named (SatchelAuth *auth, SatchelIpcMessage *message);
/* Sends an answer, the last one to @request. */
void satchel_auth_admin_reply (SatchelAuth *auth, guint64 request, guint status, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
/* Returns the user that an argument names; yours.  NULL means that it is not a user's name, which has been
 * answered. */
char *satchel_auth_admin_user (SatchelAuth *auth, guint64 request, const char *name);
/* Is called once it is known whether any database has @user. All is borrowed; @arguments are those of the
 * request. */
typedef void (*SatchelAdminKnownFunc) (SatchelAuth *auth, guint64 request, const char *user,
                                       gboolean is_known, const char *const *arguments);
/* Calls @func later, or before this returns.  A database that cannot be asked just now makes nobody unknown.
 */
void satchel_auth_admin_inquire (SatchelAuth *auth, guint64 request, const char *user,
                                 const char *const *arguments, SatchelAdminKnownFunc func);
/* Does the same, but if there is no such user, this is answered, and @func is not called. */
void satchel_auth_admin_with_user (SatchelAuth *auth, guint64 request, const char *user,
                                   const char *const *arguments, SatchelAdminKnownFunc func);
