/* SPDX-License-Identifier: MIT
 * Storage layer `shows`, for tests: to clients that have logged in without a key, a mailbox called
 * "shows-LETTERS", or "A/shows-LETTERS", shows other flags than it stores.  A capital S, A, F, D or T is a
 * flag (\Seen,
 * \Answered, \Flagged, \Deleted, \Draft) that every message shows, a small one is a flag that none does; with
 * k none shows keywords, with r none is \Recent.
 */
#include <satchel/module.h>
#include <satchel/storage.h>
#include <string.h>

static gboolean
shows_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

/* The flags that @letters names, whose order is that of @all. */
static guint32
flags_of_letters (const char *letters, const char *all)
{
  static const guint32 flags[] = { SATCHEL_FLAG_SEEN, SATCHEL_FLAG_ANSWERED, SATCHEL_FLAG_FLAGGED,
                                   SATCHEL_FLAG_DELETED, SATCHEL_FLAG_DRAFT };
  guint32 found = 0;
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    if (strchr (letters, all[i]) != NULL)
      found |= flags[i];
  return found;
}

static void
shows_shown_flags (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                   SatchelShownFlags *shown)
{
  satchel_storage_shown_flags (storage, access, name, shown);
  const char *letters = g_strrstr (name, "shows-");
  if (letters == NULL || strchr (letters, '/') != NULL || access->cause != SATCHEL_CAUSE_SESSION
      || access->key != NULL)
    return;
  letters += strlen ("shows-");
  satchel_shown_flags_add (shown, flags_of_letters (letters, "safdt"), flags_of_letters (letters, "SAFDT"));
  shown->hides_keywords = shown->hides_keywords || strchr (letters, 'k') != NULL;
  shown->hides_recent = shown->hides_recent || strchr (letters, 'r') != NULL;
}

static const SatchelStorageOps shows_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 450,
  .classes = SATCHEL_CLASS_LIST,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = shows_open,
  .shown_flags = shows_shown_flags,
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &shows_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "shows",
    .version = "0.1",
    .description = "A storage layer in which the names of mailboxes say what flags are shown, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
