/* SPDX-License-Identifier: MIT
 * Declares the settings of module ldap.
 */
#pragma once
#include <satchel/config.h>

typedef enum
{
  LDAP_TLS_FROM_START = 0,
  LDAP_TLS_STARTTLS,
  LDAP_TLS_OFF
} LdapTls;

typedef struct LdapSettings
{
  const char *server; /* the endpoint, as text */
  LdapTls tls;
  const char *ca_file, *bind_dn, *base, *user_filter, *user_attribute, *address_filter,
      *address_attribute; /* NULL: unset */
  guint connections;
} LdapSettings;

extern const SatchelConfigRow ldap_schema[];
/* Checks what the table of settings cannot. */
gboolean ldap_settings_check (const LdapSettings *settings, GError **error);
