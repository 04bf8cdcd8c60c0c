/* SPDX-License-Identifier: MIT
 * Implements the id of the boot.
 */
#include "config.h"

#include "files/boot_id.h"
#include "files/unique_name.h"

#include <fcntl.h>
#include <unistd.h>

/* Returns the kernel's id of this boot. What was written without a sync survives a kill but not a boot. */
const guint8 *
md_boot_id (void)
{
  static guint8 id[16];
  static gsize ready;
  if (g_once_init_enter (&ready))
    {
      char text[37] = { 0 };
      guint n = 0;
      int fd = open ("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
      if (fd >= 0 && read (fd, text, 36) == 36)
        for (const char *p = text; *p != '\0' && n < 16; p++)
          if (g_ascii_isxdigit (p[0]) && g_ascii_isxdigit (p[1]))
            {
              id[n++] = (guint8) (g_ascii_xdigit_value (p[0]) << 4 | g_ascii_xdigit_value (p[1]));
              p++;
            }
      if (fd >= 0)
        close (fd);
      if (n < 16)
        /* The boot is unknown, so the next process trusts nothing that was not synced. */
        md_random (id, sizeof id);
      g_once_init_leave (&ready, 1);
    }
  return id;
}
