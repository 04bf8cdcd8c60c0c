/* SPDX-License-Identifier: MIT
 * This file starts threads that get no signals.
 */
#include "config.h"

#include "core/cli/quiet_thread.h"

#include <signal.h>

GThread *
satchel_quiet_thread_new (const char *name, GThreadFunc func, gpointer data)
{
  sigset_t all, before;
  sigfillset (&all);
  pthread_sigmask (SIG_BLOCK, &all, &before);
  GThread *thread = g_thread_new (name, func, data);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return thread;
}
