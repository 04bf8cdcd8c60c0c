/* SPDX-License-Identifier: MIT
 * Lists the settings of group `bdb`: where volumes are, and what they may take up.
 */
#include "config.h"

#include "settings.h"

#include <string.h>

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, BdbSettings, member)
#define VOLUME_BYTES 64u

const SatchelConfigRow bdb_schema[] = {
  { "path", INTO (STRING, path), "bdb",
    "Directory of the volumes below server.mail_root; each volume is a directory in it" },
  { "volumes", INTO (STRINGS, volumes), "[ ]",
    "Names of volumes that placement rules may send users to; without any there is one volume, which is "
    "called default.  A volume can be on a disk of its own: mount that at PATH/NAME" },
  { "cache", INTO (SIZE, cache), "64M", "Memory of each open volume for pages of its tables", NULL,
    SATCHEL_MIB (1), SATCHEL_GIB (64) },
  { "log_file", INTO (SIZE, log_file), "16M",
    "Size of one file of the write-ahead log, which is taken from the disk when the file begins", NULL,
    SATCHEL_MIB (4), SATCHEL_GIB (1) },
  { "checkpoint_size", INTO (SIZE, log_bytes), "8M",
    "How much may be written to the log before pages go to the tables; more of it makes recovery longer",
    NULL, SATCHEL_MIB (1), SATCHEL_GIB (16) },
  { "checkpoint_interval", INTO (DURATION, checkpoint_ms), "5m",
    "How long changes may stay in the log alone before pages go to the tables", NULL, SATCHEL_SECONDS (1),
    SATCHEL_HOURS (24) },
  { "reserve", INTO (SIZE, reserve), "64M",
    "Disk space that a file in each volume keeps from other programs: when the rest of the disk is full, "
    "mail "
    "is refused for the moment, and only removing and flagging use it; four log files are right",
    NULL, SATCHEL_MIB (1), SATCHEL_TIB (1) },
  { "keep_open", INTO (BOOL, keeps_open), "true",
    "Whether a volume stays open in its mail process while no user has it in use; if not, the next user "
    "waits "
    "for it to be opened with recovery" },
  { NULL }
};

static gboolean
is_relative_path (const char *path, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  for (char **part = parts; *part != NULL; part++)
    if (**part == '\0' || strcmp (*part, ".") == 0 || strcmp (*part, "..") == 0)
      return satchel_error_set_setting (
          error, "path", "\"%s\" must be a path below server.mail_root without empty parts, \".\" and \"..\"",
          path);
  return parts[0] != NULL || satchel_error_set_setting (error, "path", "the path is empty; write \"bdb\"");
}

gboolean
bdb_settings_is_name (const char *name)
{
  gsize len = strlen (name);
  return len >= 1 && len <= VOLUME_BYTES && g_ascii_isalnum (name[0])
         && strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

void
bdb_settings_fill (const SatchelConfig *section, BdbSettings *ret_settings)
{
  *ret_settings = (BdbSettings) { 0 };
  satchel_config_fill (section, bdb_schema, ret_settings);
}

gboolean
bdb_settings_check (const SatchelConfig *section, GError **error)
{
  BdbSettings settings;
  bdb_settings_fill (section, &settings);
  for (const char *const *name = settings.volumes; *name != NULL; name++)
    if (!bdb_settings_is_name (*name))
      return satchel_error_set_setting (
          error, "volumes", "\"%s\" is no name of a volume: use 1 to %u letters, digits, '.', '_' and '-'",
          *name, VOLUME_BYTES);
  return is_relative_path (settings.path, error);
}

gboolean
bdb_settings_has_volume (const BdbSettings *settings, const char *volume)
{
  if (volume == NULL || *volume == '\0')
    return TRUE;
  return g_strv_contains (settings->volumes, volume);
}
