/* SPDX-License-Identifier: MIT
 * LMTP's commands (RFC 2033, RFC 5321 4.1; SIZE 1870, PIPELINING 2920, CHUNKING 3030, 8BITMIME 6152,
 * SMTPUTF8 6531, ENHANCEDSTATUSCODES 2034; Postfix's XFORWARD).  Entry: lmtp_command.
 */
#include "lmtp_session.h"

#include <string.h>

enum
{
  LMTP_OF_SMTP = 1 << 0,   /* HELP does not show it */
  LMTP_OF_TRUSTED = 1 << 1 /* only peers that may use XFORWARD are told of it */
};

typedef struct LmtpCommand
{
  const char *name;
  LmtpPhase first, last; /* the first and the last phase in which it is allowed */
  void (*run) (Lmtp *lmtp, char *argument);
  LmtpReply too_late;   /* the answer in a phase behind `last` */
  guint flags;          /* LMTP_OF_... */
  const char *keywords; /* lines of the answer to LHLO (RFC 5321 4.1.1.1), separated by '|'; or NULL */
} LmtpCommand;

/* Say what a client has to send first, by the phase that it is in. */
static const LmtpReply too_early[] = {
  [LMTP_GREETED] = LMTP_SAY_LHLO_FIRST,
  [LMTP_READY] = LMTP_SAY_MAIL_FIRST,
  [LMTP_HAS_SENDER] = LMTP_SAY_RCPT_FIRST,
};

/* The answer to LHLO has these lines beside those of commands. */
static const char general_keywords[] = "PIPELINING|ENHANCEDSTATUSCODES";

static void
add_keywords (GPtrArray *lines, const char *keywords)
{
  g_auto (GStrv) words = g_strsplit (keywords != NULL ? keywords : "", "|", -1);
  for (guint i = 0; words[i] != NULL; i++)
    g_ptr_array_add (lines, g_strcmp0 (words[i], "SIZE") == 0
                                ? g_strdup_printf ("SIZE %" G_GUINT64_FORMAT, satchel_limits ()->message_size)
                                : g_strdup (words[i]));
}

static void say_hello (Lmtp *lmtp);
static void run_help (Lmtp *lmtp, char *argument);

static void
run_lhlo (Lmtp *lmtp, char *argument)
{
  /* The name is only shown in Received, so what a domain or literal may hold is kept (RFC 5321 4.1.1.1). */
  gsize len = strspn (argument, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]");
  if (len == 0 || argument[len] != '\0' || len > 255)
    {
      lmtp_bad_command (lmtp, LMTP_SAY_LHLO_SYNTAX);
      return;
    }
  lmtp_reset (lmtp);
  g_free (lmtp->client);
  lmtp->client = g_strdup (argument);
  lmtp_set_phase (lmtp, LMTP_READY);
  say_hello (lmtp);
}

static void
run_helo (Lmtp *lmtp, char *argument)
{
  /* LMTP must not take HELO or EHLO (RFC 2033 4.1). */
  lmtp_bad_command (lmtp, LMTP_SAY_THIS_IS_LMTP);
}

/* Takes one ESMTP parameter of MAIL.  Returns the reply that refuses it, or LMTP_SAY_NOTHING. */
static LmtpReply
take_mail_parameter (Lmtp *lmtp, const char *parameter)
{
  if (g_ascii_strncasecmp (parameter, "SIZE=", 5) == 0)
    {
      guint64 size;
      if (!g_ascii_string_to_unsigned (parameter + 5, 10, 0, G_MAXUINT64, &size, NULL))
        return LMTP_SAY_SIZE_SYNTAX;
      if (size > satchel_limits ()->message_size)
        return LMTP_SAY_TOO_BIG;
      lmtp->declared_size = size;
      return LMTP_SAY_NOTHING;
    }
  if (g_ascii_strcasecmp (parameter, "BODY=7BIT") == 0
      || g_ascii_strcasecmp (parameter, "BODY=8BITMIME") == 0)
    return LMTP_SAY_NOTHING;
  if (g_ascii_strcasecmp (parameter, "SMTPUTF8") == 0)
    {
      lmtp->is_utf8 = TRUE;
      return LMTP_SAY_NOTHING;
    }
  return LMTP_SAY_MAIL_PARAMETER;
}

static gboolean
has_word (const char *rest, const char *word)
{
  g_auto (GStrv) words = g_strsplit (rest, " ", 32);
  for (guint i = 0; words[i] != NULL; i++)
    if (g_ascii_strcasecmp (words[i], word) == 0)
      return TRUE;
  return FALSE;
}

static void
run_mail (Lmtp *lmtp, char *argument)
{
  if (g_ascii_strncasecmp (argument, "FROM:", 5) != 0)
    {
      lmtp_bad_command (lmtp, LMTP_SAY_MAIL_SYNTAX);
      return;
    }
  const char *rest;
  /* SMTPUTF8 decides which characters the address may have, but comes after it. */
  g_autofree char *sender = lmtp_parse_path (argument + 5, TRUE, has_word (argument + 5, "SMTPUTF8"), &rest);
  if (sender == NULL)
    {
      lmtp_bad_command (lmtp, LMTP_SAY_BAD_SENDER);
      return;
    }
  g_auto (GStrv) parameters = g_strsplit (rest, " ", 32);
  for (guint i = 0; parameters[i] != NULL; i++)
    {
      LmtpReply refusal =
          *parameters[i] == '\0' ? LMTP_SAY_NOTHING : take_mail_parameter (lmtp, parameters[i]);
      if (refusal != LMTP_SAY_NOTHING)
        {
          /* No transaction has begun, so only what this MAIL has set is undone; what XFORWARD has said stays
           * for the next MAIL. */
          lmtp->is_utf8 = FALSE;
          lmtp->declared_size = 0;
          lmtp_reply (lmtp, refusal);
          return;
        }
    }
  lmtp_set_phase (lmtp, LMTP_HAS_SENDER);
  lmtp->sender = g_steal_pointer (&sender);
  lmtp->delivery = satchel_delivery_new (lmtp->session, lmtp->sender);
  satchel_delivery_set_client_name (lmtp->delivery, lmtp->client);
  lmtp_set_origin (lmtp);
  lmtp_reply (lmtp, LMTP_SAY_SENDER_OK);
}

static void
refuse_recipient (Lmtp *lmtp, const SatchelRecipient *recipient)
{
  const char *reply = lmtp_status_reply (&lmtp->settings, recipient->status);
  lmtp_say_status (lmtp->connection, reply);
  if (*reply == '5')
    lmtp_log_refusal (lmtp, reply, recipient->why, recipient->address);
}

static void
on_looked_up (const SatchelRecipient *recipient, gpointer data)
{
  Lmtp *lmtp = data;
  g_autofree char *address = g_steal_pointer (&lmtp->pending);
  if (recipient->status == SATCHEL_DELIVERY_OK)
    {
      satchel_delivery_add_recipient (lmtp->delivery, recipient);
      g_ptr_array_add (lmtp->recipients, g_steal_pointer (&address));
      lmtp_set_phase (lmtp, LMTP_HAS_RECIPIENTS);
      lmtp_reply (lmtp, LMTP_SAY_RECIPIENT_OK);
    }
  else
    refuse_recipient (lmtp, recipient);
  lmtp_set_busy (lmtp, FALSE);
}

static void
run_rcpt (Lmtp *lmtp, char *argument)
{
  if (g_ascii_strncasecmp (argument, "TO:", 3) != 0)
    {
      lmtp_bad_command (lmtp, LMTP_SAY_RCPT_SYNTAX);
      return;
    }
  if (lmtp->recipients->len >= lmtp->settings.recipients)
    {
      lmtp_reply (lmtp, LMTP_SAY_TOO_MANY_RECIPIENTS);
      return;
    }
  const char *rest;
  g_autofree char *address = lmtp_parse_path (argument + 3, FALSE, lmtp->is_utf8, &rest);
  if (address == NULL)
    {
      lmtp_bad_command (lmtp, LMTP_SAY_BAD_RECIPIENT);
      return;
    }
  if (*rest != '\0')
    {
      lmtp_reply (lmtp, LMTP_SAY_RCPT_PARAMETER);
      return;
    }
  lmtp->pending = g_steal_pointer (&address);
  lmtp_set_busy (lmtp, TRUE);
  satchel_delivery_look_up (lmtp->session, lmtp->pending, on_looked_up, lmtp);
}

static void
run_data (Lmtp *lmtp, char *argument)
{
  if (*argument != '\0')
    {
      lmtp_bad_command (lmtp, LMTP_SAY_DATA_SYNTAX);
      return;
    }
  lmtp_content_begin (lmtp);
  lmtp_set_state (lmtp, LMTP_DATA);
  lmtp_reply (lmtp, LMTP_SAY_GO_AHEAD);
}

static void
run_bdat (Lmtp *lmtp, char *argument)
{
  g_auto (GStrv) words = g_strsplit (argument, " ", 3);
  guint64 size;
  guint n = g_strv_length (words);
  gboolean is_last = n == 2 && g_ascii_strcasecmp (words[1], "LAST") == 0;
  if (n < 1 || n > 2 || (n == 2 && !is_last)
      || !g_ascii_string_to_unsigned (words[0], 10, 0, G_MAXINT64, &size, NULL))
    {
      /* a malformed BDAT closes the connection (RFC 3030 4.2) */
      lmtp_bad_command (lmtp, LMTP_SAY_BDAT_SYNTAX);
      return;
    }
  lmtp_chunk_begin (lmtp, size, is_last);
}

static void
run_rset (Lmtp *lmtp, char *argument)
{
  lmtp_reset (lmtp);
  lmtp_reply (lmtp, LMTP_SAY_OK);
}

static void
run_noop (Lmtp *lmtp, char *argument)
{
  /* NOOP ignores an argument (RFC 5321 4.1.1.9). */
  lmtp_reply (lmtp, LMTP_SAY_OK);
}

static void
run_vrfy (Lmtp *lmtp, char *argument)
{
  lmtp_reply (lmtp, LMTP_SAY_SEND_AND_SEE);
}

static void
run_quit (Lmtp *lmtp, char *argument)
{
  lmtp_say_bye (lmtp->connection);
  lmtp_close (lmtp);
}

static const LmtpCommand commands[] = {
  { "LHLO", LMTP_GREETED, LMTP_HAS_CHUNKS, run_lhlo },
  { "HELO", LMTP_GREETED, LMTP_HAS_CHUNKS, run_helo, .flags = LMTP_OF_SMTP },
  { "EHLO", LMTP_GREETED, LMTP_HAS_CHUNKS, run_helo, .flags = LMTP_OF_SMTP },
  { "MAIL", LMTP_READY, LMTP_READY, run_mail, LMTP_SAY_HAS_SENDER, .keywords = "SIZE|8BITMIME|SMTPUTF8" },
  { "RCPT", LMTP_HAS_SENDER, LMTP_HAS_RECIPIENTS, run_rcpt, LMTP_SAY_RCPT_AFTER_BDAT },
  { "DATA", LMTP_HAS_RECIPIENTS, LMTP_HAS_RECIPIENTS, run_data, LMTP_SAY_DATA_AFTER_BDAT },
  /* BDAT runs in each phase, and is refused after its octets, since they would be read as commands. */
  { "BDAT", LMTP_GREETED, LMTP_HAS_CHUNKS, run_bdat, .keywords = "CHUNKING" },
  { "XFORWARD", LMTP_READY, LMTP_READY, lmtp_run_xforward, LMTP_SAY_AFTER_MAIL, LMTP_OF_TRUSTED,
    "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE" },
  { "RSET", LMTP_GREETED, LMTP_HAS_CHUNKS, run_rset },
  { "NOOP", LMTP_GREETED, LMTP_HAS_CHUNKS, run_noop },
  { "VRFY", LMTP_GREETED, LMTP_HAS_CHUNKS, run_vrfy },
  { "HELP", LMTP_GREETED, LMTP_HAS_CHUNKS, run_help },
  { "QUIT", LMTP_GREETED, LMTP_HAS_CHUNKS, run_quit },
};

static gboolean
is_offered (const Lmtp *lmtp, const LmtpCommand *command)
{
  return (command->flags & LMTP_OF_TRUSTED) == 0 || lmtp->may_forward;
}

static void
say_hello (Lmtp *lmtp)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  add_keywords (lines, general_keywords);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (is_offered (lmtp, &commands[i]))
      add_keywords (lines, commands[i].keywords);
  lmtp_say_keywords (lmtp->connection, lines);
}

static void
run_help (Lmtp *lmtp, char *argument)
{
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if ((commands[i].flags & LMTP_OF_SMTP) == 0 && is_offered (lmtp, &commands[i]))
      g_string_append_printf (names, " %s", commands[i].name);
  lmtp_say_commands (lmtp->connection, names->str);
}

static void
run_command (Lmtp *lmtp, const LmtpCommand *command, char *argument)
{
  if (lmtp->phase < command->first)
    (lmtp->phase == LMTP_GREETED ? lmtp_bad_command : lmtp_reply) (lmtp, too_early[lmtp->phase]);
  else if (!is_offered (lmtp, command))
    lmtp_bad_command (lmtp, LMTP_SAY_MAY_NOT_FORWARD);
  else if (lmtp->phase > command->last)
    lmtp_reply (lmtp, command->too_late);
  else
    command->run (lmtp, argument);
}

void
lmtp_command (Lmtp *lmtp, char *line, gsize len)
{
  /* RFC 5321 4.1.1 allows no NUL or other control character in a command. */
  for (gsize i = 0; i < len; i++)
    if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f)
      {
        lmtp_bad_command (lmtp, LMTP_SAY_BAD_CHARACTER);
        return;
      }
  gsize name_len = strcspn (line, " ");
  char *argument = line + name_len + strspn (line + name_len, " ");
  g_strchomp (argument);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strlen (commands[i].name) == name_len && g_ascii_strncasecmp (commands[i].name, line, name_len) == 0)
      {
        run_command (lmtp, &commands[i], argument);
        return;
      }
  lmtp_bad_command (lmtp, LMTP_SAY_UNKNOWN_COMMAND);
}
