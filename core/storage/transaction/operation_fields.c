/* SPDX-License-Identifier: MIT
 * Says of the members of operations which kind has one, since when, and whether a level knows it.
 * A member that no level would look at is refused, since the operation must not succeed as if it had been
 * honoured.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <string.h>

#define KIND(name) (1u << SATCHEL_OPERATION_##name)

static gboolean
has_only_deleted (const SatchelOperation *operation)
{
  return operation->only_deleted;
}

static gboolean
has_flags (const SatchelOperation *operation)
{
  return operation->flags != 0 || operation->keywords != NULL;
}

static gboolean
has_cleared_flags (const SatchelOperation *operation)
{
  return operation->clear_flags != 0 || operation->clear_keywords;
}

static gboolean
has_metadata (const SatchelOperation *operation)
{
  return operation->metadata != NULL && operation->metadata->len > 0;
}

gboolean
satchel_operation_has_email_id (const SatchelOperation *operation)
{
  static const guint8 none[sizeof (operation->email_id)];
  return memcmp (operation->email_id, none, sizeof none) != 0;
}

static gboolean
has_import (const SatchelOperation *operation)
{
  return operation->uid != 0 || (operation->modseq != 0 && operation->kind == SATCHEL_OPERATION_APPEND)
         || operation->unique_id != NULL || satchel_operation_has_email_id (operation);
}

static gboolean
has_changed_modseq (const SatchelOperation *operation)
{
  return operation->modseq != 0 && operation->kind != SATCHEL_OPERATION_APPEND;
}

static gboolean
has_no_save_date (const SatchelOperation *operation)
{
  return operation->save_date == SATCHEL_DATE_UNKNOWN;
}

static gboolean
has_kept_flags (const SatchelOperation *operation)
{
  return operation->kept_flags != 0 || operation->keeps_keywords;
}

static const struct Field
{
  const char *name;
  gboolean (*is_set) (const SatchelOperation *operation);
  guint first; /* kinds that had the member from the start, so that every level knows it there */
  guint later; /* kinds that have the member if the level has `bit`; no other kind has it */
  guint bit;   /* SATCHEL_FIELD_* */
} fields[] = {
  { "only_deleted", has_only_deleted, KIND (EXPUNGE), KIND (COPY) | KIND (MOVE), SATCHEL_FIELD_ONLY_DELETED },
  { "flags or keywords", has_flags, KIND (APPEND) | KIND (FLAGS), KIND (COPY) | KIND (MOVE),
    SATCHEL_FIELD_COPY_FLAGS },
  { "flags to clear", has_cleared_flags, 0, KIND (COPY) | KIND (MOVE), SATCHEL_FIELD_COPY_FLAGS },
  { "metadata", has_metadata, 0, KIND (APPEND) | KIND (COPY) | KIND (MOVE), SATCHEL_FIELD_METADATA },
  { "flags to keep", has_kept_flags, 0, KIND (FLAGS), SATCHEL_FIELD_KEPT_FLAGS },
  { "ids to import", has_import, 0, KIND (APPEND), SATCHEL_FIELD_IMPORT },
  { "a mod-sequence to import", has_changed_modseq, 0, KIND (FLAGS) | KIND (EXPUNGE),
    SATCHEL_FIELD_IMPORT_CHANGES },
  { "an unknown save date", has_no_save_date, 0, KIND (APPEND), SATCHEL_FIELD_IMPORT_CHANGES },
};

/* Says whether a level sees operations: a layer without `plan` and `committed` never does. */
static gboolean
sees_operations (const SatchelStorage *level)
{
  return level->below == NULL || SATCHEL_HAS (level->ops, plan) || SATCHEL_HAS (level->ops, committed);
}

gboolean
satchel_operation_suit_fields (const SatchelOperation *operation, const char *kind_name,
                               const SatchelStorage *level, GError **error)
{
  const guint kind = 1u << operation->kind;
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      const struct Field *field = &fields[i];
      if ((field->first & kind) != 0 || !field->is_set (operation))
        continue;
      if ((field->later & kind) == 0)
        return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "an operation %s cannot have the field %s",
                                  kind_name, field->name);
      if (sees_operations (level) && (level->ops->fields & field->bit) == 0)
        return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                                  "module %s is too old for the operation %s with %s",
                                  satchel_dispatch_level_name (level), kind_name, field->name);
    }
  return TRUE;
}

static gboolean
check_metadata (const GPtrArray *metadata, GError **error)
{
  for (guint i = 0; metadata != NULL && i < metadata->len; i++)
    {
      const SatchelMetadata *item = metadata->pdata[i];
      gsize len = strlen (item->key);
      if (len == 0 || len > SATCHEL_METADATA_KEY_BYTES
          || (item->value != NULL && g_bytes_get_size (item->value) > SATCHEL_METADATA_BYTES))
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                                  "metadata has keys of 1 to %u and values of at most %u bytes",
                                  SATCHEL_METADATA_KEY_BYTES, SATCHEL_METADATA_BYTES);
    }
  return TRUE;
}

/* RFC 1939 7 asks for one to 70 characters from 0x21 to 0x7E. */
static gboolean
check_unique_id (const char *id, GError **error)
{
  gsize len = 0;
  while (id != NULL && id[len] >= 0x21 && id[len] <= 0x7e)
    len++;
  return id == NULL || (id[len] == '\0' && len >= 1 && len <= SATCHEL_UNIQUE_ID_BYTES)
         || satchel_error_set (
             error, SATCHEL_ERROR_CANNOT,
             "the unique id is not 1 to 70 printable ASCII characters without blanks (RFC 1939 7)");
}

gboolean
satchel_operation_check_values (SatchelOperation *operation, GError **error)
{
  const guint32 allowed = operation->kind == SATCHEL_OPERATION_APPEND
                              ? SATCHEL_FLAGS_ALL | SATCHEL_FLAG_UNPARSED
                              : SATCHEL_FLAGS_ALL;
  operation->flags &= allowed;
  operation->clear_flags &= SATCHEL_FLAGS_ALL;
  if (operation->modseq > SATCHEL_IMPORT_MODSEQ_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "a mod-sequence is so high that it leaves no room for later ones");
  return satchel_keywords_check ((const char *const *) operation->keywords, error)
         && check_metadata (operation->metadata, error) && check_unique_id (operation->unique_id, error);
}

static void
metadata_free (gpointer data)
{
  SatchelMetadata *item = data;
  g_free (item->key);
  g_clear_pointer (&item->value, g_bytes_unref);
  g_free (item);
}

void
satchel_operation_set_metadata (SatchelOperation *operation, const char *key, GBytes *value)
{
  if (operation->metadata == NULL)
    operation->metadata = g_ptr_array_new_with_free_func (metadata_free);
  SatchelMetadata *item = g_new (SatchelMetadata, 1);
  *item = (SatchelMetadata) { g_strdup (key), value != NULL ? g_bytes_ref (value) : NULL };
  g_ptr_array_add (operation->metadata, item);
}
