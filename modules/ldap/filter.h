/* SPDX-License-Identifier: MIT
 * Filters of the administrator's, with names where values belong.  Pure.
 */
#pragma once
#include <satchel/error.h>

/* Checks a filter. FALSE with INVALID means that it asks for nobody, or that its brackets do not match. */
gboolean ldap_filter_check (const char *text, GError **error);
/* Returns @text with :user, :local and :domain of @address in it, escaped as RFC 4515 3 says; the caller
 * frees it. */
char *ldap_filter_fill (const char *text, const char *address);
