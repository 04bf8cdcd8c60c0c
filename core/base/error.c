/* SPDX-License-Identifier: MIT
 * The error domain of include/satchel/error.h.
 */
#include "config.h"

#include <errno.h>
#include <satchel/error.h>
#include <satchel/hash.h>
#include <string.h>

#define N_NEWS 512u
#define NEWS_US (3600 * (gint64) G_USEC_PER_SEC)

G_DEFINE_QUARK (satchel - error, satchel_error)

static SatchelErrorCode
code_from_errno (int errnum)
{
  switch (errnum)
    {
    case ENOSPC:
    case EDQUOT:
      return SATCHEL_ERROR_NOSPACE;
    case ENOENT:
      return SATCHEL_ERROR_NONEXISTENT;
    case EEXIST:
      return SATCHEL_ERROR_ALREADYEXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
      return SATCHEL_ERROR_ACCESS;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return SATCHEL_ERROR_RESOURCES;
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

gboolean
satchel_error_is_of_machine (const GError *error)
{
  if (error == NULL || error->domain != SATCHEL_ERROR)
    return TRUE;
  switch ((SatchelErrorCode) error->code)
    {
    case SATCHEL_ERROR_FAILED:
    case SATCHEL_ERROR_CORRUPT:
    case SATCHEL_ERROR_IO:
    case SATCHEL_ERROR_UNAVAILABLE:
    case SATCHEL_ERROR_TIMEOUT:
    case SATCHEL_ERROR_NOSPACE:
    case SATCHEL_ERROR_ACCESS:
    case SATCHEL_ERROR_RESOURCES:
      return TRUE;
    default:
      return FALSE;
    }
}

/* Each message has one place in the table.  Two messages that share a place are reported more often, which
 * does no harm. */
gboolean
satchel_error_is_news (const GError *error)
{
  static GMutex lock;
  static struct
  {
    guint64 hash;
    gint64 told_us;
  } told[N_NEWS];
  if (error == NULL)
    return TRUE;
  guint64 hash = satchel_keyed_hash (error->message, strlen (error->message));
  gint64 now_us = g_get_monotonic_time ();
  g_mutex_lock (&lock);
  guint at = hash % N_NEWS;
  gboolean is_news = told[at].hash != hash || told[at].told_us == 0 || now_us - told[at].told_us > NEWS_US;
  if (is_news)
    {
      told[at].hash = hash;
      told[at].told_us = now_us;
    }
  g_mutex_unlock (&lock);
  return is_news;
}
