/* SPDX-License-Identifier: MIT
 * This file copies the blobs that modules keep with the user beside mail, space by space.
 */
#include "config.h"

#include "core/storage/convert/convert_private.h"

#include <string.h>

static void
clear_blob (gpointer data)
{
  SatchelBlob *blob = data;
  g_free ((char *) blob->name);
  g_clear_pointer (&blob->value, g_bytes_unref);
}

static gboolean
has_value (SatchelConversion *conversion, const char *space, const char *name, GBytes *value)
{
  g_autoptr (GBytes) own = satchel_store_get_blob (conversion->to, space, name, NULL);
  return own != NULL && g_bytes_equal (own, value);
}

/* Adds to @changes the blobs of the space that the copy lacks, or has with another content. */
static gboolean
find_missing (SatchelConversion *conversion, const char *space, const GPtrArray *names, GArray *changes,
              GError **error)
{
  for (guint i = 0; i < names->len; i++)
    {
      g_autoptr (GError) local = NULL;
      g_autoptr (GBytes) value =
          satchel_storage_get_blob (conversion->source, conversion->access, space, names->pdata[i], &local);
      if (value == NULL && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
        continue;
      if (value == NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      if (has_value (conversion, space, names->pdata[i], value))
        continue;
      SatchelBlob blob = { g_strdup (names->pdata[i]), g_bytes_ref (value) };
      g_array_append_val (changes, blob);
    }
  return TRUE;
}

static gboolean
find_surplus (SatchelConversion *conversion, const char *space, const GPtrArray *names, GArray *changes,
              GError **error)
{
  g_auto (GStrv) own = satchel_store_list_blobs (conversion->to, space, error);
  if (own == NULL)
    return FALSE;
  for (guint i = 0; own[i] != NULL; i++)
    if (!g_ptr_array_find_with_equal_func ((GPtrArray *) names, own[i], g_str_equal, NULL))
      {
        SatchelBlob blob = { g_strdup (own[i]), NULL };
        g_array_append_val (changes, blob);
      }
  return TRUE;
}

/* Blobs that the copy should not have are removed first, so that the bounds of a space are kept. */
static gboolean
copy_space (SatchelConversion *conversion, const char *space, gboolean only_compare, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) changes = g_array_new (FALSE, FALSE, sizeof (SatchelBlob));
  g_array_set_clear_func (changes, clear_blob);
  if (!satchel_storage_list_blobs (conversion->source, conversion->access, space, names, error)
      || !find_surplus (conversion, space, names, changes, error)
      || !find_missing (conversion, space, names, changes, error))
    return FALSE;
  if (changes->len == 0)
    return TRUE;
  if (only_compare)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED,
                              "the copy differs in what module %s keeps with the user: %s", space,
                              g_array_index (changes, SatchelBlob, 0).name);
  conversion->counts.n_changes += changes->len;
  return satchel_store_put_blobs (conversion->to, space, (const SatchelBlob *) changes->data, changes->len,
                                  error);
}

gboolean
satchel_convert_blobs (SatchelConversion *conversion, gboolean only_compare, GError **error)
{
  g_autoptr (GPtrArray) spaces = g_ptr_array_new_with_free_func (g_free);
  if (SATCHEL_TOP (conversion->from->core, list_blobs) == NULL)
    return TRUE;
  if (!satchel_storage_list_spaces (conversion->source, conversion->access, spaces, error))
    return FALSE;
  /* A space that only the copy has was emptied in the store since the last pass. */
  if (SATCHEL_TOP (conversion->to->core, list_spaces) != NULL)
    {
      g_autoptr (GPtrArray) own = g_ptr_array_new_with_free_func (g_free);
      if (!satchel_storage_list_spaces (SATCHEL_STACK (conversion->to), own, error))
        return FALSE;
      for (guint i = 0; i < own->len; i++)
        if (!g_ptr_array_find_with_equal_func (spaces, own->pdata[i], g_str_equal, NULL))
          g_ptr_array_add (spaces, g_strdup (own->pdata[i]));
    }
  for (guint i = 0; i < spaces->len; i++)
    if (!copy_space (conversion, spaces->pdata[i], only_compare, error)
        || !satchel_convert_step (conversion, error))
      return FALSE;
  return TRUE;
}
