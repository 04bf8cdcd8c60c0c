/* SPDX-License-Identifier: MIT
 * Declares the functions of the driver that the core calls (<satchel/storage.h>), by file.
 */
#pragma once
#include <satchel/storage.h>

extern const SatchelStorageOps md_ops;

/* maildir_store.c has these. */
gboolean md_open (SatchelStorage *storage, const SatchelConfig *section, GError **error);
void md_close (SatchelStorage *storage);

/* list.c has these. */
gboolean md_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error);
gboolean md_list_is_current (SatchelStorage *storage, const SatchelAccess *access);
gboolean md_subscribe (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                       gboolean subscribe, GError **error);
gboolean md_set_special_use (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                             guint special_use, GError **error);

/* tree.c has these. */
gboolean md_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
                    GError **error);
gboolean md_remove (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error);
gboolean md_rename (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
                    GError **error);

/* mailbox_open.c has these. */
SatchelStorageMailbox *md_open_mailbox (SatchelStorage *storage, const SatchelAccess *access,
                                        const char *name, GError **error);
void md_close_mailbox (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox);
gboolean md_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                    SatchelMailboxState *ret_state, GError **error);
gboolean md_sync_mailbox (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, GError **error);
gboolean md_is_current (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox);
gboolean md_claim_recent (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, guint32 upto_uid, guint32 *ret_first,
                          GError **error);
gboolean md_vanished (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                      guint64 modseq, SatchelUidSet *ret_uids, gboolean *ret_is_complete, GError **error);

/* inotify_watch.c has these. */
void md_watch (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
               gboolean watch);

/* stage_message.c has these. */
SatchelWriter *md_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint,
                         SatchelStaged *staged, GError **error);
gboolean md_stage_spooled (SatchelStorage *storage, const SatchelAccess *access, const char *path,
                           gboolean is_lf, SatchelStaged *staged, GError **error);
void md_stage_drop (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged);

/* commit_batch.c has these. */
void md_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results);

/* exchange.c has this. */
gboolean md_exchange (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                      const guint32 *uids, SatchelStaged *const *staged, guint n, GError **error);

/* message.c has these. */
SatchelStream *md_open_message (SatchelStorage *storage, const SatchelAccess *access,
                                SatchelStorageMailbox *mailbox, guint32 uid, GError **error);
SatchelStream *md_peek_message (SatchelStorage *storage, const SatchelAccess *access,
                                SatchelStorageMailbox *mailbox, guint32 uid);
gboolean md_email_id (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                      guint32 uid, guint8 ret_id[16], GError **error);
gboolean md_get_attributes (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, const guint32 *uids, guint n, GBytes **ret,
                            SatchelErrorCode *ret_codes, GError **error);
gboolean md_put_attributes (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                            GBytes *const *attributes, const guint64 *sizes, GError **error);

/* metadata.c has these. */
gboolean md_get_metadata (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes **ret,
                          GError **error);
gboolean md_put_metadata (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes *value,
                          GError **error);
gboolean md_list_metadata (SatchelStorage *storage, const SatchelAccess *access,
                           SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                           SatchelMetadataFunc func, gpointer data, GError **error);

/* sync_hold.c has these. */
gboolean md_hold_syncs (SatchelStorage *storage, const SatchelAccess *access, gboolean hold, GError **error);

/* dates.c has these. */
gboolean md_fill_dates (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        GError **error);

/* import_mailbox.c has these. */
gboolean md_tombstones (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        GArray *tombstones, guint64 *ret_history_start, GError **error);
gboolean md_import_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                            const SatchelMailboxImport *import, GError **error);

/* unique_ids.c has these. */
gboolean md_unique_ids (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                        const guint32 *uids, guint n, char **ret, GError **error);

/* examine.c has these. */
gboolean md_exists (const SatchelStorageIdentity *identity, const SatchelConfig *section);
gboolean md_examine (const SatchelStorageIdentity *identity, const SatchelConfig *section,
                     SatchelExamineFunc func, gpointer data, GError **error);

/* usage_count.c has these. */
gboolean md_usage (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                   const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error);

/* core_files.c has these. */
gboolean md_read_part (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
                       gsize max, GByteArray *data, GError **error);
gboolean md_write_part (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                        guint64 offset, GBytes *bytes, SatchelFileWrite how, GError **error);

/* blob_file.c has these. */
GBytes *md_get_blob (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                     const char *name, GError **error);
gboolean md_list_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                        GPtrArray *names, GError **error);
gboolean md_list_spaces (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *spaces,
                         GError **error);
gboolean md_put_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                       const SatchelBlob *changes, guint n, GError **error);

/* settings.c has this. */
gboolean md_has_volume (const char *volume, const SatchelConfig *section);

/* destroy.c has this. */
gboolean md_destroy (const SatchelStorageIdentity *identity, const SatchelConfig *section, GError **error);
