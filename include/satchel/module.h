/* SPDX-License-Identifier: MIT
 * Says what a module exports: one function, `satchel_module`, that returns its descriptor. Lifecycle in each
 * role that loads it: load, configure (section), start (role), [reload (section), reload_end], stop. A
 * server takes modules of its own ABI, whatever release they were built for: under one number structures
 * only grow, as types.h says. It refuses what was built for a newer server and uses what came later: a table
 * that sets members it does not know, a kind, a type of setting or a right of that sort, and any longer
 * descriptor. ABI history: 0 first shape, changed at will; 1 kept.
 */
#pragma once
#include <satchel/config.h>
#include <satchel/error.h>
#include <satchel/log.h>

G_BEGIN_DECLS

#define SATCHEL_ABI 1u
#define SATCHEL_MODULE_MAGIC 0x5361746368656c30ull /* "Satchel0" */

typedef enum
{
  SATCHEL_ROLE_GATE = 1 << 0,
  SATCHEL_ROLE_AUTH = 1 << 1,
  SATCHEL_ROLE_MAIL = 1 << 2,
  SATCHEL_ROLE_HELPER = 1 << 3,
  SATCHEL_ROLE_CLI = 1 << 4,   /* the admin's command, for kinds with admin calls */
  SATCHEL_ROLE_CONFIG = 1 << 5 /* every module is loaded there, for its schema and `check` only */
} SatchelRole;

typedef enum
{
  SATCHEL_KIND_PROTOCOL_GATE = 1, /* ops: SatchelGateProtocolOps, protocol.h */
  SATCHEL_KIND_PROTOCOL,          /* ops: SatchelProtocolOps, protocol.h */
  SATCHEL_KIND_STORAGE_DRIVER,    /* ops: SatchelStorageOps, storage.h */
  SATCHEL_KIND_STORAGE_LAYER,     /* ops: SatchelStorageOps with band and classes, storage.h */
  SATCHEL_KIND_DELIVERY_FILTER,   /* ops: SatchelDeliveryFilterOps, filter.h */
  SATCHEL_KIND_MAILBOX_LISTENER,  /* ops: SatchelMailboxListenerOps, listener.h */
  SATCHEL_KIND_PASSDB,            /* ops: SatchelPassdbOps, auth.h */
  SATCHEL_KIND_USERDB,            /* ops: SatchelUserdbOps, auth.h */
  SATCHEL_KIND_FACTOR,            /* ops: SatchelFactorOps, auth.h */
  SATCHEL_KIND_SERVICE,           /* ops: SatchelServiceOps, service.h */
  SATCHEL_KIND_HELPER,  /* ops: SatchelHelperOps, helper.h; at most one a module, with SATCHEL_ROLE_HELPER */
  SATCHEL_KIND_ADMIN,   /* ops: SatchelAdminOps, admin.h; with SATCHEL_ROLE_MAIL */
  SATCHEL_KIND_SASL,    /* ops: SatchelSaslOps, sasl.h */
  SATCHEL_KIND_KEYRING, /* ops: SatchelKeyringOps, keyring.h */
  SATCHEL_KIND_ACCOUNT_LISTENER /* ops: SatchelAccountListenerOps, account_event.h */
} SatchelKind;

/* A module's process may have these rights, which others of its role lack. Each one is a hole in the cage:
 * ask for as few as possible. */
typedef enum
{
  /* A library of the module connects by TCP itself, to the ports of the module's endpoints (endpoint.h);
   * the cage does not check the addresses, and names do not resolve there (satchel_endpoint_resolve does
   * it).  The right needs SATCHEL_ROLE_HELPER and applies to that process; a storage driver in role mail
   * does not get it, as mail has no process for one driver alone. */
  SATCHEL_RIGHT_CONNECT = 1 << 0,
  /* Requests of the module's helper are worked on in processes beside it, which load libraries, start
   * programs and read what their account may read (SatchelHelperOps, `run_child`).  The right needs
   * SATCHEL_ROLE_HELPER, and the site must have granted it to this module (setting `helpers.programs`). */
  SATCHEL_RIGHT_PROGRAMS = 1 << 1
} SatchelRight;

typedef struct SatchelProvides
{
  SatchelKind kind;
  const char *name; /* "imap"; NULL: the module's name */
  const void *ops;  /* a const struct that starts with its size */
  SATCHEL_RESERVED (2);
} SatchelProvides;

typedef struct SatchelModule
{
  guint64 magic; /* SATCHEL_MODULE_MAGIC */
  guint32 abi;   /* SATCHEL_ABI */
  guint32 size;  /* sizeof (SatchelModule) */
  /* Facts of the build, which are compared with the core's; SATCHEL_MODULE_FACTS sets them. */
  guint32 pointer_bits;
  guint32 glib_major;
  const char *name;        /* [a-z][a-z0-9-]*; the file is NAME.so or NAME-gate.so; the group in config */
  const char *version;     /* version of the module */
  const char *description; /* one line */
  const char *licence;     /* SPDX expression */
  /* The roles that load it, SatchelRole bits (CONFIG is implied); 0: NAME.so has only the settings of
   * NAME-gate.so, and provides nothing. */
  guint roles;
  /* Rows of its group; `enabled` is added by the core. NULL: none. NAME.so owns the group, NAME-gate.so
   * shares it and gives NULL. */
  const SatchelConfigRow *schema;
  const SatchelProvides *provides; /* ended by kind 0 */
  /* All optional; reload and reload_end go together.  A failed configure at start is fatal. */
  /* Checks the settings in role CONFIG, without side effects.  An error refuses the start; one about a
   * setting (satchel_error_set_setting) is shown with file and line of that setting.  Warnings and errors
   * that are logged meanwhile are shown as well, and refuse nothing. */
  gboolean (*check) (const SatchelConfig *section, GError **error);
  /* Takes over the settings at the start, before the process is sandboxed: files may still be opened by any
   * name.  An error ends the process; what this call had taken by then is freed by the module itself. */
  gboolean (*configure) (const SatchelConfig *section, GError **error);
  /* Begins to work in the sandbox, when all modules are configured.  An error ends the process. */
  gboolean (*start) (SatchelRole role, GError **error);
  /* Two phases over all modules of all processes, since a reload that is refused anywhere changes nothing
   * anywhere.  reload: works out what @section needs and goes on with the old settings; FALSE refuses.  After
   * each that agreed, one reload_end: TRUE, the new settings are in force from now on; FALSE, what was worked
   * out is thrown away.  It cannot fail.  @section is valid till then. */
  gboolean (*reload) (const SatchelConfig *section, GError **error);
  void (*reload_end) (gboolean is_commit);
  /* Gives back what configure and start took: called once after each configure that succeeded, the last
   * module first, also if start failed, or was not called because another module failed.  Jobs may still run
   * in other threads when the process ends. */
  void (*stop) (void);
  guint rights; /* SatchelRight bits */
} SatchelModule;

#define SATCHEL_MODULE_FACTS                                                                                 \
  .magic = SATCHEL_MODULE_MAGIC, .abi = SATCHEL_ABI, .size = sizeof (SatchelModule),                         \
  .pointer_bits = 8 * sizeof (void *), .glib_major = GLIB_MAJOR_VERSION

/* For a process that cannot go on (a library asks for a restart, a database must be recovered): logs the
 * reason in one line, and ends the process, which master starts again.  No message and no user is blamed
 * for it, as a crash would.  [any thread] */
SATCHEL_API void satchel_process_fail (const char *format, ...) G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN;

/* A module exports this symbol. */
typedef const SatchelModule *(*SatchelModuleFunc) (void);
SATCHEL_API const SatchelModule *satchel_module (void);

G_END_DECLS
