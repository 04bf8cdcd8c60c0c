/* SPDX-License-Identifier: MIT
 * The table of roles (roles.def). Whatever master, the sandbox or the wiring does differently for a role
 * is a column here.
 */
#pragma once
#include <satchel/module.h>

typedef enum
{
  SATCHEL_TRAIT_PROCESS = 1 << 0,         /* master keeps processes of this role */
  SATCHEL_TRAIT_HAS_TABLE = 1 << 1,       /* gets the table of connections */
  SATCHEL_TRAIT_HAS_TLS = 1 << 2,         /* gets certificates and the ticket key */
  SATCHEL_TRAIT_HAS_MAIL_ROOT = 1 << 3,   /* its directory is the mail root */
  SATCHEL_TRAIT_HAS_CREDENTIALS = 1 << 4, /* its directory is STATE_DIR/auth */
  SATCHEL_TRAIT_HAS_SUSPECTS = 1 << 5,    /* gets the list of work at which its last processes crashed */
  SATCHEL_TRAIT_GATE_HALVES = 1 << 6,     /* loads NAME-gate.so instead of NAME.so */
  SATCHEL_TRAIT_ONE_MODULE = 1 << 7,   /* has a process for each module, with that module's settings only */
  SATCHEL_TRAIT_STOPS_LAST = 1 << 8,   /* ends last, since the other roles need it until they have ended */
  SATCHEL_TRAIT_JUDGES = 1 << 9,       /* master believes it if it reports malformed messages of a helper */
  SATCHEL_TRAIT_CAGE_FILES = 1 << 10,  /* sandbox allows threads, and files below its directories */
  SATCHEL_TRAIT_CAGE_ACCEPT = 1 << 11, /* sandbox allows accepting and relaying connections */
  /* Sandbox allows what drivers need, such as renames between directories. */
  SATCHEL_TRAIT_CAGE_STORE = 1 << 12,
  SATCHEL_TRAIT_CAGE_PAIRS = 1 << 13,   /* sandbox allows socket pairs */
  SATCHEL_TRAIT_CAGE_CONFIG = 1 << 14,  /* sandbox allows reading and loading anything, but no change */
  SATCHEL_TRAIT_CAGE_CONNECT = 1 << 15, /* sandbox allows reading anything, and connecting to granted ports */
  SATCHEL_TRAIT_CAGE_PROGRAMS = 1 << 16 /* as CONNECT, and allows loading and starting programs */
} SatchelTraits;

/* Says how many processes of a role master keeps. */
typedef enum
{
  SATCHEL_PROCESSES_NONE = 0, /* none; another role starts them where it needs them */
  SATCHEL_PROCESSES_ONE,
  SATCHEL_PROCESSES_PER_MAIL,  /* as many as there are mail processes */
  SATCHEL_PROCESSES_PER_GATE,  /* the number that server.gate_processes sets */
  SATCHEL_PROCESSES_PER_HELPER /* one for each module that has a helper */
} SatchelProcesses;

/* A child of a helper connects for it (connector.h); no module has this role. */
#define SATCHEL_ROLE_CONNECTOR ((SatchelRole) (1 << 16))
/* A child of a helper starts programs for it (launcher.h); no module has this role. */
#define SATCHEL_ROLE_LAUNCHER ((SatchelRole) (1 << 17))

/* A plan has an account for each of these (core/daemon/plan.h). */
enum
{
  SATCHEL_PLAN_GATE = 0,
  SATCHEL_PLAN_AUTH,
  SATCHEL_PLAN_MAIL,
  SATCHEL_PLAN_CONFIG,
  SATCHEL_PLAN_HELPER,
  SATCHEL_PLAN_N_IDS
};

typedef struct SatchelRoleRow
{
  SatchelRole role;
  const char *name;
  const char *account; /* setting of group `server` that names its account; NULL: it has no account */
  guint ids;           /* index of the role in the accounts of a plan */
  SatchelProcesses processes;
  guint peers;  /* SatchelRole bits of the roles with which it is linked */
  guint traits; /* SatchelTraits */
} SatchelRoleRow;

/* Returns all rows; the last one has role 0. */
const SatchelRoleRow *satchel_role_rows (void);
/* Returns the row of a role, never NULL: an unknown bit gives the last row, which allows nothing. */
const SatchelRoleRow *satchel_role_row (SatchelRole role);
const SatchelRoleRow *satchel_role_by_name (const char *name); /* NULL: there is no such role */
/* Returns the bits of all roles with all of the traits @with, and none of @without. */
guint satchel_roles_with (guint with, guint without);
/* Returns the name of its row, such as "gate"; "unknown" for an unknown bit. */
const char *satchel_role_name (SatchelRole role);

static inline gboolean
satchel_role_has (SatchelRole role, SatchelTraits trait)
{
  return (satchel_role_row (role)->traits & (guint) trait) != 0;
}
