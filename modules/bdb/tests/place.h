/* SPDX-License-Identifier: MIT
 * Declares a place for tests: a volume of its own, with a store and a mailbox in memory only.
 */
#pragma once
#include "store/store.h"

typedef struct Place
{
  char *root;
  int root_fd;
  BdbStore store;
  BdbBox box;
} Place;

/* Opens a volume of some MB, whose log is not written anew by itself. */
BdbVolume *open_small_volume (int root_fd, const char *name, GError **error);
void remove_tree (const char *path);

void set_up (Place *place);
void tear_down (Place *place);
