/* SPDX-License-Identifier: MIT
 * Gives PAM's users for auth, which asks the helper for them.
 */
#include "source.h"

#include "helper.h"

#include <satchel/source.h>

static void
look_up (SatchelAuthCall *call)
{
  satchel_source_look_up (call, PAM_NAME);
}

static void
verify (SatchelAuthCall *call)
{
  satchel_source_verify (call, PAM_NAME);
}

static void
resolve (SatchelAuthCall *call)
{
  satchel_source_resolve (call, PAM_NAME);
}

const SatchelUserdbOps pam_userdb = { .size = sizeof pam_userdb, .band = 560, .look_up = resolve };
const SatchelPassdbOps pam_passdb = { .size = sizeof pam_passdb,
                                      .band = 560,
                                      .look_up = look_up,
                                      .verify = verify,
                                      .flags = SATCHEL_PASSDB_VERIFIES_AT_SOURCE };
