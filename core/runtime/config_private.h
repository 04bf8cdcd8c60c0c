/* SPDX-License-Identifier: MIT
 * Inside of the configuration reader.  A file goes through text (read, includes expanded) -> check (mistakes
 * that libconfig hides, repaired so that reading goes on) -> libconfig -> value (against the schema) -> load
 * (merge).
 */
#pragma once
#include <libconfig.h>

#include "core/runtime/config_image.h"

#define SATCHEL_CONFIG_FILE_MAX (1024u * 1024u)      /* a file */
#define SATCHEL_CONFIG_TEXT_MAX (4u * 1024u * 1024u) /* a file with all that it includes */
#define SATCHEL_CONFIG_INCLUDE_DEPTH 8u
#define SATCHEL_CONFIG_DEPTH 16u /* of groups, lists and arrays in each other */
#define SATCHEL_CONFIG_SETTINGS                                                                              \
  10000u /* named settings a file: libconfig's look for duplicates is quadratic */
#define SATCHEL_CONFIG_PROBLEMS 200u

typedef struct SatchelConfigValue
{
  char *key;
  SatchelConfigType type;
  guint flags;       /* of the row */
  gboolean is_set;   /* by a file or by a default */
  gint64 number;     /* BOOL INT SIZE DURATION MODE */
  char *string;      /* STRING PATH SECRET ENUM */
  char **strings;    /* STRINGS */
  GPtrArray *groups; /* GROUPS: of SatchelConfig */
  char *origin;
} SatchelConfigValue;

/* Knows its keys and types by itself, so that it outlives the module whose schema made it. */
struct SatchelConfig
{
  char *name;
  SatchelConfigValue *values;
  guint n_values;
};

struct SatchelConfigSet
{
  GHashTable *groups; /* name -> SatchelConfig */
  char **names;
  SatchelConfigState state; /* of the load */
};

/* config.c */
SatchelConfig *satchel_config_new (const char *name, guint n_values);
void satchel_config_free (SatchelConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelConfig, satchel_config_free)
void satchel_config_value_clear (SatchelConfigValue *value);
SatchelConfigValue *satchel_config_find (const SatchelConfig *config, const char *key);
/* Takes @groups (name -> SatchelConfig, owning both) over. */
SatchelConfigSet *satchel_config_set_new (GHashTable *groups);
/* @where is taken over. */
void satchel_config_problem_add (GPtrArray *problems, gboolean is_warning, char *where, const char *format,
                                 ...) G_GNUC_PRINTF (4, 5);
/* The same about @setting, "GROUP.KEY" or "GROUP". */
void satchel_config_problem_add_of (GPtrArray *problems, gboolean is_warning, char *where,
                                    const char *setting, const char *format, ...) G_GNUC_PRINTF (5, 6);
guint satchel_config_count_errors (GPtrArray *problems);

/* config_text.c: what libconfig will read, and where each line of it came from. */
typedef struct SatchelConfigText
{
  GString *text;
  GPtrArray *files;   /* names */
  GArray *lines;      /* where each line of text came from */
  gboolean is_broken; /* a part was left out: it could not be read */
} SatchelConfigText;
void satchel_config_text_free (SatchelConfigText *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelConfigText, satchel_config_text_free)
/* NULL: the file is unusable, and @problems says why.  Includes stay inside the directory @tree. */
SatchelConfigText *satchel_config_text_read (const char *path, const char *tree, GPtrArray *problems);
/* No includes; @label is the file name in problems; @has_lines: whether they name a line. */
SatchelConfigText *satchel_config_text_from_string (const char *label, const char *string, gboolean has_lines,
                                                    GPtrArray *problems);
/* "FILE:LINE" of a line of text, 1-based; yours. */
char *satchel_config_text_where (const SatchelConfigText *text, guint line);

/* config_check.c: reports what is wrong and repairs it in place where reading can go on.  FALSE: it cannot.
 */
gboolean satchel_config_check_text (SatchelConfigText *text, GPtrArray *problems);

/* config_value.c */
typedef struct SatchelConfigReader
{
  GPtrArray *problems;
  const char *conf_dir;          /* relative paths start there */
  const SatchelConfigText *text; /* being read */
  gboolean is_override;          /* --set: bare numbers stand for strings with units */
} SatchelConfigReader;
/* All keys of @rows with their defaults; @add_enabled: and `enabled`. */
SatchelConfig *satchel_config_new_from_rows (const char *name, const SatchelConfigRow *rows,
                                             gboolean add_enabled, const char *conf_dir);
/* Reads @setting into @value, which keeps its old content on a mistake.  @path: "group.key" for problems. */
/* How a message says that a value is a text. */
#define SATCHEL_CONFIG_IS_TEXT "this is a text"
gboolean satchel_config_value_read (SatchelConfigReader *reader, const SatchelConfigRow *row,
                                    const char *path, const config_setting_t *setting,
                                    SatchelConfigValue *value);
const SatchelConfigRow *satchel_config_find_row (const SatchelConfigRow *rows, const char *key);

/* config_units.c */
/* One scalar from text as written without quotes.  FALSE with an explanation. */
gboolean satchel_config_scalar_parse (const SatchelConfigRow *row, const char *text,
                                      SatchelConfigValue *value, char **ret_why);
gboolean satchel_config_check_range (const SatchelConfigRow *row, gint64 number, char **ret_why);
