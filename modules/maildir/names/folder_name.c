/* SPDX-License-Identifier: MIT
 * Implements names of mailboxes as names of directories, in modified UTF-7 (RFC 3501 section 5.1.3).
 * Maildir++: a '.' before each level, and a '.' inside a level in a shifted run ("&AC4-"). Layout fs: levels
 * are directories. The mapping is one to one: a directory whose name is not exactly what its mailbox name
 * encodes to is not ours. Pure functions.
 */
#include "config.h"

#include "names/file_name.h"
#include "names/folder_name.h"
#include "settings.h"

#include <string.h>

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static gboolean
is_direct (MdLayout layout, gunichar c)
{
  return c >= 0x20 && c < 0x7f && c != '&' && c != '/' && (c != '.' || (layout & MD_LAYOUT_FS) != 0);
}

static void
append_run (GString *out, const guint8 *bytes, gsize len)
{
  guint32 bits = 0;
  guint n_bits = 0;
  g_string_append_c (out, '&');
  for (gsize i = 0; i < len; i++)
    {
      bits = bits << 8 | bytes[i];
      for (n_bits += 8; n_bits >= 6; n_bits -= 6)
        g_string_append_c (out, base64[(bits >> (n_bits - 6)) & 63]);
    }
  if (n_bits > 0)
    g_string_append_c (out, base64[(bits << (6 - n_bits)) & 63]);
  g_string_append_c (out, '-');
}

static void
append_unit (GByteArray *run, guint16 unit)
{
  guint8 pair[2] = { (guint8) (unit >> 8), (guint8) unit };
  g_byte_array_append (run, pair, 2);
}

static void
encode_level (MdLayout layout, const char *level, gsize len, GString *out)
{
  g_autoptr (GByteArray) run = g_byte_array_new ();
  for (const char *p = level; p < level + len; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      if (!is_direct (layout, c) && c != '&')
        {
          if (c > 0xffff)
            {
              append_unit (run, (guint16) (0xd800 + ((c - 0x10000) >> 10)));
              append_unit (run, (guint16) (0xdc00 + ((c - 0x10000) & 0x3ff)));
            }
          else
            append_unit (run, (guint16) c);
          continue;
        }
      if (run->len > 0)
        append_run (out, run->data, run->len);
      g_byte_array_set_size (run, 0);
      if (c == '&')
        g_string_append (out, "&-");
      else
        g_string_append_c (out, (char) c);
    }
  if (run->len > 0)
    append_run (out, run->data, run->len);
}

/* Says whether a level is no mailbox of layout fs: each mailbox has cur, new and tmp beside its children, and
 * the root has our own files. */
static gboolean
is_reserved (const char *level, gsize len, gboolean is_first)
{
  return (len == 3
          && (memcmp (level, "cur", 3) == 0 || memcmp (level, "new", 3) == 0
              || memcmp (level, "tmp", 3) == 0))
         || (is_first && len == strlen (MD_TRASH_DIR) && memcmp (level, MD_TRASH_DIR, len) == 0)
         || (is_first && len >= strlen (MD_BLOBS_FILE)
             && memcmp (level, MD_BLOBS_FILE, strlen (MD_BLOBS_FILE)) == 0);
}

char
md_folder_separator (MdLayout layout)
{
  return (layout & MD_LAYOUT_FS) != 0 ? '/' : '.';
}

char *
md_folder_dir (MdLayout layout, const char *name, GError **error)
{
  if (strcmp (name, "INBOX") == 0)
    return g_strdup ("");
  if (name[0] == '\0' || !g_utf8_validate (name, -1, NULL))
    {
      satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the mailbox name is not valid");
      return NULL;
    }
  gboolean is_fs = (layout & MD_LAYOUT_FS) != 0;
  g_autoptr (GString) out = g_string_new (NULL);
  const char *p = name;
  for (;;)
    {
      const char *slash = strchr (p, '/');
      gsize len = slash != NULL ? (gsize) (slash - p) : strlen (p);
      gsize before = out->len;
      if (!is_fs || before > 0)
        g_string_append_c (out, md_folder_separator (layout));
      if ((layout & MD_LAYOUT_UTF8) != 0)
        g_string_append_len (out, p, (gssize) len);
      else
        encode_level (layout, p, len, out);
      /* Maildir++ has one file name for all levels, fs one for each. */
      gsize name_len = is_fs ? out->len - before : out->len;
      if ((is_fs && is_reserved (p, len, before == 0))
          || (layout == MD_LAYOUT_UTF8 && memchr (p, '.', len) != NULL))
        {
          satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                             "the layout of the Maildir (maildir.layout) cannot hold a mailbox of this name");
          return NULL;
        }
      if (len == 0 || name_len > MD_NAME_MAX)
        {
          satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                             "the mailbox name is too long for the name of a directory");
          return NULL;
        }
      if (slash == NULL)
        return g_string_free (g_steal_pointer (&out), FALSE);
      p = slash + 1;
    }
}

/* Decodes a shifted run to UTF-16 units, and these to UTF-8. */
static gboolean
decode_run (const char *p, const char *end, GString *out)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint32 bits = 0;
  guint n_bits = 0;
  for (; p < end; p++)
    {
      const char *at = memchr (base64, *p, 64);
      if (at == NULL)
        return FALSE;
      bits = bits << 6 | (guint32) (at - base64);
      n_bits += 6;
      if (n_bits >= 8)
        {
          guint8 byte = (guint8) (bits >> (n_bits - 8));
          g_byte_array_append (bytes, &byte, 1);
          n_bits -= 8;
        }
    }
  if (bytes->len == 0 || bytes->len % 2 != 0)
    return FALSE;
  for (guint i = 0; i < bytes->len; i += 2)
    {
      gunichar c = (gunichar) bytes->data[i] << 8 | bytes->data[i + 1];
      if (c >= 0xd800 && c < 0xdc00 && i + 3 < bytes->len)
        {
          gunichar low = (gunichar) bytes->data[i + 2] << 8 | bytes->data[i + 3];
          if (low < 0xdc00 || low > 0xdfff)
            return FALSE;
          c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
          i += 2;
        }
      if (!g_unichar_validate (c) || c == '/' || g_unichar_iscntrl (c))
        return FALSE;
      g_string_append_unichar (out, c);
    }
  return TRUE;
}

/* Decodes the path @at of a folder below the root into the levels of a mailbox name, with slashes between.
 * FALSE means that it is not well encoded. */
static gboolean
decode_levels (MdLayout layout, const char *at, GString *out)
{
  for (; *at != '\0'; at++)
    if (*at == md_folder_separator (layout))
      g_string_append_c (out, '/');
    else if (*at != '&' || (layout & MD_LAYOUT_UTF8) != 0)
      g_string_append_c (out, *at);
    else if (at[1] == '-')
      {
        g_string_append_c (out, '&');
        at++;
      }
    else
      {
        const char *dash = strchr (at, '-');
        if (dash == NULL || !decode_run (at + 1, dash, out))
          return FALSE;
        at = dash;
      }
  return g_utf8_validate (out->str, (gssize) out->len, NULL);
}

/* Says whether each level of @name is one of the storage interface.  "." and ".." could be written as escaped
 * dots in Maildir++, but are none.  INBOX may have children; INBOX in other cases is no name. */
static gboolean
has_good_levels (const char *name)
{
  g_auto (GStrv) levels = g_strsplit (name, "/", -1);
  if (levels[0] == NULL)
    return FALSE; /* no level at all */
  for (char **level = levels; *level != NULL; level++)
    if (level[0][0] == '\0' || strcmp (*level, ".") == 0 || strcmp (*level, "..") == 0)
      return FALSE;
  return g_ascii_strcasecmp (levels[0], "INBOX") != 0
         || (strcmp (levels[0], "INBOX") == 0 && levels[1] != NULL);
}

char *
md_folder_name (MdLayout layout, const char *dir)
{
  gboolean is_plus = (layout & MD_LAYOUT_FS) == 0;
  if (dir[0] == '\0')
    return g_strdup ("INBOX");
  if (is_plus && (dir[0] != '.' || strlen (dir) > MD_NAME_MAX))
    return NULL;
  g_autoptr (GString) name = g_string_new (NULL);
  if (!decode_levels (layout, is_plus ? dir + 1 : dir, name) || !has_good_levels (name->str))
    return NULL;
  /* One name has one directory: what is encoded in another way than ours is somebody else's. */
  g_autofree char *again = md_folder_dir (layout, name->str, NULL);
  return g_strcmp0 (again, dir) == 0 ? g_string_free (g_steal_pointer (&name), FALSE) : NULL;
}
