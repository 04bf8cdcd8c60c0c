/* SPDX-License-Identifier: MIT
 * This file lists what a role may still reach in the file system: its own root, and the directories of
 * paths that settings of its modules name (a password file is replaced by a rename, so its directory is
 * needed, not the file).
 */
#include "config.h"

#include "core/daemon/role/role_private.h"

#include <fcntl.h>
#include <unistd.h>

static void
path_clear (gpointer data)
{
  close (((SatchelSandboxPath *) data)->fd);
}

static void
add_fd (GArray *paths, int fd, gboolean is_writable)
{
  SatchelSandboxPath path = { fd, is_writable, FALSE };
  if (fd >= 0)
    g_array_append_val (paths, path);
}

static void
add_parent (GArray *paths, const char *path)
{
  if (path == NULL || *path != '/')
    return;
  g_autofree char *parent = g_path_get_dirname (path);
  if (*path != '\0' && parent[1] != '\0')
    add_fd (paths, open (parent, O_PATH | O_DIRECTORY | O_CLOEXEC), TRUE);
}

static gboolean
is_of_role (const SatchelConfigRow *row, SatchelRole role)
{
  return row->type == SATCHEL_CONFIG_PATH
         && ((row->flags & SATCHEL_CONFIG_OF_AUTH) == 0 || role == SATCHEL_ROLE_AUTH);
}

static void
add_settings (GArray *paths, const SatchelConfig *section, const SatchelConfigRow *rows, SatchelRole role,
              guint depth)
{
  for (guint i = 0; rows != NULL && rows[i].key != NULL; i++)
    {
      if (is_of_role (&rows[i], role))
        add_parent (paths, satchel_config_path (section, rows[i].key));
      guint n = rows[i].type == SATCHEL_CONFIG_GROUPS && depth < 4
                    ? satchel_config_n_groups (section, rows[i].key)
                    : 0;
      for (guint j = 0; j < n; j++)
        add_settings (paths, satchel_config_group (section, rows[i].key, j), rows[i].group, role, depth + 1);
    }
}

GArray *
satchel_role_paths (SatchelRoleContext *context)
{
  GArray *paths = g_array_new (FALSE, FALSE, sizeof (SatchelSandboxPath));
  g_array_set_clear_func (paths, path_clear);
  if (!satchel_role_has (context->role, SATCHEL_TRAIT_CAGE_FILES))
    return paths;
  if (context->root_fd >= 0)
    add_fd (paths, fcntl (context->root_fd, F_DUPFD_CLOEXEC, 3), TRUE);
  const char *const *names = satchel_config_set_names (context->config);
  for (guint i = 0; names[i] != NULL; i++)
    {
      const SatchelModule *module = satchel_loader_module (context->loader, names[i], FALSE);
      if (module != NULL)
        add_settings (paths, satchel_config_set_group (context->config, names[i]), module->schema,
                      context->role, 0);
    }
  return paths;
}
