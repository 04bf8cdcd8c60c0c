/* SPDX-License-Identifier: MIT
 * Loads modules, and keeps the registry of what they provide.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <satchel/hash.h>
#include <satchel/retry.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
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
  loader->why_not = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  return loader;
}

void
satchel_loader_free (SatchelLoader *loader)
{
  if (loader == NULL)
    return;
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

/* Runs in the child of satchel_loader_try. Writes "ok" or the error to the pipe, and never returns. */
static G_GNUC_NORETURN void
try_in_child (SatchelLoader *loader, const char *name, gboolean is_gate, int fd)
{
  struct rlimit no_core = { 0, 0 };
  setrlimit (RLIMIT_CORE, &no_core);
  for (int signum = 1; signum < 32; signum++)
    signal (signum, SIG_DFL);
  g_autoptr (GError) error = NULL;
  gboolean ok = satchel_loader_load (loader, name, is_gate, &error) != NULL;
  const char *text = ok ? "ok" : error->message;
  gssize written = write (fd, text, MIN (strlen (text), 4000));
  _exit (written > 0 ? 0 : 1);
}

static gboolean
tell_child_end (const char *who, int status, const char *answer, GError **error)
{
  if (strcmp (answer, "ok") == 0)
    return TRUE;
  if (*answer != '\0')
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s", answer);
  if (WIFSIGNALED (status))
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "%s: it crashed while it was loaded (%s); install another version, or set enabled = false", who,
        g_strsignal (WTERMSIG (status)));
  return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                            "%s: it ended the process while it was loaded (exit status %d); install another "
                            "version, or set enabled = false",
                            who, WIFEXITED (status) ? WEXITSTATUS (status) : -1);
}

gboolean
satchel_loader_try (SatchelLoader *loader, const char *name, gboolean is_gate, guint timeout_ms,
                    GError **error)
{
  if (find_entry (loader, name, is_gate) != NULL)
    return TRUE;
  g_auto (SatchelFdPair) pipe = SATCHEL_FD_PAIR_NONE;
  if (pipe2 (pipe.ends, O_CLOEXEC) != 0)
    return satchel_error_set_errno (error, errno,
                                    "module %s: no pipe to try it in a process of its own can be made", name);
  pid_t pid = fork ();
  if (pid == 0)
    {
      satchel_fd_clear (&pipe.ends[0]);
      try_in_child (loader, name, is_gate, pipe.ends[1]);
    }
  satchel_fd_clear (&pipe.ends[1]);
  if (pid < 0)
    return satchel_error_set_errno (error, errno, "module %s: no process to try it in can be started", name);
  g_autofree char *who = g_strdup_printf ("module %s%s", name, is_gate ? " (gate half)" : "");
  struct pollfd poll_fd = { pipe.ends[0], POLLIN, 0 };
  gint64 end = g_get_monotonic_time () + (gint64) timeout_ms * 1000;
  int n_ready = SATCHEL_RETRY (poll (&poll_fd, 1, (int) MAX (0, (end - g_get_monotonic_time ()) / 1000)));
  char answer[4096] = "";
  gssize len = n_ready > 0 ? SATCHEL_RETRY (read (pipe.ends[0], answer, sizeof answer - 1)) : 0;
  answer[MAX (len, 0)] = '\0';
  if (n_ready == 0)
    kill (pid, SIGKILL);
  int status = 0;
  (void) SATCHEL_RETRY (waitpid (pid, &status, 0));
  if (n_ready == 0)
    return satchel_error_set (
        error, SATCHEL_ERROR_TIMEOUT,
        "%s: loading it did not end within %u ms; install another version, or set enabled = false", who,
        timeout_ms);
  return tell_child_end (who, status, answer, error);
}
