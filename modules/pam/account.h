/* SPDX-License-Identifier: MIT
 * How users are called to PAM.  Pure.
 */
#pragma once
#include <glib.h>

/* The name for PAM of @user (local@domain): the local part if @domain is the user's, or, with @domain NULL,
 * the whole name; yours.  NULL: the user is nobody here. */
char *pam_account_name (const char *user, const char *domain);
