/* SPDX-License-Identifier: MIT
 * Declares what is shared by the loader's files: loader.c (load, registry), loader_files.c (finding,
 * ownership), loader_check.c (descriptor), loader_trial.c, loader_lifecycle.c.
 */
#pragma once
#include "core/runtime/loader/loader.h"

typedef struct SatchelLoaderEntry
{
  const SatchelModule *module;
  char *name;
  gboolean is_gate;
  /* it runs in the role of this process, so it takes part in the lifecycle and in look-ups */
  gboolean is_active;
  gboolean is_configured, is_started, is_prepared;
} SatchelLoaderEntry;

/* The child that tries modules. */
typedef struct SatchelLoaderTrial
{
  pid_t pid;       /* 0: there is none */
  int ask, answer; /* pipes to and from it; -1: there is none */
} SatchelLoaderTrial;

struct SatchelLoader
{
  SatchelRole role;
  char **dirs;
  guint trusted_uid;
  GPtrArray *entries;  /* SatchelLoaderEntry, in order of loading */
  GPtrArray *provided; /* SatchelProvided */
  SatchelLoaderTrial trial;
  GHashTable *why_not; /* name of a module -> why it cannot be loaded */
};

gboolean satchel_loader_name_is_valid (const char *name);
char *satchel_loader_file_name (const char *name, gboolean is_gate);
/* Checks owner and mode of an open file. @path: for the message. */
gboolean satchel_loader_check_file (SatchelLoader *loader, int fd, const char *path, GError **error);
/* Checks everything about @module that its descriptor shows. */
gboolean satchel_loader_check_descriptor (SatchelRole role, const SatchelModule *module, const char *name,
                                          gboolean is_gate, GError **error);
