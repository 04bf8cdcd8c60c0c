/* SPDX-License-Identifier: MIT
 * Lists the settings of group `maildir`, and what they mean for one user: directories, layout, the form of
 * unique ids.
 */
#include "config.h"

#include "settings.h"

#include <satchel/number.h>
#include <string.h>

/* The settings are kept as they stand in the file; the enums have the order of the choices. */
typedef enum
{
  NAMES_AUTO = 0,
  NAMES_UTF7,
  NAMES_UTF8
} FolderNames;
typedef struct Written
{
  const char *path, *control_path, *uidl_format;
  const char *const *volumes;
  MdLayout layout;
  FolderNames folder_names;
  MdServer server;
  gboolean maildirsize;
} Written;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, Written, member)

const SatchelConfigRow md_schema[] = {
  { "path", INTO (STRING, path), "%d/%n",
    "Where the Maildir of a user is below server.mail_root; %d is the user's domain, %n the local part, %u "
    "the whole name, as in \"%d/%n/Maildir\"" },
  { "volumes", INTO (STRINGS, volumes), NULL,
    "Directories below server.mail_root that are volumes, such as other disks that are mounted there: users "
    "are placed in one by storage.rules or `satchel convert`, and have their Maildir at path below it" },
  { "layout", INTO (ENUM, layout), "maildir++",
    "How the directory of mailbox A/B is named: maildir++ makes it .A.B inside the Maildir, fs makes it A/B",
    "maildir++|fs" },
  { "folder_names", INTO (ENUM, folder_names), "auto",
    "How names of mailboxes are encoded on disk: utf-7 is modified UTF-7, as most servers write it; utf-8 is "
    "what Courier writes since 2018; auto keeps what a Maildir has, and writes utf-7 where it has neither",
    "auto|utf-7|utf-8" },
  { "control_path", INTO (STRING, control_path), NULL,
    "Directory where another server kept UID lists, keywords and subscriptions (Dovecot's CONTROL=), with "
    "%d, %n and %u as in path; unset: the Maildir itself" },
  { "other_server", INTO (ENUM, server), "auto",
    "Other server whose files Satchel keeps up to date, so that you can go back to it; auto is the one whose "
    "files were found in the Maildir",
    "auto|none|dovecot|courier" },
  { "maildirsize", INTO (BOOL, maildirsize), "false",
    "Whether the file maildirsize (Maildir++ quota) is kept up to date for other programs that share the "
    "Maildir; Satchel's own limits are those of group quota" },
  { "pop3_uidl_format", INTO (STRING, uidl_format), NULL,
    "POP3 unique id of a message that no other server gave one, written as in Dovecot: %u is the UID, %v "
    "UIDVALIDITY, %f the file name, %g the GUID, and X stands for hexadecimal; unset: %08Xu%08Xv, or "
    "UID%u-%v in a Maildir of Courier" },
  { NULL }
};

static gboolean
is_path_template (const char *key, const char *path, GError **error)
{
  gboolean has_user = FALSE, has_domain = FALSE;
  for (const char *p = path; *p != '\0'; p++)
    if (*p == '%')
      {
        p++;
        if (*p != 'd' && *p != 'n' && *p != 'u' && *p != '%')
          return satchel_error_set_setting (error, key, "%%%c means nothing here; use %%d, %%n or %%u",
                                            *p != '\0' ? *p : ' ');
        has_user |= *p == 'n' || *p == 'u';
        has_domain |= *p == 'd' || *p == 'u';
        if (*p == '\0')
          break;
      }
  if (!has_user || !has_domain)
    return satchel_error_set_setting (error, key, "two users would share \"%s\"; write %%d and %%n, or %%u",
                                      path);
  if (*path == '/' || *path == '~')
    return satchel_error_set_setting (
        error, key,
        "\"%s\" must be relative to server.mail_root; set server.mail_root to the "
        "directory above all Maildirs",
        path);
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  for (char **part = parts; *part != NULL; part++)
    if (**part == '\0' || strcmp (*part, ".") == 0 || strcmp (*part, "..") == 0)
      return satchel_error_set_setting (error, key, "\"%s\" has an empty part, \".\" or \"..\"", path);
  return TRUE;
}

/* Returns the path for a user.  @user is local@domain; both parts can be file names (include/satchel/auth.h).
 * @volume "" means that there are no volumes. */
static char *
expand_path (const char *path, const char *user, const char *volume)
{
  const char *at = strrchr (user, '@');
  GString *out = g_string_new (volume);
  if (out->len > 0)
    g_string_append_c (out, '/');
  for (const char *p = path; *p != '\0'; p++)
    {
      if (*p != '%')
        {
          g_string_append_c (out, *p);
          continue;
        }
      p++;
      if (*p == 'u')
        g_string_append (out, user);
      else if (*p == 'd')
        g_string_append (out, at != NULL ? at + 1 : "");
      else if (*p == 'n')
        g_string_append_len (out, user, at != NULL ? at - user : -1);
      else
        g_string_append_c (out, '%');
    }
  /* The copy is as long as the path: an open store keeps it. */
  char *expanded = g_strndup (out->str, out->len);
  g_string_free (out, TRUE);
  return expanded;
}

/* Reads one "%[0][width][X]key" at @p, which points behind the '%'. Returns the rest of the text; NULL means
 * that it is malformed. */
static const char *
parse_key (const char *p, guint *ret_width, gboolean *ret_is_padded, gboolean *ret_is_hex, char *ret_key)
{
  *ret_width = 0;
  *ret_is_padded = *p == '0';
  (void) satchel_number_take_u32 (&p, NULL, 20, ret_width);
  *ret_is_hex = *p == 'X';
  p += *ret_is_hex;
  *ret_key = *p;
  return *p != '\0' && strchr ("uvfg%", *p) != NULL ? p + 1 : NULL;
}

static gboolean
is_uidl_format (const char *format, GError **error)
{
  gboolean is_unique = FALSE;
  for (const char *p = format; *p != '\0';)
    {
      guint width;
      gboolean is_padded, is_hex;
      char key;
      if (*p != '%')
        {
          if (*p < 0x21 || *p > 0x7e)
            return satchel_error_set_setting (error, "pop3_uidl_format",
                                              "a unique id has no spaces and ASCII characters only "
                                              "(RFC 1939 7); remove the others");
          p++;
          continue;
        }
      if ((p = parse_key (p + 1, &width, &is_padded, &is_hex, &key)) == NULL)
        return satchel_error_set_setting (error, "pop3_uidl_format",
                                          "\"%s\" may have %%u, %%v, %%f and %%g only, with a "
                                          "width and X if wanted (%%08Xu)",
                                          format);
      is_unique |= key == 'u' || key == 'f' || key == 'g';
    }
  return is_unique
         || satchel_error_set_setting (error, "pop3_uidl_format",
                                       "\"%s\" is the same for all messages; add %%u", format);
}

static void
append_uidl_number (GString *out, guint32 number, guint width, gboolean is_padded, gboolean is_hex)
{
  char digits[16];
  g_snprintf (digits, sizeof digits, is_hex ? "%x" : "%u", number);
  for (gsize n = strlen (digits); n < width; n++)
    g_string_append_c (out, is_padded ? '0' : ' ');
  g_string_append (out, digits);
}

void
md_uidl_format (GString *out, const char *format, const MdUidlParts *parts)
{
  for (const char *p = format; *p != '\0';)
    {
      guint width;
      gboolean is_padded, is_hex;
      char key;
      if (*p != '%')
        {
          g_string_append_c (out, *p++);
          continue;
        }
      p = parse_key (p + 1, &width, &is_padded, &is_hex, &key);
      if (p == NULL)
        return; /* md_settings_check checked it */
      if (key == 'u' || key == 'v')
        append_uidl_number (out, key == 'u' ? parts->uid : parts->uidvalidity, width, is_padded, is_hex);
      else if (key == 'g' && parts->guid != NULL)
        g_string_append (out, parts->guid);
      else if (key == 'f' || key == 'g')
        g_string_append_len (out, parts->base, (gssize) parts->base_len);
      else
        g_string_append_c (out, '%');
    }
}

/* Checks that each is the name of one directory, and does not look like one of ours. */
static gboolean
are_volumes (const char *const *volumes, GError **error)
{
  for (; volumes != NULL && *volumes != NULL; volumes++)
    if (**volumes == '\0' || **volumes == '.' || strlen (*volumes) > 64 || strchr (*volumes, '/') != NULL
        || strcmp (*volumes, "spool") == 0)
      return satchel_error_set_setting (error, "volumes",
                                        "\"%s\" is not the name of a directory below server.mail_root, "
                                        "of 1 to 64 bytes, that a volume may have; choose another",
                                        *volumes);
  return TRUE;
}

gboolean
md_has_volume (const char *volume, const SatchelConfig *section)
{
  Written written = { 0 };
  if (section != NULL)
    satchel_config_fill (section, md_schema, &written);
  return written.volumes != NULL && g_strv_contains (written.volumes, volume);
}

gboolean
md_settings_check (const SatchelConfig *section, GError **error)
{
  Written written = { 0 };
  satchel_config_fill (section, md_schema, &written);
  return is_path_template ("path", written.path, error) && are_volumes (written.volumes, error)
         && (written.control_path == NULL || is_path_template ("control_path", written.control_path, error))
         && (written.uidl_format == NULL || is_uidl_format (written.uidl_format, error));
}

void
md_settings_init (MdSettings *settings, const SatchelConfig *section, const SatchelStorageIdentity *identity)
{
  *settings = (MdSettings) { .layout = MD_LAYOUT_PLUS };
  if (section == NULL) /* tests, and tools that open any directory, have no settings */
    {
      settings->path = g_strdup (identity->path);
      return;
    }
  Written written = { 0 };
  satchel_config_fill (section, md_schema, &written);
  const char *volume = identity->volume != NULL ? identity->volume : "";
  settings->path = expand_path (written.path, identity->user, volume);
  settings->control_path =
      written.control_path != NULL ? expand_path (written.control_path, identity->user, volume) : NULL;
  settings->layout = written.layout;
  settings->finds_names = written.folder_names == NAMES_AUTO;
  if (written.folder_names == NAMES_UTF8)
    settings->layout |= MD_LAYOUT_UTF8;
  settings->server = written.server;
  settings->keeps_maildirsize = written.maildirsize;
  settings->uidl_format = g_strdup (written.uidl_format);
}

void
md_settings_clear (MdSettings *settings)
{
  g_clear_pointer (&settings->path, g_free);
  g_clear_pointer (&settings->control_path, g_free);
  g_clear_pointer (&settings->uidl_format, g_free);
}
