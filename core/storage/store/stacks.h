/* SPDX-License-Identifier: MIT
 * The stacks of storage that the configuration names, and what one of them has of a user.
 */
#pragma once
#include "core/storage/store/store_open.h"

typedef struct SatchelStack
{
  char *name;
  GPtrArray
      *levels; /* SatchelStoreLevel, nearest to the client first; sections borrowed from the configuration */
} SatchelStack;
/* The elements are SatchelStack; the first is the default. */
GPtrArray *satchel_stacks_new (SatchelLoader *loader, const SatchelConfigSet *config, GError **error);
const SatchelStack *satchel_stacks_find (const GPtrArray *stacks, const char *name); /* or NULL */
const SatchelStoreLevel *satchel_stack_driver (const SatchelStack *stack);
gboolean satchel_stack_has_volume (const SatchelStack *stack, const char *volume);
/* Looks for mail of @options' user in @stack; @ret_what: a description, yours, or NULL.  [blocks] */
SatchelLook satchel_stack_look (const SatchelStack *stack, const SatchelStoreOpenOptions *options,
                                char **ret_what);
/* Does the same by a look or two; TRUE if it cannot tell. */
gboolean satchel_stack_may_have_mail (const SatchelStack *stack, const SatchelStoreOpenOptions *options);
