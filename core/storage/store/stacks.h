/* SPDX-License-Identifier: MIT
 * Declares the stacks of storage that the configuration names, and whether one of them has mail of a user.
 */
#pragma once
#include "core/storage/store/store_open.h"

typedef struct SatchelStack
{
  char *name;
  /* SatchelStoreLevel, nearest to the client first; sections borrowed from the configuration. */
  GPtrArray *levels;
} SatchelStack;
/* Returns an array of SatchelStack, of which the first is the default. */
GPtrArray *satchel_stacks_new (SatchelLoader *loader, const SatchelConfigSet *config, GError **error);
const SatchelStack *satchel_stacks_find (const GPtrArray *stacks, const char *name); /* or NULL */
const SatchelStoreLevel *satchel_stack_driver (const SatchelStack *stack);
gboolean satchel_stack_has_volume (const SatchelStack *stack, const char *volume);
/* Looks for mail of @options' user in @stack; @ret_what: a description, yours, or NULL.  [blocks] */
SatchelLook satchel_stack_look (const SatchelStack *stack, const SatchelStoreOpenOptions *options,
                                char **ret_what);
/* Says after a quick look whether there may be mail; TRUE also if that cannot be found out. */
gboolean satchel_stack_may_have_mail (const SatchelStack *stack, const SatchelStoreOpenOptions *options);
