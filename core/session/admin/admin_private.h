/* SPDX-License-Identifier: MIT
 * Declares a run of an admin command, which the main thread (admin_calls.c) and the command's job
 * (admin_output.c) share.
 */
#pragma once
#include <satchel/admin.h>
#include <satchel/reactor.h>

#include "core/session/admin/admin_calls.h"

/* So many bytes may be on their way to the administrator. */
#define SATCHEL_ADMIN_WINDOW (256u * 1024u)

struct SatchelAdminCall
{
  guint64 request;
  const char *group; /* name of the module's group */
  const SatchelAdminCommand *command;
  SatchelAccess *access;
  SatchelPlace *place; /* where the owner's mail is; NULL: the command concerns no user */
  guint slot;          /* number of this mail process */
  SatchelConfig *options;
  gboolean is_own; /* a command of the server itself */
  gboolean is_json;
  int channel_fd;                /* the channel to the program that asked, for the job alone; -1: none */
  SatchelDeferFunc send_waiting; /* run in the main thread; it takes over a reference to the call */
  gint64 began_us;
  SatchelTimer deadline, heartbeat; /* used by the main thread */
  gboolean ok;                      /* whether the job succeeded, once it has ended */
  GError *error;

  GMutex lock; /* guards all members below */
  GCond room;
  GString *waiting; /* frames for the main thread to send */
  gsize n_unread;   /* bytes that the administrator's side has not taken yet */
  guint64 n_bytes;  /* bytes of output in all */
  gboolean is_cancelled;
  SatchelErrorCode why; /* why the call was cancelled */
  gboolean is_sending;  /* the main thread has been asked to send */
  gint64 progress_us;   /* when the last report of progress was sent */
  char *progress;       /* a later report of progress, which is held back */
};

/* A frame is a character for the kind, the content, and '\n'. core/cli/command_admin.c reads frames. */
#define SATCHEL_ADMIN_FRAME_LINE '>'     /* a line for standard output */
#define SATCHEL_ADMIN_FRAME_PROGRESS '%' /* "DONE TOTAL WHAT" */
#define SATCHEL_ADMIN_FRAME_ERROR '!'    /* "CODE MESSAGE" */
#define SATCHEL_ADMIN_FRAME_ALIVE '~'
#define SATCHEL_ADMIN_FRAME_QR '#'  /* a text to be shown as a QR code */
#define SATCHEL_ADMIN_FRAME_ASK '?' /* "OPTION PROMPT" */
#define SATCHEL_ADMIN_FRAME_END '.' /* the command has come to its end */

/* Appends a frame for the administrator, and waits for room if @waits.  FALSE means that the call is
 * cancelled. */
gboolean satchel_admin_add_frame (SatchelAdminCall *call, char kind, const char *text, gboolean waits);
/* Sends the report of progress that was held back. */
void satchel_admin_end_progress (SatchelAdminCall *call);
/* Cancels the call; the reason of the first cancelling counts.  Any thread may call it. */
void satchel_admin_cancel (SatchelAdminCall *call, SatchelErrorCode why);
