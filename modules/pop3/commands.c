/* SPDX-License-Identifier: MIT
 * Commands of the TRANSACTION state (RFC 1939 5, RFC 2449 5, RFC 6856 3).  One table; entry: pop3_command.
 */
#include "pop3_session.h"

#include <string.h>

typedef struct Pop3Command
{
  const char *name;
  guint min_arguments, max_arguments;
  void (*run) (Pop3 *pop3, char **arguments);
} Pop3Command;

/* Reads a message number, which must exist and not be marked as deleted (RFC 1939 5); it answers -ERR
 * itself. */
static gboolean
parse_message (Pop3 *pop3, const char *text, guint32 *ret_index)
{
  guint64 number;
  if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT32, &number, NULL)
      || number > pop3->snapshot->state.n_messages)
    pop3_reply (pop3, POP3_TEXT_NO_MESSAGE);
  else if (pop3_is_deleted (pop3, (guint32) number - 1))
    pop3_reply (pop3, POP3_TEXT_MESSAGE_DELETED);
  else
    {
      *ret_index = (guint32) number - 1;
      return TRUE;
    }
  return FALSE;
}

static void
run_stat (Pop3 *pop3, char **arguments)
{
  pop3_say_ok (pop3->connection, "%u %" G_GUINT64_FORMAT, pop3->snapshot->state.n_messages - pop3->n_deleted,
               pop3->total_size - pop3->size_deleted);
}

static void
list (Pop3 *pop3, char **arguments, gboolean is_uidl)
{
  guint32 index;
  if (arguments[0] == NULL)
    pop3_list_all (pop3, is_uidl);
  else if (parse_message (pop3, arguments[0], &index))
    pop3_list_one (pop3, index, is_uidl);
}

static void
run_list (Pop3 *pop3, char **arguments)
{
  list (pop3, arguments, FALSE);
}

static void
run_uidl (Pop3 *pop3, char **arguments)
{
  list (pop3, arguments, TRUE);
}

static void
run_retr (Pop3 *pop3, char **arguments)
{
  guint32 index;
  if (parse_message (pop3, arguments[0], &index))
    pop3_retrieve (pop3, index, -1);
}

static void
run_top (Pop3 *pop3, char **arguments)
{
  guint32 index;
  guint64 lines;
  if (!g_ascii_string_to_unsigned (arguments[1], 10, 0, G_MAXINT32, &lines, NULL))
    pop3_bad (pop3, POP3_TEXT_BAD_ARGUMENTS);
  else if (parse_message (pop3, arguments[0], &index))
    pop3_retrieve (pop3, index, (gint64) lines);
}

static void
run_dele (Pop3 *pop3, char **arguments)
{
  guint32 index;
  if (!parse_message (pop3, arguments[0], &index))
    return;
  if (!satchel_mailbox_check_rights (pop3->mailbox, SATCHEL_RIGHT_DELETE_MESSAGES | SATCHEL_RIGHT_EXPUNGE,
                                     NULL))
    {
      pop3_reply (pop3, POP3_TEXT_MAY_NOT_DELETE);
      return;
    }
  pop3_delete (pop3, index);
  pop3_reply (pop3, POP3_TEXT_MARKED);
}

static void
run_rset (Pop3 *pop3, char **arguments)
{
  pop3_reset (pop3);
  pop3_reply (pop3, POP3_TEXT_UNMARKED);
}

static void
run_noop (Pop3 *pop3, char **arguments)
{
  pop3_reply (pop3, POP3_TEXT_NOTHING_DONE);
}

static void
run_quit (Pop3 *pop3, char **arguments)
{
  pop3_update (pop3);
}

static void
run_capa (Pop3 *pop3, char **arguments)
{
  pop3_send_capabilities (pop3->connection, &pop3->authorization, satchel_session_config (pop3->session),
                          satchel_session_user (pop3->session));
}

static void
run_lang (Pop3 *pop3, char **arguments)
{
  pop3_run_lang (pop3->connection, &pop3->authorization.language, arguments[0] != NULL ? arguments[0] : "",
                 pop3->settings.language);
}

static const Pop3Command commands[] = {
  { "STAT", 0, 0, run_stat }, { "LIST", 0, 1, run_list }, { "RETR", 1, 1, run_retr },
  { "DELE", 1, 1, run_dele }, { "NOOP", 0, 0, run_noop }, { "RSET", 0, 0, run_rset },
  { "QUIT", 0, 0, run_quit }, { "TOP", 2, 2, run_top },   { "UIDL", 0, 1, run_uidl },
  { "CAPA", 0, 0, run_capa }, { "LANG", 0, 1, run_lang },
};

void
pop3_command (Pop3 *pop3, char *line)
{
  char *argument = pop3_split_command (line);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (strcmp (line, commands[i].name) != 0)
        continue;
      g_strchomp (argument);
      g_auto (GStrv) arguments = *argument != '\0' ? g_strsplit (argument, " ", 4) : g_new0 (char *, 1);
      guint n = g_strv_length (arguments);
      if (n < commands[i].min_arguments || n > commands[i].max_arguments)
        pop3_bad (pop3, POP3_TEXT_BAD_ARGUMENTS);
      else
        commands[i].run (pop3, arguments);
      return;
    }
  pop3_bad (pop3, POP3_TEXT_UNKNOWN_COMMAND);
}
