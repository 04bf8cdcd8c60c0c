/* SPDX-License-Identifier: MIT
 * Implements the signal handlers that leave a mark in shared memory; see crash.h. The functions on_... call
 * async-signal-safe functions only.
 */
#include "config.h"

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/runtime/process/crash.h"
#include "core/base/sanitized.h"

#define RANGES_MAX 128u
#define SCAN_BYTES (1024u * 1024u)
#define HANDLER_STACK (64u * 1024u) /* wide registers alone take some 10 KiB of it */

typedef struct Range
{
  gsize start, end;
  char name[sizeof (((SatchelBreadcrumb *) NULL)->module)];
} Range;

static Range ranges[RANGES_MAX];
static guint n_ranges;
static __thread SatchelBreadcrumb *own_crumb;
static __thread gsize stack_end;
static __thread stack_t handler_stack; /* in the memory of the thread, so that a search for leaks finds it */

typedef struct Search
{
  gsize address;
  const char *name;
} Search;

static int
add_object (struct dl_phdr_info *info, size_t size, void *data)
{
  const Search *search = data;
  gboolean is_it = FALSE;
  for (guint i = 0; i < info->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *segment = &info->dlpi_phdr[i];
      gsize start = info->dlpi_addr + segment->p_vaddr;
      is_it = is_it
              || (segment->p_type == PT_LOAD && search->address >= start
                  && search->address < start + segment->p_memsz);
    }
  for (guint i = 0; is_it && i < info->dlpi_phnum && n_ranges < RANGES_MAX; i++)
    {
      const ElfW (Phdr) *segment = &info->dlpi_phdr[i];
      if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0)
        continue;
      Range *range = &ranges[n_ranges++];
      range->start = info->dlpi_addr + segment->p_vaddr;
      range->end = range->start + segment->p_memsz;
      g_strlcpy (range->name, search->name, sizeof range->name);
    }
  return is_it;
}

void
satchel_crash_add_module (const char *name, gconstpointer address)
{
  Search search = { (gsize) address, name };
  dl_iterate_phdr (add_object, &search);
}

static const Range *
find_range (gsize address)
{
  for (guint i = 0; i < n_ranges; i++)
    if (address >= ranges[i].start && address < ranges[i].end)
      return &ranges[i];
  return NULL;
}

static void
write_place (SatchelBreadcrumb *crumb, const Range *range, gsize address)
{
  static const char digits[] = "0123456789abcdef";
  gsize offset = address - range->start;
  guint n = 1;
  while (n < 16 && offset >> (4 * n) != 0)
    n++;
  memcpy (crumb->module, range->name, sizeof crumb->module);
  for (guint i = 0; i < n; i++)
    crumb->where[i] = digits[(offset >> (4 * (n - 1 - i))) & 0xf];
  crumb->where[n] = '\0';
}

/* Says whether the core has called a module other than this one. */
static gboolean
is_of_other_call (const SatchelBreadcrumb *crumb, const Range *range)
{
  return crumb->call[0] != '\0' && crumb->module[0] != '\0' && strcmp (crumb->module, range->name) != 0;
}

/* Notes the module in which the thread is, or else the nearest caller that is a module, found by return
 * addresses on the stack. Other values there may look like return addresses of earlier calls, so if the core
 * has noted which module it called, only that module counts.  What is read belongs to other functions, which
 * a sanitizer would take for a mistake. */
__attribute__ ((no_sanitize ("address"))) static void
note_place (SatchelBreadcrumb *crumb, const ucontext_t *context)
{
#if defined(__x86_64__)
  gsize pc = (gsize) context->uc_mcontext.gregs[REG_RIP], sp = (gsize) context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
  gsize pc = context->uc_mcontext.pc, sp = context->uc_mcontext.sp;
#else
  gsize pc = 0, sp = 0;
#endif
  const Range *range = find_range (pc);
  if (range != NULL)
    {
      write_place (crumb, range, pc);
      return;
    }
  sp &= ~(gsize) (sizeof (gsize) - 1);
  if (sp == 0 || sp >= stack_end || stack_end - sp > 64 * SCAN_BYTES)
    return;
  for (gsize at = sp; at < MIN (stack_end, sp + SCAN_BYTES); at += sizeof (gsize))
    {
      gsize word = *(const volatile gsize *) at;
      range = find_range (word);
      if (range == NULL || is_of_other_call (crumb, range))
        continue;
      write_place (crumb, range, word);
      return;
    }
}

static void
on_fatal (int number, siginfo_t *info, void *context)
{
  if (own_crumb != NULL)
    {
      g_atomic_int_set (&own_crumb->is_culprit, 1);
      note_place (own_crumb, context);
    }
  /* The handler works once, so the signal now ends the process, here, and a core dump shows the place. */
  raise (number);
}

static void
on_where (int number, siginfo_t *info, void *context)
{
  if (own_crumb != NULL)
    note_place (own_crumb, context);
}

void
satchel_crash_set_crumb (SatchelBreadcrumb *crumb)
{
  own_crumb = crumb;
  if (crumb != NULL)
    crumb->tid = (guint32) syscall (SYS_gettid);
}

/* Gives the thread a stack for handlers, since a stack that overflowed has no room for one. */
void
satchel_crash_init_thread (SatchelBreadcrumb *crumb)
{
  satchel_crash_set_crumb (crumb);
  pthread_attr_t attributes;
  void *start = NULL;
  size_t len = 0;
  if (pthread_getattr_np (pthread_self (), &attributes) == 0)
    {
      if (pthread_attr_getstack (&attributes, &start, &len) == 0)
        stack_end = (gsize) start + len;
      pthread_attr_destroy (&attributes);
    }
  if (satchel_is_sanitized ())
    return; /* the sanitizer has such stacks of its own, and frees them */
  handler_stack = (stack_t) { .ss_sp = g_malloc (HANDLER_STACK), .ss_size = HANDLER_STACK };
  (void) sigaltstack (&handler_stack, NULL);
}

void
satchel_crash_init (void)
{
  static const int fatal[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTRAP };
  satchel_crash_init_thread (NULL);
  struct sigaction where = { .sa_sigaction = on_where, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
  sigemptyset (&where.sa_mask);
  (void) sigaction (SATCHEL_SIGNAL_WHERE, &where, NULL);
  /* A sanitizer reports more than this handler does. */
  struct sigaction action = { .sa_sigaction = on_fatal,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | (int) SA_RESETHAND };
  sigemptyset (&action.sa_mask);
  for (guint i = 0; !satchel_is_sanitized () && i < G_N_ELEMENTS (fatal); i++)
    (void) sigaction (fatal[i], &action, NULL);
}
