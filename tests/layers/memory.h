/* SPDX-License-Identifier: MIT
 * Storage driver `memory`, for tests: what a user has lives as long as the process, over closing and opening.
 *   memory.c          names and the module       memory_mailbox.c   mailboxes and reading
 *   memory_commit.c   transactions              memory_import.c    mailboxes from another store, and what an
 * export asks for memory_blobs.c    blobs of modules
 */
#pragma once
#include <satchel/storage.h>

/* A message of a mailbox. */
typedef struct MemoryMessage
{
  gatomicrefcount refs;
  GBytes *content; /* as the driver was given it */
  guint8 email_id[16];
  char *unique_id;      /* that was imported, or NULL */
  GBytes *attributes;   /* or NULL; under the user's lock */
  GHashTable *metadata; /* key -> GBytes; under the user's lock */
} MemoryMessage;

typedef struct MemoryTombstone
{
  guint64 modseq;
  guint32 uid;
} MemoryTombstone;

typedef struct MemoryBox
{
  gatomicrefcount refs; /* of the user and of a handle */
  guint special_use;
  SatchelStorageMailbox *handle; /* if it is open, borrowed */
  SatchelSnapshot *snapshot;
  GHashTable *messages; /* uid -> MemoryMessage */
  GArray *tombstones;   /* MemoryTombstone, by mod-sequence */
} MemoryBox;

typedef struct MemoryUser
{
  GMutex lock;               /* readers run while a writer is at work */
  GHashTable *boxes;         /* name -> MemoryBox; those that can be selected */
  GHashTable *subscriptions; /* names */
  GHashTable *spaces;        /* of blobs: name -> GHashTable (name -> GBytes) */
  guint64 modseq;            /* the highest given out */
  guint32 last_uidvalidity;
  GHashTable *files; /* of the core: name -> GByteArray */
} MemoryUser;

MemoryMessage *memory_message_new (GBytes *content);
/* With all that a copy keeps.  The user's lock is held. */
MemoryMessage *memory_message_copy (const MemoryMessage *message);
MemoryMessage *memory_message_ref (MemoryMessage *message);
/* The POP3 unique id that is told of a message, yours; NULL: the protocol's. */
char *memory_unique_id (const MemoryBox *box, guint32 uid, const MemoryMessage *message);
void memory_message_unref (gpointer message);
/* With an id and a UIDVALIDITY of its own. */
MemoryBox *memory_box_new (MemoryUser *user);
MemoryBox *memory_box_ref (MemoryBox *box);
void memory_box_unref (gpointer box);
/* Replaces the snapshot, and the handle's if there is one.  The user's lock is held. */
void memory_box_publish (MemoryBox *box, SatchelSnapshot *snapshot);
void memory_box_bury (MemoryBox *box, guint32 uid, guint64 modseq);

GBytes *memory_get_blob (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                         const char *name, GError **error);
gboolean memory_list_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                            GPtrArray *names, GError **error);
gboolean memory_list_spaces (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *spaces,
                             GError **error);
gboolean memory_put_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                           const SatchelBlob *changes, guint n, GError **error);
gboolean memory_exchange (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, const guint32 *uids, SatchelStaged *const *staged,
                          guint n, GError **error);
gboolean memory_usage (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                       const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error);
SatchelStorageMailbox *memory_open_mailbox (SatchelStorage *storage, const SatchelAccess *access,
                                            const char *name, GError **error);
void memory_close_mailbox (SatchelStorage *storage, const SatchelAccess *access,
                           SatchelStorageMailbox *mailbox);
gboolean memory_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                        SatchelMailboxState *ret_state, GError **error);
gboolean memory_sync (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                      GError **error);
gboolean memory_is_current (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox);
gboolean memory_claim_recent (SatchelStorage *storage, const SatchelAccess *access,
                              SatchelStorageMailbox *mailbox, guint32 upto_uid, guint32 *ret_first,
                              GError **error);
gboolean memory_vanished (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, guint64 modseq, SatchelUidSet *ret_uids,
                          gboolean *ret_is_complete, GError **error);
SatchelWriter *memory_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint,
                             SatchelStaged *staged, GError **error);
void memory_stage_drop (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged);
SatchelStream *memory_open_message (SatchelStorage *storage, const SatchelAccess *access,
                                    SatchelStorageMailbox *mailbox, guint32 uid, GError **error);
SatchelStream *memory_peek_message (SatchelStorage *storage, const SatchelAccess *access,
                                    SatchelStorageMailbox *mailbox, guint32 uid);
gboolean memory_email_id (SatchelStorage *storage, const SatchelAccess *access,
                          SatchelStorageMailbox *mailbox, guint32 uid, guint8 ret_id[16], GError **error);
gboolean memory_get_attributes (SatchelStorage *storage, const SatchelAccess *access,
                                SatchelStorageMailbox *mailbox, const guint32 *uids, guint n, GBytes **ret,
                                SatchelErrorCode *ret_codes, GError **error);
gboolean memory_put_attributes (SatchelStorage *storage, const SatchelAccess *access,
                                SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                                GBytes *const *attributes, const guint64 *sizes, GError **error);
gboolean memory_get_metadata (SatchelStorage *storage, const SatchelAccess *access,
                              SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes **ret,
                              GError **error);
gboolean memory_put_metadata (SatchelStorage *storage, const SatchelAccess *access,
                              SatchelStorageMailbox *mailbox, guint32 uid, const char *key, GBytes *value,
                              GError **error);
gboolean memory_unique_ids (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, const guint32 *uids, guint n, char **ret,
                            GError **error);
gboolean memory_import_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                                const SatchelMailboxImport *import, GError **error);
gboolean memory_list_metadata (SatchelStorage *storage, const SatchelAccess *access,
                               SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                               SatchelMetadataFunc func, gpointer data, GError **error);
gboolean memory_tombstones (SatchelStorage *storage, const SatchelAccess *access,
                            SatchelStorageMailbox *mailbox, GArray *tombstones, guint64 *ret_history_start,
                            GError **error);
void memory_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n,
                    GError **results);
