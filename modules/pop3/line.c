/* SPDX-License-Identifier: MIT
 * Reads command lines of POP3, which may come in any pieces and are bounded.
 */
#include "line.h"

#include <string.h>

Pop3LineStatus
pop3_read_line (Pop3LineReader *reader, SatchelConnection *connection, gsize limit, char **ret_line,
                gsize *ret_len)
{
  gsize len;
  const guint8 *data = satchel_connection_peek (connection, &len);
  const guint8 *end = len > 0 ? memchr (data, '\n', len) : NULL;
  if (end == NULL)
    {
      if (reader->is_skipping || len > limit + 1)
        {
          /* A CR may be the first half of the end. */
          satchel_connection_consume (connection, len - (data[len - 1] == '\r' ? 1 : 0));
          reader->is_skipping = TRUE;
        }
      return POP3_LINE_NONE;
    }
  if (end == data || end[-1] != '\r')
    return POP3_LINE_BARE_LF;
  gsize n = (gsize) (end - data) - 1;
  Pop3LineStatus status = POP3_LINE_READ;
  if (reader->is_skipping || n > limit)
    status = POP3_LINE_TOO_LONG;
  for (gsize i = 0; status == POP3_LINE_READ && i < n; i++)
    if (data[i] < 0x20 || data[i] == 0x7f)
      status = POP3_LINE_BAD;
  if (status == POP3_LINE_READ)
    {
      *ret_line = g_strndup ((const char *) data, n);
      *ret_len = n;
    }
  reader->is_skipping = FALSE;
  satchel_connection_consume (connection, n + 2);
  return status;
}

char *
pop3_split_command (char *line)
{
  gsize len = strcspn (line, " ");
  char *argument = line + len;
  if (*argument == ' ')
    *argument++ = '\0';
  for (char *c = line; *c != '\0'; c++)
    *c = g_ascii_toupper (*c);
  return argument;
}
