/* SPDX-License-Identifier: MIT
 * Declares all names of a user as LIST and LSUB look at them: sorted into their tree, matched against
 * patterns, chosen by criteria (RFC 3501 6.3.8, 6.3.9, RFC 5258 3). Pure. Call order: new, match until TRUE,
 * choose.
 */
#pragma once
#include "grammar/arguments.h"
#include <satchel/mailbox_name.h>
#include <satchel/store.h>

typedef struct ImapListEntry
{
  char *name;                     /* the name as clients see it, UTF-8 */
  const SatchelMailboxInfo *info; /* NULL: it is only a level above other names */
  guint parent;                   /* index of the nearest level above, or IMAP_LIST_NO_PARENT */
  gboolean is_matched;            /* a pattern matches it */
  gboolean exists;                /* the name is a mailbox, or a level above one */
  gboolean has_children;          /* some of its children exist */
  gboolean is_chosen;             /* meets the criteria */
  /* names below it meet the criteria; some of these match no pattern */
  gboolean has_chosen_below, has_hidden_below;
} ImapListEntry;
#define IMAP_LIST_NO_PARENT G_MAXUINT

/* A client chooses names by patterns. Names are matched in UTF-8. If they are shown in modified UTF-7, a
 * pattern may cut an encoded run ("a&*") or match within it, so it is compared with the name as it is shown
 * as well. */
typedef struct ImapListPattern
{
  char *text;        /* the pattern in UTF-8 and NFC; or as the client wrote it */
  gboolean is_shown; /* `text` is as the client wrote it, for names in modified UTF-7 */
} ImapListPattern;

typedef struct ImapListing
{
  GPtrArray *infos;    /* SatchelMailboxInfo */
  GPtrArray *patterns; /* ImapListPattern */
  GArray *entries;     /* ImapListEntry: children behind their parent; each level above a name has one */
  char separator;
  guint n_matched, n_patterns; /* entries that were matched; patterns that were tried on the next one */
  gboolean is_chosen;          /* imap_listing_choose has run */
  guint at;                    /* index of the next entry that is reported */
} ImapListing;

/* Returns an empty array of ImapListPattern; yours. */
GPtrArray *imap_list_patterns_new (void);
/* Adds a pattern.  Takes @text over; NULL adds nothing. */
void imap_list_patterns_add (GPtrArray *patterns, char *text, gboolean is_shown);
/* Takes over both arrays. */
ImapListing *imap_listing_new (const SatchelNamespace *ns, GPtrArray *infos, GPtrArray *patterns);
void imap_listing_free (gpointer listing);
/* Finds the names that the patterns match.  FALSE means that the turn is over, and that it has to be called
 * again. */
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
