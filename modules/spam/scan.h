/* SPDX-License-Identifier: MIT
 * Asks the scanner about a message that is delivered.  Role mail, in a filter's thread.
 */
#pragma once
#include "finding.h"
#include "settings.h"

#include <satchel/filter.h>

/* Asks, unless the message is too big or the scanner has not answered others lately; that, and each failure,
 * is logged and counted, and the finding has no source then: no mail waits for a scanner.  @user: whose Bayes
 * it is, or NULL.  [blocks] */
SpamFinding spam_scan (SatchelFilterItem *item, const SpamSettings *settings, const char *user);
