/* SPDX-License-Identifier: MIT
 * Finds out how a service may write where its unit forbids it.
 */
#include "config.h"

#include "core/daemon/master/read_only.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Returns the unit in which this process runs: the last level of its control group,
 * "0::/system.slice/satchel.service". */
static char *
own_unit (void)
{
  g_autofree char *text = NULL;
  if (g_getenv ("INVOCATION_ID") == NULL || !g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL))
    return NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_suffix (lines[i], ".service"))
      return g_path_get_basename (lines[i]);
  return NULL;
}

/* ProtectHome=yes covers these directories with others that nobody may enter, and nothing below them can be
 * let through. */
static gboolean
is_home (const char *dir)
{
  static const char *const homes[] = { "/home/", "/root/", "/run/user/" };
  for (guint i = 0; i < G_N_ELEMENTS (homes); i++)
    if (g_str_has_prefix (dir, homes[i]))
      return TRUE;
  return FALSE;
}

/* Looks at the deepest level of the path that exists. */
static gboolean
is_read_only (const char *dir)
{
  g_autofree char *place = g_strdup (dir);
  for (;;)
    {
      if (access (place, W_OK) == 0)
        return FALSE;
      if (errno == EROFS)
        return TRUE;
      if (strcmp (place, "/") == 0 || (errno != ENOENT && errno != EACCES))
        return FALSE;
      /* A directory that may not be entered is of interest only if it is a home. */
      if (errno == EACCES && !is_home (dir))
        return FALSE;
      char *above = g_path_get_dirname (place);
      g_free (place);
      place = above;
    }
}

char *
satchel_read_only_advice (const char *dir)
{
  if (!is_read_only (dir))
    return NULL;
  g_autofree char *unit = own_unit ();
  if (unit == NULL)
    return g_strdup_printf (
        "%s is on a file system that is read-only; mount it writable, or name another place", dir);
  g_autofree char *drop_in = g_strdup_printf ("/etc/systemd/system/%s.d", unit),
                  *line = g_strdup_printf ("ReadWritePaths=%s", dir);
  g_autofree char *quoted = g_shell_quote (dir), *quoted_line = g_shell_quote (line);
  return g_strdup_printf ("%s is read-only for %s; run: mkdir -p %s %s && printf '%%s\\n' '[Service]' %s%s "
                          ">> %s/paths.conf && systemctl daemon-reload",
                          dir, unit, quoted, drop_in, is_home (dir) ? "ProtectHome=read-only " : "",
                          quoted_line, drop_in);
}
