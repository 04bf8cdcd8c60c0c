/* SPDX-License-Identifier: MIT
 * The inside of the configuration reader. A file passes config_text.c (reads it, expands includes),
 * config_check.c (finds mistakes that libconfig hides, and repairs them so that reading goes on),
 * libconfig, config_value.c (compares values with the schema) and config_load.c (merges).
 */
#pragma once
#include <libconfig.h>

#include "core/runtime/config/config_image.h"

#define SATCHEL_CONFIG_FILE_MAX (1024u * 1024u)      /* most bytes of a file */
#define SATCHEL_CONFIG_TEXT_MAX (4u * 1024u * 1024u) /* most bytes of a file with all that it includes */
#define SATCHEL_CONFIG_INCLUDE_DEPTH 8u
#define SATCHEL_CONFIG_DEPTH 16u /* most levels of groups, lists and arrays in each other */
#define SATCHEL_CONFIG_SETTINGS                                                                              \
  10000u /* most named settings of a file: libconfig looks for duplicates in quadratic time */
#define SATCHEL_CONFIG_PROBLEMS 200u

typedef struct SatchelConfigValue
{
  char *key;
  SatchelConfigType type;
  guint flags;       /* flags of the row */
  gboolean is_set;   /* a file or a default has set it */
  gint64 number;     /* BOOL INT SIZE DURATION MODE */
  char *string;      /* STRING PATH SECRET ENUM */
  char **strings;    /* STRINGS */
  GPtrArray *groups; /* GROUPS: SatchelConfig */
  char *origin;
} SatchelConfigValue;

/* A group has its own copies of keys and types, so that it outlives the module whose schema made it. */
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
  SatchelConfigState state; /* how much the load could take in */
};

/* config.c has these. */
SatchelConfig *satchel_config_new (const char *name, guint n_values);
void satchel_config_free (SatchelConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelConfig, satchel_config_free)
void satchel_config_value_clear (SatchelConfigValue *value);
SatchelConfigValue *satchel_config_find (const SatchelConfig *config, const char *key);
/* Makes a set. Takes over @groups, a table from names to SatchelConfig that owns both. */
SatchelConfigSet *satchel_config_set_new (GHashTable *groups);
/* Adds a problem. Takes over @where. */
void satchel_config_problem_add (GPtrArray *problems, gboolean is_warning, char *where, const char *format,
                                 ...) G_GNUC_PRINTF (4, 5);
/* Adds a problem with @setting, "GROUP.KEY" or "GROUP". */
void satchel_config_problem_add_of (GPtrArray *problems, gboolean is_warning, char *where,
                                    const char *setting, const char *format, ...) G_GNUC_PRINTF (5, 6);
guint satchel_config_count_errors (GPtrArray *problems);

/* config_text.c makes a text that libconfig will read, and notes from which file and line each of its lines
 * came. */
typedef struct SatchelConfigText
{
  GString *text;
  GPtrArray *files;   /* names */
  GArray *lines;      /* file and line of each line of the text */
  gboolean is_broken; /* a part could not be read, and was left out */
} SatchelConfigText;
void satchel_config_text_free (SatchelConfigText *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelConfigText, satchel_config_text_free)
/* Reads a file with its includes, which must be inside the directory @tree. NULL means that the file cannot
 * be used, and @problems says why. */
SatchelConfigText *satchel_config_text_read (const char *path, const char *tree, GPtrArray *problems);
/* Makes a text without includes. @label: the file name in problems; @has_lines: problems name a line. */
SatchelConfigText *satchel_config_text_from_string (const char *label, const char *string, gboolean has_lines,
                                                    GPtrArray *problems);
/* Returns "FILE:LINE" for a line of the text, 1-based; yours. */
char *satchel_config_text_where (const SatchelConfigText *text, guint line);

/* config_check.c reports mistakes, and repairs them in place so that reading can go on. FALSE means that it
 * cannot. */
gboolean satchel_config_check_text (SatchelConfigText *text, GPtrArray *problems);

/* config_value.c has these. */
typedef struct SatchelConfigReader
{
  GPtrArray *problems;
  const char *conf_dir;          /* relative paths begin there */
  const SatchelConfigText *text; /* the text that is being read */
  gboolean is_override;          /* --set: bare numbers stand for strings with units */
} SatchelConfigReader;
/* Makes a group with all keys of @rows at their defaults. @add_enabled: it also has `enabled`. */
SatchelConfig *satchel_config_new_from_rows (const char *name, const SatchelConfigRow *rows,
                                             gboolean add_enabled, const char *conf_dir);
/* Reads @setting into @value, which keeps its old content on a mistake.  @path: "group.key" for problems. */
/* The words by which a message says that a value is a text. */
#define SATCHEL_CONFIG_IS_TEXT "this is a text"
gboolean satchel_config_value_read (SatchelConfigReader *reader, const SatchelConfigRow *row,
                                    const char *path, const config_setting_t *setting,
                                    SatchelConfigValue *value);
const SatchelConfigRow *satchel_config_find_row (const SatchelConfigRow *rows, const char *key);

/* config_units.c has these. */
/* Parses one scalar from text without quotes. FALSE means that it is not one, with an explanation. */
gboolean satchel_config_scalar_parse (const SatchelConfigRow *row, const char *text,
                                      SatchelConfigValue *value, char **ret_why);
gboolean satchel_config_check_range (const SatchelConfigRow *row, gint64 number, char **ret_why);
