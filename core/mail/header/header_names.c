/* SPDX-License-Identifier: MIT
 * Sets of names of header fields.  They are looked up in a keyed hash, since both the names and the fields of
 * a header come from strangers, who could make the product of the two as large as they like.
 */
#include "config.h"

#include <satchel/hash.h>
#include <satchel/header.h>
#include <string.h>

#include "core/mail/attributes/blob.h"
#include "core/mail/header/fields.h"

struct SatchelHeaderNames
{
  GHashTable *names; /* names, in lower case */
  gsize longest;
  guint64 kept; /* bits of those names that blobs keep */
  gboolean has_unkept;
};

SatchelHeaderNames *
satchel_header_names_new (const char *const *names, guint n_names)
{
  SatchelHeaderNames *self = g_new0 (SatchelHeaderNames, 1);
  self->names = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < n_names; i++)
    {
      gsize len = strlen (names[i]);
      int number = satchel_header_number (names[i], len);
      if (number >= 0 && number < N_KEPT_HEADERS)
        self->kept |= G_GUINT64_CONSTANT (1) << number;
      else
        self->has_unkept = TRUE;
      self->longest = MAX (self->longest, len);
      g_hash_table_add (self->names, g_ascii_strdown (names[i], (gssize) len));
    }
  return self;
}

void
satchel_header_names_free (SatchelHeaderNames *names)
{
  g_hash_table_unref (names->names);
  g_free (names);
}

gboolean
satchel_header_names_contain (const SatchelHeaderNames *names, const SatchelHeaderField *field)
{
  char buffer[128];
  const gsize len = field->name_len;
  if (len == 0 || len > names->longest)
    return FALSE;
  g_autofree char *large = len < sizeof buffer ? NULL : g_malloc (len + 1);
  char *name = large != NULL ? large : buffer;
  for (gsize i = 0; i < len; i++)
    name[i] = g_ascii_tolower (field->name[i]);
  name[len] = '\0';
  return g_hash_table_contains (names->names, name);
}

gboolean
satchel_header_names_kept (const SatchelHeaderNames *names, guint64 *ret_bits)
{
  *ret_bits = names->kept;
  return !names->has_unkept;
}
