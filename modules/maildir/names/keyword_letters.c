/* SPDX-License-Identifier: MIT
 * Implements keywords of a mailbox. The first 26 have a letter in names of files, written down in a file
 * that other servers read as well (lines "NUMBER NAME"); the others are in the index only.
 */
#include "config.h"

#include "files/file_io.h"
#include "names/keyword_letters.h"

#include <satchel/hash.h>
#include <satchel/number.h>
#include <stdlib.h>
#include <string.h>

void
md_keywords_init (MdKeywords *keywords)
{
  memset (keywords, 0, sizeof *keywords);
  for (guint i = 0; i < MD_LETTERS; i++)
    keywords->bit_of_letter[i] = -1;
}

void
md_keywords_clear (MdKeywords *keywords)
{
  for (guint i = 0; i < keywords->n; i++)
    g_free (keywords->names[i]);
  g_free (keywords->names);
  g_free (keywords->letter);
  g_clear_pointer (&keywords->by_name, g_hash_table_unref);
  md_keywords_init (keywords);
}

/* From this number on a hash table is faster than comparing all names. */
#define FEW 32u

static void
add_keyword_name (MdKeywords *keywords, guint bit)
{
  g_hash_table_replace (keywords->by_name, g_ascii_strdown (keywords->names[bit], -1),
                        GUINT_TO_POINTER (bit + 1));
}

static void
remove_keyword_name (MdKeywords *keywords, guint bit)
{
  g_autofree char *key = g_ascii_strdown (keywords->names[bit], -1);
  if (keywords->by_name != NULL)
    g_hash_table_remove (keywords->by_name, key);
}

/* It is called when @bit has got its name. */
static void
note_keyword_name (MdKeywords *keywords, guint bit)
{
  if (keywords->by_name != NULL)
    add_keyword_name (keywords, bit);
  if (keywords->by_name != NULL || keywords->n <= FEW)
    return;
  keywords->by_name = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < keywords->n; i++)
    add_keyword_name (keywords, i);
}

int
md_keywords_find (const MdKeywords *keywords, const char *name)
{
  if (keywords->by_name != NULL)
    {
      g_autofree char *key = g_ascii_strdown (name, -1);
      return GPOINTER_TO_INT (g_hash_table_lookup (keywords->by_name, key)) - 1;
    }
  for (guint i = 0; i < keywords->n; i++)
    if (g_ascii_strcasecmp (keywords->names[i], name) == 0)
      return (int) i;
  return -1;
}

gboolean
md_keywords_is_valid (const char *name)
{
  gsize len = strlen (name);
  if (len == 0 || len > 255)
    return FALSE;
  for (const char *p = name; *p != '\0'; p++)
    if ((guchar) *p <= ' ' || *p == 0x7f)
      return FALSE;
  return TRUE;
}

int
md_keywords_add_without_letter (MdKeywords *keywords, const char *name, int letter)
{
  if (keywords->n == SATCHEL_KEYWORDS_MAX)
    return -1;
  guint bit = keywords->n++;
  keywords->names = g_renew (char *, keywords->names, keywords->n);
  keywords->names[bit] = g_strdup (name);
  keywords->letter = g_renew (gint8, keywords->letter, keywords->n);
  keywords->letter[bit] = (gint8) letter;
  note_keyword_name (keywords, bit);
  if (letter >= 0)
    keywords->bit_of_letter[letter] = (gint16) bit;
  return (int) bit;
}

int
md_keywords_add (MdKeywords *keywords, const char *name, gboolean *ret_needs_file)
{
  int letter = -1;
  *ret_needs_file = FALSE;
  if (keywords->n >= satchel_keywords_limit ())
    return -1;
  for (guint i = 0; i < MD_LETTERS && letter < 0; i++)
    if (keywords->bit_of_letter[i] < 0)
      letter = (int) i;
  int bit = md_keywords_add_without_letter (keywords, name, letter);
  *ret_needs_file = bit >= 0 && letter >= 0;
  return bit;
}

static void
load_keyword_line (MdKeywords *keywords, const char *line)
{
  guint32 letter;
  if (!satchel_number_take_u32 (&line, NULL, MD_LETTERS - 1, &letter) || *line != ' '
      || !md_keywords_is_valid (line + 1))
    return;
  const char *name = line + 1;
  int known = md_keywords_find (keywords, name), other = keywords->bit_of_letter[letter];
  if (known >= 0 && keywords->letter[known] >= 0)
    return;
  /* The file is written before the index, so if a letter has two keywords, that of the file is right. */
  if (known < 0 && other >= 0)
    md_keywords_rename (keywords, (guint) other, name);
  else if (known < 0)
    md_keywords_add_without_letter (keywords, name, (int) letter);
  else
    {
      if (other >= 0)
        keywords->letter[other] = -1;
      keywords->letter[known] = (gint8) letter;
      keywords->bit_of_letter[letter] = (gint16) known;
    }
}

gboolean
md_keywords_load (MdKeywords *keywords, int dirfd, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GByteArray) data = md_read_file (dirfd, MD_KEYWORDS_FILE, 64 * 1024, &local);
  if (data == NULL)
    {
      gboolean is_lost = md_file_is_lost (local);
      if (!is_lost)
        g_propagate_error (error, g_steal_pointer (&local));
      return is_lost;
    }
  g_byte_array_append (data, (const guint8 *) "", 1);
  g_auto (GStrv) lines = g_strsplit ((const char *) data->data, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    load_keyword_line (keywords, *line);
  return TRUE;
}

gboolean
md_keywords_save (MdKeywords *keywords, int dirfd, GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  for (guint i = 0; i < MD_LETTERS; i++)
    if (keywords->bit_of_letter[i] >= 0)
      g_string_append_printf (out, "%u %s\n", i, keywords->names[(guint) keywords->bit_of_letter[i]]);
  keywords->is_unsure = !md_replace_file (dirfd, MD_KEYWORDS_FILE, out->str, out->len, TRUE, error);
  return !keywords->is_unsure;
}

void
md_keywords_copy (const MdKeywords *keywords, MdKeywords *ret_copy)
{
  *ret_copy = *keywords;
  ret_copy->names = g_new (char *, MAX (keywords->n, 1));
  ret_copy->letter = g_memdup2 (keywords->letter, keywords->n);
  for (guint i = 0; i < keywords->n; i++)
    ret_copy->names[i] = g_strdup (keywords->names[i]);
  ret_copy->by_name = NULL;
  if (keywords->n > 0)
    note_keyword_name (ret_copy, keywords->n - 1);
}

gboolean
md_keywords_rename (MdKeywords *keywords, guint bit, const char *name)
{
  remove_keyword_name (keywords, bit);
  g_free (keywords->names[bit]);
  keywords->names[bit] = g_strdup (name);
  note_keyword_name (keywords, bit);
  return keywords->letter[bit] >= 0;
}

SatchelKeywordSet
md_keywords_from_letters (const MdKeywords *keywords, guint32 letters)
{
  SatchelKeywordSet bits = { { 0 } };
  for (guint i = 0; letters != 0 && i < MD_LETTERS; i++)
    if ((letters & (1u << i)) != 0 && keywords->bit_of_letter[i] >= 0)
      satchel_keyword_set_add (&bits, (guint) keywords->bit_of_letter[i]);
  return bits;
}

guint32
md_keywords_to_letters (const MdKeywords *keywords, const SatchelKeywordSet *bits)
{
  guint32 letters = 0;
  for (int i = satchel_keyword_set_next (bits, 0); i >= 0 && (guint) i < keywords->n;
       i = satchel_keyword_set_next (bits, (guint) i + 1))
    if (keywords->letter[i] >= 0)
      letters |= 1u << keywords->letter[i];
  return letters;
}

SatchelKeywordSet
md_keywords_lettered (const MdKeywords *keywords)
{
  return md_keywords_from_letters (keywords, (1u << MD_LETTERS) - 1);
}

guint32
md_keywords_letters (const MdKeywords *keywords)
{
  guint32 letters = 0;
  for (guint i = 0; i < MD_LETTERS; i++)
    if (keywords->bit_of_letter[i] >= 0)
      letters |= 1u << i;
  return letters;
}
