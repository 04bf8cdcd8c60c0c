/* SPDX-License-Identifier: MIT
 * Namespaces beside the user's own (RFC 2342), which levels add when the store is opened.  Decision 0045.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <string.h>

#define FREE_NAMES_MAX 1000u /* so many names are tried to find a free one */

static void
namespace_free (gpointer data)
{
  g_free (((SatchelStoreNamespace *) data)->name);
  g_free (data);
}

/* These arrays are never changed; stores without other namespaces, which are most, share them. */
static GPtrArray *no_namespaces, *no_names;

static gpointer
make_empty_arrays (gpointer data)
{
  no_namespaces = g_ptr_array_new_with_free_func (namespace_free);
  no_names = g_ptr_array_new ();
  g_ptr_array_add (no_names, NULL);
  return NULL;
}

void
satchel_namespaces_init (SatchelStoreCore *store)
{
  static GOnce once = G_ONCE_INIT;
  g_once (&once, make_empty_arrays, NULL);
  store->namespaces = g_ptr_array_ref (no_namespaces);
  store->namespace_names = g_ptr_array_ref (no_names);
}

static void
own_arrays (SatchelStoreCore *store)
{
  if (store->namespaces != no_namespaces)
    return;
  satchel_namespaces_clear (store);
  store->namespaces = g_ptr_array_new_with_free_func (namespace_free);
  store->namespace_names = g_ptr_array_new ();
  g_ptr_array_add (store->namespace_names, NULL);
}

void
satchel_namespaces_clear (SatchelStoreCore *store)
{
  g_ptr_array_unref (store->namespaces);
  g_ptr_array_unref (store->namespace_names);
}

void
satchel_storage_add_namespace (SatchelStorage *storage, SatchelNamespaceKind kind, const char *name,
                               guint rights)
{
  SatchelStoreCore *store = storage->store;
  SatchelStoreNamespace *added = g_new (SatchelStoreNamespace, 1);
  *added = (SatchelStoreNamespace) { .kind = kind, .name = g_strdup (name), .rights = rights };
  own_arrays (store);
  store->limits_rights = TRUE;
  g_ptr_array_add (store->namespaces, added);
  g_ptr_array_insert (store->namespace_names, (gint) store->namespace_names->len - 1, added->name);
}

static gboolean
is_at_or_below (const char *name, const char *root)
{
  gsize len = strlen (root);
  return strncmp (name, root, len) == 0 && (name[len] == '\0' || name[len] == '/');
}

/* If one namespace is inside another, the inner one is found. */
const SatchelStoreNamespace *
satchel_namespaces_find (SatchelStoreCore *store, const char *name)
{
  const SatchelStoreNamespace *found = NULL;
  for (guint i = 0; i < store->namespaces->len; i++)
    {
      const SatchelStoreNamespace *one = store->namespaces->pdata[i];
      if (is_at_or_below (name, one->name) && (found == NULL || strlen (one->name) > strlen (found->name)))
        found = one;
    }
  return found;
}

guint
satchel_namespaces_count_own (SatchelStoreCore *store, const GPtrArray *infos)
{
  guint n = 0;
  if (store->namespaces->len == 0)
    return infos->len;
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      /* A name that is only subscribed counts as the user's, whatever namespace it is in. */
      n += !info->exists || satchel_namespaces_find (store, info->name) == NULL;
    }
  return n;
}

const GPtrArray *
satchel_store_namespaces (SatchelStore *store)
{
  return store->core->namespaces;
}

const char *const *
satchel_store_namespace_names (SatchelStore *store)
{
  return (const char *const *) store->core->namespace_names->pdata;
}

static gboolean
is_taken (SatchelStoreCore *store, const GPtrArray *infos, const char *name)
{
  for (guint i = 0; i < infos->len; i++)
    if (is_at_or_below (((const SatchelMailboxInfo *) infos->pdata[i])->name, name))
      return TRUE;
  return satchel_namespaces_find (store, name) != NULL;
}

char *
satchel_storage_free_name (SatchelStorage *storage, const char *wanted, GError **error)
{
  SatchelStoreCore *store = storage->store;
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  if (!satchel_storage_list (storage, store->background, infos, error))
    return NULL;
  g_autofree char *name = g_strdup (wanted);
  for (guint n = 2; is_taken (store, infos, name); n++)
    {
      g_free (name);
      name = g_strdup_printf ("%s %u", wanted, n);
      if (n > FREE_NAMES_MAX || strlen (name) > SATCHEL_MAILBOX_NAME_BYTES)
        {
          satchel_error_set (error, SATCHEL_ERROR_LIMIT, "every name like %s is taken", wanted);
          return NULL;
        }
    }
  if (strcmp (name, wanted) != 0)
    satchel_log (SATCHEL_LOG_WARNING, "storage",
                 "user=%s %s is a folder of the user's own: layer %s shows its mailboxes in \"%s\" instead",
                 store->user, wanted, satchel_dispatch_level_name (storage), name);
  return g_steal_pointer (&name);
}
