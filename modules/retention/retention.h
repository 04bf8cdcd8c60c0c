/* SPDX-License-Identifier: MIT
 * The layer's state of one store, and the names that it deals with. Clients see what is kept below a name
 * that the settings give ("Recently Deleted"); below the layer it is called RETENTION_STORED, a name that no
 * client has. A mailbox of that tree has the name of the one that lost messages.
 */
#pragma once
#include "books.h"
#include "settings.h"

#include <satchel/storage.h>

#define RETENTION_STORED "\xee\x80\x80retained" /* U+E000: private use */
/* Messages of mailboxes whose names are too long for the tree are here, each with its mailbox's name. */
#define RETENTION_SHARED RETENTION_STORED "/long names"

#define RETENTION_CLOCK_UNREAD (-1)

typedef struct Retention
{
  char *shown;        /* the name of the tree for clients */
  gboolean is_hidden; /* clients do not see it */
  gint has_logged;    /* atomic: that a folder is in the way */
  gint names_changed; /* atomic: counts changes of what the tree shows */
  gint names_listed;  /* atomic: names_changed at the last list */
  RetentionBooks books;
  GMutex lock;       /* of what follows */
  gint64 clock_s;    /* the latest time that upkeep has trusted; 0: none, or RETENTION_CLOCK_UNREAD */
  GPtrArray *undone; /* RetentionDeletion: mailboxes that were emptied and are not removed yet */
} Retention;

/* Returns what follows @root in @name, "" or "/..."; NULL: @name is neither @root nor below it. Borrowed from
 * @name. */
const char *retention_after (const char *name, const char *root);
/* Returns TRUE for a name, as it is below the layer, that is in the tree. */
gboolean retention_is_kept (const char *stored);
/* Returns the name below the layer for what clients call @name. NULL with NONEXISTENT: clients cannot have
 * it. */
char *retention_to_stored (SatchelStorage *storage, const char *name, GError **error);
/* Returns the name for clients; NULL: it is hidden, since a folder of the user's lies where the tree is
 * shown, which is logged once. */
char *retention_to_shown (SatchelStorage *storage, const char *stored);
/* Returns the names of the mailboxes of the tree, sorted; yours (g_ptr_array_unref). [blocks] */
GPtrArray *retention_list_kept (SatchelStorage *storage, const SatchelAccess *access, GError **error);
/* Returns the name of the mailbox whose messages the tree keeps in @stored, borrowed; NULL: several share
 * it. */
const char *retention_original (const char *stored);
