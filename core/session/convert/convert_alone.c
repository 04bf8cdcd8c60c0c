/* SPDX-License-Identifier: MIT
 * This file sees to it that a user has one conversion, or removal of what one left, at a time: two would be
 * in each other's way.  The user's process is the only one that does either.
 */
#include "config.h"

#include "core/session/admin/alone.h"
#include "core/session/convert/convert_private.h"

#define KIND "conversion"

gboolean
satchel_convert_be_alone (const char *user, GError **error)
{
  return satchel_admin_be_alone (KIND, user)
         || satchel_error_set (error, SATCHEL_ERROR_INUSE,
                               "a conversion of %s is at work; interrupt it first, or wait", user);
}

void
satchel_convert_end_alone (const char *user)
{
  satchel_admin_end_alone (KIND, user);
}

gboolean
satchel_convert_is_at_work (const char *user)
{
  return satchel_admin_is_at_work (KIND, user);
}
