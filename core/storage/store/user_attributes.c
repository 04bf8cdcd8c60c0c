/* SPDX-License-Identifier: MIT
 * Gives modules the attributes that the userdbs have for the user of a store.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <string.h>

void
satchel_store_set_user_attributes (SatchelStoreCore *store, const char *attributes)
{
  if (attributes == NULL)
    return;
  g_mutex_lock (&store->attributes_lock);
  if (g_strcmp0 (store->user_attributes, attributes) != 0)
    {
      g_free (store->user_attributes);
      store->user_attributes = g_strdup (attributes);
    }
  g_mutex_unlock (&store->attributes_lock);
}

char *
satchel_store_user_attributes (SatchelStoreCore *store)
{
  g_mutex_lock (&store->attributes_lock);
  char *attributes = g_strdup (store->user_attributes);
  g_mutex_unlock (&store->attributes_lock);
  return attributes;
}

/* Returns the value in @attributes, which SatchelPlace describes; yours. */
static char *
find_value (const char *attributes, const char *name)
{
  gsize name_len = strlen (name);
  for (const char *at = attributes, *end; (end = strchr (at, SATCHEL_PLACE_ATTRIBUTE_END)) != NULL;
       at = end + 1)
    if ((gsize) (end - at) > name_len && memcmp (at, name, name_len) == 0 && at[name_len] == '=')
      return g_strndup (at + name_len + 1, (gsize) (end - at) - name_len - 1);
  return NULL;
}

static char *
find_attribute (SatchelStoreCore *store, const char *name)
{
  g_mutex_lock (&store->attributes_lock);
  char *value = store->user_attributes != NULL ? find_value (store->user_attributes, name) : NULL;
  g_mutex_unlock (&store->attributes_lock);
  return value;
}

char *
satchel_storage_user_attribute (SatchelStorage *storage, const char *name)
{
  return find_attribute (storage->store, name);
}

gboolean
satchel_storage_knows_attributes (SatchelStorage *storage)
{
  SatchelStoreCore *store = storage->store;
  g_mutex_lock (&store->attributes_lock);
  gboolean knows = store->user_attributes != NULL;
  g_mutex_unlock (&store->attributes_lock);
  return knows;
}

char *
satchel_store_user_attribute (SatchelStore *store, const char *name)
{
  return find_attribute (store->core, name);
}
