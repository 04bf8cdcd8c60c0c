/* SPDX-License-Identifier: MIT
 * Declares what is shared by the files of master; README.md says what each file does.
 */
#pragma once
#include "core/daemon/master/control.h"
#include "core/daemon/master/dirs.h"
#include "core/daemon/master/listeners.h"
#include "core/daemon/options.h"
#include "core/daemon/plan.h"
#include "core/daemon/role/role_private.h"
#include "core/daemon/master/crash_suspects.h"
#include "core/runtime/loop/breadcrumb.h"
#include "core/runtime/log/counter_lane.h"

typedef enum
{
  SATCHEL_MASTER_STARTING = 0, /* some of the first children are not ready yet */
  SATCHEL_MASTER_RUNNING,
  SATCHEL_MASTER_STOPPING,
  SATCHEL_MASTER_UPGRADING /* stops like STOPPING, then executes the new program */
} SatchelMasterState;

typedef struct SatchelMaster SatchelMaster;

/* A worker is a place for a process; the record outlives the processes that take the place. */
typedef struct SatchelWorker
{
  SatchelMaster *master;
  SatchelRole role;
  guint slot;
  char *module; /* name of the module whose helper it is; else "" */
  char *name;   /* name in the log: "mail[0]", "helper spam" */
  pid_t pid;    /* 0: no process */
  SatchelIpcLink *link;
  gboolean has_hello, has_started, is_ready;
  gboolean is_next; /* it starts with the plan of a reload, which waits for it, and listens to nothing yet */
  /* it belongs to an old generation: it ends with its last session, and is not started again */
  gboolean is_retiring;
  gboolean is_stopping;  /* the process was told to stop, or was killed */
  gboolean is_preparing; /* a reload waits for its answer */
  gint64 started_ms;
  guint64 generation; /* generation of the configuration that the process has */
  guint n_restarts, n_quick;
  char *failure; /* the reason that the process gave in FAILED */
  SatchelTimer restart;
  int crumbs_fd;
  SatchelBreadcrumb *crumbs;
  int counters_fd;
  SatchelCounterLane *counters;   /* NULL: the memory could not be had */
  gboolean is_other_build;        /* the process is of a new build, and waits until master has tried that */
  SatchelSuspects *suspects;      /* for role mail: at what its processes crashed */
  struct SatchelWatched *watched; /* hangs.c */
  gboolean was_hung;              /* master ended it since it hung */
  char *last_crash;               /* text about the work at which it died last; NULL: it did not name that */
  GHashTable *serials;            /* peer -> serial of the newest link (guint64 *) */
  guint64 last_serial_before;     /* links up to this serial were of processes before this one */
} SatchelWorker;

typedef struct SatchelConfigRun SatchelConfigRun;
typedef struct SatchelControl SatchelControl;
typedef struct SatchelReload SatchelReload;
typedef void (*SatchelPlanFunc) (SatchelMaster *master, SatchelPlan *plan); /* @plan is taken over */

/* Reports what happens to children and reloads. master.c fills this table, so that workers.c and reload.c
 * need not know who wants to hear it. */
typedef struct SatchelMasterEvents
{
  void (*all_ready) (SatchelMaster *master);    /* called when all processes of the first start are ready */
  void (*start_failed) (SatchelWorker *worker); /* called when a process died during the first start */
  void (*worker_ready) (SatchelWorker *worker); /* called when a process became ready later */
  void (*worker_reloaded) (SatchelWorker *worker, guint64 attempt, gboolean ok, const char *text);
  /* called when a process sent ADMIN_REPLY */
  void (*worker_replied) (SatchelWorker *worker, SatchelIpcMessage *message);
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
  SatchelPlan *plan;                /* the plan in force; NULL at first */
  guint64 generation, last_attempt; /* last_attempt: number of the last reload, which may have been refused */
  /* the plan of a reload that waits for processes to start; NULL: there is none */
  const SatchelPlan *next_plan;
  guint64 next_generation;
  gint64 began_s;
  SatchelSockets *sockets;
  SatchelDirs dirs;
  int connection_table_fd, log_fd;
  int remembered_fd; /* secret memory of auth's, which master never maps; -1: the system has none */
  guint8 ticket_key[64];
  GPtrArray *workers;                  /* SatchelWorker */
  SatchelCounterTotals *past_counters; /* counts of processes whose places no longer exist */
  guint64 last_serial;
  SatchelConfigRun *config_run;
  SatchelReload *reload;
  gboolean trial_runs; /* the config process belongs to another build, which is tried before an upgrade */
  SatchelControl *control;
  SatchelControlServer *control_server; /* the server in `control`, which owns it; NULL: none */
  int inherited_control_fd; /* from the program that this one replaced, until `control` has it; -1: none */
  GArray *inherited_control_clients; /* int */
  SatchelTimer watchdog, stop_timer, log_look;
  gboolean last_told; /* in a stop: auth and helpers, which end last, have been told to end */
};

/* log_file.c has these. */
/* Opens the log file of @plan and sends it to every process. FALSE: it failed, and is a problem of @plan. */
gboolean satchel_master_open_log (SatchelMaster *master, SatchelPlan *plan);
/* Opens the log file of @plan, which has one. -1: it failed, and is a problem of @plan. */
int satchel_plan_open_log (SatchelPlan *plan);
/* Takes over @fd, an open log file, and sends it to every process. */
void satchel_master_take_log (SatchelMaster *master, int fd);
/* Opens the log file again, after it was moved away, and sends it to every process. */
gboolean satchel_reopen_log (SatchelMaster *master, GError **error);

/* config_run.c has these. */
gboolean satchel_config_run_start (SatchelMaster *master, SatchelPlanFunc done, GError **error);
/* returns FALSE for another process than that of the run */
gboolean satchel_config_run_ended (SatchelMaster *master, pid_t pid, int status);
void satchel_config_run_cancel (SatchelMaster *master);

/* worker.c has these. */
void satchel_worker_send (SatchelWorker *worker,
                          SatchelIpcMessage *message); /* it is taken over, and dropped if there is no link */
/* Returns the plan that a process starts with, and its generation: those in force, or those of the reload
 * that waits for it. */
const SatchelPlan *satchel_worker_plan (const SatchelWorker *worker, guint64 *ret_generation);
guint satchel_master_free_slot (SatchelMaster *master, SatchelRole role);
gboolean satchel_master_is_all_ready (SatchelMaster *master);
/* Returns what a breadcrumb says as " key=value" for lines of the log; yours. @crumb NULL: "". */
char *satchel_crumb_text (const SatchelBreadcrumb *crumb);

/* workers.c has these. */
/* Makes a place for a process. @module: the module of a helper; else "". */
SatchelWorker *satchel_worker_new (SatchelMaster *master, SatchelRole role, guint slot, const char *module);
void satchel_worker_free (SatchelWorker *worker);
void satchel_worker_spawn (SatchelWorker *worker);
void satchel_worker_ended (SatchelWorker *worker, int status);
/* hangs.c has these. */
void satchel_hangs_start (SatchelMaster *master);
void satchel_hangs_spawned (SatchelWorker *worker);
void satchel_hangs_forget (SatchelWorker *worker);
void satchel_hangs_answered (SatchelWorker *worker, guint64 number);
gboolean satchel_worker_is_hung (const SatchelWorker *worker);
/* Says whether every process has answered within this time. */
gboolean satchel_hangs_all_answered (const SatchelMaster *master, gint64 within_ms);
/* Appends lines for `satchel status`. */
void satchel_hangs_describe (const SatchelWorker *worker, GString *text);

/* wiring.c has these. */
void satchel_worker_send_setup (SatchelWorker *worker); /* sends everything but the listeners */
void satchel_worker_send_listeners (SatchelWorker *worker, const SatchelPlan *plan);
void satchel_worker_send_config (SatchelWorker *worker, const SatchelPlan *plan, guint64 generation);
void satchel_worker_wire (SatchelWorker *worker); /* links it with all its peers */
void satchel_worker_rewire (SatchelWorker *worker, SatchelRole role, guint slot, guint64 broken_serial);
void satchel_worker_start (SatchelWorker *worker);

/* reload.c has these. */
void satchel_reload_begin (SatchelMaster *master);
void satchel_reload_answer (SatchelWorker *worker, guint64 attempt, gboolean ok, const char *message);
void satchel_reload_worker_died (SatchelWorker *worker);
void satchel_reload_worker_ready (SatchelWorker *worker);

/* stop.c has these. */
void satchel_stop_begin (SatchelMaster *master, SatchelMasterState state);
void satchel_stop_step (SatchelMaster *master); /* called after a process has died */
void satchel_upgrade_restore (SatchelMaster *master);
/* Ends all processes and executes the program on disk in place of this one, which keeps listeners, control
 * socket and lock. */
void satchel_upgrade_begin (SatchelMaster *master);
/* A child is of another build: its build tries the configuration, and then the server upgrades or stays.
 * FALSE means that this is not possible now. */
gboolean satchel_upgrade_consider (SatchelMaster *master);

/* admin.c has these. */
SatchelControl *satchel_control_new (SatchelMaster *master, GError **error);
void satchel_control_free (SatchelControl *control);
void satchel_control_worker_reply (SatchelWorker *worker, SatchelIpcMessage *message);
void satchel_control_worker_died (SatchelWorker *worker);
/* Answers the clients that asked for the reload; @status: an exit status. */
void satchel_control_reload_done (SatchelMaster *master, guint status, const char *text);
