/* SPDX-License-Identifier: MIT
 * Finds the accounts of the processes, which settings give as names or numbers, in a process that may ask
 * name services.
 */
#include "config.h"

#include "core/daemon/config/config_role.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/process/roles.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

static gboolean
parse_number (const char *text, guint32 *ret_number)
{
  guint64 number;
  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32 - 1, &number, NULL))
    return FALSE;
  *ret_number = (guint32) number;
  return TRUE;
}

static void
find_user (SatchelConfigWork *work, const SatchelConfig *server, const char *key, SatchelPlanIds *ret_ids)
{
  const char *name = satchel_config_string (server, key);
  guint32 number;
  if (name != NULL && parse_number (name, &number))
    {
      *ret_ids = (SatchelPlanIds) { number, number };
      return;
    }
  errno = 0;
  const struct passwd *entry = name != NULL && *name != '\0' ? getpwnam (name) : NULL;
  if (entry != NULL)
    *ret_ids = (SatchelPlanIds) { entry->pw_uid, entry->pw_gid };
  else
    satchel_config_work_problem (work, FALSE, server, key,
                                 "server.%s: there is no account \"%s\"; make it (systemd-sysusers, or: "
                                 "useradd --system %s), or set a number",
                                 key, name != NULL ? name : "", name != NULL ? name : "NAME");
}

static void
find_group (SatchelConfigWork *work, const SatchelConfig *section, const char *key, const char *name,
            guint32 *ret_gid)
{
  if (parse_number (name, ret_gid))
    return;
  const struct group *entry = getgrnam (name);
  if (entry != NULL)
    *ret_gid = entry->gr_gid;
  else
    satchel_config_work_problem (work, FALSE, section, key,
                                 "%s: there is no group \"%s\"; make it (groupadd --system %s), set a "
                                 "number, or leave the setting out",
                                 key, name, name);
}

void
satchel_config_work_group (SatchelConfigWork *work, const SatchelConfig *section, const char *key,
                           const char *name, guint32 *ret_gid)
{
  if (work->is_root)
    find_group (work, section, key, name, ret_gid);
}

void
satchel_config_work_owner (SatchelConfigWork *work, const SatchelConfig *section, const char *owner,
                           const char *group, guint32 *ret_uid, guint32 *ret_gid)
{
  const struct passwd *entry;
  *ret_uid = *ret_gid = SATCHEL_PLAN_NO_ID;
  if (owner != NULL && !parse_number (owner, ret_uid))
    {
      if ((entry = getpwnam (owner)) != NULL)
        *ret_uid = entry->pw_uid;
      else
        satchel_config_work_problem (work, FALSE, section, "owner",
                                     "owner: there is no account \"%s\"; correct the name, set a number, or "
                                     "leave the setting out",
                                     owner);
    }
  if (group != NULL)
    find_group (work, section, "group", group, ret_gid);
}

void
satchel_config_work_ids (SatchelConfigWork *work)
{
  const SatchelConfig *server = satchel_config_set_group (work->set, "server");
  SatchelPlan *plan = work->plan;
  for (const SatchelRoleRow *row = satchel_role_rows (); work->is_root && row->role != 0; row++)
    {
      gboolean is_unused = (row->traits & SATCHEL_TRAIT_ONE_MODULE) != 0 && plan->helpers->len == 0;
      if (row->account != NULL && !is_unused)
        find_user (work, server, row->account, &plan->ids[row->ids]);
    }
  SatchelServerSettings settings;
  satchel_server_settings_read (server, &settings);
  const char *group = settings.admin_group;
  if (group != NULL && *group != '\0')
    satchel_config_work_group (work, server, "admin_group", group, &plan->admin_gid);
}
