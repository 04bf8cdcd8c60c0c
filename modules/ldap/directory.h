/* SPDX-License-Identifier: MIT
 * Declares connections to the directory, each used by one thread at a time. Calls may block until the
 * deadline of their call; then their socket is shut down.
 */
#pragma once
#include "settings.h"

#include <satchel/helper.h>

#define LDAP_ENTRIES_MAX 100
#define LDAP_VALUES_MAX 1000u

typedef struct LdapConfiguration
{
  const SatchelConfig *section;
  LdapSettings settings;
  char *bind_password; /* or NULL */
  char *url;           /* a URL with the name for which the certificate must be */
} LdapConfiguration;

typedef struct LdapConnection LdapConnection;
/* Connects for @call. NULL with @error means that it could not. */
LdapConnection *ldap_connection_new (const LdapConfiguration *configuration, SatchelHelperCall *call,
                                     GError **error);
void ldap_connection_free (LdapConnection *connection);
/* Says whether the server has nothing to say to it, as to one that lies idle. */
gboolean ldap_connection_is_idle (const LdapConnection *connection);
/* Notes that @connection works for @call from now on; NULL: for none. */
void ldap_connection_serve (LdapConnection *connection, SatchelHelperCall *call);
/* Ends the waiting of what works for @call, whose time is over. Main thread. */
void ldap_connection_cancel (SatchelHelperCall *call);

/* The search found this entry. */
typedef struct LdapEntry
{
  char *dn;
  GPtrArray *values; /* "NAME", "VALUE", ...: the attributes that were asked for */
} LdapEntry;
/* Returns the entries that were found, LdapEntry. NULL with @error means that the connection is of no use any
 * more. @attributes are NULL-ended. */
GPtrArray *ldap_connection_search (LdapConnection *connection, const char *base, const char *filter,
                                   const char *const *attributes, GError **error);
/* Returns the first value of the attribute, or NULL. */
const char *ldap_entry_value (const LdapEntry *entry, const char *name);

typedef enum
{
  LDAP_BIND_ERROR = 0, /* @error is set; the connection cannot be used any more */
  LDAP_BIND_WRONG,
  LDAP_BIND_RIGHT
} LdapBind;
/* Logs in as @dn with @password, which is not empty. Both NULL means anonymously. */
LdapBind ldap_connection_bind (LdapConnection *connection, const char *dn, const char *password,
                               GError **error);
