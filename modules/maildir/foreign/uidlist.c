/* SPDX-License-Identifier: MIT
 * This file reads lists of UIDs that others wrote, in the form of dovecot-uidlist, version 3 or 1 (the
 * latter is also that of courierimapuiddb).  Our lines have two more fields, C (checksum) and T (internal
 * date), which other readers keep.
 */
#include "config.h"

#include "files/checksum.h"
#include "files/file_io.h"
#include "names/file_name.h"
#include "files/log_area.h"
#include "foreign/uidlist.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <satchel/number.h>
#include <string.h>

#define UIDLIST_MAX (G_GUINT64_CONSTANT (1) << 30)

static guint32
checksum_line (guint32 uidvalidity, guint32 uid, const char *base, gsize len, gint64 date)
{
  guint32 crc = md_crc32c (uidvalidity, &uid, sizeof uid);
  crc = md_crc32c (crc, &date, sizeof date);
  return md_crc32c (crc, base, len);
}

static const char *
parse_uint (const char *p, const char *end, guint32 *ret)
{
  return satchel_number_take_u32 (&p, end, G_MAXUINT32, ret) ? p : NULL;
}

static gboolean
parse_hex (const char *p, const char *end, guint32 *ret)
{
  guint64 number;
  if (!satchel_number_take (&p, end, 16, G_MAXUINT32, &number) || p != end)
    return FALSE;
  *ret = (guint32) number;
  return TRUE;
}

/* Reads "3 V1 N2 Gid", or "1 V N". */
static gboolean
parse_list_header (MdUidlist *list, const char *p, const char *end)
{
  if (end - p < 2 || (p[0] != '3' && p[0] != '1') || p[1] != ' ')
    return FALSE;
  list->version = p[0] - '0';
  if (list->version == 1)
    {
      const char *space = parse_uint (p + 2, end, &list->uidvalidity);
      return space != NULL && space < end && *space == ' '
             && parse_uint (space + 1, end, &list->uidnext) != NULL;
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
      else if (*p == 'G' && field_end - p == 33)
        memcpy (list->guid, p + 1, 32);
      p = field_end + 1;
    }
  return TRUE;
}

/* Reads the fields between UID and ':'. FALSE means that they are malformed. */
static gboolean
parse_line_fields (const char *p, const char *end, gint64 *date, gboolean *has_crc, guint32 *crc)
{
  for (; p < end; p++)
    {
      const char *space = memchr (p, ' ', (gsize) (end - p));
      const char *field_end = space != NULL ? space : end;
      if (!g_ascii_isupper (*p))
        return FALSE;
      if (*p == 'C' || *p == 'T')
        {
          if (*p == 'T' ? !md_parse_signed (p + 1, field_end, date) : !parse_hex (p + 1, field_end, crc))
            return FALSE;
          *has_crc |= *p == 'C';
        }
      p = field_end;
    }
  return TRUE;
}

static gboolean
is_file_name (const char *name, gsize len)
{
  return len > 0 && len <= MD_NAME_MAX && name[0] != '.' && memchr (name, '/', len) == NULL
         && memchr (name, '\0', len) == NULL;
}

static gboolean
parse_list_line (MdUidlist *list, guint32 uidvalidity, const char *p, const char *end)
{
  MdUidlistLine line = { .date = SATCHEL_DATE_UNKNOWN };
  const char *at = parse_uint (p, end, &line.uid);
  if (at == NULL || at == end || *at != ' ' || line.uid == 0 || line.uid > MD_UID_MAX)
    return FALSE;
  guint32 crc = 0;
  line.base = at + 1;
  if (list->version == 3)
    {
      const char *colon = memchr (at, ':', (gsize) (end - at));
      while (colon != NULL && colon[-1] != ' ') /* a unique id may have a ':' */
        colon = memchr (colon + 1, ':', (gsize) (end - colon - 1));
      if (colon == NULL)
        return FALSE;
      line.base = colon + 1;
      line.fields = at + 1;
      line.fields_len = colon > at + 1 ? (guint32) (colon - 1 - line.fields) : 0;
      if (line.fields_len > 0
          && !parse_line_fields (line.fields, line.fields + line.fields_len, &line.date, &line.is_checked,
                                 &crc))
        return FALSE;
    }
  /* Others write whole names, of which the base ends at the next ':'. */
  const char *suffix = memchr (line.base, ':', (gsize) (end - line.base));
  line.base_len = (guint32) ((suffix != NULL ? suffix : end) - line.base);
  if (!is_file_name (line.base, line.base_len))
    return FALSE;
  /* Lines of others count if the header has this UIDVALIDITY; our own lines say it themselves. */
  if (line.is_checked ? crc != checksum_line (uidvalidity, line.uid, line.base, line.base_len, line.date)
                      : list->uidvalidity != uidvalidity)
    return FALSE;
  guint n = list->lines->len;
  list->is_unsorted |= n > 0 && g_array_index (list->lines, MdUidlistLine, n - 1).uid >= line.uid;
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
      guint at = (guint) satchel_keyed_hash (line->base, line->base_len) & list->mask;
      while (list->buckets[at] != 0)
        at = (at + 1) & list->mask;
      list->buckets[at] = i + 1;
    }
}

static int
compare_line_uids (const void *a, const void *b)
{
  const MdUidlistLine *x = a, *y = b;
  return (x->uid > y->uid) - (x->uid < y->uid);
}

static void
parse_list (MdUidlist *list, guint32 uidvalidity)
{
  const char *p = (const char *) list->data->data, *end = p + list->data->len;
  for (gboolean first = TRUE; p < end; first = FALSE)
    {
      const char *newline = memchr (p, '\n', (gsize) (end - p));
      if (newline == NULL)
        {
          list->is_damaged = TRUE; /* an earlier write ended in the middle of the line */
          return;
        }
      const char *line_end =
          newline > p && newline[-1] == '\r' ? newline - 1 : newline; /* another program edited it */
      if (!first)
        list->is_damaged |= !parse_list_line (list, uidvalidity, p, line_end);
      else if (!parse_list_header (list, p, line_end))
        {
          list->is_damaged = TRUE;
          list->version = 3;
        }
      if (first && uidvalidity == 0)
        uidvalidity = list->uidvalidity;
      p = newline + 1;
    }
}

MdUidlist *
md_uidlist_load (int dirfd, const char *file, guint32 uidvalidity, GError **error)
{
  g_autoptr (GError) local = NULL;
  GByteArray *data = md_read_file (dirfd, file, UIDLIST_MAX, &local);
  if (data == NULL && !md_file_is_lost (local))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  MdUidlist *list = g_new0 (MdUidlist, 1);
  list->lines = g_array_new (FALSE, FALSE, sizeof (MdUidlistLine));
  list->is_damaged = g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  if (list->is_damaged)
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA, "%s", local->message);
  list->data = data != NULL ? data : g_byte_array_new ();
  parse_list (list, uidvalidity);
  if (list->is_unsorted)
    g_array_sort (list->lines, compare_line_uids);
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
  return md_uidlist_find_hashed (list, satchel_keyed_hash (base, len), base, len);
}

const MdUidlistLine *
md_uidlist_find_hashed (const MdUidlist *list, guint64 hash, const char *base, guint len)
{
  const MdUidlistLine *found = NULL;
  for (guint at = (guint) hash & list->mask; list->buckets[at] != 0; at = (at + 1) & list->mask)
    {
      const MdUidlistLine *line = &g_array_index (list->lines, MdUidlistLine, list->buckets[at] - 1);
      /* If two lines have the same name, the later one counts. */
      if (line->base_len == len && memcmp (line->base, base, len) == 0
          && (found == NULL || found->uid < line->uid))
        found = line;
    }
  return found;
}

const char *
md_uidlist_field (const MdUidlistLine *line, char key, gsize *ret_len)
{
  const char *end = line->fields + line->fields_len;
  for (const char *p = line->fields; p < end;)
    {
      const char *space = memchr (p, ' ', (gsize) (end - p));
      const char *field_end = space != NULL ? space : end;
      if (*p == key)
        {
          *ret_len = (gsize) (field_end - p - 1);
          return p + 1;
        }
      p = field_end + 1;
    }
  return NULL;
}

gboolean
md_uidlist_has_unique_ids (const MdUidlist *list)
{
  gsize len;
  for (guint i = 0; i < list->lines->len; i++)
    if (md_uidlist_field (&g_array_index (list->lines, MdUidlistLine, i), 'P', &len) != NULL)
      return TRUE;
  return FALSE;
}

/* Appends the fields that other servers wrote, unchanged: saved unique ids, GUIDs, sizes. */
static void
append_other_fields (GString *out, const char *fields, gsize len)
{
  for (const char *p = fields, *end = fields + len; p < end;)
    {
      const char *space = memchr (p, ' ', (gsize) (end - p));
      const char *field_end = space != NULL ? space : end;
      if (*p != 'C' && *p != 'T')
        {
          g_string_append_len (out, p, field_end - p);
          g_string_append_c (out, ' ');
        }
      p = field_end + 1;
    }
}

void
md_uidlist_line (GString *out, guint32 uidvalidity, const MdListed *file, const char *unique_id)
{
  char fields[80];
  gint n = g_snprintf (fields, sizeof fields, "%u C%08x ", file->uid,
                       checksum_line (uidvalidity, file->uid, file->base, file->len, file->date));
  if (file->date != SATCHEL_DATE_UNKNOWN)
    n += g_snprintf (fields + n, sizeof fields - (gsize) n, "T%" G_GINT64_FORMAT " ", file->date);
  g_string_append_len (out, fields, n);
  append_other_fields (out, file->fields, file->fields_len);
  if (unique_id != NULL)
    g_string_append_printf (out, "P%s ", unique_id);
  g_string_append_c (out, ':');
  g_string_append_len (out, file->base, file->len);
  g_string_append_c (out, '\n');
}
