/* SPDX-License-Identifier: MIT
 * Delivery filter for tests that is no good: mail with "X-Trouble: loop" (FIELD) it loops on, with "sleep" it
 * waits for ever, with "crash" it crashes, with "deep" it runs out of stack, with "fail" it fails.  ON_ERROR
 * says what its errors mean, STAGE when it is asked (recipient, unless message).
 */
#include <satchel/filter.h>
#include <satchel/module.h>
#include <satchel/stream.h>
#include <poll.h>
#include <string.h>

static volatile int go_on = 1;

static int __attribute__ ((noinline))
deep (volatile char *above)
{
  volatile char here[1024];
  here[0] = above[0];
  return go_on ? deep (here) + here[1] : 0;
}

static gboolean
has (const char *head, const char *what)
{
  g_autofree char *field = g_strdup_printf (FIELD "%s\r\n", what);
  return strstr (head, field) != NULL;
}

static void
work_on (SatchelFilterItem *item)
{
  char head[4096];
  gssize n = satchel_stream_read_at (item->content, 0, head, sizeof head - 1, NULL);
  head[MAX (n, 0)] = '\0';
  volatile guint64 turns = 0;
  while (has (head, "loop") && go_on)
    turns++;
  while (has (head, "sleep") && go_on)
    (void) poll (NULL, 0,
                 -1); /* pause is not among the calls that a sandbox allows: it would fail, and this spin */
  if (has (head, "crash"))
    *(volatile int *) 8 = 1;
  if (has (head, "deep"))
    go_on = deep (head);
  if (has (head, "fail"))
    satchel_filter_fail (item, "told to fail");
  else
    satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
}

#ifndef STAGE
#define STAGE recipient
#endif
static const SatchelDeliveryFilterOps ops = {
  .size = sizeof ops, .band = 500, .on_error = ON_ERROR, .STAGE = work_on
};
static const SatchelProvides provides[] = { { SATCHEL_KIND_DELIVERY_FILTER, NULL, &ops }, { 0 } };
static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = NAME,
  .version = "1",
  .description = "A filter with faults, for tests",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
