/* SPDX-License-Identifier: MIT
 * A user's lists of senders whose mail is never spam, or always: kept as a blob beside the mail.
 */
#pragma once
#include "names.h"

#include <satchel/storage.h>

#define SPAM_ENTRIES_MAX 2000u /* of both lists together */
#define SPAM_ENTRY_BYTES 254u  /* of an address (RFC 5321 4.5.3.1.3) */

typedef enum
{
  SPAM_LISTED_NOT = 0,
  SPAM_LISTED_ALLOW,
  SPAM_LISTED_BLOCK
} SpamListed;

typedef struct SpamLists
{
  GHashTable *entries; /* address or domain, in lower case -> SpamListed */
} SpamLists;

/* Reads the lists of a store's user; NULL with @error.  Yours.  [blocks] */
SpamLists *spam_lists_load (SatchelStore *store, GError **error);
void spam_lists_free (SpamLists *lists);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SpamLists, spam_lists_free)
/* Stores the lists; durable on return.  [blocks] */
gboolean spam_lists_save (SatchelStore *store, const SpamLists *lists, GError **error);
/* Puts @entry, an address or a domain, on a list and off the other; SPAM_LISTED_NOT: off both.  Errors:
 * INVALID, LIMIT; NONEXISTENT if it was on none. */
gboolean spam_lists_set (SpamLists *lists, const char *entry, SpamListed listed, GError **error);
/* Says what the lists have for mail of these senders (NULL-ended, lower case).  An address counts before its
 * domain, a domain before those above it; if senders differ, or nothing else decides, allowing counts. */
SpamListed spam_lists_find (const SpamLists *lists, const char *const *senders);
