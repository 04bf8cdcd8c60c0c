/* SPDX-License-Identifier: MIT
 * Lists the settings of module ldap.
 */
#include "settings.h"

#include "filter.h"

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, LdapSettings, member)

static const SatchelConfigRow attribute_rows[] = {
  { "name", SATCHEL_CONFIG_STRING, NULL, "Name of the attribute for modules, \"quota.storage\"",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "from", SATCHEL_CONFIG_STRING, NULL, "Name of the attribute in the directory",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { NULL }
};

const SatchelConfigRow ldap_schema[] = {
  { "server", INTO (ENDPOINT, server), NULL, "Where the directory listens",
    .flags = SATCHEL_CONFIG_REQUIRED | SATCHEL_CONFIG_RELOADABLE },
  { "tls", INTO (ENUM, tls), "ldaps",
    "ldaps: TLS from the beginning (port 636); starttls: by StartTLS (port 389), and never without; off: in "
    "clear, for a server on this machine",
    .choices = "ldaps|starttls|off" },
  { "ca_file", INTO (PATH, ca_file), NULL, "Certificates that the server's own must follow from" },
  { "bind_dn", INTO (STRING, bind_dn), NULL, "Name to search as; unset: searches are anonymous" },
  { "bind_password", SATCHEL_CONFIG_SECRET, NULL, "Password of that name" },
  { "base", INTO (STRING, base), NULL, "Entry below which users are", .flags = SATCHEL_CONFIG_REQUIRED },
  { "user_filter", INTO (STRING, user_filter), "(mail=:user)",
    "Filter that finds the one entry of a user, with :user (or :local and :domain) where the name belongs; "
    "whom it does not find is no user, so it also says who is locked" },
  { "user_attribute", INTO (STRING, user_attribute), "mail",
    "Attribute that has the user's name, with or without domain: directories compare loosely, and an entry "
    "that has another spelling of it is not the user's" },
  { "address_filter", INTO (STRING, address_filter), NULL,
    "Filter that finds the entries that get the mail of an address, as before; unset: an address is looked "
    "for as a user" },
  { "address_attribute", INTO (STRING, address_attribute), "mail",
    "Attribute of these entries that has the user, or another address" },
  { "attributes", SATCHEL_CONFIG_GROUPS, NULL,
    "What modules shall know of a user, as { name = \"quota.storage\"; from = \"mailQuota\"; }",
    .group = attribute_rows },
  { "connections", INTO (INT, connections), "4",
    "Questions to the directory at a time; each has a connection for searches and one for passwords",
    .min = 1, .max = 64 },
  { NULL }
};

static gboolean
check_filter (const char *key, const char *text, GError **error)
{
  gboolean ok = text == NULL || ldap_filter_check (text, error);
  if (!ok)
    g_prefix_error (error, "%s: ", key);
  return ok;
}

gboolean
ldap_settings_check (const LdapSettings *settings, GError **error)
{
  gboolean is_unix = settings->server != NULL && g_str_has_prefix (settings->server, "unix:");
  if (settings->tls != LDAP_TLS_OFF && is_unix)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "tls: a unix socket is used with \"off\"");
  if (settings->tls != LDAP_TLS_OFF && settings->ca_file == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "ca_file: it is needed with TLS; /etc/ssl/certs/ca-certificates.crt has those "
                              "of the public authorities");
  return check_filter ("user_filter", settings->user_filter, error)
         && check_filter ("address_filter", settings->address_filter, error);
}
