/* SPDX-License-Identifier: MIT
 * Says what the files of an export share.
 */
#pragma once
#include "core/session/transfer/transfer.h"

typedef struct SatchelExport
{
  SatchelTransfer transfer;
  gint64 since_s; /* only messages with this internal date or a later one */
} SatchelExport;

/* A mailbox as it is when its export begins. */
typedef struct SatchelExportMailbox
{
  SatchelExport *export;
  const char *name;
  SatchelMailbox *mailbox;
  SatchelSnapshot *snapshot; /* with all dates */
} SatchelExportMailbox;

/* Opens a stream of the message at @index of the snapshot.  *ret_row: what the snapshot knows of it.  NULL
 * without
 * @error: it is not wanted, or gone meanwhile. */
SatchelStream *satchel_export_open (const SatchelExportMailbox *source, guint32 index,
                                    SatchelMessageRow *ret_row, GError **error);
/* Says whether the message at @index of the snapshot is wanted. */
gboolean satchel_export_wants (const SatchelExportMailbox *source, guint32 index, SatchelMessageRow *ret_row);

/* A file that is being written, through a buffer. */
typedef struct SatchelExportFile
{
  SatchelExport *export;
  int fd;
  guint64 n_bytes;
  GByteArray *buffer;
} SatchelExportFile;
gboolean satchel_export_file_begin (SatchelExportFile *file, SatchelExport *export, const char *path,
                                    GError **error);
/* A SatchelMboxTakeFunc; @file is a SatchelExportFile. */
gboolean satchel_export_file_take (const void *data, gsize len, gpointer file, GError **error);
gboolean satchel_export_file_flush (SatchelExportFile *file, GError **error);
void satchel_export_file_clear (SatchelExportFile *file);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelExportFile, satchel_export_file_clear)

/* Behind the name of a file that is not complete. */
#define SATCHEL_EXPORT_PART ".part"
/* Puts a file in the place of one of an earlier run. */
gboolean satchel_export_replace (SatchelExport *export, const char *dir, const char *name, const char *text,
                                 gsize len, GError **error);

/* Write a mailbox, and the names that are subscribed; export_mbox.c and export_tree.c. */
gboolean satchel_export_mbox (const SatchelExportMailbox *source, GError **error);
/* Writes a mailbox into the file or pipe that was lent in place of a directory. */
gboolean satchel_export_mbox_stream (const SatchelExportMailbox *source, GError **error);
gboolean satchel_export_mbox_names (SatchelExport *export, const GPtrArray *subscribed, GError **error);
gboolean satchel_export_tree (const SatchelExportMailbox *source, GError **error);
gboolean satchel_export_tree_names (SatchelExport *export, const GPtrArray *subscribed, GError **error);
