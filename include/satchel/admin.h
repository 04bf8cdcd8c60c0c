/* SPDX-License-Identifier: MIT
 * Declares admin commands of a module: `satchel GROUP COMMAND [USER] [OPERAND] [--OPTION VALUE ...]`. From
 * the table that a module provides follow help, completion, manual, checks of what was typed, and --json.
 * What a command does runs in the server: if it concerns a user in the mail process that owns the user's
 * store, else in the first mail process; as a job, with its output going to the admin's terminal while it
 * works. Kind SATCHEL_KIND_ADMIN, role mail; role auth for commands about credentials (`in_auth`).
 * docs/modules/admin.md, docs/decisions/0039 and 0062.
 */
#pragma once
#include <satchel/storage.h>

G_BEGIN_DECLS

/* One command has so many options at most. */
#define SATCHEL_ADMIN_OPTIONS_MAX 10u
/* The output is bounded: one line, and all output of a call. */
#define SATCHEL_ADMIN_LINE_MAX (16u * 1024u)
#define SATCHEL_ADMIN_OUTPUT_MAX (256u * 1024u * 1024u)

/* A run of a command may be used in any thread until `run` returns. */
typedef struct SatchelAdminCall SatchelAdminCall;

typedef struct SatchelAdminCommand
{
  size_t size;
  const char *name;    /* [a-z][a-z0-9-]* */
  const char *summary; /* one line, without a full stop */
  /* A longer text for help and manual, in whole sentences, with '\n' between lines; NULL: none. */
  const char *details;
  /* Options as rows of settings: key "dry-run" is --dry-run.  Types are BOOL (an option without value),
   * INT, STRING, SIZE, DURATION and ENUM; default, min, max, choices and SATCHEL_CONFIG_REQUIRED apply.
   * Names that are taken: json, help, version, set, and NAME-dir.  NULL: none. */
  const SatchelConfigRow *options;
  /* The command concerns one user, whose name is its first argument; the user must exist, or have mail
   * here. */
  gboolean of_user;
  /* Runs the command as a job, so it may block.  FALSE with an error: the administrator is shown the error,
   * and the exit status follows its code.  Must. */
  gboolean (*run) (SatchelAdminCall *call, GError **error);
  /* Runs in the auth process, which alone has credentials, and where there are no stores.  Needs
   * SATCHEL_ROLE_AUTH in place of SATCHEL_ROLE_MAIL. */
  gboolean in_auth;
  /* The option, a STRING, that the word behind the user sets (the first word where there is none); it must be
   * given if the option is SATCHEL_CONFIG_REQUIRED.  NULL means that there is no such word. */
  const char *operand;
  /* With `of_user`: the command may run for all users, with --all in the place of the user: `satchel` runs it
   * for each, and adds up the numbers of records whose keys and texts are the same.  Its output are records.
   */
  gboolean sums;
  /* Another command of the table, which `satchel` runs next when this one has ended well, for the same user
   * and with those of the options that it has as well: a command whose work lies in two processes.  NULL:
   * none. */
  const char *then;
  /* With `of_user`, and without an operand: --domain NAME may stand in the place of the user, and `satchel`
   * runs the command for each user of the domain that the password databases list. */
  gboolean by_domain;
} SatchelAdminCommand;

typedef struct SatchelAdminOps
{
  size_t size;
  const SatchelAdminCommand *const *commands; /* NULL-ended; the group is the name of what is provided */
} SatchelAdminOps;

/* Returns the access of the administrator: cause admin, service "admin", all rights, no key; owner "" if the
 * command does not concern a user.  Borrowed. */
SATCHEL_API const SatchelAccess *satchel_admin_access (const SatchelAdminCall *call);
/* Returns the options that were given, checked against the rows; they are read with satchel_config_int
 * (options, "limit") and the like.  Borrowed. */
SATCHEL_API const SatchelConfig *satchel_admin_options (const SatchelAdminCall *call);
/* Returns the user's store, opened with that access; yours, a reference.  satchel_store_level finds a
 * module's own level of it.  Errors: CANNOT (the command does not concern a user, or runs in auth),
 * UNAVAILABLE (the user is being moved), CORRUPT, IO.  [blocks] */
SATCHEL_API SatchelStore *satchel_admin_open_store (SatchelAdminCall *call, GError **error);
/* Says whether `run` should end soon, since the administrator gave up, the server stops, or time
 * (`server.admin_time`) or output are used up.  Long work asks this regularly, which also shows master that
 * the job makes progress. */
SATCHEL_API gboolean satchel_admin_is_cancelled (SatchelAdminCall *call);

/* The calls below wait while the administrator's terminal takes no output.  FALSE means that the call is
 * cancelled, and no more output is taken. */

/* Prints a line of text; with --json {"text": LINE}.  Control characters are shown as '?'; '\n' begins
 * another line. */
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
/* Prints a record: "key=value key=value"; with --json {"key": value, ...} on a line of its own. */
SATCHEL_API gboolean satchel_admin_fields (SatchelAdminCall *call, const SatchelAdminField *fields,
                                           guint n_fields);
#define satchel_admin_record(call, ...)                                                                      \
  satchel_admin_fields (call, (const SatchelAdminField[]) { __VA_ARGS__ },                                   \
                        sizeof ((const SatchelAdminField[]) { __VA_ARGS__ }) / sizeof (SatchelAdminField))
/* Reports progress: @done of @total (0: not known) things, which @what names in one word or more.  It may
 * be called at any rate: at most ten reports a second are sent, and the last one always. */
SATCHEL_API gboolean satchel_admin_progress (SatchelAdminCall *call, guint64 done, guint64 total,
                                             const char *what);
/* Shows @text as a QR code where the administrator sits, if `satchel` was built with libqrencode and standard
 * output is a terminal; otherwise nothing.  Print the text as well.  At most 1,024 bytes. */
SATCHEL_API gboolean satchel_admin_qr (SatchelAdminCall *call, const char *text);
/* Asks the administrator: when this run has ended well, @prompt is shown, and the command runs once more with
 * what was typed as @option, a STRING of the command's.  The last question counts.  With --json nobody is
 * asked: the command has to be run with the option.  What is typed as the option "password" is not shown. */
SATCHEL_API gboolean satchel_admin_ask (SatchelAdminCall *call, const char *option, const char *prompt);

G_END_DECLS
