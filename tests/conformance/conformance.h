/* SPDX-License-Identifier: MIT
 * The storage conformance suite: cases that run over any driver and any stack of layers above it.  README.md
 * says how.
 */
#pragma once
#include "core/storage/store/store_open.h"

/* Which of the areas that concern files and processes are run. */
typedef enum
{
  CONFORMANCE_NO_FILES = 0,
  CONFORMANCE_FILES_OF_REMOVALS, /* processes are killed in changes that remove messages */
  CONFORMANCE_FILES
} SatchelConformanceFiles;

/* A stack: its levels from the client down, the last one the driver.  Lives as long as the tests run. */
typedef struct SatchelConformanceBackend
{
  const SatchelStoreLevel *levels;
  guint n_levels;
  const char *const *arguments; /* with which the program makes this stack alone; NULL-ended */
  SatchelConformanceFiles files;
  const char *attributes; /* what userdbs say of every user, as SatchelPlace has it; NULL: nothing */
  const char *key;        /* the key of whoever acts; NULL: none */
} SatchelConformanceBackend;

/* Adds every case as /conformance/STACK_NAME/AREA/CASE to the GLib test program. */
void satchel_conformance_add (const char *stack_name, const SatchelConformanceBackend *backend);

/* ---- for the cases ---- */

/* A user of its own under a mail root of its own, with the store open. */
typedef struct Fixture
{
  const SatchelConformanceBackend *backend;
  char *root; /* directory */
  int root_fd;
  char *user, *path;
  SatchelStore *store;                     /* of the server itself, with the key of the backend */
  const SatchelConfig *mailboxes, *limits; /* for the next opening; NULL at first */
} Fixture;

typedef struct ConformanceCase
{
  const char *name;
  void (*func) (Fixture *fixture);
} ConformanceCase;
/* Ended by a NULL name. */
extern const ConformanceCase conformance_names[], conformance_uses[], conformance_mailboxes[],
    conformance_append[], conformance_content[], conformance_flags[], conformance_copies[],
    conformance_fields[], conformance_import[], conformance_access[], conformance_changes[],
    conformance_sync[], conformance_heard[], conformance_parallel[], conformance_usage[], conformance_blobs[],
    conformance_shown[], conformance_destroy[], conformance_faults[], conformance_kills[],
    conformance_damage[], conformance_driver[], conformance_ops[], conformance_bulk[], conformance_exchange[];

/* Success, or failure with a code.  E is the place for the error inside of them. */
#define E (&conformance_error)
#define OK(call)                                                                                             \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autoptr (GError) conformance_error = NULL;                                                             \
    gboolean conformance_ok = (call) ? TRUE : FALSE;                                                         \
    g_assert_no_error (conformance_error);                                                                   \
    g_assert_true (conformance_ok);                                                                          \
  }                                                                                                          \
  G_STMT_END
#define FAILS(code, call)                                                                                    \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autoptr (GError) conformance_error = NULL;                                                             \
    gboolean conformance_ok = (call) ? TRUE : FALSE;                                                         \
    g_assert_error (conformance_error, SATCHEL_ERROR, (code));                                               \
    g_assert_false (conformance_ok);                                                                         \
  }                                                                                                          \
  G_STMT_END

/* Closes the store and opens it again, as after a restart.  No handle may be held. */
void fixture_reopen (Fixture *fixture);
/* The two halves of it, for a second user beside the first: a copy of @fixture with user and path of its own,
 * not yet opened. */
Fixture fixture_another_user (const Fixture *fixture);
void fixture_open_store (Fixture *fixture);
gboolean fixture_try_open_store (Fixture *fixture, GError **error); /* `store` is NULL on failure */
void fixture_close_store (Fixture *fixture);
/* Removes a directory and all below it. */
void fixture_remove_tree (const char *path);
/* Opens the mailbox, made if it does not exist. */
SatchelMailbox *fixture_open (Fixture *fixture, const char *name);
SatchelStage *fixture_stage (Fixture *fixture, const void *data, gsize len);
/* A message with a content of its own; returns its UID. */
guint32 fixture_put (Fixture *fixture, SatchelMailbox *mailbox, const char *subject);
guint32 fixture_put_bytes (Fixture *fixture, SatchelMailbox *mailbox, const void *data, gsize len,
                           guint32 flags, const char *const *keywords, gint64 internal_date);
/* UIDs FIRST .. LAST as a set. */
SatchelUidSet uid_range (guint32 first, guint32 last);
void fixture_set_flags (Fixture *fixture, SatchelMailbox *mailbox, guint32 uid, SatchelFlagsMode mode,
                        guint32 flags, const char *keyword);
void fixture_expunge (Fixture *fixture, SatchelMailbox *mailbox, guint32 first, guint32 last);
guint64 fixture_move (Fixture *fixture, SatchelMailbox *from, guint32 uid, SatchelMailbox *to);

/* Exchanges contents in the driver, at most 8 of them. */
gboolean fixture_exchange (Fixture *fixture, const char *name, const guint32 *uids,
                           SatchelStage *const *stages, guint n, GError **error);

SatchelMailboxState state_of (SatchelMailbox *mailbox);
/* FALSE: no such message. */
gboolean row_of (SatchelMailbox *mailbox, guint32 uid, SatchelMessageRow *ret_row);
#define FEW_KEYWORDS 64u /* a limit that is soon reached */

/* "a b": keywords of a message, sorted; yours. */
char *keywords_of (SatchelMailbox *mailbox, guint32 uid);
GBytes *content_of (SatchelMailbox *mailbox, guint32 uid);
void assert_content (SatchelMailbox *mailbox, guint32 uid, const void *data, gsize len);
/* One line for everything that must survive; yours. */
char *describe_mailbox (SatchelMailbox *mailbox);
const SatchelMailboxInfo *list_find (GPtrArray *infos, const char *name);
