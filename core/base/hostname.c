/* SPDX-License-Identifier: MIT
 * Keeps the server's name (server.hostname), which each role sets from the configuration.
 */
#include "config.h"

#include "core/base/hostname.h"

#include <unistd.h>

static char *hostname;

void
satchel_hostname_set (const char *name)
{
  char machine[256] = "localhost";
  if (name == NULL || *name == '\0')
    {
      gethostname (machine, sizeof machine - 1);
      name = machine;
    }
  g_free (hostname);
  hostname = g_strdup (name);
}

const char *
satchel_hostname (void)
{
  if (hostname == NULL)
    satchel_hostname_set (NULL);
  return hostname;
}
