/* SPDX-License-Identifier: MIT
 * Modules with one fault each, chosen by ODD when compiled; 0 has none.  For test-loader.
 */
#include <satchel/filter.h>
#include <satchel/listener.h>
#include <satchel/module.h>
#include <stdlib.h>
#include <unistd.h>

#define GOOD 0
#define WRONG_ABI 1
#define CRASH 2
#define HANG 3
#define EXITS 4
#define NO_SYMBOL 5
#define LACKS_ENTRY 6
#define MISSING_SYMBOL 7
#define WRONG_NAME 8
#define NOT_OURS 9
#define SAME_NAME 10
#define HALF_A_RELOAD 11
#define FOREIGN_COUNTER 12
#define NEWER_TABLE 13  /* it sets what only a newer server would call */
#define LONGER_TABLE 14 /* it could, and does not: no fault */
#define HUGE_TABLE 15
#define SHORT_TABLE 16   /* it ends before the members that every table of the kind has */
#define IDLE_LISTENER 17 /* nothing of it is ever called */
#define NEWER_KIND 18
#define NEWER_SETTING 19
#define NEWER_RIGHT 20
#define LONGER_DESCRIPTOR 21

#if ODD == FOREIGN_COUNTER
#include <satchel/counter.h>
SATCHEL_COUNTER (foreign, "satchel_logins_total", "What is another's to count");
#endif

#if ODD == CRASH
static __attribute__ ((constructor)) void
begin (void)
{
  abort ();
}
#elif ODD == HANG
static __attribute__ ((constructor)) void
begin (void)
{
  for (;;)
    pause ();
}
#elif ODD == EXITS
static __attribute__ ((constructor)) void
begin (void)
{
  _exit (0);
}
#endif

#if ODD == MISSING_SYMBOL
extern int satchel_function_that_is_nowhere (void);
#endif

G_GNUC_UNUSED static void
filter (SatchelFilterItem *item)
{
#if ODD == MISSING_SYMBOL
  (void) satchel_function_that_is_nowhere ();
#endif
  satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
}

static int n_configured, n_started;

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  n_configured++;
  return TRUE;
}

static gboolean
start (SatchelRole role, GError **error)
{
  n_started++;
  return TRUE;
}

static gboolean
reload (const SatchelConfig *section, GError **error)
{
  if (satchel_config_bool (section, "refuse"))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "told to refuse");
  return TRUE;
}

G_GNUC_UNUSED static void
reload_end (gboolean is_commit)
{
}

static const SatchelConfigRow rows[] = {
  { "refuse", SATCHEL_CONFIG_BOOL, "false", "Refuses a reload", .flags = SATCHEL_CONFIG_RELOADABLE },
#if ODD == NEWER_SETTING
  { "later", (SatchelConfigType) 99, "", "Is of a type of a later release" },
#endif
  { NULL }
};
#if ODD == LACKS_ENTRY
static const SatchelDeliveryFilterOps ops = { .size = sizeof ops, .band = 500 };
#elif ODD == NEWER_TABLE || ODD == LONGER_TABLE || ODD == HUGE_TABLE
static const struct
{
  SatchelDeliveryFilterOps known;
  void (*later) (void);
  void (*last) (void);
} longer = {
  .known = { .size = ODD == HUGE_TABLE ? (size_t) 1 << 40 : sizeof longer, .band = 500, .message = filter },
#if ODD == NEWER_TABLE
  .last = abort,
#endif
};
#define ops longer
#elif ODD == SHORT_TABLE
static const size_t ops = sizeof ops;
#elif ODD == IDLE_LISTENER
static const SatchelMailboxListenerOps ops = { .size = sizeof ops, .band = 500 };
#else
static const SatchelDeliveryFilterOps ops = { .size = sizeof ops, .band = 500, .message = filter };
#endif
static const SatchelProvides provides[] = {
#if ODD == SAME_NAME
  { SATCHEL_KIND_DELIVERY_FILTER, "odd0", &ops },
#elif ODD == SHORT_TABLE || ODD == IDLE_LISTENER
  { SATCHEL_KIND_MAILBOX_LISTENER, NULL, &ops },
#elif ODD == NEWER_KIND
  { (SatchelKind) 99, NULL, &ops },
#else
  { SATCHEL_KIND_DELIVERY_FILTER, NULL, &ops },
#endif
  { 0 }
};

#define TEXT(x) #x
#define EXPANDED(x) TEXT (x)
static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
#if ODD == WRONG_NAME
  .name = "another",
#else
  .name = "odd" EXPANDED (ODD),
#endif
  .version = "1", /* this module's own */
  .description = "has one fault",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL,
  .schema = rows,
  .provides = provides,
  .configure = configure,
  .start = start,
  .reload = reload,
#if ODD != HALF_A_RELOAD
  .reload_end = reload_end,
#endif
#if ODD == NEWER_RIGHT
  .rights = 1u << 30,
#endif
};

#if ODD == NO_SYMBOL
SATCHEL_API const SatchelModule *not_the_name (void);
const SatchelModule *
not_the_name (void)
#else
const SatchelModule *
satchel_module (void)
#endif
{
#if ODD == WRONG_ABI || ODD == NOT_OURS || ODD == LONGER_DESCRIPTOR
  static SatchelModule copy;
  copy = module;
#if ODD == LONGER_DESCRIPTOR
  copy.size += (guint32) sizeof (gpointer);
#elif ODD == WRONG_ABI
  copy.abi = SATCHEL_ABI + 7;
#else
  copy.magic = 42;
#endif
  return &copy;
#else
  return &module;
#endif
}
