/* SPDX-License-Identifier: MIT
 * Declares counters, gauges and histograms: what `satchel status --counters` and `--json` show, summed over
 * all processes. One declaration at file scope is all that a new one needs:
 *
 *   SATCHEL_COUNTER (logins, "satchel_logins_total", "Logins that were decided", "service", "result");
 *   ...
 *   satchel_counter_add (&logins, 1, "imap", "ok");
 *
 * Names follow the conventions of Prometheus: "satchel_" and, in a module, the module's name ('-' as '_') in
 * front, the unit behind: "_total" of a counter, "_seconds" or "_bytes" of a histogram.  At most 63 bytes of
 * [a-z0-9_].
 *
 * Values of labels come from a small set that the server itself has (a protocol, a verdict), never from a
 * client and never a user's name.  A counter has at most SATCHEL_COUNTER_SERIES combinations of them; what
 * goes beyond is counted with the value "other".  Of a value 23 bytes count; bytes other than [A-Za-z0-9_.-]
 * are shown as '_'.
 *
 * Any thread.  After the first use of a combination an addition is one look-up and one atomic addition in
 * memory that master shares, without a lock.  Counts survive a crash of the process; gauges start at 0 with
 * it.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

#define SATCHEL_COUNTER_LABELS 3u
#define SATCHEL_COUNTER_SERIES 32u

typedef enum
{
  SATCHEL_KIND_OF_COUNTER = 1, /* a number that only grows */
  SATCHEL_KIND_OF_GAUGE,       /* a number as it is now */
  SATCHEL_KIND_OF_HISTOGRAM /* microseconds of a name that ends in "_seconds", else the unit of its name; in
                               buckets of powers of two */
} SatchelCounterKind;

/* Made by the macros below, in static memory of whoever counts. */
typedef struct SatchelCounter
{
  size_t size;
  SatchelCounterKind kind;
  const char *name;
  const char *help; /* a sentence without its full stop */
  /* Each of these names a label, by at most 15 bytes of [a-z_]; NULL-ended. */
  const char *labels[SATCHEL_COUNTER_LABELS + 1];
  gpointer core;               /* the core's */
  struct SatchelCounter *next; /* the core's */
} SatchelCounter;

/* The macros below call these when a program or module is loaded, and when a module is unloaded. */
SATCHEL_API void satchel_counter_register (SatchelCounter *counter);
SATCHEL_API void satchel_counter_unregister (SatchelCounter *counter);

#define SATCHEL_COUNTER_OF_KIND(identifier, a_kind, a_name, a_help, ...)                                     \
  static SatchelCounter identifier = {                                                                       \
    sizeof (SatchelCounter), a_kind, a_name, a_help, { __VA_ARGS__ __VA_OPT__ (, ) NULL }, NULL, NULL        \
  };                                                                                                         \
  __attribute__ ((constructor)) static void identifier##_counter_begin (void)                                \
  {                                                                                                          \
    satchel_counter_register (&identifier);                                                                  \
  }                                                                                                          \
  __attribute__ ((destructor)) static void identifier##_counter_end (void)                                   \
  {                                                                                                          \
    satchel_counter_unregister (&identifier);                                                                \
  }                                                                                                          \
  G_STATIC_ASSERT (TRUE)
#define SATCHEL_COUNTER(identifier, name, help, ...)                                                         \
  SATCHEL_COUNTER_OF_KIND (identifier, SATCHEL_KIND_OF_COUNTER, name, help, __VA_ARGS__)
#define SATCHEL_GAUGE(identifier, name, help, ...)                                                           \
  SATCHEL_COUNTER_OF_KIND (identifier, SATCHEL_KIND_OF_GAUGE, name, help, __VA_ARGS__)
#define SATCHEL_HISTOGRAM(identifier, name, help, ...)                                                       \
  SATCHEL_COUNTER_OF_KIND (identifier, SATCHEL_KIND_OF_HISTOGRAM, name, help, __VA_ARGS__)

/* Adds @n to a counter, which may be negative only for a gauge.  @values are the values of its labels, in
 * order, NULL-ended. */
SATCHEL_API void satchel_counter_add_values (SatchelCounter *counter, gint64 n, const char *const *values);
/* Notes one observation of a histogram. */
SATCHEL_API void satchel_counter_observe_values (SatchelCounter *counter, guint64 observed,
                                                 const char *const *values);
#define satchel_counter_add(counter, n, ...)                                                                 \
  satchel_counter_add_values (counter, n, (const char *const[]) { __VA_ARGS__ __VA_OPT__ (, ) NULL })
#define satchel_counter_observe(counter, observed, ...)                                                      \
  satchel_counter_observe_values (counter, observed,                                                         \
                                  (const char *const[]) { __VA_ARGS__ __VA_OPT__ (, ) NULL })

G_END_DECLS
