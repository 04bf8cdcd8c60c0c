/* SPDX-License-Identifier: MIT
 * This file allocates for Berkeley DB, and knows which environment each block is of.
 */
#include "config.h"

#include "volume/memory.h"

#include <db.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* What stands in front of each block. */
typedef struct Head
{
  _Alignas (max_align_t) struct Head *next;
  struct Head *before;
  BdbMemory *owner; /* NULL: it is in no list */
} Head;

struct BdbMemory
{
  GMutex lock; /* of the list; threads free what others have allocated */
  Head list;   /* a ring with this one as its first and last */
};

static __thread BdbMemory *current;

static void
link_head (Head *head)
{
  BdbMemory *owner = head->owner;
  if (owner == NULL)
    return;
  g_mutex_lock (&owner->lock);
  head->next = owner->list.next;
  head->before = &owner->list;
  head->next->before = owner->list.next = head;
  g_mutex_unlock (&owner->lock);
}

static void
unlink_head (Head *head)
{
  BdbMemory *owner = head->owner;
  if (owner == NULL)
    return;
  g_mutex_lock (&owner->lock);
  head->before->next = head->next;
  head->next->before = head->before;
  g_mutex_unlock (&owner->lock);
}

/* ---- in place of malloc, realloc and free ---- */

static gboolean
is_too_big (size_t size)
{
  if (size <= SIZE_MAX - sizeof (Head))
    return FALSE;
  errno = ENOMEM;
  return TRUE;
}

static void *
resize (Head *head, size_t size)
{
  return is_too_big (size) ? NULL : realloc (head, sizeof *head + size);
}

/* Gives memory that is zero: Berkeley DB leaves gaps in pages, and writes them into its log and its tables
 * with whatever this process had there, such as mail of a user that is stored elsewhere or sealed. */
static void *
allocate (size_t size)
{
  Head *head = is_too_big (size) ? NULL : calloc (1, sizeof *head + size);
  if (head == NULL)
    return NULL;
  head->owner = current;
  link_head (head);
  return head + 1;
}

static void *
reallocate (void *block, size_t size)
{
  if (block == NULL)
    return allocate (size);
  Head *old = (Head *) block - 1;
  unlink_head (old);
  Head *head = resize (old, size);
  link_head (head != NULL ? head : old);
  return head != NULL ? head + 1 : NULL;
}

void
bdb_memory_give_back (gpointer block)
{
  if (block == NULL)
    return;
  Head *head = (Head *) block - 1;
  unlink_head (head);
  free (head);
}

/* ---- whose blocks they are ---- */

BdbMemory *
bdb_memory_new (void)
{
  static gsize is_ready;
  if (g_once_init_enter (&is_ready))
    {
      db_env_set_func_malloc (allocate);
      db_env_set_func_realloc (reallocate);
      db_env_set_func_free (bdb_memory_give_back);
      g_once_init_leave (&is_ready, TRUE);
    }
  BdbMemory *memory = g_new0 (BdbMemory, 1);
  g_mutex_init (&memory->lock);
  memory->list.next = memory->list.before = &memory->list;
  return memory;
}

void
bdb_memory_free (BdbMemory *memory)
{
  for (Head *head = memory->list.next; head != &memory->list;)
    {
      Head *next = head->next;
      free (head);
      head = next;
    }
  g_mutex_clear (&memory->lock);
  g_free (memory);
}

void
bdb_memory_enter (BdbMemory *memory)
{
  current = memory;
}

void
bdb_memory_leave (void)
{
  current = NULL;
}
