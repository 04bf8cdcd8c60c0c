/* SPDX-License-Identifier: MIT
 * Declares the names by which PAM knows users. Pure.
 */
#pragma once
#include <glib.h>

/* Returns the name for PAM of @user (local@domain), which the caller frees: the local part if @domain is the
 * user's or, with @domain NULL, the whole name. NULL means that the user is nobody here. */
char *pam_account_name (const char *user, const char *domain);
