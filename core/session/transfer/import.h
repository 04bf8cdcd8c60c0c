/* SPDX-License-Identifier: MIT
 * Says what the files of an import share.
 */
#pragma once
#include "core/mail/mbox/mbox.h"
#include "core/mail/tree/tree.h"
#include "core/session/transfer/transfer.h"
#include "core/storage/taken/taken.h"

typedef struct SatchelImport
{
  SatchelTransfer transfer;
  char *into; /* a mailbox to which everything goes, or below it; NULL: the names of the source count */
  char *name; /* name of the file or directory, as the administrator wrote it */
  SatchelMboxVariant variant;
  SatchelTreeLayout layout;
  gboolean keeps_uids;
  SatchelTaken *taken;   /* NULL: nothing is recorded, since the driver keeps no files or it is a dry run */
  GPtrArray *subscribed; /* names of the source's list; NULL: it has none */
} SatchelImport;

/* A message that is imported may come from any kind of source. */
typedef struct SatchelImportItem SatchelImportItem;
struct SatchelImportItem
{
  const char *path; /* borrowed from the source, as are the texts of `copy` */
  guint64 offset;   /* offset in the file; G_MAXUINT64: the message is the whole file */
  guint32 flags;
  GPtrArray *keywords; /* char *, owned */
  gint64 date;         /* SATCHEL_DATE_UNKNOWN: the time of the import */
  guint32 uid;         /* UID that it should get; 0: any */
  /* Gives the content, each time that it is called. */
  gboolean (*copy) (const SatchelImportItem *item, SatchelMboxTakeFunc take, gpointer data, GError **error);
  /* Frees the item. */
  void (*free) (SatchelImportItem *item);
  /* import_batch.c uses these. */
  SatchelStage *stage;
  SatchelTakenId id;
};
void satchel_import_item_clear (SatchelImportItem *item);

/* Several messages go to a mailbox in one transaction (import_batch.c). */
typedef struct SatchelImportBatch
{
  SatchelImport *import;
  char *name;
  SatchelMailbox *mailbox; /* NULL: a dry run */
  GPtrArray *items;        /* SatchelImportItem, staged */
  guint64 n_bytes;
  gboolean is_holding; /* syncs of staged messages are put off */
  guint64 n_done_before, n_known_before, n_failed_before, n_messages_before;
} SatchelImportBatch;
/* Opens the mailbox, which is made if it is missing. */
gboolean satchel_import_batch_begin (SatchelImportBatch *batch, SatchelImport *import, const char *mailbox,
                                     GError **error);
void satchel_import_batch_clear (SatchelImportBatch *batch);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelImportBatch, satchel_import_batch_clear)
/* Adds a message, which is taken over.  FALSE means that the import cannot go on. */
gboolean satchel_import_batch_add (SatchelImportBatch *batch, SatchelImportItem *item, GError **error);
/* Commits the messages that wait. */
gboolean satchel_import_batch_flush (SatchelImportBatch *batch, GError **error);
/* Commits the messages that wait, and reports how much of @file is done. */
gboolean satchel_import_batch_finish (SatchelImportBatch *batch, const char *file, GError **error);

/* ---- import_names.c ---- */

/* Returns the mailbox for @name of the source (NULL: for the source itself); yours.  INVALID: it cannot be a
 * mailbox's name. */
char *satchel_import_mailbox (const SatchelImport *import, const char *name, GError **error);
/* Subscribes to what the source's file of subscriptions names; TRUE if it has none. */
gboolean satchel_import_subscribe (SatchelImport *import, GError **error);

/* Imports an mbox file, or a directory of them (import_mbox.c). */
gboolean satchel_import_mbox_file (SatchelImport *import, const char *path, const char *mailbox,
                                   GError **error);
gboolean satchel_import_mbox_files (SatchelImport *import, GError **error);

/* Imports a tree of Maildirs, each folder into the mailbox of its name (import_tree.c). */
gboolean satchel_import_tree (SatchelImport *import, GError **error);
