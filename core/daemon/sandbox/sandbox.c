/* SPDX-License-Identifier: MIT
 * Enters the sandbox, after everything that must be in memory has been loaded.
 */
#include "config.h"

#include "core/daemon/sandbox/sandbox.h"
#include "core/mail/charset/charset_reader.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

/* Linux has this since 6.3; headers may be older than the kernel. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#ifndef PR_MDWE_REFUSE_EXEC_GAIN
#define PR_MDWE_REFUSE_EXEC_GAIN 1UL
#endif

void
satchel_sandbox_preload (SatchelRole role)
{
  /* If TZ is not set, glibc opens the file again at each conversion. */
  setenv ("TZ", ":/etc/localtime", 0);
  tzset ();
  time_t now = time (NULL);
  struct tm tm;
  localtime_r (&now, &tm);
  (void) g_random_int ();
  (void) g_get_charset (NULL);
  /* The end of a thread unwinds its stack with this library, which glibc would load only then. */
  (void) dlopen ("libgcc_s.so.1", RTLD_NOW | RTLD_GLOBAL);
  if (satchel_role_has (role, SATCHEL_TRAIT_CAGE_STORE))
    satchel_charset_preload ();
}

static gboolean
lack_protection (SatchelSandboxMode mode, const char *what, const char *advice, GError **error)
{
  if (mode == SATCHEL_SANDBOX_REQUIRED)
    return satchel_error_set (
        error, SATCHEL_ERROR_UNAVAILABLE,
        "server.sandbox is \"required\", but this kernel %s; %s, or set server.sandbox = \"best-effort\"",
        what, advice);
  satchel_log (SATCHEL_LOG_WARNING, "sandbox", "this kernel %s: this process is confined less; %s", what,
               advice);
  return TRUE;
}

gboolean
satchel_sandbox_enter (SatchelRole role, SatchelSandboxMode mode, const SatchelSandboxPath *paths,
                       guint n_paths, const GArray *ports, GError **error)
{
  if (mode == SATCHEL_SANDBOX_OFF)
    {
      satchel_log (SATCHEL_LOG_WARNING, "sandbox", "server.sandbox is \"off\": this process is not confined");
      return TRUE;
    }
  int abi = 0;
  if (!satchel_sandbox_landlock (role, paths, n_paths, ports, &abi, error))
    return FALSE;
  if (abi == 0 && !lack_protection (mode, "has no Landlock", "boot with landlock in lsm=", error))
    return FALSE;
  if (abi > 0 && abi < 4
      && !lack_protection (mode, "has a Landlock that cannot restrict TCP", "use Linux 6.7 or newer", error))
    return FALSE;
  /* If the kernel supports this, no page that was writable becomes executable by any call; seccomp forbids
   * the same for the calls that it knows. The config process still loads modules, and a launcher starts
   * programs of others, so they are left out. */
  if (!satchel_role_has (role, SATCHEL_TRAIT_CAGE_CONFIG)
      && !satchel_role_has (role, SATCHEL_TRAIT_CAGE_PROGRAMS))
    (void) prctl (PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0L, 0L, 0L);
  g_autoptr (GError) local = NULL;
  if (satchel_sandbox_seccomp (role, ports != NULL, &local))
    return TRUE;
  g_autofree char *what = g_strdup_printf ("did not take the seccomp filter (%s)", local->message);
  return lack_protection (mode, what, "use a kernel with CONFIG_SECCOMP_FILTER", error);
}
