/* SPDX-License-Identifier: MIT
 * Shared by the files of master; README.md says what each file does.
 */
#pragma once
#include "core/daemon/master/control.h"
#include "core/daemon/master/dirs.h"
#include "core/daemon/master/listeners.h"
#include "core/daemon/options.h"
#include "core/daemon/plan.h"
#include "core/daemon/role/role_private.h"
#include "core/daemon/master/crash_suspects.h"
#include "core/runtime/breadcrumb.h"
#include "core/runtime/counter_lane.h"

typedef enum
{
  SATCHEL_MASTER_STARTING = 0, /* the first children are not all ready */
  SATCHEL_MASTER_RUNNING,
  SATCHEL_MASTER_STOPPING,
  SATCHEL_MASTER_UPGRADING /* as stopping, then executes itself again */
} SatchelMasterState;

typedef struct SatchelMaster SatchelMaster;

/* A place for a process: the record outlives its processes. */
typedef struct SatchelWorker
{
  SatchelMaster *master;
  SatchelRole role;
  guint slot;
  char *module; /* of a helper: whose it is; else "" */
  char *name;   /* "mail[0]", "helper spam": for people */
  pid_t pid;    /* 0: none */
  SatchelIpcLink *link;
  gboolean has_hello, has_started, is_ready;
  gboolean is_retiring;  /* of an old generation: drains, is not started again */
  gboolean is_stopping;  /* STOP was sent, or it was killed */
  gboolean is_preparing; /* a reload waits for its answer */
  gint64 started_ms;
  guint64 generation; /* of the configuration that it started with, or took in a reload */
  guint n_restarts, n_quick;
  char *failure; /* what FAILED said */
  SatchelTimer restart;
  int crumbs_fd;
  SatchelBreadcrumb *crumbs;
  int counters_fd;
  SatchelCounterLane *counters;   /* NULL: there was no memory */
  gboolean is_other_build;        /* waits for the end of the trial of its build */
  SatchelSuspects *suspects;      /* mail: what its processes crashed on */
  struct SatchelWatched *watched; /* hangs.c */
  gboolean was_hung;              /* it was ended for that */
  char *last_crash;               /* at what it died last, as words for people; NULL: it did not say */
  GHashTable *serials;            /* peer -> serial of the newest link (guint64 *) */
} SatchelWorker;

typedef struct SatchelConfigRun SatchelConfigRun;
typedef struct SatchelControl SatchelControl;
typedef struct SatchelReload SatchelReload;
typedef void (*SatchelPlanFunc) (SatchelMaster *master, SatchelPlan *plan); /* @plan is taken over */

/* What happens to children and reloads, told to whoever master.c names: so workers.c and reload.c need not
 * know who wants to hear it. */
typedef struct SatchelMasterEvents
{
  void (*all_ready) (SatchelMaster *master);    /* of the first start */
  void (*start_failed) (SatchelWorker *worker); /* it died during the first start */
  void (*worker_ready) (SatchelWorker *worker); /* at any later time */
  void (*worker_reloaded) (SatchelWorker *worker, guint64 attempt, gboolean ok, const char *text);
  void (*worker_replied) (SatchelWorker *worker, SatchelIpcMessage *message); /* ADMIN_REPLY */
  void (*worker_died) (SatchelWorker *worker);
  void (*reload_done) (SatchelMaster *master, guint status, const char *text); /* @status: an exit status */
} SatchelMasterEvents;

struct SatchelMaster
{
  const SatchelMasterEvents *events;
  SatchelOptions *options;
  GMainLoop *loop;
  int exit_status;
  SatchelMasterState state;
  char *build_id;
  SatchelPlan *plan;                /* in force; NULL at first */
  guint64 generation, last_attempt; /* attempt: of a reload, also of one that is refused */
  gint64 began_s;
  SatchelSockets *sockets;
  SatchelDirs dirs;
  int connection_table_fd, log_fd;
  guint8 ticket_key[64];
  GPtrArray *workers;                  /* SatchelWorker */
  SatchelCounterTotals *past_counters; /* of places that are no more */
  guint64 last_serial;
  SatchelConfigRun *config_run;
  SatchelReload *reload;
  gboolean trial_runs; /* config_run is one of another build, before an upgrade */
  SatchelControl *control;
  SatchelControlServer *control_server; /* of `control`, which owns it; NULL: none */
  int inherited_control_fd;             /* of an older self, until `control` has it; -1: none */
  GArray *inherited_control_clients;    /* int */
  SatchelTimer watchdog, stop_timer, log_look;
  gboolean last_told; /* in a stop: auth and helpers go last */
};

/* log_file.c */
/* Opens the log file of @plan and sends it to everybody.  FALSE: a problem of @plan. */
gboolean satchel_master_open_log (SatchelMaster *master, SatchelPlan *plan);
/* Opens it anew, after it was moved away, and sends it to everybody. */
gboolean satchel_reopen_log (SatchelMaster *master, GError **error);

/* config_run.c */
gboolean satchel_config_run_start (SatchelMaster *master, SatchelPlanFunc done, GError **error);
gboolean satchel_config_run_ended (SatchelMaster *master, pid_t pid, int status); /* FALSE: not its pid */
void satchel_config_run_cancel (SatchelMaster *master);

/* worker.c */
void satchel_worker_send (SatchelWorker *worker,
                          SatchelIpcMessage *message); /* takes it over; dropped without a link */
guint satchel_master_free_slot (SatchelMaster *master, SatchelRole role);
gboolean satchel_master_is_all_ready (SatchelMaster *master);
/* What a breadcrumb says, as " key=value" for lines of the log; yours.  NULL: "". */
char *satchel_crumb_text (const SatchelBreadcrumb *crumb);

/* workers.c */
/* @module: of a helper; else "". */
SatchelWorker *satchel_worker_new (SatchelMaster *master, SatchelRole role, guint slot, const char *module);
void satchel_worker_free (SatchelWorker *worker);
void satchel_worker_spawn (SatchelWorker *worker);
void satchel_worker_ended (SatchelWorker *worker, int status);
/* hangs.c */
void satchel_hangs_start (SatchelMaster *master);
void satchel_hangs_spawned (SatchelWorker *worker);
void satchel_hangs_forget (SatchelWorker *worker);
void satchel_hangs_answered (SatchelWorker *worker, guint64 number);
gboolean satchel_worker_is_hung (const SatchelWorker *worker);
/* Has every process answered in this time? */
gboolean satchel_hangs_all_answered (const SatchelMaster *master, gint64 within_ms);
/* Lines of `satchel status`. */
void satchel_hangs_describe (const SatchelWorker *worker, GString *text);

/* wiring.c */
void satchel_worker_send_setup (SatchelWorker *worker);
void satchel_worker_send_config (SatchelWorker *worker, const SatchelPlan *plan, guint64 generation);
void satchel_worker_wire (SatchelWorker *worker); /* to all it should be linked with */
void satchel_worker_rewire (SatchelWorker *worker, SatchelRole role, guint slot, guint64 broken_serial);
void satchel_worker_start (SatchelWorker *worker);

/* reload.c */
void satchel_reload_begin (SatchelMaster *master);
void satchel_reload_answer (SatchelWorker *worker, guint64 attempt, gboolean ok, const char *message);
void satchel_reload_worker_died (SatchelWorker *worker);
void satchel_reload_worker_ready (SatchelWorker *worker);

/* stop.c */
void satchel_stop_begin (SatchelMaster *master, SatchelMasterState state);
void satchel_stop_step (SatchelMaster *master); /* after a death */
void satchel_upgrade_restore (SatchelMaster *master);
/* Ends all processes and starts the program on disk in our place, with listeners, control socket and lock
 * kept. */
void satchel_upgrade_begin (SatchelMaster *master);
/* A child is of another build: tries the configuration there, then upgrades or stays.  FALSE: not now. */
gboolean satchel_upgrade_consider (SatchelMaster *master);

/* admin.c */
SatchelControl *satchel_control_new (SatchelMaster *master, GError **error);
void satchel_control_free (SatchelControl *control);
void satchel_control_worker_reply (SatchelWorker *worker, SatchelIpcMessage *message);
void satchel_control_worker_died (SatchelWorker *worker);
/* Answers the clients that asked for the reload; @status: an exit status. */
void satchel_control_reload_done (SatchelMaster *master, guint status, const char *text);
