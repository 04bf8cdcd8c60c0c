/* SPDX-License-Identifier: MIT
 * Has the scanner learn what is in a user's queue.  Role mail, in the listener's thread.
 */
#pragma once
#include <satchel/listener.h>

/* The listener's `work`: a part of the queue. */
SatchelMaintained spam_learner_work (SatchelStore *store, GError **error);
