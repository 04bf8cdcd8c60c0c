/* SPDX-License-Identifier: MIT
 * Implements names of message files:
 * "PREFIX,S=disk,W=wire[,D=length][,B=1][,T=date],U=UIDVALIDITY.UID[.TIMES]:2,FLAGS". Pure functions;
 * README.md says what each field means.
 */
#include "config.h"

#include "names/file_name.h"
#include "names/keyword_letters.h"

#include <satchel/number.h>
#include <string.h>

/* Reads digits up to @end. FALSE means that there is something else, or the number is too big. */
static gboolean
parse_number (const char *p, const char *end, guint64 *ret)
{
  return satchel_number_take (&p, end, 10, G_MAXINT64, ret) && p == end;
}

gboolean
md_parse_signed (const char *p, const char *end, gint64 *ret)
{
  guint64 value;
  gboolean negative = p < end && *p == '-';
  if (!parse_number (p + (negative ? 1 : 0), end, &value))
    return FALSE;
  *ret = negative ? -(gint64) value : (gint64) value;
  return TRUE;
}

static gboolean
parse_uid (const char *p, const char *end, MdName *ret)
{
  const char *dot = memchr (p, '.', (gsize) (end - p));
  const char *second = dot != NULL ? memchr (dot + 1, '.', (gsize) (end - dot - 1)) : NULL;
  guint64 uidvalidity, uid, times = 0;
  if (dot == NULL || !parse_number (p, dot, &uidvalidity)
      || !parse_number (dot + 1, second != NULL ? second : end, &uid)
      || (second != NULL && !parse_number (second + 1, end, &times)) || times > G_MAXUINT32)
    return FALSE;
  if (uidvalidity == 0 || uidvalidity > G_MAXUINT32 || uid == 0 || uid > MD_UID_MAX)
    return FALSE;
  ret->has_uid = TRUE;
  ret->uidvalidity = (guint32) uidvalidity;
  ret->uid = (guint32) uid;
  ret->times = (guint32) times;
  return TRUE;
}

/* Notes that a size is given twice with different values, or is no number. */
static gboolean
parse_size (const char *p, const char *end, gboolean *has, guint64 *size, gboolean *is_odd)
{
  guint64 number = 0;
  gboolean ok = parse_number (p, end, &number);
  *is_odd |= !ok || (*has && number != *size);
  *has |= ok;
  *size = ok ? number : *size;
  return ok;
}

/* Reads the field "X=value" between @p and @end. TRUE means that it is one of ours. */
static gboolean
parse_field (const char *p, const char *end, MdName *ret)
{
  guint64 number;
  if (end - p < 3 || p[1] != '=')
    return FALSE;
  switch (p[0])
    {
    case 'S':
      return parse_size (p + 2, end, &ret->has_size, &ret->size, &ret->is_odd);
    case 'W':
      return parse_size (p + 2, end, &ret->has_wire, &ret->wire, &ret->is_odd);
    case 'D':
      return (ret->has_length = parse_number (p + 2, end, &ret->length));
    case 'T':
      return (ret->has_date = md_parse_signed (p + 2, end, &ret->date));
    case 'B':
      return (ret->is_raw = parse_number (p + 2, end, &number) && number == 1);
    case 'U':
      return parse_uid (p + 2, end, ret);
    default:
      return FALSE;
    }
}

static void
parse_suffix (const char *p, const char *end, MdName *ret)
{
  ret->has_flags = TRUE;
  for (; p < end; p++)
    switch (*p)
      {
      case 'S':
        ret->flags |= SATCHEL_FLAG_SEEN;
        break;
      case 'R':
        ret->flags |= SATCHEL_FLAG_ANSWERED;
        break;
      case 'F':
        ret->flags |= SATCHEL_FLAG_FLAGGED;
        break;
      case 'T':
        ret->flags |= SATCHEL_FLAG_DELETED;
        break;
      case 'D':
        ret->flags |= SATCHEL_FLAG_DRAFT;
        break;
      default:
        if (*p >= 'a' && *p <= 'z')
          ret->letters |= 1u << (*p - 'a');
      }
}

/* Says whether W can be the size on the wire of a file of S bytes, where each line end has one byte or two. D
 * says that a layer stored another length than it was given. Otherwise a name is believed until somebody
 * looks at the file (decision 0020). */
static gboolean
is_plausible (const MdName *name)
{
  if (name->is_odd || !name->has_size)
    return FALSE;
  return name->has_length
         || (name->is_raw ? name->wire == name->size
                          : name->wire >= name->size && name->wire / 2 <= name->size);
}

void
md_name_parse (const char *name, gsize len, MdName *ret)
{
  memset (ret, 0, sizeof *ret);
  const char *end = name + len;
  const char *colon = memchr (name, ':', len);
  const char *base_end = colon != NULL ? colon : end;
  ret->base_len = (guint) (base_end - name);
  if (colon != NULL && end - colon >= 3 && colon[1] == '2' && colon[2] == ',')
    parse_suffix (colon + 3, end, ret);
  const char *comma = memchr (name, ',', ret->base_len);
  ret->id_len = comma != NULL ? (guint) (comma - name) : ret->base_len;
  while (comma != NULL)
    {
      const char *next = memchr (comma + 1, ',', (gsize) (base_end - comma - 1));
      parse_field (comma + 1, next != NULL ? next : base_end, ret);
      comma = next;
    }
  ret->has_wire &= is_plausible (ret);
  if (ret->has_uid && !ret->has_date)
    {
      const char *dot = memchr (name, '.', ret->id_len);
      ret->has_date = md_parse_signed (name, dot != NULL ? dot : name + ret->id_len, &ret->date);
    }
}

gboolean
md_name_fits (const char *name, gsize len, const struct stat *st)
{
  MdName parsed;
  md_name_parse (name, len, &parsed);
  return !parsed.has_size || parsed.size == (guint64) st->st_size;
}

/* Appends @field, which has at most four characters, and the number; printf would take most of the time that
 * a name takes. */
static void
append_field (GString *out, const char *field, guint64 number)
{
  char text[4 + SATCHEL_NUMBER_DIGITS];
  gsize len = strlen (field);
  memcpy (text, field, len);
  g_string_append_len (out, text, satchel_number_put (text + len, number) - text);
}

gboolean
md_name_build (GString *out, const MdNameParts *parts)
{
  gint64 leading = G_MININT64;
  const char *dot = strchr (parts->prefix, '.');
  gsize prefix_len = strlen (parts->prefix);
  if (!md_parse_signed (parts->prefix, dot != NULL ? dot : parts->prefix + prefix_len, &leading))
    leading = G_MININT64;
  g_string_append_len (out, parts->prefix, (gssize) prefix_len);
  append_field (out, ",S=", parts->size);
  if (parts->wire != SATCHEL_SIZE_UNKNOWN)
    append_field (out, ",W=", parts->wire);
  if (parts->length != parts->wire)
    append_field (out, ",D=", parts->length);
  if (parts->is_raw)
    g_string_append (out, ",B=1");
  if (leading != parts->date)
    append_field (out, parts->date < 0 ? ",T=-" : ",T=",
                  parts->date < 0 ? -(guint64) parts->date : (guint64) parts->date);
  append_field (out, ",U=", parts->uidvalidity);
  append_field (out, ".", parts->uid);
  if (parts->times > 0)
    append_field (out, ".", parts->times);
  /* Leaves room for ":2,", five flags and 26 letters. */
  return out->len + 34 <= MD_NAME_MAX;
}

/* They come in the order of ASCII, as other programs expect. */
void
md_name_append_flags (GString *out, guint32 flags, guint32 letters, const char *unknown)
{
  static const struct
  {
    guint32 flag;
    char letter;
  } order[] = { { SATCHEL_FLAG_DRAFT, 'D' },
                { SATCHEL_FLAG_FLAGGED, 'F' },
                { SATCHEL_FLAG_ANSWERED, 'R' },
                { SATCHEL_FLAG_SEEN, 'S' },
                { SATCHEL_FLAG_DELETED, 'T' } };
  guint32 upper = 0; /* bit k: the k-th letter */
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    if ((flags & order[i].flag) != 0)
      upper |= 1u << (order[i].letter - 'A');
  for (const char *p = unknown; p != NULL && *p != '\0'; p++)
    if (*p >= 'A' && *p <= 'Z')
      upper |= 1u << (*p - 'A');
    else if (*p >= 'a' && *p <= 'z')
      letters |= 1u << (*p - 'a');
  char text[3 + 26 + MD_LETTERS] = ":2,";
  guint n = 3;
  for (; upper != 0; upper &= upper - 1)
    text[n++] = (char) ('A' + __builtin_ctz (upper));
  for (; letters != 0; letters &= letters - 1)
    text[n++] = (char) ('a' + __builtin_ctz (letters));
  g_string_append_len (out, text, n);
}

void
md_name_id (const char *name, gsize base_len, GString *out)
{
  const char *end = name + base_len;
  const char *part = name;
  for (gboolean first = TRUE; part <= end; first = FALSE)
    {
      const char *comma = memchr (part, ',', (gsize) (end - part));
      const char *part_end = comma != NULL ? comma : end;
      MdName ignored = { 0 };
      if (first || !parse_field (part, part_end, &ignored))
        {
          if (!first)
            g_string_append_c (out, ',');
          g_string_append_len (out, part, part_end - part);
        }
      part = part_end + 1;
    }
}

/* 16 bytes are 22 letters of base64url (RFC 4648 section 5). Other programs, and the parser above, take
 * the field for a part of the prefix, so every copy keeps it. */
void
md_name_make_email_id (const guint8 id[16], char ret_field[MD_EMAIL_ID_FIELD])
{
  g_autofree char *text = g_base64_encode (id, 16);
  g_snprintf (ret_field, MD_EMAIL_ID_FIELD, ",E=%.22s", text);
  g_strdelimit (ret_field, "+", '-');
  g_strdelimit (ret_field, "/", '_');
}

/* Reads "E=" and an id between @p and @end, in the form that we write. */
static gboolean
parse_email_id (const char *p, const char *end, guint8 ret_id[16])
{
  char text[25], again[MD_EMAIL_ID_FIELD];
  gsize len = 0;
  if (end - p != 24 || p[0] != 'E' || p[1] != '=')
    return FALSE;
  g_snprintf (text, sizeof text, "%.22s==", p + 2);
  g_strdelimit (text, "-", '+');
  g_strdelimit (text, "_", '/');
  g_autofree guchar *id = g_base64_decode (text, &len);
  if (len != 16)
    return FALSE;
  md_name_make_email_id (id, again);
  if (memcmp (again + 1, p, 24) != 0)
    return FALSE;
  memcpy (ret_id, id, 16);
  return TRUE;
}

void
md_name_email_id (const char *name, gsize base_len, guint8 ret_id[16])
{
  const char *end = name + base_len;
  for (const char *comma = memchr (name, ',', base_len); comma != NULL;)
    {
      const char *next = memchr (comma + 1, ',', (gsize) (end - comma - 1));
      if (parse_email_id (comma + 1, next != NULL ? next : end, ret_id))
        return;
      comma = next;
    }
  g_autoptr (GString) text = g_string_new (NULL);
  md_name_id (name, base_len, text);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (sum, (const guchar *) text->str, (gssize) text->len);
  guint8 digest[32];
  gsize len = sizeof digest;
  g_checksum_get_digest (sum, digest, &len);
  memcpy (ret_id, digest, 16);
}

void
md_name_unknown (const char *name, gsize len, guint32 known_letters, GString *out)
{
  const char *colon = memchr (name, ':', len);
  if (colon == NULL || name + len - colon < 3 || colon[1] != '2' || colon[2] != ',')
    return;
  for (const char *p = colon + 3; p < name + len; p++)
    {
      gboolean is_upper = *p >= 'A' && *p <= 'Z' && strchr ("SRFTD", *p) == NULL;
      gboolean is_lower = *p >= 'a' && *p <= 'z' && (known_letters & (1u << (*p - 'a'))) == 0;
      if ((is_upper || is_lower) && memchr (out->str, *p, out->len) == NULL)
        g_string_append_c (out, *p);
    }
}
