/* SPDX-License-Identifier: MIT
 * What the server has counted: the lines of core/runtime/counter_lane.h, as JSON and for people.
 */
#pragma once
#include "core/base/json.h"

#define SATCHEL_CLI_COUNTER "counter " /* how such a line begins */

/* Adds "counters": [...]. */
void satchel_cli_counters_to_json (SatchelJson *json, char **lines);
/* A table of those that are not 0. */
void satchel_cli_print_counters (char **lines);
