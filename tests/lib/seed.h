/* SPDX-License-Identifier: MIT
 * The same random numbers at each run, so that a run says something about a change; SATCHEL_LONG=1 draws new
 * ones.
 */
#pragma once
#include "tests/lib/rounds.h"

/* Call it before g_test_init. */
static inline void
seed_test (int *argc, char ***argv)
{
  for (int i = 1; i < *argc; i++)
    if (g_str_has_prefix ((*argv)[i], "--seed"))
      return;
  if (is_long_run ())
    return;
  static char *more[64]; /* for the life of the program */
  if (*argc + 1 >= (int) G_N_ELEMENTS (more))
    return;
  for (int i = 0; i < *argc; i++)
    more[i] = (*argv)[i];
  more[(*argc)++] = (char *) "--seed=R02S00000001000000020000000300000004";
  *argv = more;
}
