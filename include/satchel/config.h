/* SPDX-License-Identifier: MIT
 * Settings.  One schema row for each setting feeds the parser, the commented default file, `satchel config
 * dump
 * --origin` and the manual page.  A SatchelConfig is one immutable group of settings that has been validated
 * against its schema: getters cannot fail, and asking for a key without a row is a programmer's mistake.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_CONFIG_BOOL = 1, /* true | false */
  SATCHEL_CONFIG_INT,      /* a whole number, min..max */
  SATCHEL_CONFIG_STRING,
  SATCHEL_CONFIG_SIZE,     /* "50M": bytes with K M G T (powers of 1024), or "0" */
  SATCHEL_CONFIG_DURATION, /* "30d": ms s m h d w; min and max in milliseconds */
  SATCHEL_CONFIG_MODE,     /* "0660" */
  SATCHEL_CONFIG_PATH,     /* absolute, or relative to the configuration directory */
  SATCHEL_CONFIG_SECRET,   /* "file:PATH", "credential:NAME", "env:NAME", or plain with a warning */
  SATCHEL_CONFIG_ENUM,     /* one of `choices`, "a|b|c" */
  SATCHEL_CONFIG_STRINGS,  /* ( "a", "b" ) or [ "a", "b" ] */
  SATCHEL_CONFIG_GROUPS,   /* ( { name = "a"; ... }, ... ), rows in `group` */
  SATCHEL_CONFIG_ENDPOINT  /* "unix:/path", "host:port", "[2001:db8::1]:port": what a helper may connect to
                              (endpoint.h); only  in modules with SATCHEL_ROLE_HELPER, and always reloadable
                              (the helper starts again) */
} SatchelConfigType;

enum
{
  SATCHEL_CONFIG_RELOADABLE = 1 << 0, /* a reload applies it in place */
  SATCHEL_CONFIG_REQUIRED =
      1 << 1 /* the setting has no default: it is an error to enable the group without it */
};

typedef struct SatchelConfigRow
{
  const char *key; /* NULL ends a table */
  SatchelConfigType type;
  const char *default_value; /* as written in a file without quotes; lists: libconfig syntax; NULL: unset */
  const char *help;          /* one line, for files and man pages */
  const char *choices;       /* ENUM */
  gint64 min, max;           /* INT, SIZE, DURATION; both 0: no bound */
  const struct SatchelConfigRow *group; /* GROUPS */
  guint flags;
  SATCHEL_RESERVED (2);
} SatchelConfigRow;

/* Getters; results are borrowed and live as long as @config.  Unset strings give NULL, unset lists are empty
 * (never NULL), unset numbers 0.  Every group of a module also has the bool `enabled`. */
SATCHEL_API gboolean satchel_config_bool (const SatchelConfig *config, const char *key);
SATCHEL_API gint64 satchel_config_int (const SatchelConfig *config, const char *key);
SATCHEL_API const char *satchel_config_string (const SatchelConfig *config,
                                               const char *key); /* STRING ENUM ENDPOINT */
SATCHEL_API guint64 satchel_config_size (const SatchelConfig *config, const char *key); /* bytes */
SATCHEL_API gint64 satchel_config_duration_ms (const SatchelConfig *config, const char *key);
SATCHEL_API guint satchel_config_mode (const SatchelConfig *config, const char *key);
SATCHEL_API const char *satchel_config_path (const SatchelConfig *config,
                                             const char *key); /* made absolute */
SATCHEL_API const char *const *satchel_config_strings (const SatchelConfig *config, const char *key);
SATCHEL_API guint satchel_config_n_groups (const SatchelConfig *config, const char *key);
SATCHEL_API const SatchelConfig *satchel_config_group (const SatchelConfig *config, const char *key,
                                                       guint index);
/* Reads @text, which is not of the configuration (an attribute of a user), as the setting of @row is read,
 * with its range: BOOL, INT, SIZE (bytes), DURATION (ms) or MODE. */
SATCHEL_API gboolean satchel_config_number_parse (const SatchelConfigRow *row, const char *text,
                                                  gint64 *ret_number, GError **error);
/* The place where @key was set: "FILE:LINE", or "default". */
SATCHEL_API const char *satchel_config_origin (const SatchelConfig *config, const char *key);
/* Reads the value of a SECRET.  Yours, to be freed by satchel_secret_free, which wipes it. */
SATCHEL_API char *satchel_config_secret (const SatchelConfig *config, const char *key, GError **error);
SATCHEL_API void satchel_secret_free (char *secret);

G_END_DECLS
