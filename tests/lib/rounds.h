/* SPDX-License-Identifier: MIT
 * How often a test repeats what it does with random input.
 */
#pragma once
#include <glib.h>

static inline gboolean
is_long_run (void)
{
  return g_strcmp0 (g_getenv ("SATCHEL_LONG"), "1") == 0;
}

/* Says whether a sanitizer watches, which looks at each step more closely; the same program runs without one
 * too. */
static inline gboolean
is_sanitized (void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return TRUE;
#else
  return FALSE;
#endif
}

/* Returns how often to repeat: @usual times; @many in the long run; a quarter under a sanitizer. */
static inline guint
count_rounds (guint usual, guint many)
{
  if (is_long_run ())
    return many;
  return is_sanitized () ? MAX (usual / 4, 1) : usual;
}

/* Returns the distance between moments at which a process is killed, of all that there are: each is tried,
 * one of three under a sanitizer. */
static inline guint
get_kill_step (void)
{
  return is_sanitized () && !is_long_run () ? 3 : 1;
}
