/* SPDX-License-Identifier: MIT
 * The merged, validated configuration as one sealed memfd, which the config process writes and every role
 * reads. The header also has all that a program without the daemon (satchel, a test) needs to read
 * configuration.
 */
#pragma once
#include <satchel/config.h>

/* A set has all groups after a load. It never changes once it was handed on. */
typedef struct SatchelConfigSet SatchelConfigSet;
void satchel_config_set_free (SatchelConfigSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelConfigSet, satchel_config_set_free)

/* Returns the group of a module or of the core ("server", "log", ...), borrowed; never NULL for a group with
 * a schema. */
const SatchelConfig *satchel_config_set_group (const SatchelConfigSet *set, const char *name);
gboolean satchel_config_set_is_enabled (const SatchelConfigSet *set, const char *module);
/* Returns the names of all groups, sorted, NULL-ended, borrowed. */
const char *const *satchel_config_set_names (const SatchelConfigSet *set);

/* Gives the setting @key of @config, a text that no file has set, the value that follows from others; for the
 * process that loads the set, before anybody else gets it. */
void satchel_config_settle (const SatchelConfig *config, const char *key, const char *text);

/* Schemas of the core's own groups; the last one has a NULL name. */
typedef struct SatchelConfigSchema
{
  const char *group;
  const SatchelConfigRow *rows;
  const char *help; /* a sentence of one line */
} SatchelConfigSchema;
extern const SatchelConfigSchema satchel_core_schemas[];
extern const SatchelConfigRow satchel_config_enabled_row; /* the first row of every group of a module */

/* A mistake is ready to print: "FILE:LINE: message; what to do". */
typedef struct SatchelConfigProblem
{
  char *where;   /* "FILE:LINE", "FILE", or "" */
  char *setting; /* the setting that is wrong: "GROUP.KEY" or "GROUP", or "" */
  char *text;
  gboolean is_warning;
} SatchelConfigProblem;
void satchel_config_problem_free (SatchelConfigProblem *problem);
/* Returns "FILE:LINE: warning: TEXT" for people; yours. Programs read the members instead. */
char *satchel_config_problem_text (const SatchelConfigProblem *problem);
/* Appends {"config_dir": ..., "valid": ..., "problems": [{"severity", "file", "line", "setting", "text"}]}
 * and a line end, for programs; a value that is not known is null. */
void satchel_config_problems_json (const GPtrArray *problems, const char *config_dir, gboolean is_valid,
                                   GString *out);

/* Finds a module's schema by the name of its group. The caller gives it (the loader has one); NULL means that
 * there is no such module. */
typedef const SatchelConfigRow *(*SatchelConfigSchemaFunc) (const char *group, gpointer data);
/* Reads defaults_dir (*.conf), conf_dir/satchel.conf and conf_dir/conf.d (*.conf), and @overrides
 * ("group.setting=VALUE", NULL-ended, may be NULL), merges key by key, validates everything and collects all
 * problems.  NULL if any is an error. A group without core schema is a module's; `enabled` is its one implied
 * key. */
SatchelConfigSet *satchel_config_load (const char *defaults_dir, const char *conf_dir,
                                       const char *const *overrides, SatchelConfigSchemaFunc schema,
                                       gpointer data, GPtrArray *problems /* SatchelConfigProblem */);
/* How much of the files a lenient load could take in. */
typedef enum
{
  SATCHEL_CONFIG_WHOLE = 0,
  /* A group or module is unknown, or whether it is enabled: what seems missing may only be misspelt. */
  SATCHEL_CONFIG_HOLES,
  SATCHEL_CONFIG_BROKEN /* a part of a file could not be read at all, so nothing follows from a missing
                           setting */
} SatchelConfigState;
/* Returns "GROUP", or "GROUP.KEY" for an element of a list. */
const char *satchel_config_name (const SatchelConfig *config);
SatchelConfigState satchel_config_set_state (const SatchelConfigSet *set);
/* Loads the same files, but if there are errors it returns what could be understood, with wrong settings at
 * their defaults.  The result serves to find further problems in the same run, and is never put into use.
 * Never NULL. */
SatchelConfigSet *satchel_config_load_lenient (const char *defaults_dir, const char *conf_dir,
                                               const char *const *overrides, SatchelConfigSchemaFunc schema,
                                               gpointer data, GPtrArray *problems);
/* These turn a set into bytes and back; the reader checks everything against bounds. The image itself names
 * keys and types, so that the reader needs no schema (a gate has none) and outlives the modules. */
GBytes *satchel_config_set_to_bytes (const SatchelConfigSet *set);
/* Makes the bytes for a process that may know only the groups in @names (NULL-ended): other groups of the
 * core have their default values, and groups of other modules are left out. */
GBytes *satchel_config_set_part_to_bytes (const SatchelConfigSet *set, const char *const *names);
/* This bounds an image, in bytes. */
#define SATCHEL_CONFIG_IMAGE_MAX (64u * 1024u * 1024u)
SatchelConfigSet *satchel_config_set_from_bytes (GBytes *bytes, GError **error);
/* Returns "group.key" for all settings that differ; with @only_fixed, for those that a reload cannot apply.
 * Free with g_strfreev. */
char **satchel_config_set_compare (const SatchelConfigSet *before, const SatchelConfigSet *after,
                                   gboolean only_fixed);
/* Makes a set of one group from "key = value;" text, for tests. */
SatchelConfigSet *satchel_config_set_from_text (const char *group, const SatchelConfigRow *rows,
                                                const char *text, GError **error);

/* Returns the one of @names (NULL-ended) that @name was probably meant to be; NULL means that none is near
 * enough. */
const char *satchel_suggest (const char *name, const char *const *names);
/* Appends a number as a file has it, without quotes: "50M", "30d", "0660", "true". */
void satchel_config_number_format (SatchelConfigType type, gint64 number, GString *out);
/* Appends @text as a libconfig string. */
void satchel_config_quote (const char *text, GString *out);

/* Go through a group: its keys in the order of its rows (NULL-ended; the caller frees the array with g_free),
 * their types, and values in libconfig syntax (a secret in clear text as "(hidden)"; @indent is the columns
 * before the line). */
const char **satchel_config_keys (const SatchelConfig *config);
SatchelConfigType satchel_config_type (const SatchelConfig *config, const char *key);
gboolean satchel_config_is_set (const SatchelConfig *config, const char *key);
void satchel_config_value_format (const SatchelConfig *config, const char *key, guint indent, GString *out);
