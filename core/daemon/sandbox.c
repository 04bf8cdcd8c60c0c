/* SPDX-License-Identifier: MIT
 * Entering the cage, and what must be in memory before its door closes.
 */
#include "config.h"

#include "core/daemon/sandbox.h"

#include <dlfcn.h>
#include <iconv.h>
#include <stdlib.h>
#include <time.h>

/* Charsets of mail as it is found; later loads of others fail cleanly as unknown charsets. */
static const char *const charsets[] = {
  "ISO-8859-1", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4", "ISO-8859-5", "ISO-8859-6", "ISO-8859-7", "ISO-8859-8",
  "ISO-8859-9", "ISO-8859-10", "ISO-8859-11", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15", "ISO-8859-16",
  "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256",
  "WINDOWS-1257", "WINDOWS-1258", "KOI8-R", "KOI8-U", "IBM437", "IBM850", "IBM852", "IBM866", "MACINTOSH",
  "UTF-7", "UTF-16", "UTF-32", "GB2312", "GBK", "GB18030", "HZ", "BIG5", "BIG5-HKSCS", "EUC-TW", "EUC-JP",
  "ISO-2022-JP", "SHIFT_JIS", "CP932", "EUC-KR", "CP949", "ISO-2022-KR", "ISO-2022-CN", "TIS-620", "VISCII", "ARMSCII-8"
};

void
satchel_sandbox_preload (SatchelRole role)
{
  /* With TZ unset glibc looks at the file again at each conversion. */
  setenv ("TZ", ":/etc/localtime", 0);
  tzset ();
  time_t now = time (NULL);
  struct tm tm;
  localtime_r (&now, &tm);
  (void) g_random_int ();
  (void) g_get_charset (NULL);
  /* Ending a thread unwinds its stack by this library, which is found lazily. */
  (void) dlopen ("libgcc_s.so.1", RTLD_NOW | RTLD_GLOBAL);
  if (role != SATCHEL_ROLE_MAIL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (charsets); i++)
    {
      /* Never closed: that is what keeps the converter mapped. */
      (void) iconv_open ("UTF-8", charsets[i]);
      (void) iconv_open (charsets[i], "UTF-8");
    }
}

static gboolean
miss (SatchelSandboxMode mode, const char *what, const char *advice, GError **error)
{
  if (mode == SATCHEL_SANDBOX_REQUIRED)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "server.sandbox is \"required\", but this kernel %s; %s, or set server.sandbox = \"best-effort\"", what, advice);
  satchel_log (SATCHEL_LOG_WARNING, "sandbox", "this kernel %s: this process is held by less; %s", what, advice);
  return TRUE;
}

gboolean
satchel_sandbox_enter (SatchelRole role, SatchelSandboxMode mode, const SatchelSandboxPath *paths, guint n_paths,
                       GError **error)
{
  if (mode == SATCHEL_SANDBOX_OFF)
    {
      satchel_log (SATCHEL_LOG_WARNING, "sandbox", "server.sandbox is \"off\": this process is not confined");
      return TRUE;
    }
  int abi = 0;
  if (!satchel_sandbox_landlock (role, paths, n_paths, &abi, error))
    return FALSE;
  if (abi == 0 && !miss (mode, "has no Landlock", "boot with landlock in lsm=", error))
    return FALSE;
  if (abi > 0 && abi < 4 && !miss (mode, "has a Landlock that cannot hold back TCP", "use Linux 6.7 or newer", error))
    return FALSE;
  g_autoptr (GError) local = NULL;
  if (satchel_sandbox_seccomp (role, &local))
    return TRUE;
  g_autofree char *what = g_strdup_printf ("did not take the seccomp filter (%s)", local->message);
  return miss (mode, what, "use a kernel with CONFIG_SECCOMP_FILTER", error);
}
