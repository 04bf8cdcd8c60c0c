/* SPDX-License-Identifier: MIT
 * UIDs of files that others wrote: an append-only list in the form of dovecot-uidlist version 3, with two
 * fields of our own a line, C (checksum) and T (internal date), which other readers keep or ignore.
 */
#include "config.h"

#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UIDLIST_MAX (G_GUINT64_CONSTANT (1) << 30)

static guint32
line_checksum (guint32 uidvalidity, guint32 uid, const char *base, gsize len, gint64 date)
{
  guint32 crc = md_crc32c (uidvalidity, &uid, sizeof uid);
  crc = md_crc32c (crc, &date, sizeof date);
  return md_crc32c (crc, base, len);
}

static const char *
parse_uint (const char *p, const char *end, guint32 *ret)
{
  guint64 value = 0;
  const char *start = p;
  for (; p < end && g_ascii_isdigit (*p); p++)
    if ((value = value * 10 + (guint64) (*p - '0')) > G_MAXUINT32)
      return NULL;
  *ret = (guint32) value;
  return p > start ? p : NULL;
}

static void
parse_header (MdUidlist *list, const char *p, const char *end)
{
  if (end - p < 2 || p[0] != '3' || p[1] != ' ')
    {
      list->is_damaged = TRUE;
      return;
    }
  for (p += 2; p < end;)
    {
      const char *space = memchr (p, ' ', (gsize) (end - p));
      const char *field_end = space != NULL ? space : end;
      guint32 number = 0;
      if (*p == 'V' && parse_uint (p + 1, field_end, &number) == field_end)
        list->uidvalidity = number;
      else if (*p == 'N' && parse_uint (p + 1, field_end, &number) == field_end)
        list->uidnext = number;
      p = field_end + 1;
    }
}

/* Fields between UID and ':'.  FALSE: malformed. */
static gboolean
parse_fields (const char *p, const char *end, gint64 *date, gboolean *has_crc, guint32 *crc)
{
  for (; p < end; p++)
    {
      const char *space = memchr (p, ' ', (gsize) (end - p));
      const char *field_end = space != NULL ? space : end;
      char value[32] = { 0 }, *rest = value;
      gsize len = (gsize) (field_end - p);
      if (!g_ascii_isupper (*p))
        return FALSE;
      if (*p == 'C' || *p == 'T')
        {
          if (len < 2 || len > sizeof value)
            return FALSE;
          memcpy (value, p + 1, len - 1);
          if (*p == 'T')
            *date = g_ascii_strtoll (value, &rest, 10);
          else
            {
              *crc = (guint32) strtoul (value, &rest, 16);
              *has_crc = TRUE;
            }
          if (*rest != '\0')
            return FALSE;
        }
      p = field_end;
    }
  return TRUE;
}

static gboolean
parse_line (MdUidlist *list, guint32 uidvalidity, const char *p, const char *end)
{
  MdUidlistLine line = { .date = G_MININT64 };
  const char *at = parse_uint (p, end, &line.uid);
  if (at == NULL || at == end || *at != ' ' || line.uid == 0 || line.uid > MD_UID_MAX)
    return FALSE;
  const char *colon = memchr (at, ':', (gsize) (end - at));
  if (colon == NULL || colon == end - 1 || end - colon - 1 > (gssize) MD_NAME_MAX || colon[-1] != ' ')
    return FALSE;
  line.base = colon + 1;
  gboolean has_crc = FALSE;
  guint32 crc = 0;
  if (colon > at + 1 && !parse_fields (at + 1, colon - 1, &line.date, &has_crc, &crc))
    return FALSE;
  /* Others write whole names; the base ends at the next ':'. */
  const char *suffix = memchr (line.base, ':', (gsize) (end - line.base));
  line.base_len = (guint32) ((suffix != NULL ? suffix : end) - line.base);
  if (line.base_len == 0)
    return FALSE;
  /* Lines of others count if the head is of this UIDVALIDITY; ours say so themselves. */
  if (has_crc ? crc != line_checksum (uidvalidity, line.uid, line.base, line.base_len, line.date)
              : list->uidvalidity != uidvalidity)
    return FALSE;
  guint n = list->lines->len;
  if (n > 0 && g_array_index (list->lines, MdUidlistLine, n - 1).uid >= line.uid)
    return FALSE;
  g_array_append_val (list->lines, line);
  return TRUE;
}

static void
make_buckets (MdUidlist *list)
{
  guint size = 16;
  while (size < list->lines->len * 2u)
    size *= 2;
  list->mask = size - 1;
  list->buckets = g_new0 (guint32, size);
  for (guint i = 0; i < list->lines->len; i++)
    {
      const MdUidlistLine *line = &g_array_index (list->lines, MdUidlistLine, i);
      guint at = (guint) md_hash (line->base, line->base_len) & list->mask;
      while (list->buckets[at] != 0)
        at = (at + 1) & list->mask;
      list->buckets[at] = i + 1;
    }
}

MdUidlist *
md_uidlist_load (int dirfd, guint32 uidvalidity)
{
  MdUidlist *list = g_new0 (MdUidlist, 1);
  list->lines = g_array_new (FALSE, FALSE, sizeof (MdUidlistLine));
  g_autoptr (GError) error = NULL;
  list->data = md_read_file (dirfd, MD_UIDLIST_FILE, UIDLIST_MAX, &error);
  if (list->data == NULL)
    {
      list->is_damaged = !g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
      list->data = g_byte_array_new ();
    }
  const char *p = (const char *) list->data->data, *end = p + list->data->len;
  for (gboolean first = TRUE; p < end; first = FALSE)
    {
      const char *newline = memchr (p, '\n', (gsize) (end - p));
      if (newline == NULL)
        {
          list->is_damaged = TRUE; /* a torn append */
          break;
        }
      if (first)
        {
          parse_header (list, p, newline);
          if (uidvalidity == 0)
            uidvalidity = list->uidvalidity;
        }
      else if (!parse_line (list, uidvalidity, p, newline))
        list->is_damaged = TRUE;
      p = newline + 1;
    }
  make_buckets (list);
  return list;
}

void
md_uidlist_free (MdUidlist *list)
{
  g_byte_array_unref (list->data);
  g_array_unref (list->lines);
  g_free (list->buckets);
  g_free (list);
}

const MdUidlistLine *
md_uidlist_find (const MdUidlist *list, const char *base, guint len)
{
  const MdUidlistLine *found = NULL;
  for (guint at = (guint) md_hash (base, len) & list->mask; list->buckets[at] != 0; at = (at + 1) & list->mask)
    {
      const MdUidlistLine *line = &g_array_index (list->lines, MdUidlistLine, list->buckets[at] - 1);
      /* Of two lines the later counts. */
      if (line->base_len == len && memcmp (line->base, base, len) == 0 && (found == NULL || found->uid < line->uid))
        found = line;
    }
  return found;
}

void
md_uidlist_line (GString *out, guint32 uidvalidity, guint32 uid, const char *base, guint len, gint64 date)
{
  char fields[80];
  gint n = g_snprintf (fields, sizeof fields, "%u C%08x T%" G_GINT64_FORMAT " :", uid,
                       line_checksum (uidvalidity, uid, base, len, date), date);
  g_string_append_len (out, fields, n);
  g_string_append_len (out, base, len);
  g_string_append_c (out, '\n');
}

static gboolean
write_anew (int dirfd, guint32 uidvalidity, const guint8 *id, guint32 uidnext, const GString *lines, GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_string_printf (out, "3 V%u N%u G", uidvalidity, uidnext);
  for (guint i = 0; i < 16; i++)
    g_string_append_printf (out, "%02x", id[i]);
  g_string_append_c (out, '\n');
  g_string_append_len (out, lines->str, (gssize) lines->len);
  return md_replace_file (dirfd, MD_UIDLIST_FILE, out->str, out->len, TRUE, error);
}

gboolean
md_uidlist_append (int dirfd, guint32 uidvalidity, const guint8 *id, guint32 uidnext, const GString *lines,
                   gboolean anew, GError **error)
{
  int fd = anew ? -1 : md_sys.openat (dirfd, MD_UIDLIST_FILE, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0);
  struct stat st;
  if (fd < 0 || md_sys.fstat (fd, &st) != 0 || !S_ISREG (st.st_mode) || st.st_size == 0)
    {
      if (fd >= 0)
        md_sys.close (fd);
      return write_anew (dirfd, uidvalidity, id, uidnext, lines, error);
    }
  gboolean ok = md_write_all (fd, lines->str, lines->len, error);
  if (ok && md_sys.fdatasync (fd) != 0)
    ok = satchel_error_set_errno (error, errno, "%s: fdatasync", MD_UIDLIST_FILE);
  if (!ok)
    md_sys.ftruncate (fd, st.st_size); /* half a line would hide the next one */
  md_sys.close (fd);
  return ok;
}
