/* SPDX-License-Identifier: MIT
 * Storage layer `letters`, for tests: a mailbox called "may-LETTERS", or "A/may-LETTERS", has just these
 * rights (RFC 4314 2.1) for everybody; "may-LETTERS!" does not keep \Flagged and keywords either, whatever
 * the rights. "Public" is shared, and "Public/News" in it may only be read; "Others" are others'; "Secret"
 * nobody sees.  Sessions of a user called "reader..." may only read INBOX; what is delivered comes in.
 */
#include <satchel/module.h>
#include <satchel/storage.h>
#include <string.h>

static guint
rights_of_letters (const char *letters)
{
  static const char all[] = "lrswipkxtea";
  guint rights = 0;
  for (; *letters != '\0'; letters++)
    {
      const char *at = strchr (all, *letters);
      if (at != NULL)
        rights |= 1u << (at - all);
    }
  return rights;
}

static gboolean
letters_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  satchel_storage_add_namespace (storage, SATCHEL_NAMESPACE_SHARED, "Public", SATCHEL_RIGHTS_ALL);
  satchel_storage_add_namespace (storage, SATCHEL_NAMESPACE_SHARED, "Public/News",
                                 SATCHEL_RIGHT_LOOKUP | SATCHEL_RIGHT_READ);
  satchel_storage_add_namespace (storage, SATCHEL_NAMESPACE_OTHERS, "Others", SATCHEL_RIGHT_LOOKUP);
  satchel_storage_add_namespace (storage, SATCHEL_NAMESPACE_SHARED, "Secret", 0);
  return TRUE;
}

static void
letters_rights (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                SatchelMailboxRights *rights)
{
  satchel_storage_rights (storage, access, name, rights);
  if (strcmp (name, "INBOX") == 0 && access->cause == SATCHEL_CAUSE_SESSION
      && g_str_has_prefix (storage->identity->user, "reader"))
    rights->rights &= SATCHEL_RIGHT_LOOKUP | SATCHEL_RIGHT_READ;
  const char *may = g_strrstr (name, "may-");
  if (may == NULL || strchr (may, '/') != NULL)
    return;
  rights->rights &= rights_of_letters (may + 4);
  if (g_str_has_suffix (may, "!"))
    {
      rights->permanent_flags &= ~(guint32) SATCHEL_FLAG_FLAGGED;
      rights->keeps_keywords = FALSE;
    }
}

static const SatchelStorageOps letters_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 400,
  .classes = SATCHEL_CLASS_LIST,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = letters_open,
  .rights = letters_rights,
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &letters_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "letters",
    .version = "0.1",
    .description = "A storage layer in which the names of mailboxes say their rights, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
