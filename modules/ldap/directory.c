/* SPDX-License-Identifier: MIT
 * This file speaks to the directory by OpenLDAP's library, on sockets that the connector has connected.
 */
#include "directory.h"

#include <ldap.h>
#include <openldap.h>
#include <poll.h>
#include <satchel/endpoint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct LdapConnection
{
  LDAP *ld;
  int fd; /* descriptor of @ld */
};

/* This guards the data of calls, which is the connection that works for a call. */
static GMutex serving;

void
ldap_connection_serve (LdapConnection *connection, SatchelHelperCall *call)
{
  g_mutex_lock (&serving);
  satchel_helper_call_set_data (call, connection);
  g_mutex_unlock (&serving);
}

void
ldap_connection_cancel (SatchelHelperCall *call)
{
  g_mutex_lock (&serving);
  const LdapConnection *connection = satchel_helper_call_data (call);
  if (connection != NULL)
    shutdown (connection->fd, SHUT_RDWR);
  g_mutex_unlock (&serving);
}

void
ldap_connection_free (LdapConnection *connection)
{
  /* Closing a connection sends an unbind request, which must not wait for a server that does not read. */
  shutdown (connection->fd, SHUT_RDWR);
  if (connection->ld != NULL)
    ldap_unbind_ext (connection->ld, NULL, NULL);
  else
    close (connection->fd);
  g_free (connection);
}

gboolean
ldap_connection_is_idle (const LdapConnection *connection)
{
  struct pollfd one = { .fd = connection->fd, .events = POLLIN };
  return poll (&one, 1, 0) == 0;
}

static gboolean
fail (const LdapConnection *connection, int rc, GError **error)
{
  char *more = NULL;
  ldap_get_option (connection->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
  satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the directory: %s%s%s", ldap_err2string (rc),
                     more != NULL && *more != '\0' ? ": " : "", more != NULL ? more : "");
  ldap_memfree (more);
  return FALSE;
}

static gboolean
set_up (LdapConnection *connection, const LdapConfiguration *configuration, GError **error)
{
  const LdapSettings *settings = &configuration->settings;
  const int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, is_server = 0;
  int rc = ldap_set_option (connection->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
  /* Referrals are not followed, since they lead to servers that were not granted. */
  if (rc == LDAP_SUCCESS)
    rc = ldap_set_option (connection->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
  if (rc != LDAP_SUCCESS || settings->tls == LDAP_TLS_OFF)
    return rc == LDAP_SUCCESS || fail (connection, rc, error);
  rc = ldap_set_option (connection->ld, LDAP_OPT_X_TLS_CACERTFILE, settings->ca_file);
  if (rc == LDAP_SUCCESS)
    rc = ldap_set_option (connection->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
  if (rc == LDAP_SUCCESS)
    rc = ldap_set_option (connection->ld, LDAP_OPT_X_TLS_NEWCTX, &is_server);
  if (rc == LDAP_SUCCESS)
    rc = settings->tls == LDAP_TLS_STARTTLS ? ldap_start_tls_s (connection->ld, NULL, NULL)
                                            : ldap_install_tls (connection->ld);
  return rc == LDAP_SUCCESS || fail (connection, rc, error);
}

LdapConnection *
ldap_connection_new (const LdapConfiguration *configuration, SatchelHelperCall *call, GError **error)
{
  int fd = satchel_endpoint_connect (configuration->section, "server",
                                     MAX (satchel_helper_call_left_ms (call), 1), error);
  if (fd < 0)
    return NULL;
  gboolean is_unix = g_str_has_prefix (configuration->settings.server, "unix:");
  LdapConnection *connection = g_new0 (LdapConnection, 1);
  connection->fd = fd;
  int rc = ldap_init_fd (fd, is_unix ? LDAP_PROTO_IPC : LDAP_PROTO_TCP, configuration->url, &connection->ld);
  if (rc != LDAP_SUCCESS)
    satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the directory: %s", ldap_err2string (rc));
  else
    {
      ldap_connection_serve (connection, call);
      if (!satchel_helper_call_is_cancelled (call) && set_up (connection, configuration, error))
        return connection;
      ldap_connection_serve (NULL, call);
      if (error != NULL && *error == NULL)
        satchel_error_set (error, SATCHEL_ERROR_TIMEOUT, "the directory did not answer in time");
    }
  ldap_connection_free (connection);
  return NULL;
}

/* ---- searches ---- */

static void
entry_free (gpointer data)
{
  LdapEntry *entry = data;
  g_ptr_array_unref (entry->values);
  g_free (entry->dn);
  g_free (entry);
}

const char *
ldap_entry_value (const LdapEntry *entry, const char *name)
{
  for (guint i = 0; i + 1 < entry->values->len; i += 2)
    if (g_ascii_strcasecmp (entry->values->pdata[i], name) == 0)
      return entry->values->pdata[i + 1];
  return NULL;
}

/* Adds values.  Those with a NUL in them are no texts, and are left out. */
static void
add_values (LDAP *ld, LDAPMessage *message, const char *name, LdapEntry *entry)
{
  struct berval **values = ldap_get_values_len (ld, message, name);
  for (guint i = 0; values != NULL && values[i] != NULL && entry->values->len < LDAP_VALUES_MAX; i++)
    if (memchr (values[i]->bv_val, '\0', values[i]->bv_len) == NULL)
      {
        g_ptr_array_add (entry->values, g_strdup (name));
        g_ptr_array_add (entry->values, g_strndup (values[i]->bv_val, values[i]->bv_len));
      }
  if (values != NULL)
    ldap_value_free_len (values);
}

static GPtrArray *
read_entries (LDAP *ld, LDAPMessage *result, const char *const *attributes)
{
  GPtrArray *entries = g_ptr_array_new_with_free_func (entry_free);
  for (LDAPMessage *message = ldap_first_entry (ld, result); message != NULL;
       message = ldap_next_entry (ld, message))
    {
      char *dn = ldap_get_dn (ld, message);
      LdapEntry *entry = g_new0 (LdapEntry, 1);
      entry->dn = g_strdup (dn != NULL ? dn : "");
      entry->values = g_ptr_array_new_with_free_func (g_free);
      for (guint i = 0; attributes[i] != NULL; i++)
        add_values (ld, message, attributes[i], entry);
      ldap_memfree (dn);
      g_ptr_array_add (entries, entry);
    }
  return entries;
}

GPtrArray *
ldap_connection_search (LdapConnection *connection, const char *base, const char *filter,
                        const char *const *attributes, GError **error)
{
  LDAPMessage *result = NULL;
  GPtrArray *entries = NULL;
  int rc = ldap_search_ext_s (connection->ld, base, LDAP_SCOPE_SUBTREE, filter, (char **) attributes, 0, NULL,
                              NULL, NULL, LDAP_ENTRIES_MAX, &result);
  if (rc == LDAP_SUCCESS)
    entries = read_entries (connection->ld, result, attributes);
  else
    fail (connection, rc, error);
  ldap_msgfree (result);
  return entries;
}

/* ---- passwords ---- */

LdapBind
ldap_connection_bind (LdapConnection *connection, const char *dn, const char *password, GError **error)
{
  /* A bind with a name and no password would succeed as an anonymous one (RFC 4513 5.1.2). */
  if (dn != NULL && (password == NULL || *password == '\0' || *dn == '\0'))
    return LDAP_BIND_WRONG;
  struct berval secret = { .bv_val = (char *) password, .bv_len = password != NULL ? strlen (password) : 0 };
  int rc = ldap_sasl_bind_s (connection->ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
  switch (rc)
    {
    case LDAP_SUCCESS:
      return LDAP_BIND_RIGHT;
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INAPPROPRIATE_AUTH:
      return LDAP_BIND_WRONG;
    default:
      fail (connection, rc, error);
      return LDAP_BIND_ERROR;
    }
}
