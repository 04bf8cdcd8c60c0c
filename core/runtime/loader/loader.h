/* SPDX-License-Identifier: MIT
 * Finds, checks, loads and drives modules, and keeps the registry of what they provide, for every role and
 * for `satchel`. docs/security.md has the rules for owners of files, docs/design.md the lifecycle.
 * Look-ups may be made in any thread, everything else in the main thread.
 */
#pragma once
#include <satchel/module.h>

#include "core/runtime/config/config_image.h"

typedef struct SatchelLoader SatchelLoader;

/* Makes a loader, without any I/O. @role: the SatchelRole bit of this process. @module_dirs: NULL-ended,
 * searched in order; NULL or empty: only modules that are added by descriptor or statically. */
SatchelLoader *satchel_loader_new (SatchelRole role, const char *const *module_dirs);
void satchel_loader_free (SatchelLoader *loader); /* The code of modules stays mapped. */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelLoader, satchel_loader_free)
/* Returns the loader of the process, in which core code without a context looks things up. Never NULL (an
 * empty one at first). */
SatchelLoader *satchel_loader_default (void);
void satchel_loader_set_default (SatchelLoader *loader); /* The loader is taken over. */
/* Returns module directories for programs other than the daemon: those of SATCHEL_MODULE_PATH (separated by
 * ':') if it is set and the program is not set-id, else @module_dir. Yours (g_strfreev). */
char **satchel_loader_search_path (const char *module_dir);
/* Sets the user who may own files and directories besides root (default: the effective user). */
void satchel_loader_set_trusted_uid (SatchelLoader *loader, guint uid);

typedef struct SatchelModuleFile
{
  char *name;       /* "imap" */
  gboolean is_gate; /* NAME-gate.so */
  char *path;       /* "": it was added by descriptor or statically */
} SatchelModuleFile;
/* Lists the modules in the module directories (SatchelModuleFile, sorted), whether they can be loaded or
 * not. It looks at files only, and runs nothing. */
GPtrArray *satchel_loader_list (SatchelLoader *loader);
/* Opens NAME.so or NAME-gate.so after all checks of owners. -1 means that it failed, and the error says what
 * to do. */
int satchel_loader_open (SatchelLoader *loader, const char *name, gboolean is_gate, char **ret_path,
                         GError **error);
/* Loads a module in a forked child with a time limit, so that a crash, an exit or a hang at load becomes an
 * error. May be called only while the process has one thread. The child stays for the next one, until the
 * loader is freed or satchel_loader_end_trials is called. */
gboolean satchel_loader_try (SatchelLoader *loader, const char *name, gboolean is_gate, guint timeout_ms,
                             GError **error);
/* Ends that child, and returns its status as waitpid(2) does; 0: there was none. */
int satchel_loader_end_trials (SatchelLoader *loader);
/* Loads and registers a module. A module that is loaded already is returned. @fd: borrowed. */
const SatchelModule *satchel_loader_load (SatchelLoader *loader, const char *name, gboolean is_gate,
                                          GError **error);
const SatchelModule *satchel_loader_load_fd (SatchelLoader *loader, int fd, const char *name,
                                             gboolean is_gate, GError **error);
/* Adds a module that is built in, for tests and programs, with the same checks of its descriptor. */
gboolean satchel_loader_add (SatchelLoader *loader, const SatchelModule *module, gboolean is_gate,
                             GError **error);

typedef struct SatchelProvided
{
  SatchelKind kind;
  const char *name; /* never NULL here */
  const void *ops;  /* begins with its size */
  guint band;       /* band, of kinds that have one; else 0 */
  const SatchelModule *module;
  gboolean is_gate;
} SatchelProvided;
/* Returns the band of @provides, which is checked already; 0: its kind has none, or it gave none. */
guint satchel_loader_band (const SatchelProvides *provides);
/* Finds what a module provides by kind and name. NULL means that it is not loaded. */
const SatchelProvided *satchel_loader_find (SatchelLoader *loader, SatchelKind kind, const char *name);
/* Lists all of a kind in the order in which they are asked: by band, layers of storage from the client
 * down, then by name. The array is yours (g_ptr_array_unref), its
 * entries are borrowed. */
GPtrArray *satchel_loader_find_all (SatchelLoader *loader, SatchelKind kind);
/* Returns the descriptor of NAME.so; NULL means that it is not loaded. */
const SatchelModule *satchel_loader_module (SatchelLoader *loader, const char *name, gboolean is_gate);
/* Returns the rows of a loaded module, as a SatchelConfigSchemaFunc (@data is the loader). It returns the
 * rows of a loaded module; in roles config and cli it loads the module for that. A module without settings
 * has an empty table. NULL means that there is no such module. */
const SatchelConfigRow *satchel_loader_schema (const char *group, gpointer loader);
/* Returns why the last try to load @name for its schema failed, borrowed; NULL means that it did not fail. */
const char *satchel_loader_why_not (SatchelLoader *loader, const char *name);

/* Returns the SatchelRight bits of a module; an older descriptor has none. */
guint satchel_module_rights (const SatchelModule *module);
/* Makes log lines of warnings and errors become warnings of @problems (SatchelConfigProblem), until it is
 * called with NULL. */
void satchel_loader_collect_lines (GPtrArray *problems);
/* Lead all loaded modules through their lives, in the order in which they were loaded. If start fails, those
 * that were started are stopped; if a reload is refused, those that had prepared for it hear that it does not
 * come. What was configured is not undone: the process ends. */
gboolean satchel_loader_check (SatchelLoader *loader, const SatchelConfigSet *set, GPtrArray *problems);
gboolean satchel_loader_configure (SatchelLoader *loader, const SatchelConfigSet *set, GError **error);
gboolean satchel_loader_start (SatchelLoader *loader, GError **error);
gboolean satchel_loader_reload_prepare (SatchelLoader *loader, const SatchelConfigSet *set, GError **error);
/* It must be called once after each prepare that returned TRUE. */
void satchel_loader_reload_end (SatchelLoader *loader, gboolean is_commit);
void satchel_loader_stop (SatchelLoader *loader);
