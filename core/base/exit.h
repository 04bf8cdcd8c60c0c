/* SPDX-License-Identifier: MIT
 * Defines the exit statuses of both programs, which answers on the control socket have as well. They are
 * those of sysexits.h.
 */
#pragma once

typedef enum
{
  SATCHEL_EXIT_OK = 0,
  SATCHEL_EXIT_FAILED = 1,
  SATCHEL_EXIT_USAGE = 64,
  SATCHEL_EXIT_DATA = 65,        /* an argument or the input cannot be used: a name, a password */
  SATCHEL_EXIT_NO_USER = 66,     /* there is no such user, module or session */
  SATCHEL_EXIT_UNAVAILABLE = 69, /* the server is not running */
  SATCHEL_EXIT_SOFTWARE = 70,
  SATCHEL_EXIT_EXISTS = 73, /* something of that name exists already */
  SATCHEL_EXIT_IO = 74,
  SATCHEL_EXIT_TEMPORARY = 75, /* the same command may succeed later */
  /* A process of the server that ends itself (runtime/process.h). */
  SATCHEL_EXIT_CANNOT_GO_ON = SATCHEL_EXIT_TEMPORARY,
  SATCHEL_EXIT_NOPERM = 77,
  SATCHEL_EXIT_CONFIG = 78,
  SATCHEL_EXIT_INTERRUPTED = 130 /* ended by SIGINT, as a shell reports it */
} SatchelExit;
