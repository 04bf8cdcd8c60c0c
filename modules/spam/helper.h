/* SPDX-License-Identifier: MIT
 * The helper: asks the scanner, and has it learn.
 */
#pragma once
#include <satchel/helper.h>

extern SatchelHelperOps spam_helper;
gboolean spam_helper_configure (const SatchelConfig *section, GError **error);
gboolean spam_helper_start (GError **error);
void spam_helper_clear (void);
