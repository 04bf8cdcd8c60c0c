/* SPDX-License-Identifier: MIT
 * A run of an admin command, between the main thread (admin_calls.c) and its job (admin_output.c).
 */
#pragma once
#include <satchel/admin.h>
#include <satchel/reactor.h>

#include "core/session/admin/admin_calls.h"

/* The number of bytes that may be on their way to the administrator. */
#define SATCHEL_ADMIN_WINDOW (256u * 1024u)

struct SatchelAdminCall
{
  guint64 request;
  const char *group; /* of the module */
  const SatchelAdminCommand *command;
  SatchelAccess *access;
  SatchelPlace *place; /* of the owner; NULL: the command concerns no user */
  guint slot;          /* of this mail process */
  SatchelConfig *options;
  gboolean is_json;
  SatchelDeferFunc send_waiting; /* main thread; takes a reference to the call over */
  gint64 began_us;
  SatchelTimer deadline, heartbeat; /* main thread */
  gboolean ok;                      /* of the job, when it is done */
  GError *error;

  GMutex lock; /* guards all members below */
  GCond room;
  GString *waiting; /* frames for the main thread to send */
  gsize n_unread;   /* bytes that the administrator's side has not taken yet */
  guint64 n_bytes;  /* bytes of output in all */
  gboolean is_cancelled;
  SatchelErrorCode why; /* reason of the cancelling */
  gboolean is_sending;  /* the main thread has been asked to send */
  gint64 progress_us;   /* when the last one went out */
  char *progress;       /* a later report, held back */
};

/* Frames: a character that says the kind, the content, and '\n'.  core/cli/command_admin.c reads them. */
#define SATCHEL_ADMIN_FRAME_LINE '>'     /* for standard output */
#define SATCHEL_ADMIN_FRAME_PROGRESS '%' /* "DONE TOTAL WHAT" */
#define SATCHEL_ADMIN_FRAME_ERROR '!'    /* "CODE MESSAGE" */
#define SATCHEL_ADMIN_FRAME_ALIVE '~'
#define SATCHEL_ADMIN_FRAME_QR '#'  /* a text to be shown as a QR code */
#define SATCHEL_ADMIN_FRAME_ASK '?' /* "OPTION PROMPT" */
#define SATCHEL_ADMIN_FRAME_END '.' /* the command came to its end */

/* Appends a frame for the administrator, and waits for room if @waits.  FALSE means that the call is
 * cancelled. */
gboolean satchel_admin_add_frame (SatchelAdminCall *call, char kind, const char *text, gboolean waits);
/* Sends the progress that was held back. */
void satchel_admin_end_progress (SatchelAdminCall *call);
/* Cancels the call; the first reason stays.  Any thread. */
void satchel_admin_cancel (SatchelAdminCall *call, SatchelErrorCode why);
