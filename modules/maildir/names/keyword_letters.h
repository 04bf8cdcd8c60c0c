/* SPDX-License-Identifier: MIT
 * Declares keywords of a mailbox: each has a bit, and the first 26 also a letter in the names of files, as
 * other servers write them to `dovecot-keywords`.
 */
#pragma once
#include <satchel/storage.h>

#define MD_KEYWORDS_FILE "dovecot-keywords"
#define MD_LETTERS 26u

typedef struct MdKeywords
{
  guint n;
  char **names;                     /* n of them; NULL while there are none, as in most mailboxes */
  GHashTable *by_name;              /* name in lower case to bit + 1; NULL while they are few */
  gint8 *letter;                    /* n of them; -1: the keyword has no letter */
  gint16 bit_of_letter[MD_LETTERS]; /* -1: the letter is free */
  gboolean is_unsure;               /* a save failed: what the file holds is not known */
} MdKeywords;

void md_keywords_init (MdKeywords *keywords);
void md_keywords_clear (MdKeywords *keywords);
gboolean md_keywords_load (MdKeywords *keywords, int dirfd, GError **error);
/* Returns the bit of a keyword; -1 means that the mailbox does not have it. */
int md_keywords_find (const MdKeywords *keywords, const char *name);
/* Adds a keyword in memory. -1 means that the mailbox has as many as satchel_keywords_limit allows.
 * *ret_needs_file: it took a letter, so the file must be saved. */
int md_keywords_add (MdKeywords *keywords, const char *name, gboolean *ret_needs_file);
/* Says whether the file may hold it. */
gboolean md_keywords_is_valid (const char *name);
/* Adds a keyword with the letter that the index says; -1: none. */
int md_keywords_add_without_letter (MdKeywords *keywords, const char *name, int letter);
/* Writes the file of keywords.  FALSE means that it is not durable, and that `is_unsure` is set. */
gboolean md_keywords_save (MdKeywords *keywords, int dirfd, GError **error);
void md_keywords_copy (const MdKeywords *keywords, MdKeywords *ret_copy);
/* Gives a bit that no message has to another keyword. Its letter stays; TRUE means that it has one. */
gboolean md_keywords_rename (MdKeywords *keywords, guint bit, const char *name);
SatchelKeywordSet md_keywords_from_letters (const MdKeywords *keywords, guint32 letters);
guint32 md_keywords_to_letters (const MdKeywords *keywords, const SatchelKeywordSet *bits);
/* Returns the bits that have a letter. */
SatchelKeywordSet md_keywords_lettered (const MdKeywords *keywords);
/* Returns the letters that have a bit. */
guint32 md_keywords_letters (const MdKeywords *keywords);
