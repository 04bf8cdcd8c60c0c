/* SPDX-License-Identifier: MIT
 * Hears what users do with spam, and queues what is to be learnt; learns it.  Role mail.
 */
#pragma once
#include <satchel/listener.h>

extern const SatchelMailboxListenerOps spam_listener;
