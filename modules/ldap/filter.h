/* SPDX-License-Identifier: MIT
 * Filters of the administrator's, with names where values belong.  Pure.
 */
#pragma once
#include <satchel/error.h>

/* FALSE with INVALID: it asks for nobody, or its brackets do not match. */
gboolean ldap_filter_check (const char *text, GError **error);
/* @text with :user, :local and :domain of @address in it, escaped as RFC 4515 3 says; yours. */
char *ldap_filter_fill (const char *text, const char *address);
