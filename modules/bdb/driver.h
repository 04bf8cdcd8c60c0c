/* SPDX-License-Identifier: MIT
 * Declares the functions of the driver that the core calls (<satchel/storage.h>), by file.
 */
#pragma once
#include <satchel/storage.h>

extern const SatchelStorageOps bdb_ops;

/* store.c has these. */
gboolean bdb_open (SatchelStorage *storage, const SatchelConfig *section, GError **error);
void bdb_close (SatchelStorage *storage);
gboolean bdb_exists (const SatchelStorageIdentity *identity, const SatchelConfig *section);
gboolean bdb_has_volume (const char *volume, const SatchelConfig *section);
gboolean bdb_is_of_one_process (const SatchelConfig *section);
gboolean bdb_hold_syncs (SatchelStorage *storage, const SatchelAccess *access, gboolean hold, GError **error);

/* names.c has these. */
gboolean bdb_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error);
gboolean bdb_list_is_current (SatchelStorage *storage, const SatchelAccess *access);
gboolean bdb_create (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                     guint special_use, GError **error);
gboolean bdb_set_special_use (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                              guint special_use, GError **error);
gboolean bdb_subscribe (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                        gboolean subscribe, GError **error);
gboolean bdb_remove_box (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                         GError **error);
gboolean bdb_rename (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
                     GError **error);

/* rename_inbox.c has these. */
gboolean bdb_rename_inbox (SatchelStorage *storage, const char *to, GError **error);

/* import.c has these. */
gboolean bdb_import_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                             const SatchelMailboxImport *from, GError **error);

/* blobs.c has these. */
GBytes *bdb_get_blob (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                      const char *name, GError **error);
gboolean bdb_list_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                         GPtrArray *names, GError **error);
gboolean bdb_list_spaces (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *spaces,
                          GError **error);
gboolean bdb_put_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                        const SatchelBlob *changes, guint n, GError **error);

/* core_files.c has these. */
gboolean bdb_read_file (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                        guint64 offset, gsize max, GByteArray *data, GError **error);
gboolean bdb_write_file (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                         guint64 offset, GBytes *data, SatchelFileWrite how, GError **error);

/* mailbox.c has these. */
SatchelStorageMailbox *bdb_open_mailbox (SatchelStorage *storage, const SatchelAccess *access,
                                         const char *name, GError **error);
void bdb_close_mailbox (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox);
gboolean bdb_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                     SatchelMailboxState *ret_state, GError **error);
gboolean bdb_sync (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                   GError **error);
gboolean bdb_is_current (SatchelStorage *storage, const SatchelAccess *access,
                         SatchelStorageMailbox *mailbox);
gboolean bdb_claim_recent (SatchelStorage *storage, const SatchelAccess *access,
                           SatchelStorageMailbox *mailbox, guint32 upto_uid, guint32 *ret_first,
                           GError **error);
gboolean bdb_usage (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                    const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error);

/* history.c has these. */
gboolean bdb_vanished (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                       guint64 modseq, SatchelUidSet *ret_uids, gboolean *ret_is_complete, GError **error);
gboolean bdb_tombstones (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                         GArray *tombstones, guint64 *ret_history_start, GError **error);

/* stage.c has these. */
SatchelWriter *bdb_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint,
                          SatchelStaged *staged, GError **error);
void bdb_stage_drop (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged);

/* message.c has these. */
SatchelStream *bdb_open_message (SatchelStorage *storage, const SatchelAccess *access,
                                 SatchelStorageMailbox *mailbox, guint32 uid, GError **error);
gboolean bdb_email_id (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                       guint32 uid, guint8 ret_id[16], GError **error);
gboolean bdb_unique_ids (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                         const guint32 *uids, guint n, char **ret, GError **error);
gboolean bdb_get_attributes (SatchelStorage *storage, const SatchelAccess *access,
                             SatchelStorageMailbox *mailbox, const guint32 *uids, guint n, GBytes **ret,
                             SatchelErrorCode *ret_codes, GError **error);
gboolean bdb_put_attributes (SatchelStorage *storage, const SatchelAccess *access,
                             SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                             GBytes *const *attributes, const guint64 *sizes, GError **error);

/* metadata.c has these. */
gboolean bdb_get_metadata (SatchelStorage *storage, const SatchelAccess *access,
                           SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes **ret,
                           GError **error);
gboolean bdb_put_metadata (SatchelStorage *storage, const SatchelAccess *access,
                           SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes *value,
                           GError **error);
gboolean bdb_list_metadata (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                            SatchelMetadataFunc func, gpointer data, GError **error);

/* commit.c has these. */
gboolean bdb_exchange (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                       const guint32 *uids, SatchelStaged *const *staged, guint n, GError **error);
void bdb_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results);

/* maintain.c has this. */
SatchelMaintained bdb_maintain (SatchelStorage *storage, const SatchelAccess *access,
                                const SatchelMaintenance *maintenance, GError **error);

/* store/destroy.c has this. */
gboolean bdb_destroy (const SatchelStorageIdentity *identity, const SatchelConfig *section, GError **error);

/* salvage.c has this. */
gboolean bdb_salvage (const SatchelStorageIdentity *identity, const SatchelConfig *section, GString *said,
                      GError **error);
