/* SPDX-License-Identifier: MIT
 * Loads modules, and keeps the registry of what they provide.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/retry.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/runtime/process/crash.h"
#include "core/runtime/log/counter_lane.h"
#include "core/runtime/loader/kinds.h"
#include "core/runtime/loader/loader_private.h"

static SatchelLoader *default_loader;

static void
entry_free (SatchelLoaderEntry *entry)
{
  g_free (entry->name);
  g_free (entry);
}

SatchelLoader *
satchel_loader_new (SatchelRole role, const char *const *module_dirs)
{
  SatchelLoader *loader = g_new0 (SatchelLoader, 1);
  loader->role = role;
  loader->dirs = module_dirs != NULL ? g_strdupv ((char **) module_dirs) : g_new0 (char *, 1);
  loader->trusted_uid = geteuid ();
  loader->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) entry_free);
  loader->provided = g_ptr_array_new_with_free_func (g_free);
  loader->trial = (SatchelLoaderTrial) { .ask = -1, .answer = -1 };
  loader->why_not = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  return loader;
}

int
satchel_loader_end_trials (SatchelLoader *loader)
{
  SatchelLoaderTrial *trial = &loader->trial;
  int status = 0;
  satchel_fd_clear (&trial->ask);
  satchel_fd_clear (&trial->answer);
  if (trial->pid > 0)
    (void) SATCHEL_RETRY (waitpid (trial->pid, &status, 0));
  trial->pid = 0;
  return status;
}

void
satchel_loader_free (SatchelLoader *loader)
{
  if (loader == NULL)
    return;
  (void) satchel_loader_end_trials (loader);
  g_strfreev (loader->dirs);
  g_ptr_array_unref (loader->entries);
  g_ptr_array_unref (loader->provided);
  g_hash_table_unref (loader->why_not);
  g_free (loader);
}

SatchelLoader *
satchel_loader_default (void)
{
  if (default_loader == NULL)
    default_loader = satchel_loader_new (SATCHEL_ROLE_MAIL, NULL);
  return default_loader;
}

void
satchel_loader_set_default (SatchelLoader *loader)
{
  if (default_loader != loader)
    satchel_loader_free (default_loader);
  default_loader = loader;
}

void
satchel_loader_set_trusted_uid (SatchelLoader *loader, guint uid)
{
  loader->trusted_uid = uid;
}

static SatchelLoaderEntry *
find_entry (SatchelLoader *loader, const char *name, gboolean is_gate)
{
  for (guint i = 0; i < loader->entries->len; i++)
    {
      SatchelLoaderEntry *entry = g_ptr_array_index (loader->entries, i);
      if (entry->is_gate == is_gate && strcmp (entry->name, name) == 0)
        return entry;
    }
  return NULL;
}

const SatchelModule *
satchel_loader_module (SatchelLoader *loader, const char *name, gboolean is_gate)
{
  const SatchelLoaderEntry *entry = find_entry (loader, name, is_gate);
  return entry != NULL ? entry->module : NULL;
}

const SatchelProvided *
satchel_loader_find (SatchelLoader *loader, SatchelKind kind, const char *name)
{
  for (guint i = 0; name != NULL && i < loader->provided->len; i++)
    {
      const SatchelProvided *provided = g_ptr_array_index (loader->provided, i);
      if (provided->kind == kind && strcmp (provided->name, name) == 0)
        return provided;
    }
  return NULL;
}

/* Layers of storage stand from the client down, and the higher band is nearer to the client. */
static gint
compare_provided (gconstpointer a, gconstpointer b)
{
  const SatchelProvided *x = *(SatchelProvided *const *) a, *y = *(SatchelProvided *const *) b;
  if (x->band != y->band)
    return (x->band < y->band) == (x->kind == SATCHEL_KIND_STORAGE_LAYER) ? 1 : -1;
  return strcmp (x->name, y->name);
}

GPtrArray *
satchel_loader_find_all (SatchelLoader *loader, SatchelKind kind)
{
  GPtrArray *found = g_ptr_array_new ();
  for (guint i = 0; i < loader->provided->len; i++)
    {
      SatchelProvided *provided = g_ptr_array_index (loader->provided, i);
      if (provided->kind == kind)
        g_ptr_array_add (found, provided);
    }
  g_ptr_array_sort (found, compare_provided);
  return found;
}

static gboolean
register_module (SatchelLoader *loader, const SatchelModule *module, gboolean is_gate, GError **error)
{
  gboolean is_active = loader->role == SATCHEL_ROLE_CONFIG || (module->roles & loader->role) != 0;
  for (guint i = 0; is_active && module->provides[i].kind != 0; i++)
    {
      const SatchelProvides *provides = &module->provides[i];
      const char *name = provides->name != NULL ? provides->name : module->name;
      const SatchelProvided *other = satchel_loader_find (loader, provides->kind, name);
      if (other != NULL)
        return satchel_error_set (
            error, SATCHEL_ERROR_ALREADYEXISTS,
            "module %s: the %s \"%s\" is provided by module %s already; enable only one of them",
            module->name, satchel_kind_words (provides->kind), name, other->module->name);
    }
  for (guint i = 0; is_active && module->provides[i].kind != 0; i++)
    {
      const SatchelProvides *provides = &module->provides[i];
      SatchelProvided *provided = g_new0 (SatchelProvided, 1);
      provided->kind = provides->kind;
      provided->name = provides->name != NULL ? provides->name : module->name;
      provided->ops = provides->ops;
      provided->band = satchel_loader_band (provides);
      provided->module = module;
      provided->is_gate = is_gate;
      g_ptr_array_add (loader->provided, provided);
    }
  SatchelLoaderEntry *entry = g_new0 (SatchelLoaderEntry, 1);
  entry->module = module;
  entry->name = g_strdup (module->name);
  entry->is_gate = is_gate;
  entry->is_active = is_active;
  g_ptr_array_add (loader->entries, entry);
  g_autofree char *file = satchel_loader_file_name (module->name, is_gate);
  g_autofree char *stem = g_strndup (file, strcspn (file, "."));
  satchel_crash_add_module (stem, module);
  return TRUE;
}

gboolean
satchel_loader_add (SatchelLoader *loader, const SatchelModule *module, gboolean is_gate, GError **error)
{
  if (module != NULL && module->name != NULL && find_entry (loader, module->name, is_gate) != NULL)
    return TRUE;
  const char *name = module != NULL && module->name != NULL ? module->name : "(unnamed)";
  return satchel_loader_check_descriptor (loader->role, module, name, is_gate, error)
         && register_module (loader, module, is_gate, error);
}

/* Maps the file, asks it for its descriptor and registers that. Its owner is not checked here. */
static const SatchelModule *
map_module (SatchelLoader *loader, int fd, const char *name, gboolean is_gate, GError **error)
{
  /* dlopen recognises objects by the name with which they were opened, and numbers of descriptors are used
   * again, so each load gets another spelling of the name. */
  static guint n_loads;
  g_autofree char *slashes = g_strnfill (++n_loads % 1024 + 1, '/');
  g_autofree char *path = g_strdup_printf ("/proc/self/fd%s%d", slashes, fd);
  const SatchelCounter *newest = satchel_counters_newest ();
  void *handle = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL)
    {
      g_autofree char *why = g_strdup (dlerror ());
      const char *text = why != NULL ? why : "unknown";
      const char *colon = strstr (text, ": ");
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "module %s: it cannot be loaded (%s); install the library it lacks, or rebuild it "
                         "against this server's headers",
                         name, g_str_has_prefix (text, "/proc/self/fd") && colon != NULL ? colon + 2 : text);
      return NULL;
    }
  SatchelModuleFunc func = (SatchelModuleFunc) dlsym (handle, "satchel_module");
  if (func == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "module %s: it does not export the function `satchel_module`; it is not a Satchel "
                         "module, or built with the symbol hidden",
                         name);
      dlclose (handle);
      return NULL;
    }
  const SatchelModule *module = func ();
  if (satchel_loader_check_descriptor (loader->role, module, name, is_gate, error)
      && satchel_counters_check (newest, name, error) && register_module (loader, module, is_gate, error))
    return module;
  dlclose (handle);
  return NULL;
}

const SatchelModule *
satchel_loader_load_fd (SatchelLoader *loader, int fd, const char *name, gboolean is_gate, GError **error)
{
  const SatchelLoaderEntry *there = find_entry (loader, name, is_gate);
  if (there != NULL)
    return there->module;
  g_autofree char *file = satchel_loader_file_name (name, is_gate);
  if (!satchel_loader_check_file (loader, fd, file, error))
    return NULL;
  return map_module (loader, fd, name, is_gate, error);
}

const SatchelModule *
satchel_loader_load (SatchelLoader *loader, const char *name, gboolean is_gate, GError **error)
{
  const SatchelLoaderEntry *there = find_entry (loader, name, is_gate);
  if (there != NULL)
    return there->module;
  g_auto (SatchelFd) fd = satchel_loader_open (loader, name, is_gate, NULL, error);
  return fd >= 0 ? satchel_loader_load_fd (loader, fd, name, is_gate, error) : NULL;
}
