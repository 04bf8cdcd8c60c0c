/* SPDX-License-Identifier: MIT
 * System calls that a signal interrupts are made again: EINTR is never told to anybody.
 */
#pragma once
#include <errno.h>
#include <unistd.h>

/* @call returns something negative and EINTR when it was interrupted; it is evaluated again then.  Not for
 * close. */
#define SATCHEL_RETRY(call)                                                                                  \
  (__extension__ ({                                                                                          \
    __typeof__ (call) satchel_retry_;                                                                        \
    do                                                                                                       \
      satchel_retry_ = (call);                                                                               \
    while (satchel_retry_ < 0 && errno == EINTR);                                                            \
    satchel_retry_;                                                                                          \
  }))

/* Linux has closed the descriptor when close is interrupted: a second try might close another's. */
static inline int
satchel_close (int fd)
{
  return close (fd) == 0 || errno == EINTR ? 0 : -1;
}
