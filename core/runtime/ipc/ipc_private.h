/* SPDX-License-Identifier: MIT
 * Declares how the messages of ipc.h are sent, for ipc.c (messages) and ipc_link.c (links).
 */
#pragma once
#include "core/runtime/ipc/ipc.h"

typedef struct SatchelIpcHeader
{
  guint32 version, type;
  guint64 session_id, deadline_ms;
  guint32 body_len, n_fds;
} SatchelIpcHeader;
#define SATCHEL_IPC_HEADER_BYTES ((gsize) sizeof (SatchelIpcHeader))
G_STATIC_ASSERT (sizeof (SatchelIpcHeader) == 32);

typedef enum
{
  SATCHEL_IPC_READ_BAD = 0, /* malformed: the link must be closed */
  SATCHEL_IPC_READ_OK,
  SATCHEL_IPC_READ_AGAIN,
  SATCHEL_IPC_READ_ENDED
} SatchelIpcRead;
SatchelIpcRead satchel_ipc_read (int fd, int flags, SatchelIpcMessage **ret_message);
/* Sends one message. Returns 0 or an errno. */
int satchel_ipc_write (int fd, const SatchelIpcMessage *message, int flags);
