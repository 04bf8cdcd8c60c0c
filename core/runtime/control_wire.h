/* SPDX-License-Identifier: MIT
 * The control socket RUN_DIR/control: SOCK_SEQPACKET, one packet a request, several packets an answer.
 */
#pragma once
#include <glib.h>

#define SATCHEL_CONTROL_NAME "control"
#define SATCHEL_CONTROL_MAGIC 0x53617443u /* "SatC" */
#define SATCHEL_CONTROL_VERSION 1u
#define SATCHEL_CONTROL_REQUEST_MAX 4096u
#define SATCHEL_CONTROL_REPLY_MAX 16384u
#define SATCHEL_CONTROL_ARGS_MAX 16u

/* Then n arguments, each NUL-ended, filling the packet exactly. */
typedef struct SatchelControlRequest
{
  guint32 magic, version, n_args, reserved;
} SatchelControlRequest;

/* Then text, UTF-8 without NUL; status: an exit status, meant when final. */
typedef struct SatchelControlReply
{
  guint32 magic, version, status, is_final;
} SatchelControlReply;
