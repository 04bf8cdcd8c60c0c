/* SPDX-License-Identifier: MIT
 * Reads passwords from the terminal, twice and without echo, or from a line of standard input.
 */
#include "config.h"

#include <errno.h>
#include <satchel/retry.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/cli/cli.h"

#define PASSWORD_MAX 1024u
#define CANCEL 3 /* the character of ^C */

typedef enum
{
  LINE_END = 0, /* the input ended before any byte */
  LINE_READ,
  LINE_LONG,
  LINE_BAD, /* the line has a NUL, or is not UTF-8 */
  LINE_CANCELLED
} Line;

/* Reads one line without its end, byte by byte, since stdio would leave copies of it in its buffers. */
static Line
read_line (int fd, char line[PASSWORD_MAX + 1])
{
  gsize len = 0;
  gboolean any = FALSE;
  for (;;)
    {
      char c;
      ssize_t n = SATCHEL_RETRY (read (fd, &c, 1));
      if (n <= 0 || c == '\n')
        break;
      any = TRUE;
      if (c == CANCEL && isatty (fd))
        return LINE_CANCELLED;
      if (c == '\0')
        return LINE_BAD;
      if (len == PASSWORD_MAX)
        return LINE_LONG;
      line[len++] = c;
    }
  if (len > 0 && line[len - 1] == '\r')
    len--;
  line[len] = '\0';
  if (!g_utf8_validate (line, (gssize) len, NULL))
    return LINE_BAD;
  return len > 0 || any ? LINE_READ : LINE_END;
}

/* In this mode ^C comes as a byte, so that an interrupt cannot leave the terminal without echo. */
static Line
prompt_password (const char *text, const char *user, char line[PASSWORD_MAX + 1])
{
  struct termios before, quiet;
  if (tcgetattr (STDIN_FILENO, &before) != 0)
    return LINE_END;
  quiet = before;
  quiet.c_lflag &= ~(tcflag_t) (ECHO | ISIG);
  quiet.c_cc[VEOL] = CANCEL; /* otherwise ^C would be read only at the end of the line */
  if (tcsetattr (STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
    return LINE_END;
  fprintf (stderr, "%s %s: ", text, user);
  fflush (stderr);
  Line read = read_line (STDIN_FILENO, line);
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &before);
  fputc ('\n', stderr);
  return read;
}

static int
refuse_password (Line line)
{
  switch (line)
    {
    case LINE_LONG:
      return satchel_cli_fail (SATCHEL_EXIT_DATA, "the password is too long: it may have %u bytes",
                               PASSWORD_MAX);
    case LINE_BAD:
      return satchel_cli_fail (SATCHEL_EXIT_DATA,
                               "the password is not valid: it must be UTF-8 text without NUL");
    case LINE_CANCELLED:
      return satchel_cli_fail (SATCHEL_EXIT_FAILED, "cancelled; nothing was changed");
    case LINE_END:
    case LINE_READ:
      break;
    }
  return satchel_cli_fail (SATCHEL_EXIT_DATA, "the password is empty; a user needs one");
}

static char *
read_password (gboolean from_stdin, gboolean is_new, const char *user, int *ret_exit)
{
  char first[PASSWORD_MAX + 1] = "", second[PASSWORD_MAX + 1] = "";
  char *password = NULL;
  Line line;
  if (from_stdin)
    line = read_line (STDIN_FILENO, first);
  else if (!isatty (STDIN_FILENO))
    {
      *ret_exit =
          satchel_cli_fail (SATCHEL_EXIT_USAGE,
                            "standard input is not a terminal, so no password can be asked for; add --stdin");
      return NULL;
    }
  else
    {
      line = prompt_password (is_new ? "New password of" : "Password of", user, first);
      if (is_new && line == LINE_READ && *first != '\0')
        line = prompt_password ("Again, the password of", user, second);
    }
  if (line != LINE_READ || *first == '\0')
    *ret_exit = refuse_password (line);
  else if (!from_stdin && is_new && strcmp (first, second) != 0)
    *ret_exit = satchel_cli_fail (SATCHEL_EXIT_DATA, "the two passwords differ; nothing was changed");
  else
    password = g_strdup (first);
  explicit_bzero (first, sizeof first);
  explicit_bzero (second, sizeof second);
  return password;
}

char *
satchel_cli_read_password (gboolean from_stdin, const char *user, int *ret_exit)
{
  return read_password (from_stdin, TRUE, user, ret_exit);
}

char *
satchel_cli_read_present_password (gboolean from_stdin, const char *user, int *ret_exit)
{
  return read_password (from_stdin, FALSE, user, ret_exit);
}
