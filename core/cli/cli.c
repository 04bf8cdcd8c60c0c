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
  /* Codes that are not listed mean a failure without a status of its own. */
  static const SatchelExit exits[] = {
    [SATCHEL_ERROR_NONEXISTENT] = SATCHEL_EXIT_NO_USER,
    [SATCHEL_ERROR_ALREADYEXISTS] = SATCHEL_EXIT_EXISTS,
    [SATCHEL_ERROR_INVALID] = SATCHEL_EXIT_DATA,
    [SATCHEL_ERROR_LIMIT] = SATCHEL_EXIT_DATA,
    [SATCHEL_ERROR_CANNOT] = SATCHEL_EXIT_DATA,
    [SATCHEL_ERROR_INUSE] = SATCHEL_EXIT_TEMPORARY,
    [SATCHEL_ERROR_NOPERM] = SATCHEL_EXIT_NOPERM,
    [SATCHEL_ERROR_ACCESS] = SATCHEL_EXIT_NOPERM,
    [SATCHEL_ERROR_UNAVAILABLE] = SATCHEL_EXIT_UNAVAILABLE,
    [SATCHEL_ERROR_TIMEOUT] = SATCHEL_EXIT_UNAVAILABLE,
    [SATCHEL_ERROR_IO] = SATCHEL_EXIT_IO,
    [SATCHEL_ERROR_NOSPACE] = SATCHEL_EXIT_IO,
    [SATCHEL_ERROR_RESOURCES] = SATCHEL_EXIT_IO,
  };
  const gboolean is_listed = error->domain == SATCHEL_ERROR && error->code >= 0
                             && (gsize) error->code < G_N_ELEMENTS (exits)
                             && exits[error->code] != SATCHEL_EXIT_OK;
  return satchel_cli_fail (is_listed ? exits[error->code] : SATCHEL_EXIT_FAILED, "%s", error->message);
}

int
satchel_cli_fail_to_ask (const GError *error)
{
  if (!g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_ACCESS))
    return satchel_cli_fail_error (error);
  return satchel_cli_fail (SATCHEL_EXIT_NOPERM,
                           "%s; only root and the group of server.admin_group may do this", error->message);
}
