/* SPDX-License-Identifier: MIT
 * Says who may do what (RFC 4314 4): the rights of an access on a mailbox, what each act needs, and
 * what becomes of flags that may not be changed.  Everything that comes from protocols and deliveries is
 * checked here; what layers do below themselves is not.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <string.h>

/* An act needs all rights of `all`, and one right of `any` unless that is 0. */
static const struct
{
  const char *name;
  guint all, any;
} acts[] = {
  [SATCHEL_ACT_SEE] = { "be seen", SATCHEL_RIGHT_LOOKUP, 0 },
  /* An access that may only insert mail has to open the mailbox for that. */
  [SATCHEL_ACT_OPEN] = { "be opened", 0, SATCHEL_RIGHT_READ | SATCHEL_RIGHT_INSERT },
  [SATCHEL_ACT_READ] = { "be read", SATCHEL_RIGHT_READ, 0 },
  [SATCHEL_ACT_STATUS] = { "be counted", SATCHEL_RIGHT_READ, 0 },
  [SATCHEL_ACT_CREATE_BELOW] = { "have mailboxes made below it", SATCHEL_RIGHT_CREATE, 0 },
  [SATCHEL_ACT_DELETE] = { "be deleted", SATCHEL_RIGHT_DELETE_MAILBOX, 0 },
  [SATCHEL_ACT_RENAME] = { "be renamed", SATCHEL_RIGHT_DELETE_MAILBOX, 0 },
  /* The messages of INBOX go elsewhere, and it stays (RFC 3501 6.3.5). */
  [SATCHEL_ACT_RENAME_INBOX] = { "be emptied", SATCHEL_RIGHT_DELETE_MESSAGES | SATCHEL_RIGHT_EXPUNGE, 0 },
  [SATCHEL_ACT_SET_USE] = { "have its use changed", SATCHEL_RIGHT_ADMINISTER, 0 },
  [SATCHEL_ACT_IMPORT] = { "be set by an import", SATCHEL_RIGHT_ADMINISTER | SATCHEL_RIGHT_INSERT, 0 },
  [SATCHEL_ACT_INSERT] = { "be added to", SATCHEL_RIGHT_INSERT, 0 },
  [SATCHEL_ACT_COPY] = { "be copied from", SATCHEL_RIGHT_READ, 0 },
  /* MOVE needs the rights of EXPUNGE as well (RFC 6851 4.2). */
  [SATCHEL_ACT_MOVE] = { "be moved from",
                         SATCHEL_RIGHT_READ | SATCHEL_RIGHT_DELETE_MESSAGES | SATCHEL_RIGHT_EXPUNGE, 0 },
  [SATCHEL_ACT_EXPUNGE] = { "be expunged", SATCHEL_RIGHT_EXPUNGE, 0 },
  /* Removing a message without \Deleted counts as setting the flag first, so both rights are needed. */
  [SATCHEL_ACT_REMOVE] = { "lose messages", SATCHEL_RIGHT_DELETE_MESSAGES | SATCHEL_RIGHT_EXPUNGE, 0 },
};

static const SatchelMailboxRights everything = {
  .size = sizeof everything,
  .rights = SATCHEL_RIGHTS_ALL,
  .permanent_flags = SATCHEL_FLAGS_ALL,
  .keeps_keywords = TRUE,
};

static SatchelMailboxRights
rights_of (SatchelStore *store, const char *name)
{
  SatchelMailboxRights found = everything;
  const SatchelStoreNamespace *space = satchel_namespaces_find (store->core, name);
  satchel_storage_rights (SATCHEL_STACK (store), name, &found);
  if (space != NULL)
    found.rights &= space->rights;
  found.rights &= store->access->rights;
  return found;
}

static SatchelMailboxRights
rights_of_mailbox (SatchelMailbox *mailbox)
{
  if (!satchel_rights_are_limited (mailbox->store))
    return everything;
  g_autofree char *name = satchel_mailbox_name (mailbox);
  return rights_of (mailbox->store, name);
}

guint
satchel_store_rights (SatchelStore *store, const char *name)
{
  return rights_of (store, name).rights;
}

guint
satchel_mailbox_rights (SatchelMailbox *mailbox)
{
  return rights_of_mailbox (mailbox).rights;
}

/* Returns the flags that @rights let be changed (RFC 4314 2.1); *ret_keywords says whether keywords may be.
 * */
static guint32
changeable (guint rights, gboolean *ret_keywords)
{
  guint32 flags = 0;
  *ret_keywords = (rights & SATCHEL_RIGHT_WRITE) != 0;
  if (rights & SATCHEL_RIGHT_WRITE)
    flags |= SATCHEL_FLAGS_ALL & ~(guint32) (SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DELETED);
  if (rights & SATCHEL_RIGHT_SEEN)
    flags |= SATCHEL_FLAG_SEEN;
  if (rights & SATCHEL_RIGHT_DELETE_MESSAGES)
    flags |= SATCHEL_FLAG_DELETED;
  return flags;
}

static guint32
permanent_flags (const SatchelMailboxRights *found, gboolean *ret_keeps_keywords)
{
  guint32 flags = changeable (found->rights, ret_keeps_keywords) & found->permanent_flags;
  *ret_keeps_keywords = *ret_keeps_keywords && found->keeps_keywords;
  return flags;
}

/* Keeps flags that are hidden from the access, since a client cannot mean to change what it does not see. */
static SatchelShownFlags
keep_unseen_flags (SatchelStore *store, const char *name, SatchelMailboxRights *found)
{
  SatchelShownFlags shown;
  satchel_shown_flags_find (store, name, &shown);
  found->permanent_flags &= ~shown.hidden;
  found->keeps_keywords = found->keeps_keywords && !shown.hides_keywords;
  return shown;
}

guint32
satchel_mailbox_permanent_flags (SatchelMailbox *mailbox, gboolean *ret_keeps_keywords)
{
  SatchelMailboxRights found = everything;
  if (satchel_rights_are_limited (mailbox->store))
    {
      g_autofree char *name = satchel_mailbox_name (mailbox);
      found = rights_of (mailbox->store, name);
      keep_unseen_flags (mailbox->store, name, &found);
    }
  return permanent_flags (&found, ret_keeps_keywords);
}

static gboolean
check_act (guint rights, const char *name, SatchelAct act, GError **error)
{
  /* A refusal must not reveal that a mailbox exists (RFC 4314 6). */
  if ((rights & SATCHEL_RIGHT_LOOKUP) == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
  if ((rights & acts[act].all) != acts[act].all || (acts[act].any != 0 && (rights & acts[act].any) == 0))
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM, "%s may not %s", name, acts[act].name);
  return TRUE;
}

gboolean
satchel_rights_check (SatchelStore *store, const char *name, SatchelAct act, GError **error)
{
  return !satchel_rights_are_limited (store) || check_act (rights_of (store, name).rights, name, act, error);
}

gboolean
satchel_rights_check_mailbox (SatchelMailbox *mailbox, SatchelAct act, GError **error)
{
  if (!satchel_rights_are_limited (mailbox->store))
    return TRUE;
  g_autofree char *name = satchel_mailbox_name (mailbox);
  return check_act (rights_of (mailbox->store, name).rights, name, act, error);
}

gboolean
satchel_mailbox_check_rights (SatchelMailbox *mailbox, guint rights, GError **error)
{
  if ((satchel_mailbox_rights (mailbox) & rights) == rights)
    return TRUE;
  g_autofree char *name = satchel_mailbox_name (mailbox);
  return satchel_error_set (error, SATCHEL_ERROR_NOPERM, "the user lacks rights on mailbox %s", name);
}

gboolean
satchel_rights_check_create (SatchelStore *store, GPtrArray *infos, const char *name, GError **error)
{
  if (!satchel_rights_are_limited (store))
    return TRUE;
  const SatchelStoreNamespace *space = satchel_namespaces_find (store->core, name);
  guint rights = store->access->rights & (space != NULL ? space->rights : SATCHEL_RIGHTS_ALL);
  if (!check_act (rights | SATCHEL_RIGHT_LOOKUP, space != NULL ? space->name : "the user's namespace",
                  SATCHEL_ACT_CREATE_BELOW, error))
    return FALSE;
  g_autofree char *parent = g_strdup (name);
  for (char *slash = strrchr (parent, '/'); slash != NULL; slash = strrchr (parent, '/'))
    {
      *slash = '\0';
      const SatchelMailboxInfo *info = satchel_list_find (infos, parent);
      if (info != NULL && info->exists)
        return check_act (rights_of (store, parent).rights | SATCHEL_RIGHT_LOOKUP, parent,
                          SATCHEL_ACT_CREATE_BELOW, error);
    }
  return TRUE;
}

static gpointer
info_copy (const SatchelMailboxInfo *info)
{
  SatchelMailboxInfo *copy = g_new (SatchelMailboxInfo, 1);
  *copy = *info;
  copy->name = g_strdup (info->name);
  return copy;
}

GPtrArray *
satchel_rights_filter_list (SatchelStore *store, GPtrArray *infos)
{
  if (infos == NULL || !satchel_rights_are_limited (store))
    return infos;
  GPtrArray *visible = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (rights_of (store, info->name).rights & SATCHEL_RIGHT_LOOKUP)
        g_ptr_array_add (visible, info_copy (info));
    }
  g_ptr_array_unref (infos);
  return visible;
}

static SatchelMailboxRights
rights_of_stored (SatchelStore *store, SatchelStorageMailbox *mailbox, char **ret_name)
{
  g_autofree char *stored = satchel_storage_mailbox_name (mailbox);
  char *shown = satchel_storage_shown_name (SATCHEL_STACK (store), stored);
  *ret_name = shown != NULL ? shown : g_steal_pointer (&stored);
  return rights_of (store, *ret_name);
}

static void
keep_all_keywords (SatchelOperation *operation)
{
  g_clear_pointer (&operation->keywords, g_strfreev);
  operation->keeps_keywords = TRUE;
}

/* STORE is refused only if nothing of what it says may be changed (RFC 4314 4). */
static gboolean
limit_flags (SatchelOperation *operation, const SatchelMailboxRights *found, const char *name, GError **error)
{
  gboolean may_keywords, keeps_keywords;
  guint32 may = changeable (found->rights, &may_keywords), kept = permanent_flags (found, &keeps_keywords);
  gboolean is_replace = operation->mode == SATCHEL_FLAGS_REPLACE;
  gboolean asks = is_replace || operation->flags != 0 || operation->keywords != NULL;
  guint32 asked = is_replace ? SATCHEL_FLAGS_ALL : operation->flags;
  gboolean asks_keywords = is_replace || operation->keywords != NULL;
  if (asks && (asked & may) == 0 && !(asks_keywords && may_keywords))
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                              "the user may not change these flags in mailbox %s", name);
  operation->kept_flags |= SATCHEL_FLAGS_ALL & ~kept;
  if (!keeps_keywords)
    keep_all_keywords (operation);
  return TRUE;
}

/* What a new message, or a copy, may not have is left out, without an error (RFC 4314 4). */
static gboolean
limit_new (SatchelOperation *operation, const SatchelMailboxRights *found, const char *name, GError **error)
{
  gboolean keeps_keywords;
  operation->flags &= permanent_flags (found, &keeps_keywords) | ~(guint32) SATCHEL_FLAGS_ALL;
  if (!keeps_keywords)
    g_clear_pointer (&operation->keywords, g_strfreev);
  return check_act (found->rights, name, SATCHEL_ACT_INSERT, error);
}

/* Leaves out messages that are shown without \Deleted, so that they are not removed or moved as deleted.
 * Messages that are only shown with it stay as well, since the driver looks at stored flags. */
static void
limit_deleted (SatchelOperation *operation, const SatchelShownFlags *shown)
{
  if (operation->only_deleted && (shown->hidden & ~shown->added & SATCHEL_FLAG_DELETED) != 0)
    satchel_uid_set_clear (&operation->uids);
}

/* Copies get no flag that the user may not set in the destination; the originals keep theirs.  Flags are
 * copied as they are stored, not as they are shown to this user, so that a copy there and back changes none.
 */
static void
limit_copy (SatchelOperation *operation, const SatchelMailboxRights *found)
{
  gboolean keeps_keywords;
  operation->clear_flags |= SATCHEL_FLAGS_ALL & ~permanent_flags (found, &keeps_keywords);
  operation->clear_keywords = operation->clear_keywords || !keeps_keywords;
}

static gboolean
check_operation (SatchelStore *store, SatchelOperation *operation, GError **error)
{
  g_autofree char *name = NULL, *to = NULL;
  SatchelMailboxRights found = rights_of_stored (store, operation->mailbox, &name);
  SatchelShownFlags shown = keep_unseen_flags (store, name, &found);
  gboolean is_move = operation->kind == SATCHEL_OPERATION_MOVE;
  limit_deleted (operation, &shown);
  switch (operation->kind)
    {
    case SATCHEL_OPERATION_APPEND:
      return limit_new (operation, &found, name, error);
    case SATCHEL_OPERATION_FLAGS:
      return limit_flags (operation, &found, name, error);
    case SATCHEL_OPERATION_EXPUNGE:
      return check_act (found.rights, name,
                        operation->only_deleted ? SATCHEL_ACT_EXPUNGE : SATCHEL_ACT_REMOVE, error);
    case SATCHEL_OPERATION_COPY:
    case SATCHEL_OPERATION_MOVE:
      if (!check_act (found.rights, name, is_move ? SATCHEL_ACT_MOVE : SATCHEL_ACT_COPY, error))
        return FALSE;
      found = rights_of_stored (store, operation->destination, &to);
      limit_copy (operation, &found);
      keep_unseen_flags (store, to, &found);
      return limit_new (operation, &found, to, error);
    }
  return TRUE; /* the driver refuses the operation */
}

gboolean
satchel_rights_check_transaction (SatchelTransaction *transaction, GError **error)
{
  if (transaction->handle == NULL || !satchel_rights_are_limited (transaction->handle))
    return TRUE;
  for (guint i = 0; i < transaction->operations->len; i++)
    if (!check_operation (transaction->handle, transaction->operations->pdata[i], error))
      return FALSE;
  return TRUE;
}
