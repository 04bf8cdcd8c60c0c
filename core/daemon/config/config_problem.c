/* SPDX-License-Identifier: MIT
 * Notes a problem with a setting, for every file of the config process.
 */
#include "config.h"

#include "core/daemon/config/config_role.h"

void
satchel_config_work_problem (SatchelConfigWork *work, gboolean is_warning, const SatchelConfig *section,
                             const char *key, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autofree char *setting = section != NULL ? g_strdup_printf ("%s.%s", satchel_config_name (section), key)
                                             : g_strdup (key != NULL ? key : "");
  satchel_plan_add_problem_of (work->plan, is_warning,
                               section != NULL ? satchel_config_origin (section, key) : "", setting, "%s",
                               text);
}
