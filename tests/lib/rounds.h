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

/* Returns how often to repeat: @usual times; @many in the long run; a quarter under a sanitizer, which looks
 * at each step more closely, and after the same program has run without one. */
static inline guint
count_rounds (guint usual, guint many)
{
  if (is_long_run ())
    return many;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return MAX (usual / 4, 1);
#else
  return usual;
#endif
}
