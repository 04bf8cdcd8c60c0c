/* SPDX-License-Identifier: MIT
 * Has satcheld's own free and realloc, which wipe what they give back if satchel_heap_is_wiping. The program
 * comes before the C library where symbols are looked up, so GLib, GnuTLS and modules use these as well.
 * Everything else of the heap stays glibc's. Sanitizers have a heap of their own, and other C libraries have
 * no second name for their functions: there memory is not wiped.
 */
#include "config.h"

#include "core/daemon/free.h"

#include "core/base/heap.h"
#include "core/base/sanitized.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#if defined(HAVE___LIBC_FREE) && !defined(SATCHEL_SANITIZED)
#define HAS_OWN_FREE TRUE

#define EXPORT __attribute__ ((visibility ("default")))

extern void __libc_free (void *memory);
extern void *__libc_realloc (void *memory, size_t len);

EXPORT void
free (void *memory)
{
  if (satchel_heap_is_wiping && memory != NULL)
    explicit_bzero (memory, malloc_usable_size (memory));
  __libc_free (memory);
}

/* Moves a block that grows by itself, since glibc would leave the old copy. One that shrinks by less than
 * half stays where it is. */
EXPORT void *
realloc (void *memory, size_t len)
{
  if (!satchel_heap_is_wiping || memory == NULL)
    return __libc_realloc (memory, len);
  if (len == 0)
    {
      free (memory);
      return NULL;
    }
  size_t usable = malloc_usable_size (memory);
  if (len <= usable && len >= usable / 2)
    return memory;
  void *moved = malloc (len);
  if (moved == NULL)
    return NULL;
  memcpy (moved, memory, len < usable ? len : usable);
  free (memory);
  return moved;
}

#else
#define HAS_OWN_FREE FALSE
#endif

gboolean
satchel_free_can_wipe (void)
{
  return HAS_OWN_FREE;
}
