/* SPDX-License-Identifier: MIT
 * The commands that show a user's queue of messages to learn, and what was learnt.
 */
#pragma once
#include <satchel/admin.h>

extern const SatchelAdminCommand spam_queue_command, spam_stats_command;
