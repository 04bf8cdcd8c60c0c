/* SPDX-License-Identifier: MIT
 * Shows what the server has counted, from lines in the form of core/runtime/log/counter_lane.h, as JSON or as
 * a table.
 */
#pragma once
#include "core/base/json.h"

#define SATCHEL_CLI_COUNTER "counter " /* a line about a counter begins with this */

/* Adds "counters": [...]. */
void satchel_cli_counters_to_json (SatchelJson *json, char **lines);
/* Prints a table of the counters that are not 0. */
void satchel_cli_print_counters (char **lines);
