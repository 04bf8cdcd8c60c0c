/* SPDX-License-Identifier: MIT
 * For unit tests: turning the loop until something is so.
 */
#pragma once
#include <glib.h>

/* Turns the default main context until @condition holds; fails the test after 20 seconds, which no sound run
 * needs. */
#define loop_until(condition)                                                                                \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    gint64 loop_end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;                                         \
    guint loop_tick = g_timeout_add (50, loop_tick_func, NULL);                                              \
    while (!(condition))                                                                                     \
      {                                                                                                      \
        if (g_get_monotonic_time () > loop_end)                                                              \
          g_error ("%s:%d: never became true: %s", __FILE__, __LINE__, #condition);                          \
        g_main_context_iteration (NULL, TRUE);                                                               \
      }                                                                                                      \
    g_source_remove (loop_tick);                                                                             \
  }                                                                                                          \
  G_STMT_END

static inline gboolean
loop_tick_func (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* Everything that is ready now; fails the test if that never ends. */
static inline void
loop_settle (void)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  for (int i = 0; i < 10; i++)
    while (g_main_context_iteration (NULL, FALSE))
      if (g_get_monotonic_time () > end)
        g_error ("the loop always has something to do");
}
