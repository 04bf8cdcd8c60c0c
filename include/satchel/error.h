/* SPDX-License-Identifier: MIT
 * Declares the error domain of the server. The code decides which answer a client gets (RFC 5530 response
 * codes); the message is for the log only and never reaches a client.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

#define SATCHEL_ERROR (satchel_error_quark ())
SATCHEL_API GQuark satchel_error_quark (void);

typedef enum
{
  SATCHEL_ERROR_FAILED = 0,    /* nothing more precise; IMAP [SERVERBUG], LMTP 451 */
  SATCHEL_ERROR_NONEXISTENT,   /* there is no such mailbox, message or user */
  SATCHEL_ERROR_ALREADYEXISTS, /* the name is taken */
  SATCHEL_ERROR_OVERQUOTA,     /* the user's own quota is full; never that of the disk */
  SATCHEL_ERROR_LIMIT,         /* a configured or built-in bound */
  SATCHEL_ERROR_NOPERM,        /* the user lacks the right */
  SATCHEL_ERROR_CANNOT,        /* the call can never succeed, e.g. for a name that the driver cannot store */
  SATCHEL_ERROR_INUSE,         /* locked by another session */
  SATCHEL_ERROR_UNAVAILABLE,   /* a process or helper does not run; a later try may work */
  SATCHEL_ERROR_LOCKED,        /* content needs a key that this session does not hold */
  SATCHEL_ERROR_GONE,          /* the message was removed meanwhile (RFC 2180 4.1) */
  SATCHEL_ERROR_CORRUPT,       /* stored data is damaged */
  SATCHEL_ERROR_IO,            /* a system call failed */
  SATCHEL_ERROR_INVALID,       /* input that is malformed */
  SATCHEL_ERROR_TIMEOUT,       /* a deadline passed */
  SATCHEL_ERROR_CANCELLED,     /* the client or caller no longer waits */
  SATCHEL_ERROR_BADCHARSET,    /* unknown charset in SEARCH */
  /* Errors of the machine, as IO is; they say nothing about a message or a user's rights. */
  SATCHEL_ERROR_NOSPACE,  /* the disk is full, or the file system's quota for our uid */
  SATCHEL_ERROR_ACCESS,   /* the server lacks access: owner or mode of a file, a read-only file system */
  SATCHEL_ERROR_RESOURCES /* out of memory, descriptors or processes; a later try may work */
} SatchelErrorCode;

/* Sets @error from @errnum, and returns FALSE.  ENOSPC and EDQUOT give NOSPACE (decision 0019), ENOENT
 * NONEXISTENT, EEXIST ALREADYEXISTS, EACCES, EPERM and EROFS ACCESS, ENOMEM, EMFILE, ENFILE and EAGAIN
 * RESOURCES, all others IO.  ": " and strerror are appended to the message. */
SATCHEL_API gboolean satchel_error_set_errno (GError **error, int errnum, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* Sets @error in this domain; returns FALSE so that callers fail in one line. */
SATCHEL_API gboolean satchel_error_set (GError **error, SatchelErrorCode code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* Sets @error to INVALID about @setting, a key of the module's own group, and returns FALSE.  The message is
 * "SETTING: " and what is wrong.  An error of a module's `check` is shown with file and line of the setting.
 */
SATCHEL_API gboolean satchel_error_set_setting (GError **error, const char *setting, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
/* Says that the error that was set is about @setting: puts "SETTING: " in front of its message, and returns
 * FALSE.  An error of another domain becomes FAILED of this one. */
SATCHEL_API gboolean satchel_error_blame_setting (GError **error, const char *setting);
/* Returns the setting that @error is about, borrowed from it; NULL means that it is about none, or of another
 * domain. */
SATCHEL_API const char *satchel_error_setting (const GError *error);
/* Says whether it is an error of the machine, for which the administrator needs a line in the log. */
SATCHEL_API gboolean satchel_error_is_of_machine (const GError *error);
/* Says whether this function was not called with the same error within the last hour, so that trouble that
 * lasts, and that many clients run into, is logged once an hour.  [any thread] */
SATCHEL_API gboolean satchel_error_is_news (const GError *error);

G_END_DECLS
