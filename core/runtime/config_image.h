/* SPDX-License-Identifier: MIT
 * The merged, validated configuration as one sealed memfd: written by the config process, read by every
 * role.  Also the whole of what a program without daemon needs to read configuration (satchel, tests).
 */
#pragma once
#include <satchel/config.h>

/* All groups after a load.  Immutable. */
typedef struct SatchelConfigSet SatchelConfigSet;
void satchel_config_set_free (SatchelConfigSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelConfigSet, satchel_config_set_free)

/* The group of a module or of the core ("server", "log", ...); never NULL for a group with a schema.
 * Borrowed. */
const SatchelConfig *satchel_config_set_group (const SatchelConfigSet *set, const char *name);
gboolean satchel_config_set_is_enabled (const SatchelConfigSet *set, const char *module);
/* Names of all groups, sorted, NULL-ended, borrowed. */
const char *const *satchel_config_set_names (const SatchelConfigSet *set);

/* Schemas of the core's own groups: NULL-named end. */
typedef struct SatchelConfigSchema
{
  const char *group;
  const SatchelConfigRow *rows;
  const char *help; /* one line */
} SatchelConfigSchema;
extern const SatchelConfigSchema satchel_core_schemas[];
extern const SatchelConfigRow satchel_limits_rows[];      /* those that fill SatchelLimits among them */
extern const SatchelConfigRow satchel_config_enabled_row; /* what every group of a module begins with */

/* One mistake, ready to print: "FILE:LINE: message; what to do". */
typedef struct SatchelConfigProblem
{
  char *where;   /* "FILE:LINE", "FILE", or "" */
  char *setting; /* "GROUP.KEY" or "GROUP", which it is about, or "" */
  char *text;
  gboolean is_warning;
} SatchelConfigProblem;
void satchel_config_problem_free (SatchelConfigProblem *problem);
/* "FILE:LINE: warning: TEXT", as people read it; yours.  Programs look at the fields. */
char *satchel_config_problem_text (const SatchelConfigProblem *problem);
/* For programs: {"config_dir": ..., "valid": ..., "problems": [{"severity", "file", "line", "setting",
 * "text"}]} and a line end; what is not known is null. */
void satchel_config_problems_json (const GPtrArray *problems, const char *config_dir, gboolean is_valid,
                                   GString *out);

/* Finds a module's schema by group name: given by the caller (the loader), NULL if there is no such module.
 */
typedef const SatchelConfigRow *(*SatchelConfigSchemaFunc) (const char *group, gpointer data);
/* Reads defaults_dir (*.conf), conf_dir/satchel.conf and conf_dir/conf.d (*.conf), and @overrides
 * ("group.setting=VALUE", NULL-ended, may be NULL), merges key by key, validates everything and collects all
 * problems.  NULL if any is an error. A group without core schema is a module's; `enabled` is its one implied
 * key. */
SatchelConfigSet *satchel_config_load (const char *defaults_dir, const char *conf_dir,
                                       const char *const *overrides, SatchelConfigSchemaFunc schema,
                                       gpointer data, GPtrArray *problems /* SatchelConfigProblem */);
/* How much of what was written a lenient load could take in. */
typedef enum
{
  SATCHEL_CONFIG_WHOLE = 0,
  SATCHEL_CONFIG_HOLES, /* a group or module that is not known, or whether it is on: what seems missing may
                           only be misspelt */
  SATCHEL_CONFIG_BROKEN /* a part of a file could not be read at all: nothing follows from what is not there
                         */
} SatchelConfigState;
/* "GROUP", or "GROUP.KEY" of an element of a list. */
const char *satchel_config_name (const SatchelConfig *config);
SatchelConfigState satchel_config_set_state (const SatchelConfigSet *set);
/* The same, but with errors too it gives what could be understood, wrong settings at their defaults: for
 * naming further problems in the same run, never for use.  Never NULL. */
SatchelConfigSet *satchel_config_load_lenient (const char *defaults_dir, const char *conf_dir,
                                               const char *const *overrides, SatchelConfigSchemaFunc schema,
                                               gpointer data, GPtrArray *problems);
/* Serialise and read back; the reader bounds-checks everything.  The image names keys and types itself, so
 * that the reader needs no schema (a gate has none) and outlives the modules. */
GBytes *satchel_config_set_to_bytes (const SatchelConfigSet *set);
/* The same for a process that may know only the groups in @names (NULL-ended): the core's other groups are at
 * their defaults, all else is not there. */
GBytes *satchel_config_set_part_to_bytes (const SatchelConfigSet *set, const char *const *names);
/* The most bytes of an image. */
#define SATCHEL_CONFIG_IMAGE_MAX (64u * 1024u * 1024u)
SatchelConfigSet *satchel_config_set_from_bytes (GBytes *bytes, GError **error);
/* "group.key" of all settings that differ; with @only_fixed those that a reload cannot apply.  Free with
 * g_strfreev. */
char **satchel_config_set_compare (const SatchelConfigSet *before, const SatchelConfigSet *after,
                                   gboolean only_fixed);
/* For tests: one group straight from "key = value;" text. */
SatchelConfigSet *satchel_config_set_from_text (const char *group, const SatchelConfigRow *rows,
                                                const char *text, GError **error);

/* The one of @names (NULL-ended) that @name was probably meant to be, or NULL. */
const char *satchel_suggest (const char *name, const char *const *names);
/* A number as a file has it, without quotes: "50M", "30d", "0660", "true". */
void satchel_config_number_format (SatchelConfigType type, gint64 number, GString *out);
/* Appends @text as a libconfig string. */
void satchel_config_quote (const char *text, GString *out);

/* Going through a group: keys in the order of its rows (NULL-ended; free the array with g_free), their types,
 * and values in libconfig syntax (a plain secret as "(hidden)"; @indent: of the line it stands on). */
const char **satchel_config_keys (const SatchelConfig *config);
SatchelConfigType satchel_config_type (const SatchelConfig *config, const char *key);
gboolean satchel_config_is_set (const SatchelConfig *config, const char *key);
void satchel_config_value_format (const SatchelConfig *config, const char *key, guint indent, GString *out);
