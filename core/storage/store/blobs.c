/* SPDX-License-Identifier: MIT
 * Implements blobs of a user that modules keep with the mail: names and bounds, over every driver.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <string.h>

#define SPACE_MAX 32u
#define CHANGES_MAX (2u * SATCHEL_BLOBS_MAX)

/* Checks the name of a space, which has the form of a name of a module, since a part of a file's name may be
 * made of it. */
static gboolean
check_space (const char *space, GError **error)
{
  gsize len = strlen (space);
  if (len == 0 || len > SPACE_MAX || strspn (space, "abcdefghijklmnopqrstuvwxyz0123456789-") != len
      || !g_ascii_islower (space[0]))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "this is not a name of a space for blobs");
  return TRUE;
}

static gboolean
check_blob_name (const char *name, GError **error)
{
  gsize len = strlen (name);
  gboolean is_good = len > 0 && len <= SATCHEL_BLOB_NAME && g_utf8_validate (name, (gssize) len, NULL);
  for (const char *c = name; is_good && *c != '\0'; c = g_utf8_next_char (c))
    is_good = !g_unichar_iscntrl (g_utf8_get_char (c));
  return is_good || satchel_error_set (error, SATCHEL_ERROR_INVALID, "this is not a name of a blob");
}

GBytes *
satchel_store_get_blob (SatchelStore *store, const char *space, const char *name, GError **error)
{
  if (!check_space (space, error) || !check_blob_name (name, error))
    return NULL;
  return satchel_storage_get_blob (SATCHEL_STACK (store), space, name, error);
}

static int
by_bytes (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char **
satchel_store_list_blobs (SatchelStore *store, const char *space, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  if (!check_space (space, error) || !satchel_storage_list_blobs (SATCHEL_STACK (store), space, names, error))
    return NULL;
  g_ptr_array_sort (names, by_bytes);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

gboolean
satchel_store_put_blobs (SatchelStore *store, const char *space, const SatchelBlob *changes, guint n,
                         GError **error)
{
  if (!check_space (space, error))
    return FALSE;
  if (n > CHANGES_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "more than %u changes of blobs", CHANGES_MAX);
  for (guint i = 0; i < n; i++)
    {
      if (!check_blob_name (changes[i].name, error))
        return FALSE;
      if (changes[i].value != NULL && g_bytes_get_size (changes[i].value) > SATCHEL_BLOB_BYTES)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "a blob has more than %u bytes",
                                  SATCHEL_BLOB_BYTES);
    }
  return n == 0 || satchel_storage_put_blobs (SATCHEL_STACK (store), space, changes, n, error);
}
