/* SPDX-License-Identifier: MIT
 * Names of mailboxes for clients and below the layer (retention.h).
 */
#include "retention.h"

#include <satchel/log.h>
#include <string.h>

const char *
retention_after (const char *name, const char *root)
{
  gsize len = strlen (root);
  return strncmp (name, root, len) == 0 && (name[len] == '\0' || name[len] == '/') ? name + len : NULL;
}

gboolean
retention_is_kept (const char *stored)
{
  return retention_after (stored, RETENTION_STORED) != NULL;
}

char *
retention_to_stored (SatchelStorage *storage, const char *name, GError **error)
{
  const Retention *self = storage->self;
  const char *rest = retention_after (name, self->shown);
  if (rest != NULL)
    return g_strconcat (RETENTION_STORED, rest, NULL);
  if (!retention_is_kept (name))
    return g_strdup (name);
  satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
  return NULL;
}

char *
retention_to_shown (SatchelStorage *storage, const char *stored)
{
  Retention *self = storage->self;
  const char *rest = retention_after (stored, RETENTION_STORED);
  if (rest != NULL)
    return g_strconcat (self->shown, rest, NULL);
  if (retention_after (stored, self->shown) == NULL)
    return g_strdup (stored);
  if (!g_atomic_int_exchange (&self->has_logged, TRUE))
    {
      g_autoptr (GString) line = g_string_new ("folder not shown:");
      satchel_log_field (line, "user", storage->identity->user);
      satchel_log_field (line, "mailbox", stored);
      g_string_append (line, " removed mail is shown under its name; it is back at the user's next login");
      satchel_log (SATCHEL_LOG_WARNING, "retention", "%s", line->str);
    }
  return NULL;
}

const char *
retention_original (const char *stored)
{
  const char *rest = retention_after (stored, RETENTION_STORED);
  return rest != NULL && rest[0] == '/' && strcmp (stored, RETENTION_SHARED) != 0 ? rest + 1 : NULL;
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

GPtrArray *
retention_list_kept (SatchelStorage *storage, const SatchelAccess *access, GError **error)
{
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  if (!satchel_storage_list (storage, access, infos, error))
    return NULL;
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->is_selectable && retention_is_kept (info->name))
        g_ptr_array_add (names, g_strdup (info->name));
    }
  g_ptr_array_sort (names, compare_names);
  return names;
}
