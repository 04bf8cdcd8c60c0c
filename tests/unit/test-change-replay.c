/* SPDX-License-Identifier: MIT
 * The change log tells all that happens and nothing else: random changes, by sessions, by processes that end
 * between a commit and its log, and by others while nobody listens, are replayed from what a listener hears
 * into a model, which then has exactly what the store has.
 */
#include "config.h"

#include "core/storage/change_log/changes.h"
#include "memory.h"
#include "tests/lib/heard.h"
#include "tests/lib/keeper.h"

#include <satchel/module.h>

#define N_STEPS 400

static GHashTable *model; /* "mailbox NAME", "subscribed NAME", "message NAME UID" -> what is known of it */
static guint n_resyncs, n_befores, n_outside;
static gboolean commit_fails, has_keeper;
static SatchelStorageOps ops;

static char *
state_text (guint32 flags, const char *const *keywords)
{
  GString *text = g_string_new (NULL);
  heard_put_set (text, flags, keywords);
  return g_string_free (text, FALSE);
}

static char *
message_key (const char *name, guint32 uid)
{
  return g_strdup_printf ("message %s %010u", name, uid);
}

static void
add (GHashTable *to, char *key, char *value)
{
  if (g_hash_table_contains (to, key))
    g_error ("a second \"%s\"", key);
  g_hash_table_insert (to, key, value);
}

static void
remove_key (char *key)
{
  if (!g_hash_table_remove (model, key))
    g_error ("\"%s\" goes, and was not there", key);
  g_free (key);
}

/* ---- what is heard ---- */

static void
check_before (const char *name, const SatchelChangedMessage *message)
{
  g_autofree char *key = message_key (name, message->uid);
  const char *known = g_hash_table_lookup (model, key);
  if (known == NULL)
    g_error ("a change of \"%s\", which is not there", key);
  if (!message->has_before)
    return;
  g_autofree char *before = state_text (message->flags_before, message->keywords_before);
  g_assert_cmpstr (before, ==, known);
  n_befores++;
}

static void
replay_message (const SatchelChange *change, const SatchelChangedMessage *message)
{
  const char *name = change->mailbox.name;
  char *after = state_text (message->flags, message->keywords);
  g_test_message ("%u>%u %s", message->uid, message->new_uid, after);
  if (change->kind == SATCHEL_CHANGE_APPEND)
    g_assert_false (message->has_before);
  else
    check_before (name, message);
  if (change->kind == SATCHEL_CHANGE_EXPUNGE || change->kind == SATCHEL_CHANGE_MOVE
      || change->kind == SATCHEL_CHANGE_FLAGS)
    remove_key (message_key (name, message->uid));
  if (change->kind == SATCHEL_CHANGE_APPEND || change->kind == SATCHEL_CHANGE_FLAGS)
    add (model, message_key (name, message->uid), g_steal_pointer (&after));
  else if (change->kind != SATCHEL_CHANGE_EXPUNGE)
    add (model, message_key (change->destination.name, message->new_uid), g_steal_pointer (&after));
  g_free (after);
}

/* Is @key of the mailbox @name, or of one below it? */
static gboolean
is_of (const char *key, const char *name)
{
  const char *rest = strchr (key, ' ') + 1;
  return g_str_has_prefix (rest, name) && strchr (" /", rest[strlen (name)]) != NULL;
}

/* Subscriptions go with the names. */
static void
replay_rename (const char *from, const char *to)
{
  GHashTableIter iter;
  gpointer key, value;
  g_autoptr (GHashTable) moved = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_iter_init (&iter, model);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (is_of (key, from))
      {
        const char *rest = strchr (key, ' ') + 1;
        add (
            moved,
            g_strdup_printf ("%.*s%s%s", (int) (rest - (char *) key), (char *) key, to, rest + strlen (from)),
            g_strdup (value));
        g_hash_table_iter_remove (&iter);
      }
  g_hash_table_iter_init (&iter, moved);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      g_hash_table_iter_steal (&iter);
      if (g_str_has_prefix (key, "subscribed "))
        g_hash_table_replace (model, key, value);
      else
        add (model, key, value);
    }
}

/* The mailbox goes with its messages; what is below it stays, and the subscription. */
static void
replay_delete (const char *name)
{
  GHashTableIter iter;
  gpointer key;
  g_autofree char *own = g_strdup_printf ("mailbox %s", name),
                  *message = g_strdup_printf ("message %s ", name);
  if (!g_hash_table_remove (model, own))
    g_error ("\"%s\" is deleted, and was not there", name);
  g_hash_table_iter_init (&iter, model);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (g_str_has_prefix (key, message))
      g_hash_table_iter_remove (&iter);
}

static char *
use_text (guint use)
{
  return g_strdup_printf ("use %u", use);
}

static void
replay_use (const char *name, guint use)
{
  GHashTableIter iter;
  gpointer key, value;
  g_autofree char *own = g_strdup_printf ("mailbox %s", name), *text = use_text (use);
  g_hash_table_iter_init (&iter, model);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (use != 0 && g_str_has_prefix (key, "mailbox ") && strcmp (value, text) == 0)
      g_hash_table_iter_replace (&iter, use_text (0));
  g_hash_table_replace (model, g_strdup (own), g_strdup (text));
}

static gboolean
replay (SatchelStore *store, const SatchelChange *change, GError **error)
{
  const char *name = change->mailbox.name;
  g_assert_cmpuint (change->sequence, >=, heard_last);
  heard_last = change->sequence;
  n_outside += change->access->cause == SATCHEL_CAUSE_OUTSIDE;
  g_test_message ("%s %s %s by %s: %u messages", satchel_change_kind_name (change->kind), name,
                  change->destination.name, satchel_cause_name (change->access->cause), change->n_messages);
  switch (change->kind)
    {
    case SATCHEL_CHANGE_RESYNC:
      n_resyncs++;
      break;
    case SATCHEL_CHANGE_CREATE:
      add (model, g_strdup_printf ("mailbox %s", name), use_text (change->mailbox.special_use));
      break;
    case SATCHEL_CHANGE_DELETE:
      replay_delete (name);
      break;
    case SATCHEL_CHANGE_RENAME:
      replay_rename (name, change->destination.name);
      break;
    case SATCHEL_CHANGE_SUBSCRIBE:
      add (model, g_strdup_printf ("subscribed %s", name), g_strdup (""));
      break;
    case SATCHEL_CHANGE_UNSUBSCRIBE:
      remove_key (g_strdup_printf ("subscribed %s", name));
      break;
    case SATCHEL_CHANGE_SPECIAL_USE:
      replay_use (name, change->mailbox.special_use);
      break;
    case SATCHEL_CHANGE_APPEND:
    case SATCHEL_CHANGE_COPY:
    case SATCHEL_CHANGE_MOVE:
    case SATCHEL_CHANGE_FLAGS:
    case SATCHEL_CHANGE_EXPUNGE:
      g_assert_cmpuint (change->n_messages, >, 0);
      for (guint i = 0; i < change->n_messages; i++)
        replay_message (change, &change->messages[i]);
      break;
    }
  return TRUE;
}

static const SatchelMailboxListenerOps replay_ops = { .size = sizeof replay_ops, .heard = replay };
static const SatchelStoreListener replayer = { "replayer", &replay_ops };

/* ---- what the store has ---- */

static SatchelStore *
open_store (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_SESSION,
                                                                            .owner = "u@example.org",
                                                                            .user = "u@example.org",
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  SatchelStoreLevel levels[] = { { "keeper", &keeper_ops, NULL }, { "memory", &ops, NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org",
    .path = has_keeper ? "example.org/kept" : "example.org/replay",
    .root_fd = -1,
    .access = access,
    .levels = has_keeper ? levels : &levels[1],
    .n_levels = has_keeper ? 2 : 1,
  };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
}

static gint
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static void
read_mailbox (SatchelStore *store, const char *name, GHashTable *into)
{
  g_autoptr (GError) error = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, name, &error);
  g_assert_no_error (error);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  for (guint32 index = 0; index < snapshot->state.n_messages; index++)
    {
      guint at;
      SatchelMessageRow row;
      g_autoptr (GPtrArray) keywords = g_ptr_array_new ();
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
      satchel_chunk_get_row (chunk, at, &row);
      for (guint i = 0; i < snapshot->n_keywords; i++)
        if (satchel_keyword_set_next (&row.keywords, i) == (int) i)
          g_ptr_array_add (keywords, snapshot->keywords[i]);
      g_ptr_array_sort (keywords, compare_texts);
      g_ptr_array_add (keywords, NULL);
      add (into, message_key (name, row.uid), state_text (row.flags, (const char *const *) keywords->pdata));
    }
  satchel_mailbox_unref (mailbox);
}

static char *
in_words (GHashTable *known)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (known), (GCompareFunc) strcmp);
  for (GList *link = keys; link != NULL; link = link->next)
    g_string_append_printf (text, "%s: %s\n", (char *) link->data,
                            (char *) g_hash_table_lookup (known, link->data));
  return g_string_free (text, FALSE);
}

static GHashTable *
read_store (SatchelStore *store)
{
  g_autoptr (GError) error = NULL;
  GHashTable *known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GPtrArray) infos = satchel_store_list (store, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->is_subscribed)
        add (known, g_strdup_printf ("subscribed %s", info->name), g_strdup (""));
      if (!info->is_selectable)
        continue;
      add (known, g_strdup_printf ("mailbox %s", info->name), use_text (info->special_use));
      read_mailbox (store, info->name, known);
    }
  return known;
}

static void
check_model (SatchelStore *store)
{
  guint wait_ms;
  g_autoptr (GError) error = NULL;
  g_assert_true (satchel_feed_run (store, &replayer, SATCHEL_FEED_AGAIN, &wait_ms, &error));
  g_assert_no_error (error);
  g_autoptr (GHashTable) known = read_store (store);
  g_autofree char *heard = in_words (model), *there = in_words (known);
  g_assert_cmpstr (heard, ==, there);
}

/* ---- random changes ---- */

static const char *const names[] = { "INBOX", "a", "a/x", "b", "c" };
static const char *const words[] = { "one", "two", "three" };

static guint
below (guint end)
{
  return (guint) g_test_rand_int_range (0, (gint32) end);
}

static SatchelMailbox *
open_some (SatchelStore *store)
{
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, names[below (G_N_ELEMENTS (names))], NULL);
  return mailbox != NULL ? mailbox : satchel_store_open_mailbox (store, "INBOX", NULL);
}

static void
add_append (SatchelTransaction *transaction, SatchelStore *store, SatchelMailbox *mailbox,
            const char *const *keywords)
{
  SatchelStage *stage = satchel_stage_new (store, 0, NULL);
  g_autofree char *text = g_strnfill (1 + below (3), 'x');
  g_assert_true (satchel_stage_write (stage, text, strlen (text), NULL));
  g_assert_true (satchel_stage_finish (stage, NULL));
  satchel_transaction_append (transaction, mailbox, stage, below (SATCHEL_FLAGS_ALL + 1), keywords,
                              1700000000 + below (2));
}

static void
add_operation (SatchelTransaction *transaction, SatchelStore *store)
{
  SatchelMailbox *mailbox = open_some (store), *to = open_some (store);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  /* Also UIDs that come with this very transaction, and some that nobody has. */
  guint32 first = MAX (1, (gint32) (snapshot->state.uidnext + 2 - below (12)));
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  const char *keywords[] = { NULL, NULL, NULL };
  for (guint i = 0, n = below (3); i < n; i++)
    keywords[i] = words[(below (2) + i) % G_N_ELEMENTS (words)];
  satchel_uid_set_add (&uids, first, first + below (4));
  switch (below (7))
    {
    case 0:
      satchel_transaction_copy (transaction, mailbox, &uids, to);
      break;
    case 1:
      if (to != mailbox)
        satchel_transaction_move (transaction, mailbox, &uids, to);
      break;
    case 2:
      satchel_transaction_expunge (transaction, mailbox, &uids, below (2));
      break;
    case 3:
    case 4:
      satchel_transaction_flags (transaction, mailbox, &uids, SATCHEL_FLAGS_REPLACE + below (3),
                                 below (SATCHEL_FLAGS_ALL + 1), keywords,
                                 below (4) == 0 ? snapshot->state.highestmodseq - 1 : G_MAXUINT64);
      break;
    default:
      add_append (transaction, store, mailbox, keywords);
    }
  satchel_mailbox_unref (mailbox);
  satchel_mailbox_unref (to);
}

static void
change_mail (SatchelStore *store, guint n_operations)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  for (guint i = 0; i < n_operations; i++)
    add_operation (transaction, store);
  gboolean is_done = satchel_transaction_commit (transaction, NULL);
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      const SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      g_autofree char *name = satchel_storage_mailbox_name (operation->mailbox);
      g_autoptr (GString) uids = g_string_new (NULL);
      satchel_uid_set_format (&operation->ret_source, uids);
      g_test_message ("operation %d on %s %s mode %d flags %u %s", operation->kind, name, uids->str,
                      operation->mode, operation->flags, is_done ? "done" : "failed");
    }
}

static gboolean
is_mailbox (const char *name)
{
  g_autofree char *key = g_strdup_printf ("mailbox %s", name);
  return g_hash_table_contains (model, key);
}

/* What the store refuses is no change. */
static void
change_names (SatchelStore *store)
{
  const char *name = names[1 + below (G_N_ELEMENTS (names) - 1)];
  switch (below (7))
    {
    case 0:
      satchel_store_delete (store, name, NULL);
      break;
    case 1:
      satchel_store_rename (store, name, names[1 + below (G_N_ELEMENTS (names) - 1)], NULL);
      break;
    case 2:
    case 3:
      satchel_store_subscribe (store, name, below (2), NULL);
      break;
    case 4:
      satchel_store_set_special_use (store, name, below (2) != 0 ? SATCHEL_USE_JUNK : SATCHEL_USE_TRASH,
                                     NULL);
      break;
    default:
      satchel_store_create (store, name, 0, NULL);
    }
}

/* ---- processes that end ---- */

/* Cuts off what the log says of the last change, so that only its intent is left, or nothing. */
static void
forget_last (SatchelStore *store, gsize size_before)
{
  const MemoryUser *user = store->core->levels[has_keeper ? 1 : 0].self;
  GByteArray *file = g_hash_table_lookup (
      user->files, (store->core->changes->generation & 1) != 0 ? "changes-1" : "changes-0");
  guint last = 0;
  SatchelFrame frame;
  for (guint at = 0;
       at < file->len && satchel_frame_check (file->data + at, file->len - at, &frame) == SATCHEL_FRAME_OK;
       at += frame.len)
    if (frame.kind == SATCHEL_FRAME_CHANGES)
      last = at;
  if (last >= size_before)
    g_byte_array_set_size (file, last);
}

static gsize
log_size (SatchelStore *store)
{
  const MemoryUser *user = store->core->levels[has_keeper ? 1 : 0].self;
  const GByteArray *file = g_hash_table_lookup (
      user->files, (store->core->changes->generation & 1) != 0 ? "changes-1" : "changes-0");
  return file->len;
}

static void
commit_or_fail (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
  if (!commit_fails)
    memory_commit (storage, transactions, n, results);
  for (guint i = 0; commit_fails && i < n; i++)
    satchel_error_set (&results[i], SATCHEL_ERROR_NOSPACE, "the disk is full");
}

/* Each is heard of, though not by whom it was. */
static SatchelStore *
change_unheard (SatchelStore *store)
{
  satchel_store_unref (store);
  satchel_store_set_listeners (NULL, 0);
  store = open_store ();
  change_mail (store, 1 + below (3));
  satchel_store_unref (store);
  satchel_store_set_listeners (&replayer, 1);
  store = open_store ();
  check_model (store);
  n_outside = 0;
  return store;
}

/* Says whether the parent of some mailbox is none. */
static gboolean
has_orphans (void)
{
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init (&iter, model);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      const char *name = g_str_has_prefix (key, "mailbox ") ? (const char *) key + strlen ("mailbox ") : "";
      for (const char *slash = strchr (name, '/'); slash != NULL; slash = strchr (slash + 1, '/'))
        {
          g_autofree char *parent = g_strndup (name, (gsize) (slash - name));
          if (!is_mailbox (parent))
            return TRUE;
        }
    }
  return FALSE;
}

static SatchelStore *
change_killed (SatchelStore *store)
{
  gsize before = log_size (store);
  /* The log cannot say who renamed what is no mailbox and has children. */
  if (below (2) == 0 && !has_orphans ())
    change_names (store);
  else
    change_mail (store, 1);
  forget_last (store, before);
  satchel_store_unref (store);
  return open_store ();
}

static SatchelStore *
step (SatchelStore *store)
{
  switch (below (10))
    {
    case 0:
      return change_unheard (store);
    case 1:
    case 2:
      return change_killed (store);
    case 3:
      commit_fails = TRUE;
      change_mail (store, 2);
      commit_fails = FALSE;
      return store;
    case 4:
    case 5:
      change_names (store);
      return store;
    case 6:
      satchel_store_unref (store);
      return open_store ();
    default:
      change_mail (store, 1 + below (4));
      return store;
    }
}

static void
replay_changes (gboolean with_keeper)
{
  has_keeper = with_keeper;
  n_resyncs = n_befores = n_outside = 0;
  model = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  ops = *(const SatchelStorageOps *) satchel_module ()->provides[0].ops;
  ops.commit = commit_or_fail;
  heard_last = 0;
  satchel_store_set_listeners (&replayer, 1);
  SatchelStore *store = open_store ();
  add (model, g_strdup ("mailbox INBOX"), use_text (0)); /* which the first RESYNC stands for */
  for (guint i = 0; i < N_STEPS; i++)
    {
      check_model (store);
      g_assert_cmpuint (n_outside, ==, 0);
      store = step (store);
    }
  check_model (store);
  satchel_store_unref (store);
  satchel_store_set_listeners (NULL, 0);
  g_assert_cmpuint (n_resyncs, ==, 1);
  g_assert_cmpuint (n_befores, >, N_STEPS / 4);
  g_clear_pointer (&model, g_hash_table_unref);
}

static void
test_replay (void)
{
  replay_changes (FALSE);
}

/* Nothing is heard of what a layer does on its own account. */
static void
test_replay_under_a_layer (void)
{
  replay_changes (TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_test_add_func ("/changes/replay", test_replay);
  g_test_add_func ("/changes/replay-under-a-layer", test_replay_under_a_layer);
  return g_test_run ();
}
