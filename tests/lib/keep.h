/* SPDX-License-Identifier: MIT
 * What a test makes for the life of the program: reachable to the end, so that no sanitizer takes it for a
 * leak.
 */
#pragma once
#include <glib.h>

static inline gpointer
keep (gpointer data)
{
  static GSList *kept;
  if (data != NULL)
    kept = g_slist_prepend (kept, data);
  return data;
}
