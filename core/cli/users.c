/* SPDX-License-Identifier: MIT
 * Finds the users that a command line names: by their names, or all that password databases know.
 */
#include "config.h"

#include "core/cli/cli.h"

#include <satchel/auth.h>

static void
add_entry (const SatchelUserEntry *entry, gpointer data)
{
  g_ptr_array_add (data, g_strdup (entry->user));
}

int
satchel_cli_find_users (SatchelCli *cli, GPtrArray *users, GPtrArray **ret_known)
{
  for (guint i = 0; satchel_cli_argument (cli, i) != NULL; i++)
    {
      int exit;
      char *user = satchel_cli_user_name (cli->set, satchel_cli_argument (cli, i), &exit);
      if (user == NULL)
        return exit;
      g_ptr_array_add (users, user);
    }
  if ((users->len > 0) == (satchel_cli_option (cli, "--all") != NULL))
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "no user is named; name users, or write --all");
  g_autoptr (GPtrArray) known = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) passdbs =
      cli->loader != NULL ? satchel_loader_find_all (cli->loader, SATCHEL_KIND_PASSDB) : g_ptr_array_new ();
  gboolean can_list = passdbs->len > 0;
  for (guint i = 0; i < passdbs->len; i++)
    {
      const SatchelProvided *provided = passdbs->pdata[i];
      const SatchelPassdbOps *ops = provided->ops;
      g_autoptr (GError) error = NULL;
      if (SATCHEL_HAS (ops, list) && ops->list (add_entry, known, &error))
        continue;
      can_list = FALSE;
      if (error != NULL && users->len == 0)
        return satchel_cli_fail_error (error);
    }
  gboolean wants_all = users->len == 0;
  for (guint i = 0; wants_all && i < known->len; i++)
    g_ptr_array_add (users, g_strdup (known->pdata[i]));
  if (ret_known != NULL)
    *ret_known = can_list ? g_steal_pointer (&known) : NULL;
  return users->len > 0
             ? SATCHEL_EXIT_OK
             : satchel_cli_fail (SATCHEL_EXIT_NO_USER,
                                 "no enabled password database can list its users; name the users");
}
