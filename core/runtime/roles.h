/* SPDX-License-Identifier: MIT
 * The table of roles (roles.def): whatever master, the sandbox or the wiring does differently for one role is
 * a column here.
 */
#pragma once
#include <satchel/module.h>

typedef enum
{
  SATCHEL_TRAIT_PROCESS = 1 << 0,         /* master keeps processes of it */
  SATCHEL_TRAIT_HAS_TABLE = 1 << 1,       /* is given the table of connections */
  SATCHEL_TRAIT_HAS_TLS = 1 << 2,         /* certificates and the ticket key */
  SATCHEL_TRAIT_HAS_MAIL_ROOT = 1 << 3,   /* its directory is the mail root */
  SATCHEL_TRAIT_HAS_CREDENTIALS = 1 << 4, /* its directory is STATE_DIR/auth */
  SATCHEL_TRAIT_HAS_SUSPECTS = 1 << 5,    /* gets the work that its last processes crashed on */
  SATCHEL_TRAIT_GATE_HALVES = 1 << 6,     /* loads NAME-gate.so instead of NAME.so */
  SATCHEL_TRAIT_ONE_MODULE = 1 << 7,      /* a process each module; with that module's settings only */
  SATCHEL_TRAIT_STOPS_LAST = 1 << 8,      /* serves the others until they have ended */
  SATCHEL_TRAIT_JUDGES = 1 << 9,          /* its word that a helper talks rubbish is believed */
  SATCHEL_TRAIT_CAGE_FILES = 1 << 10,     /* threads, and files below its directories */
  SATCHEL_TRAIT_CAGE_ACCEPT = 1 << 11,    /* accepts and relays connections */
  SATCHEL_TRAIT_CAGE_STORE = 1 << 12,     /* what storage drivers need, rename between directories among it */
  SATCHEL_TRAIT_CAGE_PAIRS = 1 << 13,     /* socket pairs */
  SATCHEL_TRAIT_CAGE_CONFIG = 1 << 14,    /* anything may be read and loaded, only deeds are forbidden */
  SATCHEL_TRAIT_CAGE_CONNECT =
      1 << 15 /* anything may be read, and connections made to ports that are granted */
} SatchelTraits;

/* A child of a helper, no module's role (connector.h). */
#define SATCHEL_ROLE_CONNECTOR ((SatchelRole) (1 << 16))

/* The accounts of a plan (core/daemon/plan.h). */
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
  const char *account; /* the setting of group `server` that names its account; NULL: it has none */
  guint ids;           /* its place in a plan's accounts */
  guint peers;         /* SatchelRole bits that it is linked with */
  guint traits;        /* SatchelTraits */
} SatchelRoleRow;

/* All rows, ended by role 0. */
const SatchelRoleRow *satchel_role_rows (void);
/* Never NULL: an unknown bit gives the end of the table, which may do nothing. */
const SatchelRoleRow *satchel_role_row (SatchelRole role);
const SatchelRoleRow *satchel_role_by_name (const char *name); /* NULL: none */
/* "gate", "auth", "mail", "helper", "config". */
const char *satchel_role_name (SatchelRole role);

static inline gboolean
satchel_role_has (SatchelRole role, SatchelTraits trait)
{
  return (satchel_role_row (role)->traits & (guint) trait) != 0;
}
