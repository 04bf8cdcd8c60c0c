/* SPDX-License-Identifier: MIT
 * This file makes random bytes, and names of files that no other program makes.
 */
#include "config.h"

#include "files/unique_name.h"

#include <satchel/retry.h>
#include <sys/random.h>
#include <unistd.h>

void
md_random (void *buffer, gsize len)
{
  guint8 *p = buffer;
  while (len > 0)
    {
      gssize got = SATCHEL_RETRY (getrandom (p, len, 0));
      if (got <= 0)
        {
          for (; len > 0; len--)
            *p++ = (guint8) g_random_int ();
          return;
        }
      p += got;
      len -= (gsize) got;
    }
}

static const char *
host_part (void)
{
  static char host[33];
  static gsize ready;
  if (g_once_init_enter (&ready))
    {
      char name[256] = "localhost";
      gethostname (name, sizeof name - 1);
      guint n = 0;
      for (const char *p = name; *p != '\0' && n < sizeof host - 1; p++)
        host[n++] = g_ascii_isalnum (*p) || *p == '.' || *p == '-' ? *p : '_';
      host[n] = '\0';
      g_once_init_leave (&ready, 1);
    }
  return host;
}

void
md_unique_name (char buffer[128], gint64 seconds)
{
  static gint counter;
  guint64 random;
  md_random (&random, sizeof random);
  g_snprintf (buffer, 128, "%" G_GINT64_FORMAT ".M%uP%dQ%dR%012" G_GINT64_MODIFIER "x.%s", seconds,
              (guint) (g_get_real_time () % G_USEC_PER_SEC), (int) getpid (), g_atomic_int_add (&counter, 1),
              random & G_GUINT64_CONSTANT (0xffffffffffff), host_part ());
}
