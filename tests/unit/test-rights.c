/* SPDX-License-Identifier: MIT
 * Rights and namespaces: what each act needs, what becomes of flags, and mailboxes that a layer shows under
 * other names.  Over the driver `memory`, whose objects are linked in.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/attributes.h>
#include <satchel/module.h>
#include <string.h>

static guint n_users;

static SatchelStore *
open_stack_of (const SatchelStorageOps *layer, const char *path)
{
  g_autoptr (GError) error = NULL;
  SatchelStoreLevel levels[] = { { "layer", layer, NULL },
                                 { "memory", satchel_module ()->provides[0].ops, NULL } };
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

static SatchelStore *
open_stack (const SatchelStorageOps *layer)
{
  g_autofree char *path = g_strdup_printf ("example.org/rights%u", ++n_users);
  return open_stack_of (layer, path);
}

static SatchelStore *
with_rights (SatchelStore *store, guint rights)
{
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_SESSION,
                                                                            .user = "v@example.org",
                                                                            .owner = "u@example.org",
                                                                            .rights = rights });
  return satchel_store_with_access (store, access);
}

static SatchelMailbox *
open_box (SatchelStore *store, const char *name)
{
  g_autoptr (GError) error = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, name, &error);
  g_assert_no_error (error);
  return mailbox;
}

static gboolean
append (SatchelMailbox *mailbox, guint32 flags, const char *keyword, GError **error)
{
  SatchelStore *store = satchel_mailbox_store (mailbox);
  const char *const keywords[] = { keyword, NULL };
  SatchelStage *stage = satchel_stage_new (store, 0, NULL);
  g_assert_true (satchel_stage_write (stage, "x\r\n", 3, NULL) && satchel_stage_finish (stage, NULL));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_append (transaction, mailbox, stage, flags, keywords, 1);
  return satchel_transaction_commit (transaction, error);
}

static guint32
flags_of (SatchelMailbox *mailbox, guint32 index)
{
  guint row;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return satchel_snapshot_at (snapshot, index, &row)->flags[row];
}

static gboolean
has_keyword (SatchelMailbox *mailbox, guint32 index, const char *keyword)
{
  guint row;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
  int bit = satchel_snapshot_keyword (snapshot, keyword);
  return bit >= 0 && satchel_chunk_has_keyword (chunk, row, (guint) bit);
}

/* ---- acts ---- */

/* Each is done in an account of its own: INBOX has two messages, one with \Deleted, and "other" is empty. */
typedef gboolean (*Act) (SatchelStore *store, GError **error);

static gboolean
on_inbox (SatchelStore *store, SatchelOperationKind kind, gboolean only_deleted, GError **error)
{
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (store, "INBOX", error);
  g_autoptr (SatchelMailbox) other =
      inbox != NULL ? satchel_store_open_mailbox (store, "other", error) : NULL;
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  if (other == NULL)
    return FALSE;
  satchel_uid_set_add (&uids, 1, 2);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  if (kind == SATCHEL_OPERATION_COPY)
    satchel_transaction_copy (transaction, inbox, &uids, other);
  else if (kind == SATCHEL_OPERATION_MOVE)
    satchel_transaction_move (transaction, inbox, &uids, other);
  else
    satchel_transaction_expunge (transaction, inbox, &uids, only_deleted);
  return satchel_transaction_commit (transaction, error);
}

static gboolean
act_append (SatchelStore *store, GError **error)
{
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (store, "INBOX", error);
  return inbox != NULL && append (inbox, 0, NULL, error);
}
static gboolean
act_copy (SatchelStore *store, GError **error)
{
  return on_inbox (store, SATCHEL_OPERATION_COPY, FALSE, error);
}
static gboolean
act_move (SatchelStore *store, GError **error)
{
  return on_inbox (store, SATCHEL_OPERATION_MOVE, FALSE, error);
}
static gboolean
act_expunge (SatchelStore *store, GError **error)
{
  return on_inbox (store, SATCHEL_OPERATION_EXPUNGE, TRUE, error);
}
static gboolean
act_remove (SatchelStore *store, GError **error)
{
  return on_inbox (store, SATCHEL_OPERATION_EXPUNGE, FALSE, error);
}
static gboolean
act_status (SatchelStore *store, GError **error)
{
  SatchelMailboxState state;
  return satchel_store_status (store, "INBOX", &state, error);
}
static gboolean
act_create (SatchelStore *store, GError **error)
{
  return satchel_store_create (store, "other/new", 0, error);
}
static gboolean
act_create_top (SatchelStore *store, GError **error)
{
  return satchel_store_create (store, "new", 0, error);
}
static gboolean
act_delete (SatchelStore *store, GError **error)
{
  return satchel_store_delete (store, "other", error);
}
static gboolean
act_rename (SatchelStore *store, GError **error)
{
  return satchel_store_rename (store, "other", "renamed", error);
}
static gboolean
act_rename_inbox (SatchelStore *store, GError **error)
{
  return satchel_store_rename (store, "INBOX", "renamed", error);
}
static gboolean
act_set_use (SatchelStore *store, GError **error)
{
  return satchel_store_set_special_use (store, "other", SATCHEL_USE_SENT, error);
}
static gboolean
act_subscribe (SatchelStore *store, GError **error)
{
  return satchel_store_subscribe (store, "other", TRUE, error);
}
static gboolean
act_read (SatchelStore *store, GError **error)
{
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (store, "INBOX", error);
  SatchelStream *stream = inbox != NULL ? satchel_mailbox_open_message (inbox, 1, error) : NULL;
  if (stream == NULL)
    return FALSE;
  satchel_stream_unref (stream);
  return TRUE;
}
static gboolean
act_email_id (SatchelStore *store, GError **error)
{
  guint8 id[16];
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (store, "INBOX", error);
  return inbox != NULL && satchel_mailbox_email_id (inbox, 1, id, error);
}
static gboolean
act_unique_id (SatchelStore *store, GError **error)
{
  const guint32 uids[] = { 2 };
  char *found[1] = { NULL };
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (store, "INBOX", error);
  gboolean ok = inbox != NULL && satchel_mailbox_unique_ids (inbox, uids, 1, found, error);
  g_free (found[0]);
  return ok;
}
static gboolean
act_vanished (SatchelStore *store, GError **error)
{
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  gboolean is_complete;
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (store, "INBOX", error);
  return inbox != NULL && satchel_mailbox_vanished (inbox, 1, &uids, &is_complete, error);
}
static gboolean
act_attributes (SatchelStore *store, GError **error)
{
  const guint32 uids[] = { 1 };
  GBytes *found[1];
  SatchelErrorCode codes[1];
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (store, "INBOX", error);
  gboolean ok = inbox != NULL && satchel_mailbox_attributes (inbox, uids, 1, found, codes, error);
  if (inbox != NULL)
    {
      g_assert_cmpint (codes[0], ==, ok ? 0 : SATCHEL_ERROR_NOPERM);
      g_assert_true ((found[0] != NULL) == ok);
      g_clear_pointer (&found[0], g_bytes_unref);
    }
  return ok;
}

#define L SATCHEL_RIGHT_LOOKUP
#define R SATCHEL_RIGHT_READ
#define I SATCHEL_RIGHT_INSERT
#define K SATCHEL_RIGHT_CREATE
#define X SATCHEL_RIGHT_DELETE_MAILBOX
#define T SATCHEL_RIGHT_DELETE_MESSAGES
#define E SATCHEL_RIGHT_EXPUNGE
#define A SATCHEL_RIGHT_ADMINISTER

/* RFC 4314 4, RFC 6851 4.2 */
static const struct
{
  const char *name;
  Act act;
  guint needs;  /* beside L */
  guint beside; /* one of those that open it */
} acts[] = {
  { "append", act_append, I, 0 },
  { "copy", act_copy, R | I, 0 },
  { "move", act_move, R | I | T | E, 0 },
  { "expunge", act_expunge, E, R },
  { "remove", act_remove, T | E, R },
  { "status", act_status, R, 0 },
  { "create", act_create, K, 0 },
  { "create-top", act_create_top, K, 0 },
  { "delete", act_delete, X, 0 },
  { "rename", act_rename, X | K, 0 },
  { "rename-inbox", act_rename_inbox, T | E | K, 0 },
  { "set-use", act_set_use, A, 0 },
  { "subscribe", act_subscribe, 0, 0 },
  { "read", act_read, R, 0 },
  { "email-id", act_email_id, R, 0 },
  { "unique-id", act_unique_id, R, 0 },
  { "vanished", act_vanished, R, 0 },
  { "attributes", act_attributes, R, 0 },
};

static gboolean
do_act (Act act, guint rights, GError **error)
{
  g_autoptr (SatchelStore) store = open_stack (NULL);
  g_assert_true (satchel_store_create (store, "other", 0, NULL));
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  g_assert_true (append (inbox, SATCHEL_FLAG_DELETED, NULL, NULL) && append (inbox, 0, NULL, NULL));
  g_autoptr (SatchelStore) limited = with_rights (store, rights);
  return act (limited, error);
}

/* With just the rights it needs it is done; without any one of them it is not, whatever other rights there
 * are. */
static void
test_acts (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (acts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_test_message ("%s", acts[i].name);
      do_act (acts[i].act, L | acts[i].needs | acts[i].beside, &error);
      g_assert_no_error (error);
      for (guint bit = 1; bit <= acts[i].needs; bit <<= 1)
        {
          if ((acts[i].needs & bit) == 0)
            continue;
          g_test_message ("%s without %u", acts[i].name, bit);
          g_assert_false (do_act (acts[i].act, SATCHEL_RIGHTS_ALL & ~bit, &error));
          g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
          g_clear_error (&error);
        }
      if (acts[i].needs == 0 || acts[i].act == act_create || acts[i].act == act_create_top)
        continue;
      g_assert_false (do_act (acts[i].act, SATCHEL_RIGHTS_ALL & ~L, &error));
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
    }
}

/* Nobody who says nothing loses anything. */
static void
test_everything (void)
{
  g_autoptr (SatchelStore) store = open_stack (NULL);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  gboolean keeps_keywords = FALSE;
  g_assert_cmpuint (satchel_mailbox_rights (inbox), ==, SATCHEL_RIGHTS_ALL);
  g_assert_cmpuint (satchel_mailbox_permanent_flags (inbox, &keeps_keywords), ==, SATCHEL_FLAGS_ALL);
  g_assert_true (keeps_keywords);
  g_assert_cmpuint (satchel_store_namespaces (store)->len, ==, 0);
  g_assert_null (satchel_store_namespace_names (store)[0]);
  g_assert_false (satchel_rights_are_limited (store));
}

static void
count_key (guint index, const void *key, gsize len, gpointer data)
{
  ++*(guint *) data;
}

/* Keys that others have had made are not for who may not read. */
static void
test_keys (void)
{
  g_autoptr (SatchelStore) store = open_stack (NULL), blind = with_rights (store, L | I);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX"), hidden = open_box (blind, "INBOX");
  const guint32 uids[] = { 1 };
  SatchelErrorCode codes[1] = { 0 };
  guint n = 0;
  g_assert_true (append (inbox, 0, NULL, NULL));
  g_assert_true (satchel_mailbox_keys (inbox, SATCHEL_KEY_SUBJECT, uids, 1, count_key, &n, codes, NULL));
  g_assert_true (satchel_mailbox_peek_key (inbox, SATCHEL_KEY_SUBJECT, 1, count_key, &n));
  g_assert_cmpuint (n, ==, 2);
  g_assert_true (satchel_mailbox_keys (hidden, SATCHEL_KEY_SUBJECT, uids, 1, count_key, &n, codes, NULL));
  g_assert_cmpint (codes[0], ==, SATCHEL_ERROR_NOPERM);
  g_assert_false (satchel_mailbox_peek_key (hidden, SATCHEL_KEY_SUBJECT, 1, count_key, &n));
  g_assert_null (satchel_mailbox_peek_message (hidden, 1));
  g_assert_cmpuint (n, ==, 2);
}

/* ---- flags ---- */

static gboolean
store_flags (SatchelMailbox *mailbox, SatchelFlagsMode mode, guint32 flags, const char *keyword,
             GError **error)
{
  const char *const keywords[] = { keyword, NULL };
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 1, 1);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (satchel_mailbox_store (mailbox));
  satchel_transaction_flags (transaction, mailbox, &uids, mode, flags, keywords, G_MAXUINT64);
  return satchel_transaction_commit (transaction, error);
}

#define SEEN SATCHEL_FLAG_SEEN
#define DELETED SATCHEL_FLAG_DELETED
#define FLAGGED SATCHEL_FLAG_FLAGGED

static void
test_flags (void)
{
  static const struct
  {
    guint rights;
    SatchelFlagsMode mode;
    guint32 flags;
    const char *keyword;
    gboolean fails;
    guint32 result; /* of \Flagged \Deleted Old */
    gboolean has_old, has_new;
  } rows[] = {
    { SATCHEL_RIGHT_SEEN, SATCHEL_FLAGS_ADD, SEEN | DELETED, "New", FALSE, SEEN | FLAGGED | DELETED, TRUE,
      FALSE },
    { SATCHEL_RIGHT_SEEN, SATCHEL_FLAGS_ADD, DELETED, "New", TRUE, FLAGGED | DELETED, TRUE, FALSE },
    { SATCHEL_RIGHT_SEEN, SATCHEL_FLAGS_REMOVE, FLAGGED, NULL, TRUE, FLAGGED | DELETED, TRUE, FALSE },
    { SATCHEL_RIGHT_SEEN, SATCHEL_FLAGS_REPLACE, SEEN, NULL, FALSE, SEEN | FLAGGED | DELETED, TRUE, FALSE },
    { SATCHEL_RIGHT_SEEN, SATCHEL_FLAGS_ADD, 0, NULL, FALSE, FLAGGED | DELETED, TRUE, FALSE },
    { SATCHEL_RIGHT_WRITE, SATCHEL_FLAGS_REPLACE, SEEN, "New", FALSE, DELETED, FALSE, TRUE },
    { SATCHEL_RIGHT_WRITE, SATCHEL_FLAGS_ADD, SEEN, "New", FALSE, FLAGGED | DELETED, TRUE, TRUE },
    { SATCHEL_RIGHT_WRITE, SATCHEL_FLAGS_ADD, SEEN, NULL, TRUE, FLAGGED | DELETED, TRUE, FALSE },
    { T, SATCHEL_FLAGS_REMOVE, DELETED | FLAGGED, "Old", FALSE, FLAGGED, TRUE, FALSE },
    { 0, SATCHEL_FLAGS_REPLACE, 0, NULL, TRUE, FLAGGED | DELETED, TRUE, FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SatchelStore) store = open_stack (NULL),
                               limited = with_rights (store, L | R | rows[i].rights);
      g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX"), mine = open_box (limited, "INBOX");
      g_test_message ("row %u", i);
      g_assert_true (append (inbox, FLAGGED | DELETED, "Old", NULL));
      g_assert_cmpint (store_flags (mine, rows[i].mode, rows[i].flags, rows[i].keyword, &error), !=,
                       rows[i].fails);
      if (rows[i].fails)
        g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
      g_assert_cmpuint (flags_of (inbox, 0), ==, rows[i].result);
      g_assert_cmpint (has_keyword (inbox, 0, "Old"), ==, rows[i].has_old);
      g_assert_cmpint (has_keyword (inbox, 0, "New"), ==, rows[i].has_new);
    }
}

/* A new message has the flags that may be set, and no error. */
static void
test_append_flags (void)
{
  g_autoptr (SatchelStore) store = open_stack (NULL),
                           limited = with_rights (store, L | R | I | SATCHEL_RIGHT_SEEN);
  g_autoptr (SatchelMailbox) inbox = open_box (limited, "INBOX");
  g_assert_true (append (inbox, SEEN | FLAGGED | DELETED, "New", NULL));
  g_assert_cmpuint (flags_of (inbox, 0), ==, SEEN);
  g_assert_false (has_keyword (inbox, 0, "New"));
}

/* So have copies, whichever way they come; what they are copies of keeps what it has. */
static void
test_copy_flags (void)
{
  static const struct
  {
    guint rights;
    guint32 flags;
    gboolean has_keyword;
  } rows[] = {
    { 0, 0, FALSE },
    { SATCHEL_RIGHT_SEEN, SEEN, FALSE },
    { T, DELETED, FALSE },
    { SATCHEL_RIGHT_WRITE, FLAGGED, TRUE },
    { SATCHEL_RIGHT_SEEN | SATCHEL_RIGHT_WRITE | T, SEEN | FLAGGED | DELETED, TRUE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (guint is_move = 0; is_move < 2; is_move++)
      {
        g_autoptr (GError) error = NULL;
        g_autoptr (SatchelStore) store = open_stack (NULL);
        guint rights = L | R | I | (is_move ? T | E : 0) | rows[i].rights;
        guint32 flags = rows[i].flags | (is_move ? DELETED : 0);
        g_assert_true (satchel_store_create (store, "other", 0, NULL));
        g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX"), other = open_box (store, "other");
        g_assert_true (append (inbox, SEEN | FLAGGED | DELETED, "Key", NULL));
        g_autoptr (SatchelStore) limited = with_rights (store, rights);
        g_assert_true (
            on_inbox (limited, is_move ? SATCHEL_OPERATION_MOVE : SATCHEL_OPERATION_COPY, FALSE, &error));
        g_assert_no_error (error);
        g_assert_cmpuint (flags_of (other, 0), ==, flags);
        g_assert_cmpint (has_keyword (other, 0, "Key"), ==, rows[i].has_keyword);
        if (is_move)
          continue;
        g_assert_cmpuint (flags_of (inbox, 0), ==, SEEN | FLAGGED | DELETED);
        g_assert_true (has_keyword (inbox, 0, "Key"));
      }
}

/* ---- a layer with names of its own ---- */

static gboolean
shift_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  storage->self = satchel_storage_free_name (storage, "shown", error);
  if (storage->self == NULL)
    return FALSE;
  satchel_storage_add_namespace (storage, SATCHEL_NAMESPACE_SHARED, storage->self, L | R);
  return TRUE;
}

static void
shift_close (SatchelStorage *storage)
{
  g_free (storage->self);
}

/* What is "below" for the driver is @self here. */
static gboolean
shift_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  if (!satchel_storage_list (storage, access, infos, error))
    return FALSE;
  for (guint i = 0; i < infos->len; i++)
    {
      SatchelMailboxInfo *info = infos->pdata[i];
      if (strcmp (info->name, "below") != 0)
        continue;
      g_free (info->name);
      info->name = g_strdup (storage->self);
    }
  return TRUE;
}

static SatchelStorageMailbox *
shift_open_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  if (strcmp (name, "below") != 0)
    return satchel_storage_open_mailbox (storage, access, strcmp (name, storage->self) == 0 ? "below" : name,
                                         error);
  satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
  return NULL;
}

static char *
shift_shown_name (SatchelStorage *storage, const SatchelAccess *access, const char *name)
{
  return strcmp (name, "below") == 0 ? g_strdup (storage->self) : NULL;
}

static const SatchelStorageOps shift_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 500,
  .classes = SATCHEL_CLASS_LIST,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = shift_open,
  .close = shift_close,
  .list = shift_list,
  .open_mailbox = shift_open_mailbox,
  .shown_name = shift_shown_name,
};

/* One mailbox is open once, whoever asks by which name; the name below is nobody's who comes from above. */
static void
test_shown_names (void)
{
  g_autofree char *path = g_strdup_printf ("example.org/rights%u", ++n_users);
  g_autoptr (SatchelStore) plain = open_stack_of (NULL, path);
  g_assert_true (satchel_store_create (plain, "below", 0, NULL));
  g_clear_pointer (&plain, satchel_store_unref);
  g_autoptr (SatchelStore) store = open_stack_of (&shift_ops, path),
                           other = with_rights (store, SATCHEL_RIGHTS_ALL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelMailbox) one = open_box (store, "shown"), two = open_box (other, "shown"),
                             again = open_box (store, "shown");
  g_autofree char *name = satchel_mailbox_name (one);
  g_assert_cmpstr (name, ==, "shown");
  g_assert_true (one == again && one->core == two->core);
  g_assert_cmpuint (satchel_store_n_handles (store), ==, 1);
  g_assert_null (satchel_store_open_mailbox (store, "below", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_assert_null (satchel_store_peek_mailbox (store, "below"));
  /* The namespace counts for the mailbox by the name that it has here. */
  g_assert_cmpuint (satchel_mailbox_rights (one), ==, L | R);
  g_clear_error (&error);
  g_assert_false (append (one, 0, NULL, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  const SatchelStoreNamespace *space = satchel_store_namespaces (store)->pdata[0];
  g_assert_cmpint (space->kind, ==, SATCHEL_NAMESPACE_SHARED);
  g_assert_cmpstr (space->name, ==, "shown");
  g_assert_cmpstr (satchel_store_namespace_names (store)[0], ==, "shown");
  g_assert_null (satchel_store_namespace_names (store)[1]);
}

/* A folder of the user's keeps its name, mailbox, level or subscription; the namespace gives way. */
static void
test_free_name (void)
{
  static const char *const names[] = { "shown", "shown 2", "shown 3", "shown 4" };
  g_autofree char *path = g_strdup_printf ("example.org/rights%u", ++n_users);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (SatchelStore) store = open_stack_of (&shift_ops, path);
      g_assert_cmpstr (satchel_store_namespace_names (store)[0], ==, names[i]);
      g_clear_pointer (&store, satchel_store_unref);
      g_autoptr (SatchelStore) plain = open_stack_of (NULL, path);
      if (i == 0)
        g_assert_true (satchel_store_create (plain, "shown", 0, NULL));
      else if (i == 1)
        g_assert_true (satchel_store_create (plain, "shown 2/child", 0, NULL));
      else
        g_assert_true (satchel_store_subscribe (plain, "shown 3", TRUE, NULL));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rights/everything", test_everything);
  g_test_add_func ("/rights/acts", test_acts);
  g_test_add_func ("/rights/keys", test_keys);
  g_test_add_func ("/rights/flags", test_flags);
  g_test_add_func ("/rights/append-flags", test_append_flags);
  g_test_add_func ("/rights/copy-flags", test_copy_flags);
  g_test_add_func ("/rights/shown-names", test_shown_names);
  g_test_add_func ("/rights/free-name", test_free_name);
  return g_test_run ();
}
