/* SPDX-License-Identifier: MIT
 * This file makes the names by which PAM knows users.
 */
#include "account.h"

#include <string.h>

char *
pam_account_name (const char *user, const char *domain)
{
  const char *at = strrchr (user, '@');
  /* Such a name is refused, since programs that PAM's modules start would take it for an option. */
  if (at == NULL || at == user || user[0] == '-')
    return NULL;
  if (domain == NULL)
    return g_strdup (user);
  return g_ascii_strcasecmp (at + 1, domain) == 0 ? g_strndup (user, (gsize) (at - user)) : NULL;
}
