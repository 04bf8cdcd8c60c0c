/* SPDX-License-Identifier: MIT
 * Declares what the core needs of descriptors beyond the public fd.h.
 */
#pragma once
#include <satchel/fd.h>

/* Both ends of a socketpair(2) or a pipe(2) are closed with their scope: g_auto (SatchelFdPair) pair =
 * SATCHEL_FD_PAIR_NONE. */
typedef struct SatchelFdPair
{
  int ends[2];
} SatchelFdPair;
#define SATCHEL_FD_PAIR_NONE { { -1, -1 } }

static inline void
satchel_fd_pair_clear (SatchelFdPair *pair)
{
  satchel_fd_clear (&pair->ends[0]);
  satchel_fd_clear (&pair->ends[1]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelFdPair, satchel_fd_pair_clear)

/* Returns the whole file; yours. Errors: INVALID (it is empty, larger than @max_bytes, or not a file), IO. */
GBytes *satchel_fd_read_bytes (int fd, gsize max_bytes, GError **error);
