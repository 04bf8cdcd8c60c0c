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
  SATCHEL_ERROR_OVERQUOTA,     /* the user's own quota is full; never that of the disk */
  SATCHEL_ERROR_LIMIT,         /* a configured or built-in bound */
  SATCHEL_ERROR_NOPERM,        /* not allowed to the user */
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
  SATCHEL_ERROR_BADCHARSET,    /* unknown charset in SEARCH */
  /* Errors of the machine, beside IO; nobody's mail or right is to blame. */
  SATCHEL_ERROR_NOSPACE,  /* the disk is full, or the file system's quota for our uid */
  SATCHEL_ERROR_ACCESS,   /* we ourselves may not: owner or mode of a file, a file system that is read-only */
  SATCHEL_ERROR_RESOURCES /* out of memory, descriptors or processes; it may pass */
} SatchelErrorCode;

/* Sets @error from errno: ENOSPC and EDQUOT give NOSPACE (decision 0019), ENOENT NONEXISTENT, EEXIST
 * ALREADYEXISTS, EACCES, EPERM and EROFS ACCESS, ENOMEM, EMFILE, ENFILE and EAGAIN RESOURCES, others IO; ":
 * strerror" is appended.  Returns FALSE. */
SATCHEL_API gboolean satchel_error_set_errno (GError **error, int errnum, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* Sets @error in this domain; returns FALSE so that callers fail in one line. */
SATCHEL_API gboolean satchel_error_set (GError **error, SatchelErrorCode code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* The machine's doing, for the administrator: a line is logged for it. */
SATCHEL_API gboolean satchel_error_is_of_machine (const GError *error);
/* FALSE: the same was asked within the hour.  Trouble that lasts, and that many clients run into, is logged
 * once.  [any thread] */
SATCHEL_API gboolean satchel_error_is_news (const GError *error);

G_END_DECLS
