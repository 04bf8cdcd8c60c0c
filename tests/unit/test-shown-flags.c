/* SPDX-License-Identifier: MIT
 * Flags that are shown otherwise than they are stored: several layers over each other, and more ways of
 * showing a mailbox than the core keeps.  Over the driver `memory`, whose objects are linked in.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/module.h>

#define SEEN SATCHEL_FLAG_SEEN
#define DELETED SATCHEL_FLAG_DELETED
#define FLAGGED SATCHEL_FLAG_FLAGGED
#define ANSWERED SATCHEL_FLAG_ANSWERED

static gboolean
layer_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static void
lower_shown_flags (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                   SatchelShownFlags *shown)
{
  satchel_storage_shown_flags (storage, access, name, shown);
  satchel_shown_flags_add (shown, DELETED, SEEN | ANSWERED);
}

static void
upper_shown_flags (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                   SatchelShownFlags *shown)
{
  satchel_storage_shown_flags (storage, access, name, shown);
  satchel_shown_flags_add (shown, SEEN, FLAGGED);
}

/* Adds the flags whose number is the service. */
static void
odd_shown_flags (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                 SatchelShownFlags *shown)
{
  satchel_shown_flags_add (shown, SATCHEL_FLAG_UNPARSED | DELETED,
                           (guint32) g_ascii_strtoull (access->service, NULL, 10));
}

#define LAYER(function)                                                                                      \
  { .size = sizeof (SatchelStorageOps),                                                                      \
    .band = 500,                                                                                             \
    .classes = SATCHEL_CLASS_LIST,                                                                           \
    .open = layer_open,                                                                                      \
    .shown_flags = (function) }
static const SatchelStorageOps lower = LAYER (lower_shown_flags), upper = LAYER (upper_shown_flags),
                               odd = LAYER (odd_shown_flags);

static SatchelStore *
open_stack (const SatchelStorageOps *first, const SatchelStorageOps *second, const char *path)
{
  g_autoptr (GError) error = NULL;
  SatchelStoreLevel levels[] = { { "first", first, NULL },
                                 { "second", second, NULL },
                                 { "memory", satchel_module ()->provides[0].ops, NULL } };
  if (second == NULL)
    levels[1] = levels[2];
  SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = path, .root_fd = -1, .levels = levels, .n_levels = second != NULL ? 3 : 2
  };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
}

static SatchelMailbox *
open_inbox (SatchelStore *store)
{
  g_autoptr (GError) error = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, "INBOX", &error);
  g_assert_no_error (error);
  return mailbox;
}

/* A message with those of @flags that can be given here. */
static void
put (SatchelMailbox *mailbox, guint32 flags)
{
  g_autoptr (GError) error = NULL;
  SatchelStore *store = satchel_mailbox_store (mailbox);
  SatchelStage *stage = satchel_stage_new (store, 0, NULL);
  g_assert_true (satchel_stage_write (stage, "x\r\n", 3, NULL) && satchel_stage_finish (stage, NULL));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_append (transaction, mailbox, stage, flags, NULL, 1);
  satchel_transaction_commit (transaction, &error);
  g_assert_no_error (error);
}

static guint32
first_flags (SatchelSnapshot *snapshot)
{
  guint row;
  return satchel_snapshot_at (snapshot, 0, &row)->flags[row];
}

static guint32
shown_flags (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return first_flags (snapshot);
}

/* The upper layer sees what the lower one shows: it hides a flag that the lower one has added. */
static void
test_composed (void)
{
  gboolean keeps_keywords = FALSE;
  SatchelMailboxState state;
  g_autoptr (SatchelStore) store = open_stack (&upper, &lower, "example.org/composed");
  g_autoptr (SatchelMailbox) inbox = open_inbox (store);
  put (inbox, SATCHEL_FLAG_DRAFT | SATCHEL_FLAG_UNPARSED | DELETED);
  /* What is private to the store is none of theirs. */
  g_assert_cmphex (shown_flags (inbox), ==, SATCHEL_FLAG_DRAFT | SATCHEL_FLAG_UNPARSED | FLAGGED | ANSWERED);
  g_assert_cmphex (satchel_mailbox_permanent_flags (inbox, &keeps_keywords), ==, SATCHEL_FLAG_DRAFT);
  g_assert_true (keeps_keywords);
  g_assert_true (satchel_store_status (store, "INBOX", &state, NULL));
  g_assert_cmpuint (state.n_unseen, ==, 1);
  g_assert_cmpuint (state.n_deleted, ==, 0);
  g_autoptr (SatchelStore) reversed = open_stack (&lower, &upper, "example.org/reversed");
  g_autoptr (SatchelMailbox) other = open_inbox (reversed);
  put (other, SATCHEL_FLAG_DRAFT);
  g_assert_cmphex (shown_flags (other), ==, SATCHEL_FLAG_DRAFT | SEEN | FLAGGED | ANSWERED);
}

/* Each access is shown its own, however many there are, and whatever they looked at before. */
static void
test_many_ways (void)
{
  enum
  {
    N = 16
  };
  SatchelStore *stores[N];
  SatchelMailbox *boxes[N];
  g_autoptr (SatchelStore) store = open_stack (&odd, NULL, "example.org/odd");
  for (guint32 i = 0; i < N; i++)
    {
      g_autofree char *service = g_strdup_printf ("%u", i);
      g_autoptr (SatchelAccess) access =
          satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                 .cause = SATCHEL_CAUSE_SESSION,
                                                 .service = service,
                                                 .rights = SATCHEL_RIGHTS_ALL });
      stores[i] = satchel_store_with_access (store, access);
      boxes[i] = open_inbox (stores[i]);
    }
  put (boxes[0], SATCHEL_FLAG_DRAFT | SATCHEL_FLAG_UNPARSED);
  for (guint round = 0; round < 3; round++)
    for (guint32 n = 0; n < N; n++)
      {
        /* After one that hides the same flags, and adds others. */
        guint32 i = n / 2 | (n % 2 != 0 ? DELETED : 0);
        g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (boxes[i]);
        g_assert_cmpuint (snapshot->state.n_messages, ==, round + 1);
        g_assert_cmphex (first_flags (snapshot), ==, SATCHEL_FLAG_DRAFT | SATCHEL_FLAG_UNPARSED | i);
        if (n == N - 1)
          put (boxes[0], 0);
      }
  for (guint i = 0; i < N; i++)
    {
      satchel_mailbox_unref (boxes[i]);
      satchel_store_unref (stores[i]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/shown-flags/composed", test_composed);
  g_test_add_func ("/shown-flags/many-ways", test_many_ways);
  return g_test_run ();
}
