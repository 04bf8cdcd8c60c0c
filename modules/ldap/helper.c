/* SPDX-License-Identifier: MIT
 * The helper: keeps connections, searches for users, and binds as them to try their passwords.
 */
#include "helper.h"

#include "filter.h"

#include <satchel/source.h>
#include <stdlib.h>
#include <string.h>

/* A user's entry may have these attributes; the first tells a change of the password best. */
static const char *const versions[] = { "pwdChangedTime", "pwdLastSet", "entryCSN", "modifyTimestamp" };

typedef enum
{
  POOL_SEARCH = 0, /* bound as bind_dn */
  POOL_PASSWORDS,  /* bound as whoever was tried last */
  N_POOLS
} Pool;

static struct
{
  LdapConfiguration configuration;
  GPtrArray *attributes; /* of the directory, as search wants them: versions, then those of settings */
  char *trouble;
} own;

/* Nobody uses these connections; the one used last is on top. */
static GMutex lock;
static GPtrArray *idle[N_POOLS];

static LdapConnection *
take_idle (Pool pool)
{
  g_mutex_lock (&lock);
  LdapConnection *connection =
      idle[pool]->len > 0 ? g_ptr_array_steal_index (idle[pool], idle[pool]->len - 1) : NULL;
  g_mutex_unlock (&lock);
  return connection;
}

static void
give_back (Pool pool, LdapConnection *connection)
{
  g_mutex_lock (&lock);
  g_ptr_array_add (idle[pool], connection);
  g_mutex_unlock (&lock);
}

static LdapConnection *
open_connection (Pool pool, SatchelHelperCall *call, GError **error)
{
  LdapConnection *connection = ldap_connection_new (&own.configuration, call, error);
  if (connection == NULL)
    return NULL;
  if (pool != POOL_SEARCH || own.configuration.settings.bind_dn == NULL)
    return connection;
  LdapBind bind = ldap_connection_bind (connection, own.configuration.settings.bind_dn,
                                        own.configuration.bind_password, error);
  if (bind == LDAP_BIND_RIGHT)
    return connection;
  if (bind == LDAP_BIND_WRONG)
    satchel_error_set (error, SATCHEL_ERROR_NOPERM, "the directory does not let in %s (ldap.bind_dn)",
                       own.configuration.settings.bind_dn);
  ldap_connection_serve (NULL, call);
  ldap_connection_free (connection);
  return NULL;
}

/* Returns a connection that serves @call; NULL with @error. */
static LdapConnection *
take_connection (Pool pool, SatchelHelperCall *call, GError **error)
{
  LdapConnection *connection;
  while ((connection = take_idle (pool)) != NULL)
    {
      if (ldap_connection_is_idle (connection))
        {
          ldap_connection_serve (connection, call);
          break;
        }
      ldap_connection_free (connection);
    }
  if (connection == NULL)
    connection = open_connection (pool, call, error);
  /* A call that was given up before this had no connection that could be shut down. */
  if (connection == NULL || !satchel_helper_call_is_cancelled (call))
    return connection;
  ldap_connection_serve (NULL, call);
  ldap_connection_free (connection);
  satchel_error_set (error, SATCHEL_ERROR_TIMEOUT, "the directory did not answer in time");
  return NULL;
}

static void
end_connection (Pool pool, SatchelHelperCall *call, LdapConnection *connection, gboolean is_good)
{
  ldap_connection_serve (NULL, call);
  if (is_good)
    give_back (pool, connection);
  else
    ldap_connection_free (connection);
}

static GPtrArray *
search (SatchelHelperCall *call, const char *filter_text, const char *name, const char *const *attributes,
        GError **error)
{
  g_autofree char *filter = ldap_filter_fill (filter_text, name);
  LdapConnection *connection = take_connection (POOL_SEARCH, call, error);
  if (connection == NULL)
    return NULL;
  GPtrArray *entries =
      ldap_connection_search (connection, own.configuration.settings.base, filter, attributes, error);
  end_connection (POOL_SEARCH, call, connection, entries != NULL);
  return entries;
}

/* Says whether the entry is that of @name. A directory also finds entries that are spelled nearly so, with
 * blanks around the name for one (RFC 4518 2): two names would open one account. */
static gboolean
has_name (const LdapEntry *entry, const char *name)
{
  const char *attribute = own.configuration.settings.user_attribute;
  for (guint i = 0; i + 1 < entry->values->len; i += 2)
    if (g_ascii_strcasecmp (entry->values->pdata[i], attribute) == 0
        && satchel_source_is_name (entry->values->pdata[i + 1], name))
      return TRUE;
  return FALSE;
}

/* Finds the entry of a user, which is one of *ret_entries. NULL means that there is none, or that @error is
 * set. */
static const LdapEntry *
find_user (SatchelHelperCall *call, const char *name, GPtrArray **ret_entries, GError **error)
{
  *ret_entries = search (call, own.configuration.settings.user_filter, name,
                         (const char *const *) own.attributes->pdata, error);
  if (*ret_entries == NULL || (*ret_entries)->len == 0)
    return NULL;
  if ((*ret_entries)->len == 1)
    return has_name ((*ret_entries)->pdata[0], name) ? (*ret_entries)->pdata[0] : NULL;
  satchel_error_set (error, SATCHEL_ERROR_INVALID, "user_filter finds %u entries for one user",
                     (*ret_entries)->len);
  return NULL;
}

static void
add_attributes (const LdapEntry *entry, GPtrArray *texts)
{
  const SatchelConfig *section = own.configuration.section;
  for (guint i = 0; i < satchel_config_n_groups (section, "attributes"); i++)
    {
      const SatchelConfig *row = satchel_config_group (section, "attributes", i);
      const char *value = ldap_entry_value (entry, satchel_config_string (row, "from"));
      if (value != NULL)
        g_ptr_array_add (texts, g_strdup_printf ("%s=%s", satchel_config_string (row, "name"), value));
    }
}

/* Returns what changes when the password does. It has the name of the entry in it: an entry that takes an old
 * name over is that of somebody else. */
static char *
find_version (const LdapEntry *entry)
{
  for (guint i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      const char *value = ldap_entry_value (entry, versions[i]);
      if (value != NULL)
        return g_strdup_printf ("%s %s", value, entry->dn);
    }
  return g_strdup ("");
}

/* Answers with a text that changes when the password does, and then the attributes. */
static void
answer_user (SatchelHelperCall *call, const char *name, GPtrArray *texts, GError **error)
{
  g_autoptr (GPtrArray) entries = NULL;
  const LdapEntry *entry = find_user (call, name, &entries, error);
  if (entry != NULL)
    {
      g_ptr_array_add (texts, find_version (entry));
      add_attributes (entry, texts);
    }
}

static void
add_addresses (const GPtrArray *entries, GPtrArray *texts)
{
  for (guint i = 0; i < entries->len; i++)
    {
      const char *value = ldap_entry_value (entries->pdata[i], own.configuration.settings.address_attribute);
      if (value != NULL)
        g_ptr_array_add (texts, g_strdup (value));
    }
}

static void
answer_address (SatchelHelperCall *call, const char *name, GPtrArray *texts, GError **error)
{
  const LdapSettings *settings = &own.configuration.settings;
  const char *const wanted[] = { settings->address_attribute, NULL };
  g_autoptr (GPtrArray) entries = NULL, users = NULL;
  if (settings->address_filter != NULL)
    entries = search (call, settings->address_filter, name, wanted, error);
  if (entries != NULL)
    add_addresses (entries, texts);
  if (*error == NULL && texts->len == 0 && find_user (call, name, &users, error) != NULL)
    g_ptr_array_add (texts, g_strdup (name));
}

/* Binds as the user, since only the directory knows which password is right. */
static LdapBind
try_password (SatchelHelperCall *call, const char *dn, const char *password, GError **error)
{
  LdapConnection *connection = take_connection (POOL_PASSWORDS, call, error);
  if (connection == NULL)
    return LDAP_BIND_ERROR;
  LdapBind bind = ldap_connection_bind (connection, dn, password, error);
  end_connection (POOL_PASSWORDS, call, connection, bind != LDAP_BIND_ERROR);
  return bind;
}

/* Answers whether the password is right. An unknown user costs as many questions as a known one. */
static SatchelVerify
answer_verify (SatchelHelperCall *call, const SatchelSourceLogin *login, GError **error)
{
  g_autoptr (GPtrArray) entries = NULL;
  const LdapEntry *entry = find_user (call, login->user, &entries, error);
  g_autofree char *nobody = g_strdup_printf ("cn=nobody,%s", own.configuration.settings.base);
  LdapBind bind = *error == NULL
                      ? try_password (call, entry != NULL ? entry->dn : nobody, login->secret, error)
                      : LDAP_BIND_ERROR;
  if (bind == LDAP_BIND_ERROR)
    return SATCHEL_VERIFY_ERROR;
  return entry != NULL && bind == LDAP_BIND_RIGHT ? SATCHEL_VERIFY_RIGHT : SATCHEL_VERIFY_WRONG;
}

static const SatchelSourceOps source = {
  .size = sizeof source, .user = answer_user, .address = answer_address, .verify = answer_verify
};

static void
handle (SatchelHelperCall *call)
{
  satchel_source_handle (call, &source);
}

SatchelHelperOps ldap_helper = {
  .size = sizeof ldap_helper, .max_calls = 4, .handle = handle, .cancelled = ldap_connection_cancel
};

static void
list_attributes (const SatchelConfig *section)
{
  own.attributes = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (versions); i++)
    g_ptr_array_add (own.attributes, (gpointer) versions[i]);
  for (guint i = 0; i < satchel_config_n_groups (section, "attributes"); i++)
    g_ptr_array_add (own.attributes, (gpointer) satchel_config_string (
                                         satchel_config_group (section, "attributes", i), "from"));
  g_ptr_array_add (own.attributes, (gpointer) own.configuration.settings.user_attribute);
  g_ptr_array_add (own.attributes, NULL);
}

gboolean
ldap_helper_configure (const SatchelConfig *section, GError **error)
{
  g_autoptr (GError) why = NULL;
  LdapSettings *settings = &own.configuration.settings;
  ldap_helper_clear ();
  own.configuration.section = section;
  satchel_config_fill (section, ldap_schema, settings);
  own.configuration.url = g_str_has_prefix (settings->server, "unix:")
                              ? g_strdup ("ldapi://")
                              : g_strdup_printf ("ldap://%s", settings->server);
  ldap_helper.max_calls = settings->connections;
  list_attributes (section);
  for (guint i = 0; i < N_POOLS; i++)
    idle[i] = g_ptr_array_new ();
  own.configuration.bind_password = satchel_config_secret (section, "bind_password", &why);
  /* Only the helper's account may be able to read it. */
  if (why != NULL && why->code != SATCHEL_ERROR_NONEXISTENT)
    own.trouble = g_strdup_printf ("bind_password: %s", why->message);
  /* All that the library needs is said here; no file of the machine's or of a home directory is read. */
  return setenv ("LDAPNOINIT", "1", 1) == 0
         || satchel_error_set (error, SATCHEL_ERROR_RESOURCES,
                               "there is no memory for the environment variable LDAPNOINIT");
}

const char *
ldap_helper_trouble (void)
{
  return own.trouble;
}

void
ldap_helper_clear (void)
{
  for (guint i = 0; i < N_POOLS; i++)
    {
      for (guint k = 0; idle[i] != NULL && k < idle[i]->len; k++)
        ldap_connection_free (idle[i]->pdata[k]);
      g_clear_pointer (&idle[i], g_ptr_array_unref);
    }
  g_clear_pointer (&own.attributes, g_ptr_array_unref);
  satchel_secret_free (own.configuration.bind_password);
  g_free (own.configuration.url);
  g_free (own.trouble);
  memset (&own, 0, sizeof own);
}
