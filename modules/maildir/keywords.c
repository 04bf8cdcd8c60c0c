/* SPDX-License-Identifier: MIT
 * Keywords of a mailbox: the first 26 have a letter in file names, kept in a file that other servers
 * read as well ("NUMBER NAME" lines); the rest live in the index only.
 */
#include "config.h"

#include "maildir.h"

#include <stdlib.h>
#include <string.h>

void
md_keywords_init (MdKeywords *keywords)
{
  memset (keywords, 0, sizeof *keywords);
  memset (keywords->letter, -1, sizeof keywords->letter);
  memset (keywords->bit_of_letter, -1, sizeof keywords->bit_of_letter);
}

void
md_keywords_clear (MdKeywords *keywords)
{
  for (guint i = 0; i < keywords->n; i++)
    g_free (keywords->names[i]);
  g_free (keywords->names);
  md_keywords_init (keywords);
}

int
md_keywords_find (const MdKeywords *keywords, const char *name)
{
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
  keywords->letter[bit] = (gint8) letter;
  if (letter >= 0)
    keywords->bit_of_letter[letter] = (gint8) bit;
  return (int) bit;
}

int
md_keywords_add (MdKeywords *keywords, const char *name, gboolean *ret_needs_file)
{
  int letter = -1;
  for (guint i = 0; i < MD_LETTERS && letter < 0; i++)
    if (keywords->bit_of_letter[i] < 0)
      letter = (int) i;
  int bit = md_keywords_add_without_letter (keywords, name, letter);
  *ret_needs_file = bit >= 0 && letter >= 0;
  return bit;
}

static void
load_line (MdKeywords *keywords, const char *line)
{
  char *end;
  unsigned long letter = strtoul (line, &end, 10);
  if (end == line || *end != ' ' || letter >= MD_LETTERS || !md_keywords_is_valid (end + 1))
    return;
  int known = md_keywords_find (keywords, end + 1), other = keywords->bit_of_letter[letter];
  if (known >= 0 && keywords->letter[known] >= 0)
    return;
  /* The file is written before the index: a letter that was given to another name is that one's. */
  if (known < 0 && other >= 0)
    md_keywords_rename (keywords, (guint) other, end + 1);
  else if (known < 0)
    md_keywords_add_without_letter (keywords, end + 1, (int) letter);
  else
    {
      if (other >= 0)
        keywords->letter[other] = -1;
      keywords->letter[known] = (gint8) letter;
      keywords->bit_of_letter[letter] = (gint8) known;
    }
}

void
md_keywords_load (MdKeywords *keywords, int dirfd)
{
  g_autoptr (GByteArray) data = md_read_file (dirfd, MD_KEYWORDS_FILE, 64 * 1024, NULL);
  if (data == NULL)
    return;
  g_byte_array_append (data, (const guint8 *) "", 1);
  g_auto (GStrv) lines = g_strsplit ((const char *) data->data, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    load_line (keywords, *line);
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
  for (guint i = 0; i < keywords->n; i++)
    ret_copy->names[i] = g_strdup (keywords->names[i]);
}

gboolean
md_keywords_rename (MdKeywords *keywords, guint bit, const char *name)
{
  g_free (keywords->names[bit]);
  keywords->names[bit] = g_strdup (name);
  return keywords->letter[bit] >= 0;
}

guint64
md_keywords_from_letters (const MdKeywords *keywords, guint32 letters)
{
  guint64 bits = 0;
  for (guint i = 0; letters != 0 && i < MD_LETTERS; i++)
    if ((letters & (1u << i)) != 0 && keywords->bit_of_letter[i] >= 0)
      bits |= G_GUINT64_CONSTANT (1) << keywords->bit_of_letter[i];
  return bits;
}

guint32
md_keywords_to_letters (const MdKeywords *keywords, guint64 bits)
{
  guint32 letters = 0;
  for (guint i = 0; bits != 0 && i < keywords->n; i++)
    if ((bits & (G_GUINT64_CONSTANT (1) << i)) != 0 && keywords->letter[i] >= 0)
      letters |= 1u << keywords->letter[i];
  return letters;
}

guint64
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
