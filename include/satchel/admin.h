/* SPDX-License-Identifier: MIT
 * Admin commands of a module: `satchel GROUP COMMAND [USER] [--OPTION VALUE ...]`.  From the table that a
 * module provides follow help, completion, manual, checks of what was typed, and --json.  What a command does
 * runs in the server: if it concerns a user in the mail process that owns the user's store, else in the first
 * mail process; as a job, with its output going to the admin's terminal while it works.  Kind
 * SATCHEL_KIND_ADMIN, role mail.  docs/modules/admin.md, docs/decisions/0039.
 */
#pragma once
#include <satchel/storage.h>

G_BEGIN_DECLS

/* Options of one command at most. */
#define SATCHEL_ADMIN_OPTIONS_MAX 10u
/* One line of output at most; and all of one call. */
#define SATCHEL_ADMIN_LINE_MAX (16u * 1024u)
#define SATCHEL_ADMIN_OUTPUT_MAX (256u * 1024u * 1024u)

/* One run of a command.  [any thread, until `run` returns] */
typedef struct SatchelAdminCall SatchelAdminCall;

typedef struct SatchelAdminCommand
{
  size_t size;
  const char *name;    /* [a-z][a-z0-9-]* */
  const char *summary; /* one line, without a full stop */
  const char *details; /* more of it for help and manual, whole sentences, '\n' between lines; NULL: none */
  /* Options as rows of settings: key "dry-run" is --dry-run; types BOOL (an option without value), INT,
   * STRING, SIZE, DURATION, ENUM; default, min, max, choices and SATCHEL_CONFIG_REQUIRED count.  Not called
   * json, help, version, set or NAME-dir.  NULL: none. */
  const SatchelConfigRow *options;
  gboolean of_user; /* concerns one user, whom the admin names first; there must be such a user, or mail of
                       that name */
  /* Does it.  May block: it is a job.  FALSE with an error is what the admin is told, and the exit status
   * follows the code.  Must. */
  gboolean (*run) (SatchelAdminCall *call, GError **error);
} SatchelAdminCommand;

typedef struct SatchelAdminOps
{
  size_t size;
  const SatchelAdminCommand *const *commands; /* NULL-ended; the group is the name of what is provided */
} SatchelAdminOps;

/* Who asks: cause admin, service "admin", all rights, no key; owner "" if the command is not of a user.
 * Borrowed. */
SATCHEL_API const SatchelAccess *satchel_admin_access (const SatchelAdminCall *call);
/* What was given, checked against the rows: read with satchel_config_int (options, "limit") and the like.
 * Borrowed. */
SATCHEL_API const SatchelConfig *satchel_admin_options (const SatchelAdminCall *call);
/* The user's store through that access; a reference of yours.  A module's own level of it:
 * satchel_store_level.  [blocks] Errors: CANNOT (not of a user), UNAVAILABLE (being released), CORRUPT, IO,
 * .... */
SATCHEL_API SatchelStore *satchel_admin_open_store (SatchelAdminCall *call, GError **error);
/* The admin gave up, the server stops, or the time (`server.admin_time`) or output is used up: end soon.  To
 * be asked now and then in long work, which also tells master that the job gets somewhere. */
SATCHEL_API gboolean satchel_admin_is_cancelled (SatchelAdminCall *call);

/* All below wait while the admin's terminal takes nothing; FALSE: cancelled, and nothing more is taken. */

/* A line of text; with --json {"text": LINE}.  Control characters are shown as '?'; '\n' begins another line.
 */
SATCHEL_API gboolean satchel_admin_print (SatchelAdminCall *call, const char *format, ...)
    G_GNUC_PRINTF (2, 3);

typedef struct SatchelAdminField
{
  const char *key;  /* [a-z][a-z0-9_]* */
  char type;        /* 't' text, 'n' number, 'b' boolean */
  const char *text; /* NULL: null */
  gint64 number;
  SATCHEL_RESERVED (2);
} SatchelAdminField;
#define SATCHEL_ADMIN_TEXT(a_key, a_text)                                                                    \
  ((SatchelAdminField) { .key = (a_key), .type = 't', .text = (a_text) })
#define SATCHEL_ADMIN_NUMBER(a_key, a_number)                                                                \
  ((SatchelAdminField) { .key = (a_key), .type = 'n', .number = (a_number) })
#define SATCHEL_ADMIN_BOOL(a_key, is_true)                                                                   \
  ((SatchelAdminField) { .key = (a_key), .type = 'b', .number = (is_true) })
/* A record: "key=value key=value"; with --json {"key": value, ...}, on a line of its own. */
SATCHEL_API gboolean satchel_admin_fields (SatchelAdminCall *call, const SatchelAdminField *fields,
                                           guint n_fields);
#define satchel_admin_record(call, ...)                                                                      \
  satchel_admin_fields (call, (const SatchelAdminField[]) { __VA_ARGS__ },                                   \
                        sizeof ((const SatchelAdminField[]) { __VA_ARGS__ }) / sizeof (SatchelAdminField))
/* How far it is: @done of @total (0: not known).  @what: of what, one word or more.  Call it as often as you
 * like: at most ten a second go out, the last one always. */
SATCHEL_API gboolean satchel_admin_progress (SatchelAdminCall *call, guint64 done, guint64 total,
                                             const char *what);

G_END_DECLS
