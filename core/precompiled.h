/* SPDX-License-Identifier: MIT
 * What most files read, for `configure --enable-precompiled-headers`.  No file includes this one: each says
 * itself what it needs, which a build without the option checks.
 */
#include "config.h"

#include <glib.h>
#include <string.h>
