/* SPDX-License-Identifier: MIT
 * A library to preload (LD_PRELOAD) into a server: its clocks run ahead of the machine's by what a file says
 * that SATCHEL_TEST_CLOCK names, which clock.py writes.  The file is mapped before a process enters its
 * sandbox, where it could not be read any more; libfaketime would have to read its own file there.  Waiting
 * takes as long as ever: only what clocks say is changed.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* In nanoseconds.  Time that passes moves every clock; a clock that is set is that of the day alone. */
typedef struct Ahead
{
  int64_t passed_ns, set_ns;
} Ahead;

#define SECOND_NS 1000000000

static const Ahead *ahead;
static int (*real_clock_gettime) (clockid_t clock, struct timespec *time);

__attribute__ ((constructor)) static void
map_file (void)
{
  const char *path = getenv ("SATCHEL_TEST_CLOCK");
  int fd = path != NULL ? open (path, O_RDONLY | O_CLOEXEC) : -1;
  real_clock_gettime = (int (*) (clockid_t, struct timespec *)) dlsym (RTLD_NEXT, "clock_gettime");
  if (fd < 0)
    return;
  void *map = mmap (NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
  ahead = map != MAP_FAILED ? map : NULL;
  close (fd);
}

static int64_t
ahead_ns (clockid_t clock)
{
  if (ahead == NULL)
    return 0;
  int64_t passed_ns = __atomic_load_n (&ahead->passed_ns, __ATOMIC_RELAXED);
  switch (clock)
    {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
      return passed_ns + __atomic_load_n (&ahead->set_ns, __ATOMIC_RELAXED);
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
      return passed_ns;
    default: /* of processors */
      return 0;
    }
}

int
clock_gettime (clockid_t clock, struct timespec *now)
{
  if (real_clock_gettime == NULL) /* another library's constructor ran first */
    real_clock_gettime = (int (*) (clockid_t, struct timespec *)) dlsym (RTLD_NEXT, "clock_gettime");
  int result = real_clock_gettime (clock, now);
  if (result == 0)
    {
      int64_t ns = now->tv_nsec + ahead_ns (clock) % SECOND_NS;
      now->tv_sec += ahead_ns (clock) / SECOND_NS + (ns >= SECOND_NS) - (ns < 0);
      now->tv_nsec = ns < 0 ? ns + SECOND_NS : ns % SECOND_NS;
    }
  return result;
}

int
gettimeofday (struct timeval *restrict now, void *restrict zone)
{
  struct timespec time;
  (void) zone;
  clock_gettime (CLOCK_REALTIME, &time);
  *now = (struct timeval) { time.tv_sec, time.tv_nsec / 1000 };
  return 0;
}

time_t
time (time_t *ret_time)
{
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  if (ret_time != NULL)
    *ret_time = now.tv_sec;
  return now.tv_sec;
}
