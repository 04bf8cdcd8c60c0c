/* SPDX-License-Identifier: MIT
 * Reads options and arguments for every command, and reports its failures.
 */
#include "config.h"

#include <stdio.h>

#include "core/cli/cli.h"

const char *
satchel_cli_option (const SatchelCli *cli, const char *name)
{
  return g_hash_table_lookup (cli->options, name);
}

const char *
satchel_cli_argument (const SatchelCli *cli, guint index)
{
  return index + 1 < cli->arguments->len ? cli->arguments->pdata[index] : NULL;
}

int
satchel_cli_fail (SatchelExit exit, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  /* An argument may hold any bytes, and only valid text may go to the terminal. */
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  for (char *p = valid; *p != '\0'; p++)
    if ((guchar) *p < 0x20 || *p == 0x7f)
      *p = '?';
  fflush (stdout);
  fprintf (stderr, "satchel: %s\n", valid);
  return exit;
}

int
satchel_cli_fail_error (const GError *error)
{
  SatchelExit exit = SATCHEL_EXIT_FAILED;
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    exit = SATCHEL_EXIT_NO_USER;
  else if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_ALREADYEXISTS))
    exit = SATCHEL_EXIT_EXISTS;
  else if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID)
           || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT)
           || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    exit = SATCHEL_EXIT_DATA;
  else if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_INUSE))
    exit = SATCHEL_EXIT_TEMPORARY;
  else if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM)
           || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_ACCESS))
    exit = SATCHEL_EXIT_NOPERM;
  else if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE)
           || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_TIMEOUT))
    exit = SATCHEL_EXIT_UNAVAILABLE;
  else if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_IO)
           || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOSPACE)
           || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_RESOURCES))
    exit = SATCHEL_EXIT_IO;
  return satchel_cli_fail (exit, "%s", error->message);
}
