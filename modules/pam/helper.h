/* SPDX-License-Identifier: MIT
 * The half of the module that runs in the helper and in the processes that it has started.
 */
#pragma once
#include "settings.h"

#include <satchel/helper.h>

#define PAM_NAME "pam"

extern SatchelHelperOps pam_helper;
/* Reads the settings before there are threads. */
void pam_helper_configure (const SatchelConfig *section);
