/* SPDX-License-Identifier: MIT
 * The table of roles; see roles.h and roles.def.
 */
#include "config.h"

#include "core/runtime/process/roles.h"

#include <string.h>

#define PROCESS SATCHEL_TRAIT_PROCESS
#define HAS_TABLE SATCHEL_TRAIT_HAS_TABLE
#define HAS_TLS SATCHEL_TRAIT_HAS_TLS
#define HAS_MAIL_ROOT SATCHEL_TRAIT_HAS_MAIL_ROOT
#define HAS_CREDENTIALS SATCHEL_TRAIT_HAS_CREDENTIALS
#define HAS_SUSPECTS SATCHEL_TRAIT_HAS_SUSPECTS
#define GATE_HALVES SATCHEL_TRAIT_GATE_HALVES
#define ONE_MODULE SATCHEL_TRAIT_ONE_MODULE
#define STOPS_LAST SATCHEL_TRAIT_STOPS_LAST
#define JUDGES SATCHEL_TRAIT_JUDGES
#define CAGE_FILES SATCHEL_TRAIT_CAGE_FILES
#define CAGE_ACCEPT SATCHEL_TRAIT_CAGE_ACCEPT
#define CAGE_STORE SATCHEL_TRAIT_CAGE_STORE
#define CAGE_PAIRS SATCHEL_TRAIT_CAGE_PAIRS
#define CAGE_CONFIG SATCHEL_TRAIT_CAGE_CONFIG
#define CAGE_CONNECT SATCHEL_TRAIT_CAGE_CONNECT
#define CAGE_PROGRAMS SATCHEL_TRAIT_CAGE_PROGRAMS

static const SatchelRoleRow roles[] = {
#define SATCHEL_ROLE_ROW(role, name, account, ids, processes, peers, traits, start, prepare)                 \
  { SATCHEL_ROLE_##role, name, account, ids, SATCHEL_PROCESSES_##processes, peers, traits },
#include "core/runtime/process/roles.def"
  { 0, "unknown", NULL, 0, SATCHEL_PROCESSES_NONE, 0, 0 }
};

const SatchelRoleRow *
satchel_role_rows (void)
{
  return roles;
}

const SatchelRoleRow *
satchel_role_row (SatchelRole role)
{
  const SatchelRoleRow *row = roles;
  while (row->role != 0 && row->role != role)
    row++;
  return row;
}

const SatchelRoleRow *
satchel_role_by_name (const char *name)
{
  for (const SatchelRoleRow *row = roles; row->role != 0; row++)
    if (strcmp (row->name, name) == 0)
      return row;
  return NULL;
}

guint
satchel_roles_with (guint with, guint without)
{
  guint found = 0;
  for (const SatchelRoleRow *row = roles; row->role != 0; row++)
    if ((row->traits & with) == with && (row->traits & without) == 0)
      found |= row->role;
  return found;
}

const char *
satchel_role_name (SatchelRole role)
{
  return satchel_role_row (role)->name;
}
