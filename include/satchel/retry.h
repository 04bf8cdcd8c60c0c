/* SPDX-License-Identifier: MIT
 * System calls that are repeated when a signal interrupts them, so that no caller ever sees EINTR.
 */
#pragma once
#include <errno.h>
#include <unistd.h>

/* Evaluates @call again for as long as it returns a negative value with EINTR.  Not for close. */
#define SATCHEL_RETRY(call)                                                                                  \
  (__extension__ ({                                                                                          \
    __typeof__ (call) satchel_retry_;                                                                        \
    do                                                                                                       \
      satchel_retry_ = (call);                                                                               \
    while (satchel_retry_ < 0 && errno == EINTR);                                                            \
    satchel_retry_;                                                                                          \
  }))

/* On Linux the descriptor is closed even if close is interrupted; a second try might close a descriptor of
 * another thread. */
static inline int
satchel_close (int fd)
{
  return close (fd) == 0 || errno == EINTR ? 0 : -1;
}
