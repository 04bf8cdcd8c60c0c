/* SPDX-License-Identifier: MIT
 * The error domain of include/satchel/error.h.
 */
#include "config.h"

#include <errno.h>
#include <satchel/error.h>

G_DEFINE_QUARK (satchel-error, satchel_error)

static SatchelErrorCode
code_from_errno (int errnum)
{
  switch (errnum)
    {
    case ENOSPC:
    case EDQUOT:
      return SATCHEL_ERROR_OVERQUOTA;
    case ENOENT:
      return SATCHEL_ERROR_NONEXISTENT;
    case EEXIST:
      return SATCHEL_ERROR_ALREADYEXISTS;
    case EACCES:
    case EPERM:
      return SATCHEL_ERROR_NOPERM;
    default:
      return SATCHEL_ERROR_IO;
    }
}

gboolean
satchel_error_set_errno (GError **error, int errnum, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, SATCHEL_ERROR, code_from_errno (errnum), "%s: %s", what, g_strerror (errnum));
  return FALSE;
}

gboolean
satchel_error_set (GError **error, SatchelErrorCode code, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, SATCHEL_ERROR, code, message);
  return FALSE;
}
