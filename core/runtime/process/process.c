/* SPDX-License-Identifier: MIT
 * Ends a process that cannot go on, with the reason in the log; see process.h.
 */
#include "config.h"

#include "core/runtime/process/process.h"

#include "core/base/exit.h"

#include <satchel/log.h>
#include <unistd.h>

static SatchelProcessFailFunc tell;

void
satchel_process_set_fail_func (SatchelProcessFailFunc func)
{
  tell = func;
}

void
satchel_process_fail (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *why = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  satchel_log (SATCHEL_LOG_ERROR, "process", "this process cannot go on: %s", why);
  if (tell != NULL)
    tell (why);
  /* Nothing is freed, since other threads run, and whatever is wrong may be anywhere in the process. */
  _exit (SATCHEL_EXIT_CANNOT_GO_ON);
}
