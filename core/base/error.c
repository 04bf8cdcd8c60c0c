/* SPDX-License-Identifier: MIT
 * Makes the errors of include/satchel/error.h.
 */
#include "config.h"

#include <errno.h>
#include <satchel/error.h>
#include <satchel/hash.h>
#include <string.h>

#define N_NEWS 512u
#define NEWS_US (3600 * (gint64) G_USEC_PER_SEC)

/* An error has this besides its code and message. */
typedef struct SatchelErrorPrivate
{
  char *setting; /* the setting that it is about; NULL: none */
} SatchelErrorPrivate;

static void
satchel_error_private_init (SatchelErrorPrivate *about)
{
  about->setting = NULL;
}

static void
satchel_error_private_copy (const SatchelErrorPrivate *from, SatchelErrorPrivate *to)
{
  to->setting = g_strdup (from->setting);
}

static void
satchel_error_private_clear (SatchelErrorPrivate *about)
{
  g_free (about->setting);
}

G_DEFINE_EXTENDED_ERROR (SatchelError, satchel_error)

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
satchel_error_blame_setting (GError **error, const char *setting)
{
  if (error == NULL || *error == NULL)
    return FALSE;
  if ((*error)->domain != SATCHEL_ERROR)
    {
      g_autoptr (GError) foreign = g_steal_pointer (error);
      satchel_error_set (error, SATCHEL_ERROR_FAILED, "%s", foreign->message);
    }
  g_prefix_error (error, "%s: ", setting);
  SatchelErrorPrivate *about = satchel_error_get_private (*error);
  g_free (about->setting);
  about->setting = g_strdup (setting);
  return FALSE;
}

gboolean
satchel_error_set_setting (GError **error, const char *setting, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID, message);
  return satchel_error_blame_setting (error, setting);
}

const char *
satchel_error_setting (const GError *error)
{
  return error != NULL && error->domain == SATCHEL_ERROR ? satchel_error_get_private (error)->setting : NULL;
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
    case SATCHEL_ERROR_NONEXISTENT:
    case SATCHEL_ERROR_ALREADYEXISTS:
    case SATCHEL_ERROR_OVERQUOTA:
    case SATCHEL_ERROR_LIMIT:
    case SATCHEL_ERROR_NOPERM:
    case SATCHEL_ERROR_CANNOT:
    case SATCHEL_ERROR_INUSE:
    case SATCHEL_ERROR_LOCKED:
    case SATCHEL_ERROR_GONE:
    case SATCHEL_ERROR_INVALID:
    case SATCHEL_ERROR_CANCELLED:
    case SATCHEL_ERROR_BADCHARSET:
      break;
    }
  return FALSE;
}

/* The table has the messages that were told last; a new one takes the place of the oldest. */
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
  guint at = 0;
  for (guint i = 0; i < N_NEWS && told[at].hash != hash; i++)
    if (told[i].hash == hash || told[i].told_us < told[at].told_us)
      at = i;
  gboolean is_news = told[at].hash != hash || told[at].told_us == 0 || now_us - told[at].told_us > NEWS_US;
  if (is_news)
    {
      told[at].hash = hash;
      told[at].told_us = now_us;
    }
  g_mutex_unlock (&lock);
  return is_news;
}
