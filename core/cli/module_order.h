/* SPDX-License-Identifier: MIT
 * The order in which enabled modules are asked, for `satchel module list`.
 */
#pragma once
#include "core/base/json.h"
#include "core/cli/cli.h"

/* Prints a line for each kind of which several may be enabled: names with their bands, in order; then a line
 * for each stack of storage. */
void satchel_module_order_print (SatchelCli *cli);
/* Writes the same as members "order" and "stacks" of the open object. */
void satchel_module_order_write (SatchelCli *cli, SatchelJson *json);
