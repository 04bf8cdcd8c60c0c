/* SPDX-License-Identifier: MIT
 * A throw-away mail root with one user's store over the maildir driver alone.
 */
#pragma once
#include "core/storage/store/store_private.h"
#include "tests/lib/messages.h"

typedef struct Place
{
  char *root; /* a directory of its own */
  char *user; /* root/example.org/u */
  int root_fd;
  SatchelStore *store;
  /* NULL: defaults; by place_make: of the settings in MAILDIR_SETTINGS of the environment. */
  const SatchelConfig *section;
} Place;

/* With MAILDIR_TIMES=coarse in the environment the driver sees times of files in steps of 10 ms, the coarsest
 * clock of a kernel, as a fast disk shows them: what happens at once has one time. */
void place_make (Place *place);
void place_open (Place *place);
gboolean place_try_open (Place *place, GError **error);
void place_close (Place *place);
void place_remove (Place *place); /* closes too */
char *place_path (const Place *place, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Writes a file as another program would. */
void place_put (const Place *place, const char *relative, const char *content);
/* Names of regular files in a directory below the user's, sorted. */
GPtrArray *place_files (const Place *place, const char *relative);
SatchelMailbox *place_mailbox (Place *place, const char *name);
/* Syncs as a client that asks again a second later: by then the driver has looked once more at directories
 * whose time says too little. */
void sync_later (SatchelMailbox *mailbox);

/* Closes the store and opens it again, with the mailbox. */
void place_reopen (Place *place, SatchelMailbox **mailbox);

#define assert_view(mailbox, expected)                                                                       \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *view_ = describe (mailbox);                                                             \
    g_assert_cmpstr (view_, ==, expected);                                                                   \
  }                                                                                                          \
  G_STMT_END
