/* SPDX-License-Identifier: MIT
 * Declares the plan: what master needs to know of a configuration, as numbers and paths. The config process
 * works it out and sends it in messages. Master sees nothing else of the configuration but an opaque sealed
 * image.
 */
#pragma once
#include "core/runtime/config/config_image.h"
#include "core/runtime/ipc/ipc.h"
#include "core/runtime/process/roles.h"
#include <satchel/module.h>

#define SATCHEL_PLAN_NO_ID G_MAXUINT32 /* a uid or gid that is not to be changed */
#define SATCHEL_PLAN_LISTENERS_MAX 256u
#define SATCHEL_PLAN_MODULES_MAX 256u
#define SATCHEL_PLAN_TLS_MAX 256u
#define SATCHEL_PLAN_HELPERS_MAX 32u
#define SATCHEL_PLAN_PROBLEMS_MAX 1000u
/* A process whose STOP has this grace takes no new connections and ends with its last old one. */
#define SATCHEL_GRACE_DRAIN G_MAXUINT32

typedef struct SatchelPlanIds
{
  guint32 uid, gid;
} SatchelPlanIds;

typedef struct SatchelPlanListener
{
  char *origin; /* FILE:LINE, for messages */
  char *name, *protocol;
  char *address;             /* a numeric address; "" if the listener has a path */
  char *path;                /* the path of a unix socket; "" if the listener has an address */
  guint32 port, mode, roles; /* roles: bits of SatchelRole for the processes that accept connections */
  guint32 uid, gid;          /* owner and group of the unix socket; SATCHEL_PLAN_NO_ID: those of master */
  guint32 implicit_tls, allow_cleartext;
  guint32 is_optional; /* the machine may lack its address family: IPv6 of "*" and of loopback */
} SatchelPlanListener;

typedef struct SatchelPlanModule
{
  char *name;
  guint32 is_gate, roles;
  char *identity; /* device, inode and time of the file; differs after a change of the file */
  int fd;
} SatchelPlanModule;

/* The index of a helper in the plan is its slot. */
typedef struct SatchelPlanHelper
{
  char *module;
  guint32 gid;  /* a group that the process gets besides its own; SATCHEL_PLAN_NO_ID: none */
  int image_fd; /* the part of the configuration that the helper may know */
} SatchelPlanHelper;

typedef struct SatchelPlanTls
{
  guint32 index;
  int chain_fd, key_fd;
} SatchelPlanTls;

typedef struct SatchelPlan
{
  gboolean is_ok;          /* PLAN_END said that the configuration has no error */
  gboolean is_whole;       /* the config process sent all of the plan, whatever it found */
  gboolean is_other_build; /* the config process was of another build, since the program has been upgraded */
  SatchelPlanIds ids[SATCHEL_PLAN_N_IDS];
  guint32 admin_gid;
  guint32 n_gates, n_mails, sandbox, stop_grace_ms, log_level;
  guint32 hang_ms, stuck_ms;
  char *mail_root, *state_dir, *run_dir, *log_file; /* log_file "": the log goes to standard error */
  char *mail_root_origin, *state_dir_origin, *run_dir_origin, *log_file_origin;
  GPtrArray *listeners; /* SatchelPlanListener */
  GPtrArray *modules;   /* SatchelPlanModule */
  GPtrArray *helpers;   /* SatchelPlanHelper */
  GArray *tls;          /* SatchelPlanTls */
  GPtrArray *problems;  /* SatchelConfigProblem */
  guint n_errors;
  int image_fd; /* sealed memfd */
} SatchelPlan;

SatchelPlan *satchel_plan_new (void);
void satchel_plan_free (SatchelPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelPlan, satchel_plan_free)
void satchel_plan_listener_free (SatchelPlanListener *listener);

/* Sends a plan, or a part of it, to master. FALSE: master has gone. */
gboolean satchel_plan_send (int fd, const SatchelPlan *plan, GError **error);
gboolean satchel_plan_send_problem (int fd, const SatchelConfigProblem *problem, GError **error);
gboolean satchel_plan_send_end (int fd, gboolean is_ok, GError **error);

typedef enum
{
  SATCHEL_PLAN_BAD = 0,
  SATCHEL_PLAN_MORE,
  SATCHEL_PLAN_DONE
} SatchelPlanStep;
/* Takes one message of the config process in. All sizes are bounded. BAD: the sender is not to be trusted. */
SatchelPlanStep satchel_plan_take (SatchelPlan *plan, SatchelIpcMessage *message);
void satchel_plan_add_problem (SatchelPlan *plan, gboolean is_warning, const char *where, const char *format,
                               ...) G_GNUC_PRINTF (4, 5);
/* Adds a problem with @setting, "GROUP.KEY" or "GROUP". */
void satchel_plan_add_problem_of (SatchelPlan *plan, gboolean is_warning, const char *where,
                                  const char *setting, const char *format, ...) G_GNUC_PRINTF (5, 6);
/* Returns problem @i for people; yours. */
char *satchel_plan_problem_text (const SatchelPlan *plan, guint i);

/* These return how many processes of a role master keeps, and the name of the module that the process with
 * number @slot serves ("" if it serves all modules). */
guint satchel_plan_n_processes (const SatchelPlan *plan, const SatchelRoleRow *row);
const char *satchel_plan_module_of (const SatchelPlan *plan, const SatchelRoleRow *row, guint slot);

/* These compare two plans.  The second one says whether both name the same module files for @roles. */
gboolean satchel_plan_same_listeners (const SatchelPlan *a, const SatchelPlan *b);
gboolean satchel_plan_same_modules (const SatchelPlan *a, const SatchelPlan *b, guint roles,
                                    gboolean is_gate);
/* Names what cannot change without a restart, or NULL; yours. */
char *satchel_plan_needs_restart (const SatchelPlan *now, const SatchelPlan *next);
