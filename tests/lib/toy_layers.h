/* SPDX-License-Identifier: MIT
 * For tests: stacks of toy layers over the driver memory, and what they were told.
 */
#pragma once
#include "core/storage/store/store_open.h"
#include "core/storage/mailbox/suspects.h"
#include "core/storage/store/store_private.h"
#include "tests/lib/loop.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/attributes.h>
#include <satchel/module.h>
#include <string.h>
#include <unistd.h>

static guint n_users;

static const SatchelStorageOps *
memory_ops (void)
{
  return satchel_module ()->provides[0].ops;
}

static SatchelStore *
open_stack (const SatchelStorageOps *layer, const SatchelStorageOps *driver)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/store%u", ++n_users);
  SatchelStoreLevel levels[] = { { "layer", layer, NULL },
                                 { "memory", driver != NULL ? driver : memory_ops (), NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org",
    .path = path,
    .root_fd = -1,
    .levels = layer != NULL ? levels : levels + 1,
    .n_levels = layer != NULL ? 2 : 1,
  };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
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

static SatchelTransaction *
append_to (SatchelStore *store, SatchelMailbox *mailbox)
{
  g_autoptr (GError) error = NULL;
  SatchelStage *stage = satchel_stage_new (store, 0, &error);
  g_assert_no_error (error);
  g_assert_true (satchel_stage_write (stage, "x", 1, &error));
  g_assert_true (satchel_stage_finish (stage, &error));
  SatchelTransaction *transaction = satchel_transaction_new (store);
  satchel_transaction_append (transaction, mailbox, stage, 0, NULL, 1);
  return transaction;
}

static void
put (SatchelStore *store, SatchelMailbox *mailbox)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelTransaction) transaction = append_to (store, mailbox);
  g_assert_true (satchel_transaction_commit (transaction, &error));
}

static guint32
count (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return snapshot->state.n_messages;
}

static GString *seen; /* what the layer was asked */

static gboolean
layer_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  seen = g_string_new (NULL);
  return TRUE;
}

static void
layer_close (SatchelStorage *storage)
{
  g_string_free (g_steal_pointer (&seen), TRUE);
}

static gboolean
note_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  static const char *const names[] = { "?", "append", "copy", "flags", "expunge", "move" };
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    g_string_append_printf (seen, "%s ", names[satchel_transaction_operation (transaction, i)->kind]);
  return TRUE;
}

/* As a retention layer would: what is to be removed is copied first. */
static gboolean
keep_expunged (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  g_autoptr (GError) local = NULL;
  const SatchelAccess *access = satchel_transaction_access (transaction);
  if (!satchel_storage_create (storage, access, "kept", 0, &local)
      && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_ALREADYEXISTS))
    return FALSE;
  g_autoptr (SatchelStorageMailbox) kept = satchel_storage_hold_mailbox (storage, access, "kept", error);
  if (kept == NULL)
    return FALSE;
  guint n = satchel_transaction_n_operations (transaction);
  for (guint i = 0; i < n; i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (operation->kind != SATCHEL_OPERATION_EXPUNGE)
        continue;
      operation->kind = SATCHEL_OPERATION_MOVE;
      operation->destination = g_steal_pointer (&kept);
      return TRUE;
    }
  return TRUE;
}

static gboolean
never_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  g_assert_not_reached ();
}

#define LAYER(class_bits, newest, plan_func)                                                                 \
  { .size = sizeof (SatchelStorageOps),                                                                      \
    .band = 1,                                                                                               \
    .classes = (class_bits),                                                                                 \
    .newest_operation = (newest),                                                                            \
    .open = layer_open,                                                                                      \
    .close = layer_close,                                                                                    \
    .list = never_list,                                                                                      \
    .plan = (plan_func) }
