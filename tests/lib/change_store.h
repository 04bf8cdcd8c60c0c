/* SPDX-License-Identifier: MIT
 * For tests: a store over memory whose changes are logged, and looks at the files of its log.
 */
#pragma once
#include "core/storage/change_log/changes.h"
#include "memory.h"
#include "tests/lib/heard.h"
#include "tests/lib/keeper.h"

#include <satchel/module.h>

static guint n_users;
static char *user_path;
static SatchelStorageOps ops; /* memory's, of which tests replace some */
static gboolean commit_fails;
static gint writes_fail;

static const SatchelStorageOps *
memory_ops (void)
{
  return satchel_module ()->provides[0].ops;
}

static void
commit_or_fail (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
  if (!commit_fails)
    memory_ops ()->commit (storage, transactions, n, results);
  for (guint i = 0; commit_fails && i < n; i++)
    satchel_error_set (&results[i], SATCHEL_ERROR_NOSPACE, "the disk is full");
}

static gboolean
write_or_fail (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
               GBytes *data, SatchelFileWrite how, GError **error)
{
  if (g_atomic_int_get (&writes_fail) != 0)
    return satchel_error_set (error, SATCHEL_ERROR_NOSPACE, "the disk is full");
  return memory_ops ()->write_file (storage, access, name, offset, data, how, error);
}

static SatchelStore *
open_store (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_SESSION,
                                                                            .owner = "u@example.org",
                                                                            .user = "u@example.org",
                                                                            .service = "imap",
                                                                            .session_id = "s1",
                                                                            .peer = "192.0.2.1",
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  SatchelStoreLevel level = { "memory", &ops, NULL };
  SatchelStoreOpenOptions options = { .user = "u@example.org",
                                      .path = user_path,
                                      .root_fd = -1,
                                      .access = access,
                                      .levels = &level,
                                      .n_levels = 1 };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
}

/* A new user, whose store is open. */
static SatchelStore *
begin (void)
{
  user_path = g_strdup_printf ("example.org/changes%u", ++n_users);
  ops = *memory_ops ();
  ops.commit = commit_or_fail;
  ops.write_file = write_or_fail;
  commit_fails = FALSE;
  writes_fail = 0;
  heard_begin ();
  SatchelStore *store = open_store ();
  heard_expect (store, "RESYNC  by background\n");
  return store;
}

static void
end (SatchelStore *store)
{
  satchel_store_unref (store);
  heard_end ();
  satchel_feed_set_bounds (8u << 20, 7 * 86400);
  g_clear_pointer (&user_path, g_free);
}

static SatchelMailbox *
open_box (SatchelStore *store, const char *name)
{
  g_autoptr (GError) error = NULL;
  if (strcmp (name, "INBOX") != 0)
    satchel_store_create (store, name, 0, NULL);
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, name, &error);
  g_assert_no_error (error);
  return mailbox;
}

static void
add_append (SatchelTransaction *transaction, SatchelStore *store, SatchelMailbox *mailbox, const char *text)
{
  g_autoptr (GError) error = NULL;
  SatchelStage *stage = satchel_stage_new (store, 0, &error);
  g_assert_true (satchel_stage_write (stage, text, strlen (text), &error));
  g_assert_true (satchel_stage_finish (stage, &error));
  satchel_transaction_append (transaction, mailbox, stage, 0, NULL, 1700000000);
}

static gboolean
put (SatchelStore *store, SatchelMailbox *mailbox, const char *text)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  add_append (transaction, store, mailbox, text);
  return satchel_transaction_commit (transaction, NULL);
}

static SatchelUidSet
range (guint32 first, guint32 last)
{
  SatchelUidSet set = { NULL, 0 };
  satchel_uid_set_add (&set, first, last);
  return set;
}

static void
set_flags (SatchelStore *store, SatchelMailbox *mailbox, guint32 uid, guint32 flags)
{
  g_auto (SatchelUidSet) uids = range (uid, uid);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_flags (transaction, mailbox, &uids, SATCHEL_FLAGS_ADD, flags, NULL, G_MAXUINT64);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
}

static GHashTable *
files_of (SatchelStore *store)
{
  return ((MemoryUser *) store->core->levels[0].self)->files;
}

static GByteArray *
log_file (SatchelStore *store)
{
  return g_hash_table_lookup (files_of (store),
                              (store->core->changes->generation & 1) != 0 ? "changes-1" : "changes-0");
}

/* Where the last frame of @kind begins. */
static guint
last_frame (SatchelStore *store, SatchelFrameKind kind)
{
  const GByteArray *file = log_file (store);
  guint found = 0;
  SatchelFrame frame;
  for (guint at = 0;
       at < file->len && satchel_frame_check (file->data + at, file->len - at, &frame) == SATCHEL_FRAME_OK;
       at += frame.len)
    if (frame.kind == kind)
      found = at;
  g_assert_cmpuint (found, >, 0);
  return found;
}
