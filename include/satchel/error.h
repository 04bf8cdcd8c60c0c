/* SPDX-License-Identifier: MIT
 * The one error domain.  A code decides what a client is told (RFC 5530 response codes); the
 * message is for the log only and never reaches a client.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

#define SATCHEL_ERROR (satchel_error_quark ())
SATCHEL_API GQuark satchel_error_quark (void);

typedef enum
{
  SATCHEL_ERROR_FAILED = 0,    /* nothing more precise; IMAP [SERVERBUG], LMTP 451 */
  SATCHEL_ERROR_NONEXISTENT,   /* no such mailbox, message, user */
  SATCHEL_ERROR_ALREADYEXISTS, /* the name is taken */
  SATCHEL_ERROR_OVERQUOTA,     /* the user's quota, or the disk, is full */
  SATCHEL_ERROR_LIMIT,         /* a configured or built-in bound */
  SATCHEL_ERROR_NOPERM,        /* not allowed */
  SATCHEL_ERROR_CANNOT,        /* can never work: e.g. a name the driver cannot store */
  SATCHEL_ERROR_INUSE,         /* locked by another session */
  SATCHEL_ERROR_UNAVAILABLE,   /* a process or helper is away; try again later */
  SATCHEL_ERROR_LOCKED,        /* content needs a key that this session does not hold */
  SATCHEL_ERROR_GONE,          /* the message was removed meanwhile (RFC 2180 4.1) */
  SATCHEL_ERROR_CORRUPT,       /* stored state does not check out */
  SATCHEL_ERROR_IO,            /* a system call failed */
  SATCHEL_ERROR_INVALID,       /* input that is malformed */
  SATCHEL_ERROR_TIMEOUT,       /* a deadline passed */
  SATCHEL_ERROR_CANCELLED,     /* the asker went away */
  SATCHEL_ERROR_BADCHARSET     /* unknown charset in SEARCH */
} SatchelErrorCode;

/* Sets @error from errno: ENOSPC and EDQUOT give OVERQUOTA, ENOENT NONEXISTENT, EEXIST
 * ALREADYEXISTS, EACCES and EPERM NOPERM, others IO; ": strerror" is appended.  Returns FALSE. */
SATCHEL_API gboolean satchel_error_set_errno (GError **error, int errnum, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* Sets @error in this domain; returns FALSE so that callers fail in one line. */
SATCHEL_API gboolean satchel_error_set (GError **error, SatchelErrorCode code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

G_END_DECLS
