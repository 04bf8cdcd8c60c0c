/* SPDX-License-Identifier: MIT
 * Declares names and lists of files in a Maildir tree, as other servers have them: what is in the name of a
 * message, the UIDs, the letters of keywords, the subscriptions, and names of folders. Pure functions, for
 * any bytes.
 */
#pragma once
#include "core/mail/mbox/mbox.h"

#include <satchel/snapshot.h>

/* The user meets these names of the formats. */
#define SATCHEL_FORMAT_OF_FILE "mbox"
#define SATCHEL_FORMAT_OF_TREE "maildir"
#define SATCHEL_FORMAT_WORD "mbox or maildir"

#define SATCHEL_TREE_UIDS "dovecot-uidlist"
#define SATCHEL_TREE_UIDS_OF_COURIER "courierimapuiddb"
#define SATCHEL_TREE_KEYWORDS "dovecot-keywords"
#define SATCHEL_TREE_SUBSCRIPTIONS "subscriptions"
#define SATCHEL_TREE_SUBSCRIPTIONS_OF_COURIER "courierimapsubscribed"
#define SATCHEL_TREE_LETTERS 26u

typedef struct SatchelTreeName
{
  gsize base_len;        /* length of the part that stays when flags change */
  guint32 flags;         /* SATCHEL_FLAG_* */
  guint32 letters;       /* a bit for each of 'a' to 'z' */
  gboolean is_forwarded; /* the flag 'P' is set */
  gboolean has_size;     /* the name has the size of the file, and it is right */
  gboolean is_verbatim; /* the file has the content as clients see it; otherwise each LF may stand for CRLF */
} SatchelTreeName;
/* Reads the name of a message file.  @size is the size of the file. */
void satchel_tree_name_parse (const char *name, guint64 size, SatchelTreeName *ret_name);
/* Makes a name for the file of a message; yours.  @size is the message's as clients see it, @file_size that
 * of the file. */
char *satchel_tree_name_make (gint64 internal_date, guint32 uidvalidity, guint32 uid, guint64 file_size,
                              guint64 size);
/* Appends ":2," and the letters. */
void satchel_tree_name_add_flags (GString *name, guint32 flags, guint32 letters);
/* Writes @content in the form of a file: with LF, if all of its lines end in CRLF, else as it is.  *ret_size
 * is the size of that form. [blocks] */
gboolean satchel_tree_copy (SatchelStream *content, SatchelMboxTakeFunc take, gpointer data,
                            guint64 *ret_size, GError **error);

typedef struct SatchelTreeUids
{
  guint32 uidvalidity, uidnext; /* 0: unknown */
  GHashTable *uids;             /* base name -> UID */
} SatchelTreeUids;
/* Reads a list of UIDs.  NULL means that @text is no such list. */
SatchelTreeUids *satchel_tree_uids_parse (const char *text, gsize len);
void satchel_tree_uids_free (SatchelTreeUids *uids);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelTreeUids, satchel_tree_uids_free)
/* Returns the UID of a message file; 0 means that the list does not have it. */
guint32 satchel_tree_uids_find (const SatchelTreeUids *uids, const char *name, gsize base_len);

/* Reads the keywords of the letters: SATCHEL_TREE_LETTERS strings, NULL where a letter has none; freed with
 * the array. */
GPtrArray *satchel_tree_keywords_parse (const char *text, gsize len);
/* Returns the number of the letter that stands for a keyword.  A keyword without one gets a letter that is
 * free; -1 means that none is left. */
int satchel_tree_keywords_letter (GPtrArray *keywords, const char *name);

typedef enum
{
  SATCHEL_LAYOUT_ANY = 0,
  SATCHEL_LAYOUT_PLUS, /* Maildir++: each folder is a directory ".A.B" in the directory of INBOX */
  SATCHEL_LAYOUT_FS    /* each folder is a directory "A/B" */
} SatchelTreeLayout;

/* Returns the name of the mailbox whose directory is @dir (".A.B", or "A/B" in layout fs; in modified UTF-7
 * or UTF-8); yours.  NULL means that the directory is no mailbox. */
char *satchel_tree_mailbox (const char *dir, SatchelTreeLayout layout);
/* Returns the folder (Maildir++) of the mailbox; "" for INBOX; yours.  NULL: it is too long. */
char *satchel_tree_folder (const char *mailbox);
/* Returns the names of the mailboxes that are subscribed: char *, freed with the array. */
GPtrArray *satchel_tree_subscriptions_parse (const char *text, gsize len, SatchelTreeLayout layout);
/* Returns the text of a file of subscriptions; yours. */
char *satchel_tree_subscriptions_make (const GPtrArray *mailboxes);
