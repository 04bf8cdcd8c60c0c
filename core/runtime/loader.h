/* SPDX-License-Identifier: MIT
 * Finds, checks, loads and drives modules; the registry of what they provide.  Used by every role and by
 * `satchel`. Ownership rules: docs/security.md; lifecycle: docs/design.md.  Main thread, except the look-ups,
 * which any thread may do.
 */
#pragma once
#include <satchel/module.h>

#include "core/runtime/config_image.h"

typedef struct SatchelLoader SatchelLoader;

/* @role: one SatchelRole bit, this process's.  @module_dirs: NULL-ended, searched in order; NULL or empty:
 * only what is added by fd or statically.  No I/O yet. */
SatchelLoader *satchel_loader_new (SatchelRole role, const char *const *module_dirs);
void satchel_loader_free (SatchelLoader *loader); /* code stays mapped */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelLoader, satchel_loader_free)
/* The process's loader: what core code without a context looks things up in.  Never NULL (an empty one at
 * first). */
SatchelLoader *satchel_loader_default (void);
void satchel_loader_set_default (SatchelLoader *loader); /* taken over */
/* Module directories for programs outside the daemon: SATCHEL_MODULE_PATH (':' between) if it is set and the
 * program is not set-id, else @module_dir.  Yours (g_strfreev). */
char **satchel_loader_search_path (const char *module_dir);
/* Besides root, files and directories of this user are trusted (default: the effective user). */
void satchel_loader_set_trusted_uid (SatchelLoader *loader, guint uid);

typedef struct SatchelModuleFile
{
  char *name;       /* "imap" */
  gboolean is_gate; /* NAME-gate.so */
  char *path;       /* "": added by fd or statically */
} SatchelModuleFile;
/* What lies in the module directories (SatchelModuleFile, sorted), whether loadable or not.  Files only,
 * nothing is run. */
GPtrArray *satchel_loader_list (SatchelLoader *loader);
/* Opens NAME.so or NAME-gate.so after all ownership checks; -1 with an error that says what to do. */
int satchel_loader_open (SatchelLoader *loader, const char *name, gboolean is_gate, char **ret_path,
                         GError **error);
/* Loads it in a forked child with a time limit first: tells a crash, an exit or a hang at load as an error.
 * Only while the process has one thread.  */
gboolean satchel_loader_try (SatchelLoader *loader, const char *name, gboolean is_gate, guint timeout_ms,
                             GError **error);
/* Loads and registers.  Loading what is loaded already returns it.  @fd: borrowed. */
const SatchelModule *satchel_loader_load (SatchelLoader *loader, const char *name, gboolean is_gate,
                                          GError **error);
const SatchelModule *satchel_loader_load_fd (SatchelLoader *loader, int fd, const char *name,
                                             gboolean is_gate, GError **error);
/* For tests and built-in modules: the same checks of the descriptor. */
gboolean satchel_loader_add (SatchelLoader *loader, const SatchelModule *module, gboolean is_gate,
                             GError **error);

typedef struct SatchelProvided
{
  SatchelKind kind;
  const char *name; /* never NULL here */
  const void *ops;  /* starts with its size */
  guint band;       /* of kinds that have one; else 0 */
  const SatchelModule *module;
  gboolean is_gate;
} SatchelProvided;
/* By kind and name; NULL: not loaded. */
const SatchelProvided *satchel_loader_find (SatchelLoader *loader, SatchelKind kind, const char *name);
/* All of a kind in their total order: band, then name.  Container yours (g_ptr_array_unref), entries
 * borrowed. */
GPtrArray *satchel_loader_find_all (SatchelLoader *loader, SatchelKind kind);
/* NAME.so's descriptor, or NULL. */
const SatchelModule *satchel_loader_module (SatchelLoader *loader, const char *name, gboolean is_gate);
/* A SatchelConfigSchemaFunc (@data: the loader): the rows of a module that is loaded; in roles config and cli
 * it is loaded for that.  A module without settings gives an empty table; NULL: no such module. */
const SatchelConfigRow *satchel_loader_schema (const char *group, gpointer loader);
/* Why the last try to load @name for its schema failed; NULL: it did not. Borrowed. */
const char *satchel_loader_why_not (SatchelLoader *loader, const char *name);

/* Its SatchelRight bits; older descriptors have none. */
guint satchel_module_rights (const SatchelModule *module);
/* The lifecycle over all loaded modules, in order of loading.  Each fails whole: what was started is stopped
 * again, what was prepared for a reload is told that it does not come. */
/* Until NULL: log lines of warnings and errors become warnings of @problems (SatchelConfigProblem). */
void satchel_loader_collect_lines (GPtrArray *problems);
gboolean satchel_loader_check (SatchelLoader *loader, const SatchelConfigSet *set, GPtrArray *problems);
gboolean satchel_loader_configure (SatchelLoader *loader, const SatchelConfigSet *set, GError **error);
gboolean satchel_loader_start (SatchelLoader *loader, GError **error);
gboolean satchel_loader_reload_prepare (SatchelLoader *loader, const SatchelConfigSet *set, GError **error);
/* After a prepare that gave TRUE, once. */
void satchel_loader_reload_end (SatchelLoader *loader, gboolean is_commit);
void satchel_loader_stop (SatchelLoader *loader);
/* For programs like `satchel`: loads every module that @set enables and configures it.  FALSE: at least one
 * failed. */
gboolean satchel_loader_load_enabled (SatchelLoader *loader, const SatchelConfigSet *set, GError **error);
