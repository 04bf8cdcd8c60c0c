/* SPDX-License-Identifier: MIT
 * This file reads lists that servers keep in a Maildir: UIDs (dovecot-uidlist of version 3 or 1, and
 * courierimapuiddb, which is like the latter) and letters of keywords (dovecot-keywords).
 */
#include "config.h"

#include "core/mail/tree/tree.h"

#include <satchel/hash.h>
#include <satchel/number.h>
#include <string.h>

/* Takes a line from *@ref_at, without its end.  FALSE means that there are no more. */
static gboolean
take_line (const char **ref_at, const char *end, const char **ret_line, gsize *ret_len)
{
  if (*ref_at >= end)
    return FALSE;
  const char *newline = memchr (*ref_at, '\n', (gsize) (end - *ref_at));
  const char *line_end = newline != NULL ? newline : end;
  *ret_line = *ref_at;
  *ref_at = newline != NULL ? newline + 1 : end;
  if (line_end > *ret_line && line_end[-1] == '\r')
    line_end--;
  *ret_len = (gsize) (line_end - *ret_line);
  return TRUE;
}

/* Reads the first line of a list of UIDs: "3 V1 N2 Gid", or "1 V N".  Returns the version; 0 means that it is
 * neither. */
static guint
parse_head (SatchelTreeUids *uids, const char *line, gsize len)
{
  const char *at = line, *end = line + len;
  guint32 version;
  if (!satchel_number_take_u32 (&at, end, 3, &version) || (version != 3 && version != 1) || at >= end)
    return 0;
  if (version == 1)
    {
      at++;
      return satchel_number_take_u32 (&at, end, G_MAXUINT32, &uids->uidvalidity) && at < end && *at++ == ' '
                     && satchel_number_take_u32 (&at, end, G_MAXUINT32, &uids->uidnext)
                 ? 1
                 : 0;
    }
  while (at < end)
    {
      const char *number = at + 2;
      if (at[0] == ' ' && number < end && at[1] == 'V')
        (void) satchel_number_take_u32 (&number, end, G_MAXUINT32, &uids->uidvalidity);
      else if (at[0] == ' ' && number < end && at[1] == 'N')
        (void) satchel_number_take_u32 (&number, end, G_MAXUINT32, &uids->uidnext);
      at++;
      while (at < end && *at != ' ')
        at++;
    }
  return 3;
}

/* Reads "UID [FIELDS ]:NAME" or, in version 1, "UID NAME". */
static void
parse_uid (SatchelTreeUids *uids, guint version, const char *line, gsize len)
{
  const char *at = line, *end = line + len;
  guint32 uid;
  if (!satchel_number_take_u32 (&at, end, G_MAXUINT32 - 1, &uid) || uid == 0 || at >= end || *at != ' ')
    return;
  const char *name = at + 1;
  if (version == 3)
    {
      for (; at + 1 < end && !(at[0] == ' ' && at[1] == ':'); at++)
        ;
      name = at + 2;
    }
  const char *colon = name < end ? memchr (name, ':', (gsize) (end - name)) : NULL;
  const gsize name_len = name < end ? (gsize) ((colon != NULL ? colon : end) - name) : 0;
  if (name_len > 0 && memchr (name, '\0', name_len) == NULL)
    g_hash_table_insert (uids->uids, g_strndup (name, name_len), GUINT_TO_POINTER (uid));
}

SatchelTreeUids *
satchel_tree_uids_parse (const char *text, gsize len)
{
  g_autoptr (SatchelTreeUids) uids = g_new0 (SatchelTreeUids, 1);
  uids->uids = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  const char *at = text, *line;
  gsize line_len;
  if (!take_line (&at, text + len, &line, &line_len))
    return NULL;
  const guint version = parse_head (uids, line, line_len);
  if (version == 0)
    return NULL;
  while (take_line (&at, text + len, &line, &line_len))
    parse_uid (uids, version, line, line_len);
  return g_steal_pointer (&uids);
}

void
satchel_tree_uids_free (SatchelTreeUids *uids)
{
  g_hash_table_unref (uids->uids);
  g_free (uids);
}

guint32
satchel_tree_uids_find (const SatchelTreeUids *uids, const char *name, gsize base_len)
{
  g_autofree char *base = g_strndup (name, base_len);
  return GPOINTER_TO_UINT (g_hash_table_lookup (uids->uids, base));
}

GPtrArray *
satchel_tree_keywords_parse (const char *text, gsize len)
{
  GPtrArray *keywords = g_ptr_array_new_with_free_func (g_free);
  const char *at = text, *line;
  gsize line_len;
  g_ptr_array_set_size (keywords, SATCHEL_TREE_LETTERS);
  while (take_line (&at, text + len, &line, &line_len))
    {
      const char *name = line;
      guint32 index;
      if (!satchel_number_take_u32 (&name, line + line_len, SATCHEL_TREE_LETTERS - 1, &index)
          || name + 1 >= line + line_len || *name != ' ' || keywords->pdata[index] != NULL)
        continue;
      keywords->pdata[index] = g_strndup (name + 1, (gsize) (line + line_len - name - 1));
    }
  return keywords;
}

int
satchel_tree_keywords_letter (GPtrArray *keywords, const char *name)
{
  int first_free = -1;
  for (guint i = 0; i < keywords->len; i++)
    {
      if (keywords->pdata[i] == NULL && first_free < 0)
        first_free = (int) i;
      if (keywords->pdata[i] != NULL && g_ascii_strcasecmp (keywords->pdata[i], name) == 0)
        return (int) i;
    }
  if (first_free >= 0)
    keywords->pdata[first_free] = g_strdup (name);
  return first_free;
}
