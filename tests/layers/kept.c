/* SPDX-License-Identifier: MIT
 * Storage layer `kept`, for tests: what clients remove goes to a tree of its own instead, which they can read
 * and nothing more.  The tree is a namespace, "Recently Deleted" where that is free, with a mailbox for each
 * one that lost messages; below this layer it is called STORED, a name that nobody else has, and which
 * clients neither see nor reach.
 */
#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <satchel/module.h>
#include <satchel/storage.h>
#include <string.h>

#define STORED "\xee\x80\x80kept" /* U+E000: private use */

typedef struct Kept
{
  char *shown;
  gboolean has_logged; /* that something is in the way */
} Kept;

static gboolean
kept_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  char *shown = satchel_storage_free_name (storage, "Recently Deleted", error);
  if (shown == NULL)
    return FALSE;
  Kept *kept = g_new0 (Kept, 1);
  kept->shown = shown;
  storage->self = kept;
  satchel_storage_add_namespace (storage, SATCHEL_NAMESPACE_PERSONAL, shown,
                                 SATCHEL_RIGHT_LOOKUP | SATCHEL_RIGHT_READ);
  return TRUE;
}

static void
kept_close (SatchelStorage *storage)
{
  g_free (((Kept *) storage->self)->shown);
  g_free (storage->self);
}

/* ---- names ---- */

/* What follows @root in @name; NULL: @name is not at it or below it. */
static const char *
after (const char *name, const char *root)
{
  gsize len = strlen (root);
  return strncmp (name, root, len) == 0 && (name[len] == '\0' || name[len] == '/') ? name + len : NULL;
}

/* A client's name as it is below.  NULL: no client can have it. */
static char *
to_below (SatchelStorage *storage, const char *name, GError **error)
{
  const char *rest = after (name, ((Kept *) storage->self)->shown);
  if (rest != NULL)
    return g_strconcat (STORED, rest, NULL);
  if (after (name, STORED) == NULL)
    return g_strdup (name);
  satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
  return NULL;
}

/* NULL: it is hidden, since another program, or a layer below, made what the tree covers. */
static char *
to_shown (SatchelStorage *storage, const char *name)
{
  Kept *kept = storage->self;
  const char *rest = after (name, STORED);
  if (rest != NULL)
    return g_strconcat (kept->shown, rest, NULL);
  if (after (name, kept->shown) == NULL)
    return g_strdup (name);
  if (!kept->has_logged)
    satchel_log (SATCHEL_LOG_WARNING, "kept",
                 "user=%s the folder %s is not shown until the next login: a namespace has its name",
                 storage->identity->user, name);
  kept->has_logged = TRUE;
  return NULL;
}

static char *
kept_shown_name (SatchelStorage *storage, const SatchelAccess *access, const char *name)
{
  g_autofree char *below = satchel_storage_shown_name (storage, access, name);
  char *shown = to_shown (storage, below != NULL ? below : name);
  return shown != NULL ? shown : g_strconcat (STORED "-hidden/", name, NULL);
}

static void
kept_rights (SatchelStorage *storage, const SatchelAccess *access, const char *name,
             SatchelMailboxRights *rights)
{
  g_autofree char *below = to_below (storage, name, NULL);
  if (below != NULL)
    satchel_storage_rights (storage, access, below, rights);
}

/* What is kept is of no concern to whoever looks for unread mail, and not about to go.  The stored flags come
 * back with a copy, and the server itself (an export) sees no others. */
static void
kept_shown_flags (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                  SatchelShownFlags *shown)
{
  g_autofree char *below = to_below (storage, name, NULL);
  if (below == NULL)
    return;
  satchel_storage_shown_flags (storage, access, below, shown);
  if (after (below, STORED) != NULL && access->cause != SATCHEL_CAUSE_BACKGROUND)
    satchel_shown_flags_add (shown, SATCHEL_FLAG_DELETED, SATCHEL_FLAG_SEEN);
}

static gboolean
kept_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  if (!satchel_storage_list (storage, access, infos, error))
    return FALSE;
  for (guint i = infos->len; i > 0; i--)
    {
      SatchelMailboxInfo *info = infos->pdata[i - 1];
      char *shown = to_shown (storage, info->name);
      g_free (info->name);
      info->name = shown;
      if (shown == NULL)
        g_ptr_array_remove_index_fast (infos, i - 1);
    }
  return TRUE;
}

static gboolean
kept_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
             GError **error)
{
  if (after (name, STORED) != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "a name of the layer");
  return satchel_storage_create (storage, access, name, special_use, error);
}

static gboolean
kept_import_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                     const SatchelMailboxImport *import, GError **error)
{
  if (after (name, STORED) != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "a name of the layer");
  return satchel_storage_import_mailbox (storage, access, name, import, error);
}

static gboolean
kept_rename (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
             GError **error)
{
  g_autofree char *below = to_below (storage, from, error);
  if (below == NULL)
    return FALSE;
  if (after (to, STORED) != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "a name of the layer");
  return satchel_storage_rename (storage, access, below, to, error);
}

static gboolean
kept_subscribe (SatchelStorage *storage, const SatchelAccess *access, const char *name, gboolean subscribe,
                GError **error)
{
  g_autofree char *below = to_below (storage, name, error);
  return below != NULL && satchel_storage_subscribe (storage, access, below, subscribe, error);
}

static gboolean
kept_set_special_use (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                      guint special_use, GError **error)
{
  g_autofree char *below = to_below (storage, name, error);
  return below != NULL && satchel_storage_set_special_use (storage, access, below, special_use, error);
}

static SatchelStorageMailbox *
kept_open_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  g_autofree char *below = to_below (storage, name, error);
  return below != NULL ? satchel_storage_open_mailbox (storage, access, below, error) : NULL;
}

static gboolean
kept_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
             SatchelMailboxState *ret_state, GError **error)
{
  g_autofree char *below = to_below (storage, name, error);
  return below != NULL && satchel_storage_status (storage, access, below, ret_state, error);
}

/* ---- what is removed ---- */

/* The mailbox of the tree for what @name, as it is below, loses; made where it is missing. */
static SatchelStorageMailbox *
hold_tree (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  g_autofree char *wanted = g_strconcat (STORED "/", name, NULL);
  g_autoptr (GError) local = NULL;
  /* A name that is too long for that has its messages kept one level up. */
  const char *kept = strlen (wanted) <= SATCHEL_MAILBOX_NAME_BYTES ? wanted : STORED "/long names";
  SatchelStorageMailbox *mailbox = satchel_storage_hold_mailbox (storage, access, kept, &local);
  if (mailbox != NULL)
    return mailbox;
  if (!g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  if (!satchel_storage_create (storage, access, kept, 0, error))
    return NULL;
  return satchel_storage_hold_mailbox (storage, access, kept, error);
}

static gboolean
keep (SatchelStorage *storage, const SatchelAccess *access, SatchelOperation *operation, GError **error)
{
  g_autofree char *stored = satchel_storage_mailbox_name (operation->mailbox);
  g_autofree char *shown = satchel_storage_shown_name (storage, access, stored);
  if (operation->uids.n_ranges == 0)
    return TRUE;
  operation->destination = hold_tree (storage, access, shown != NULL ? shown : stored, error);
  operation->kind = SATCHEL_OPERATION_MOVE;
  operation->modseq = 0; /* a MOVE cannot have it */
  operation->clear_flags =
      SATCHEL_FLAG_DELETED; /* what is copied back is not to go again with the next EXPUNGE */
  return operation->destination != NULL;
}

static gboolean
kept_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  guint n = satchel_transaction_n_operations (transaction);
  for (guint i = 0; i < n; i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (operation->kind == SATCHEL_OPERATION_EXPUNGE
          && !keep (storage, satchel_transaction_access (transaction), operation, error))
        return FALSE;
    }
  return TRUE;
}

/* All messages of @name go to the tree first. */
static gboolean
empty (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  g_autoptr (SatchelStorageMailbox) mailbox = satchel_storage_hold_mailbox (storage, access, name, error);
  if (mailbox == NULL)
    return FALSE;
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (mailbox);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_snapshot_uids (snapshot, &uids);
  if (uids.n_ranges == 0)
    return TRUE;
  g_autoptr (SatchelStorageMailbox) tree = hold_tree (storage, access, name, error);
  if (tree == NULL)
    return FALSE;
  g_autoptr (SatchelTransaction) transaction = satchel_storage_new_transaction (storage, access);
  SatchelOperation *move =
      satchel_transaction_add (transaction, SATCHEL_OPERATION_MOVE, mailbox, &uids, tree);
  move->clear_flags = SATCHEL_FLAG_DELETED;
  return satchel_storage_commit_transaction (storage, transaction, error);
}

static gboolean
kept_remove (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *below = to_below (storage, name, error);
  if (below == NULL)
    return FALSE;
  /* What is not there, or cannot be selected, has nothing to keep: the level below says what becomes of it.
   */
  if (!empty (storage, access, below, &local)
      && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return satchel_storage_remove (storage, access, below, error);
}

static const SatchelStorageOps kept_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 700,
  .classes = SATCHEL_CLASS_LIST | SATCHEL_CLASS_REMOVE,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .fields = SATCHEL_FIELDS_ALL,
  .open = kept_open,
  .close = kept_close,
  .list = kept_list,
  .list_is_current = satchel_storage_list_is_current,
  .create = kept_create,
  .import_mailbox = kept_import_mailbox,
  .remove = kept_remove,
  .rename = kept_rename,
  .subscribe = kept_subscribe,
  .set_special_use = kept_set_special_use,
  .open_mailbox = kept_open_mailbox,
  .status = kept_status,
  .plan = kept_plan,
  .rights = kept_rights,
  .shown_name = kept_shown_name,
  .shown_flags = kept_shown_flags,
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &kept_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* what it was built against */
    .name = "kept",
    .version = "0.1",
    .description = "A storage layer that keeps what is removed in a namespace of its own, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
