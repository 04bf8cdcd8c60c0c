/* SPDX-License-Identifier: MIT
 * Gives the users of the directory for auth, which asks the helper for them.
 */
#include "source.h"

#include "helper.h"

#include <satchel/source.h>

static void
look_up (SatchelAuthCall *call)
{
  satchel_source_look_up (call, LDAP_NAME);
}

static void
verify (SatchelAuthCall *call)
{
  satchel_source_verify (call, LDAP_NAME);
}

static void
resolve (SatchelAuthCall *call)
{
  satchel_source_resolve (call, LDAP_NAME);
}

static void
tell_attributes (SatchelAuthCall *call)
{
  satchel_source_attributes (call, LDAP_NAME);
}

const SatchelUserdbOps ldap_userdb = {
  .size = sizeof ldap_userdb, .band = 540, .look_up = resolve, .attributes = tell_attributes
};
const SatchelPassdbOps ldap_passdb = { .size = sizeof ldap_passdb,
                                       .band = 540,
                                       .look_up = look_up,
                                       .verify = verify,
                                       .userdb = &ldap_userdb,
                                       .flags = SATCHEL_PASSDB_VERIFIES_AT_SOURCE };
