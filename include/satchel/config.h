/* SPDX-License-Identifier: MIT
 * Declares settings. One schema row for each setting feeds the parser, the commented default file, `satchel
 * config dump --origin` and the manual page. A SatchelConfig is one immutable group of settings that has
 * been validated against its schema. A module names in its rows the members of a struct of its own that the
 * values go to, and has them put there by satchel_config_fill.
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
  /* The setting has no default: it is an error to enable the group without it. */
  SATCHEL_CONFIG_REQUIRED = 1 << 1,
  /* The setting is a PATH that of the roles which load the module only auth may reach. */
  SATCHEL_CONFIG_OF_AUTH = 1 << 2
};

/* Bounds of DURATION are written with these ... */
#define SATCHEL_SECONDS(n) (G_GINT64_CONSTANT (1000) * (n))
#define SATCHEL_MINUTES(n) (SATCHEL_SECONDS (60) * (n))
#define SATCHEL_HOURS(n) (SATCHEL_MINUTES (60) * (n))
#define SATCHEL_DAYS(n) (SATCHEL_HOURS (24) * (n))
/* ... and these for those of SIZE. */
#define SATCHEL_KIB(n) (G_GINT64_CONSTANT (1024) * (n))
#define SATCHEL_MIB(n) (SATCHEL_KIB (1024) * (n))
#define SATCHEL_GIB(n) (SATCHEL_MIB (1024) * (n))
#define SATCHEL_TIB(n) (SATCHEL_GIB (1024) * (n))

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
  gsize offset; /* 1 + where satchel_config_fill puts the value, 0: nowhere; by SATCHEL_CONFIG_INTO only */
  SATCHEL_RESERVED (1);
} SatchelConfigRow;

/* This stands in the place of a row's type: the row's value goes into @member of @Struct, of the type below;
 * any other does not compile. { "timeout", SATCHEL_CONFIG_INTO (DURATION, FooSettings, timeout_ms), "5m",
 * "Longest wait", ... } An INT needs bounds that fit a guint.  The value of an ENUM is the place of the
 * choice: give a C enum the order of `choices`.  SECRET and GROUPS have no member; see the getters. */
#define SATCHEL_CONFIG_INTO(TYPE, Struct, member)                                                            \
  .offset = _Generic (&((Struct *) 0)->member, SATCHEL_CONFIG_INTO_##TYPE: 1 + offsetof (Struct, member)),   \
  .type = SATCHEL_CONFIG_##TYPE
#define SATCHEL_CONFIG_INTO_BOOL gboolean *
#define SATCHEL_CONFIG_INTO_INT guint *
#define SATCHEL_CONFIG_INTO_STRING const char **
#define SATCHEL_CONFIG_INTO_SIZE guint64 *    /* bytes */
#define SATCHEL_CONFIG_INTO_DURATION gint64 * /* milliseconds */
#define SATCHEL_CONFIG_INTO_MODE guint *
#define SATCHEL_CONFIG_INTO_PATH const char ** /* made absolute */
#define SATCHEL_CONFIG_INTO_ENUM guint *       /* or an enum without negative values */
#define SATCHEL_CONFIG_INTO_STRINGS const char *const **
#define SATCHEL_CONFIG_INTO_ENDPOINT const char **

/* Puts the values of @config into the struct at @settings that @rows name, which are the rows of its schema.
 * Strings are borrowed and live as long as @config.  A setting that is not set leaves its member as it is,
 * but a list is never NULL. */
SATCHEL_API void satchel_config_fill (const SatchelConfig *config, const SatchelConfigRow *rows,
                                      gpointer settings);

/* Getters, for values without a member; asking for a key that has no row is a programmer's mistake.  Results
 * are borrowed and live as long as @config.  Unset strings give NULL, unset lists are empty (never NULL),
 * unset numbers 0.  Every group of a module also has the bool `enabled`. */
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
/* A choice that users and domains may have instead of that of the whole server: groups with a name and the
 * choice, as { name = "example.org"; policy = "required"; }.  The rows of such a group name the members of
 * this struct. */
typedef struct SatchelUserChoice
{
  const char *name; /* a domain, or a user with the domain */
  guint choice;     /* number of the choice of an ENUM */
} SatchelUserChoice;
typedef struct SatchelUserChoices SatchelUserChoices;
/* Reads @key, a setting of GROUPS with @rows; the caller frees the result. NULL with INVALID means that a
 * name is there twice. */
SATCHEL_API SatchelUserChoices *satchel_user_choices_new (const SatchelConfig *section, const char *key,
                                                          const SatchelConfigRow *rows, GError **error);
SATCHEL_API void satchel_user_choices_free (SatchelUserChoices *choices); /* NULL is fine */
/* Returns the choice of @user, local@domain, or of the user's domain; @otherwise if there is neither. [any
 * thread] */
SATCHEL_API guint satchel_user_choices_find (const SatchelUserChoices *choices, const char *user,
                                             guint otherwise);
/* Returns the place where @key was set: "FILE:LINE", or "default". */
SATCHEL_API const char *satchel_config_origin (const SatchelConfig *config, const char *key);
/* Reads the value of a SECRET.  Yours, to be freed by satchel_secret_free, which wipes it. */
SATCHEL_API char *satchel_config_secret (const SatchelConfig *config, const char *key, GError **error);
SATCHEL_API void satchel_secret_free (char *secret);

G_END_DECLS
