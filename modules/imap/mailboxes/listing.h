/* SPDX-License-Identifier: MIT
 * This header declares all names of a user as LIST and LSUB look at them: sorted into their tree, matched
 * against patterns, chosen by criteria (RFC 3501 6.3.8, 6.3.9, RFC 5258 3).  Pure.  Call order: new, match
 * until TRUE, choose.
 */
#pragma once
#include "grammar/arguments.h"
#include <satchel/mailbox_name.h>
#include <satchel/storage.h>

typedef struct ImapListEntry
{
  char *name;                                  /* as clients see it, UTF-8 */
  const SatchelMailboxInfo *info;              /* NULL: only a level above other names */
  guint parent;                                /* index of the nearest level above, or IMAP_LIST_NO_PARENT */
  gboolean is_matched;                         /* by a pattern */
  gboolean exists;                             /* as a mailbox, or as a level above one */
  gboolean has_children;                       /* that exist */
  gboolean is_chosen;                          /* meets the criteria */
  gboolean has_chosen_below, has_hidden_below; /* names below meet them; ... and match no pattern */
} ImapListEntry;
#define IMAP_LIST_NO_PARENT G_MAXUINT

/* Names are matched in UTF-8.  Where they are shown in modified UTF-7 a pattern may cut that in two ("a&*"),
 * or match within it: there it is held against the name as it is shown as well. */
typedef struct ImapListPattern
{
  char *text;        /* UTF-8 in NFC; or as written */
  gboolean is_shown; /* the latter: for names in modified UTF-7 */
} ImapListPattern;

typedef struct ImapListing
{
  GPtrArray *infos;    /* SatchelMailboxInfo */
  GPtrArray *patterns; /* ImapListPattern */
  GArray *entries;     /* ImapListEntry, children behind their parent, each level above a name included */
  char separator;
  guint n_matched, n_patterns; /* entries that match has looked at; patterns tried on the next */
  gboolean is_chosen;          /* imap_listing_choose has run */
  guint at;                    /* how far it has been told */
} ImapListing;

/* Returns an empty array of ImapListPattern; yours. */
GPtrArray *imap_list_patterns_new (void);
/* Takes @text over, which may be NULL: then there is nothing to add. */
void imap_list_patterns_add (GPtrArray *patterns, char *text, gboolean is_shown);
/* Takes over both arrays. */
ImapListing *imap_listing_new (const SatchelNamespace *ns, GPtrArray *infos, GPtrArray *patterns);
void imap_listing_free (gpointer listing);
/* Finds what the patterns match.  FALSE: one turn is over, call again. */
gboolean imap_listing_match (ImapListing *listing);
/* Finds what meets the criteria, bits of IMAP_LIST_CRITERIA; none: what exists. */
void imap_listing_choose (ImapListing *listing, guint criteria);

static inline const ImapListEntry *
imap_listing_entry (const ImapListing *listing, guint index)
{
  return &g_array_index (listing->entries, ImapListEntry, index);
}
static inline gboolean
imap_list_entry_is_selectable (const ImapListEntry *entry)
{
  return entry->info != NULL && entry->info->exists && entry->info->is_selectable;
}
