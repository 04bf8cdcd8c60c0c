/* SPDX-License-Identifier: MIT
 * The messages on the control socket RUN_DIR/control. It is SOCK_SEQPACKET; a request is one packet, an
 * answer one or more. A request of a command (run) may bring one descriptor along (SCM_RIGHTS), the end of a
 * channel to the one who asks.
 */
#pragma once
#include <glib.h>

#define SATCHEL_CONTROL_NAME "control"
#define SATCHEL_CONTROL_MAGIC 0x53617443u /* "SatC" */
#define SATCHEL_CONTROL_VERSION 1u
#define SATCHEL_CONTROL_REQUEST_MAX 4096u
#define SATCHEL_CONTROL_REPLY_MAX 16384u
#define SATCHEL_CONTROL_ARGS_MAX 16u

/* In this request the last word is a secret, which is never logged, and is wiped. */
#define SATCHEL_CONTROL_SECRET_REQUEST "auth-test"

/* This packet is a request. n arguments follow, each NUL-ended, and fill the packet exactly. */
typedef struct SatchelControlRequest
{
  guint32 magic, version, n_args, reserved;
} SatchelControlRequest;

/* This packet is a part of an answer. Text follows, UTF-8 without NUL. status is an exit status, which counts
 * if the packet is final. */
typedef struct SatchelControlReply
{
  guint32 magic, version, status, is_final;
} SatchelControlReply;
