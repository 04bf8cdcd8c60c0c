/* SPDX-License-Identifier: MIT
 * How much the tree of a store takes up: a sum for each of its mailboxes, asked anew of the level below after
 * a change. Any thread.
 */
#pragma once
#include <satchel/storage.h>

typedef struct RetentionBooks
{
  GMutex lock;
  /* Stored name -> SatchelUsage, of mailboxes that have not changed since; NULL: the names are not known. */
  GHashTable *sums;
  guint generation;     /* of changes */
  gboolean is_doubtful; /* a change has failed, and may appear later all the same: nothing is remembered */
} RetentionBooks;

void retention_books_init (RetentionBooks *books);
void retention_books_clear (RetentionBooks *books);
/* Mailbox @stored of the tree has changed, or came or went; NULL: any of them may have. */
void retention_books_changed (RetentionBooks *books, const char *stored);
/* A change has failed, so that nobody knows when it will be there, if at all. */
void retention_books_failed (RetentionBooks *books);
/* Returns what the whole tree takes up. Mailboxes of which nothing is known are asked. [blocks] */
gboolean retention_books_sum (RetentionBooks *books, SatchelStorage *storage, const SatchelAccess *access,
                              SatchelUsage *ret_usage, GError **error);
/* Returns the stored names of the mailboxes of the tree that have messages, a set; yours
 * (g_hash_table_unref). [blocks] */
GHashTable *retention_books_filled (RetentionBooks *books, SatchelStorage *storage,
                                    const SatchelAccess *access, GError **error);
