/* SPDX-License-Identifier: MIT
 * Defines lists whose items carry their links: members `previous` and `next` of the item's own type. An item
 * is in at most one such list; adding and removing take constant time.
 */
#pragma once
#include <glib.h>

/* Returns the struct of type @Type whose @member is at @pointer. */
#define SATCHEL_CONTAINER(pointer, Type, member)                                                             \
  ((Type *) (void *) ((char *) (pointer) - G_STRUCT_OFFSET (Type, member)))

/* Adds an item in front.  @first is the variable that has the first item; it is NULL while the list is empty.
 * */
#define SATCHEL_LIST_PREPEND(first, item)                                                                    \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    (item)->previous = NULL;                                                                                 \
    (item)->next = (first);                                                                                  \
    if ((item)->next != NULL)                                                                                \
      (item)->next->previous = (item);                                                                       \
    (first) = (item);                                                                                        \
  }                                                                                                          \
  G_STMT_END

#define SATCHEL_LIST_REMOVE(first, item)                                                                     \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    if ((item)->previous != NULL)                                                                            \
      (item)->previous->next = (item)->next;                                                                 \
    else                                                                                                     \
      (first) = (item)->next;                                                                                \
    if ((item)->next != NULL)                                                                                \
      (item)->next->previous = (item)->previous;                                                             \
    (item)->previous = (item)->next = NULL;                                                                  \
  }                                                                                                          \
  G_STMT_END

/* Loops over the items; the body may remove the current @item, and no other. */
#define SATCHEL_LIST_EACH(Type, item, first)                                                                 \
  for (Type *item = (first), *item##_next = item != NULL ? item->next : NULL; item != NULL;                  \
       item = item##_next, item##_next = item != NULL ? item->next : NULL)
