/* SPDX-License-Identifier: MIT
 * Connections to the directory, each used by one thread at a time.  Calls may block until the time of their
 * call is over: then the socket is shut down under them.
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
  char *url;           /* whose name the certificate must be for */
} LdapConfiguration;

typedef struct LdapConnection LdapConnection;
/* Connects for @call. NULL with @error means that it could not. */
LdapConnection *ldap_connection_new (const LdapConfiguration *configuration, SatchelHelperCall *call,
                                     GError **error);
void ldap_connection_free (LdapConnection *connection);
/* Says whether the server has nothing to say to it, as to one that lies idle. */
gboolean ldap_connection_is_idle (const LdapConnection *connection);
/* From now on @connection works for @call, or, if NULL, for nobody. */
void ldap_connection_serve (LdapConnection *connection, SatchelHelperCall *call);
/* Ends the waiting of what works for @call, whose time is over. Main thread. */
void ldap_connection_cancel (SatchelHelperCall *call);

/* This is an entry that was found. */
typedef struct LdapEntry
{
  char *dn;
  GPtrArray *values; /* "NAME", "VALUE", ...: of the attributes that were asked for */
} LdapEntry;
/* Returns the entries that were found, LdapEntry. NULL with @error means that the connection is of no use any
 * more. @attributes are NULL-ended. */
GPtrArray *ldap_connection_search (LdapConnection *connection, const char *base, const char *filter,
                                   const char *const *attributes, GError **error);
/* Returns the first value of the attribute, or NULL. */
const char *ldap_entry_value (const LdapEntry *entry, const char *name);

typedef enum
{
  LDAP_BIND_ERROR = 0, /* @error; the connection is of no use any more */
  LDAP_BIND_WRONG,
  LDAP_BIND_RIGHT
} LdapBind;
/* Logs in as @dn with @password, which is not empty. Both NULL means anonymously. */
LdapBind ldap_connection_bind (LdapConnection *connection, const char *dn, const char *password,
                               GError **error);
