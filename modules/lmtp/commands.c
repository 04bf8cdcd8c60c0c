/* SPDX-License-Identifier: MIT
 * LMTP's commands (RFC 2033, RFC 5321 4.1; SIZE 1870, PIPELINING 2920, CHUNKING 3030, 8BITMIME 6152,
 * SMTPUTF8 6531, ENHANCEDSTATUSCODES 2034; Postfix's XFORWARD).  Entry: lmtp_command.
 */
#include "lmtp_session.h"

#include <string.h>

enum
{
  LMTP_NEEDS_LHLO = 1 << 0, /* refused before LHLO */
  LMTP_OF_SMTP = 1 << 1,    /* HELP does not name it */
  LMTP_OF_TRUSTED = 1 << 2  /* of peers that may use XFORWARD: nobody else is told of it */
};

typedef struct LmtpCommand
{
  const char *name;
  guint flags;
  void (*run) (Lmtp *lmtp, char *argument);
  const char *keywords; /* lines of the answer to LHLO (RFC 5321 4.1.1.1), separated by '|'; or NULL */
} LmtpCommand;

/* Lines of the answer to LHLO beside those of commands. */
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
  /* The name is only shown in Received: keep what a domain or literal may hold (RFC 5321 4.1.1.1). */
  gsize len = strspn (argument, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]");
  if (len == 0 || argument[len] != '\0' || len > 255)
    {
      lmtp_bad_command (lmtp, "501 5.5.4 LHLO wants a host name");
      return;
    }
  lmtp_reset (lmtp);
  g_free (lmtp->client);
  lmtp->client = g_strdup (argument);
  say_hello (lmtp);
}

static void
run_helo (Lmtp *lmtp, char *argument)
{
  /* RFC 2033 4.1: LMTP must not take HELO or EHLO */
  lmtp_bad_command (lmtp, "500 5.5.1 This is LMTP: say LHLO");
}

/* One ESMTP parameter of MAIL.  Returns the reply that refuses it, or NULL. */
static const char *
mail_parameter (Lmtp *lmtp, const char *parameter)
{
  if (g_ascii_strncasecmp (parameter, "SIZE=", 5) == 0)
    {
      guint64 size;
      if (!g_ascii_string_to_unsigned (parameter + 5, 10, 0, G_MAXUINT64, &size, NULL))
        return "501 5.5.4 SIZE wants a number";
      if (size > satchel_limits ()->message_size)
        return "552 5.3.4 Message too big";
      lmtp->declared_size = size;
      return NULL;
    }
  if (g_ascii_strcasecmp (parameter, "BODY=7BIT") == 0
      || g_ascii_strcasecmp (parameter, "BODY=8BITMIME") == 0)
    return NULL;
  if (g_ascii_strcasecmp (parameter, "SMTPUTF8") == 0)
    {
      lmtp->is_utf8 = TRUE;
      return NULL;
    }
  return "555 5.5.4 Unknown parameter of MAIL";
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
      lmtp_bad_command (lmtp, "501 5.5.4 Syntax: MAIL FROM:<address>");
      return;
    }
  if (lmtp->has_mail)
    {
      lmtp_reply (lmtp, "503 5.5.1 There is a sender already");
      return;
    }
  const char *rest;
  /* SMTPUTF8 decides which characters the address may have, but comes after it. */
  g_autofree char *sender = lmtp_parse_path (argument + 5, TRUE, has_word (argument + 5, "SMTPUTF8"), &rest);
  if (sender == NULL)
    {
      lmtp_bad_command (lmtp, "501 5.1.7 Bad sender address");
      return;
    }
  g_auto (GStrv) parameters = g_strsplit (rest, " ", 32);
  for (guint i = 0; parameters[i] != NULL; i++)
    {
      const char *refusal = *parameters[i] == '\0' ? NULL : mail_parameter (lmtp, parameters[i]);
      if (refusal != NULL)
        {
          /* No transaction has begun: what XFORWARD has said is for the next MAIL. */
          lmtp->is_utf8 = FALSE;
          lmtp->declared_size = 0;
          lmtp_reply (lmtp, refusal);
          return;
        }
    }
  lmtp->has_mail = TRUE;
  lmtp->sender = g_steal_pointer (&sender);
  lmtp->delivery = satchel_delivery_new (lmtp->session, lmtp->sender);
  satchel_delivery_set_client_name (lmtp->delivery, lmtp->client);
  lmtp_set_origin (lmtp);
  lmtp_reply (lmtp, "250 2.1.0 OK");
}

static void
refuse_recipient (Lmtp *lmtp, const char *reply, const SatchelRecipient *recipient)
{
  satchel_connection_print (lmtp->connection, "%s\r\n", reply);
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
      lmtp_reply (lmtp, "250 2.1.5 OK");
    }
  else
    refuse_recipient (lmtp, lmtp_status_reply (lmtp, recipient->status), recipient);
  lmtp_set_busy (lmtp, FALSE);
}

static void
run_rcpt (Lmtp *lmtp, char *argument)
{
  if (!lmtp->has_mail)
    {
      lmtp_reply (lmtp, "503 5.5.1 MAIL first");
      return;
    }
  if (g_ascii_strncasecmp (argument, "TO:", 3) != 0)
    {
      lmtp_bad_command (lmtp, "501 5.5.4 Syntax: RCPT TO:<address>");
      return;
    }
  if (lmtp->recipients->len >= lmtp->settings.recipients)
    {
      lmtp_reply (lmtp, "452 4.5.3 Too many recipients"); /* RFC 5321 4.5.3.1.10 */
      return;
    }
  const char *rest;
  g_autofree char *address = lmtp_parse_path (argument + 3, FALSE, lmtp->is_utf8, &rest);
  if (address == NULL)
    {
      lmtp_bad_command (lmtp, "501 5.1.3 Bad recipient address");
      return;
    }
  if (*rest != '\0')
    {
      lmtp_reply (lmtp, "555 5.5.4 Unknown parameter of RCPT");
      return;
    }
  lmtp->pending = g_steal_pointer (&address);
  lmtp_set_busy (lmtp, TRUE);
  satchel_delivery_look_up (lmtp->session, lmtp->pending, on_looked_up, lmtp);
}

static gboolean
may_send_content (Lmtp *lmtp)
{
  if (!lmtp->has_mail)
    lmtp_reply (lmtp, "503 5.5.1 MAIL first");
  else if (lmtp->recipients->len == 0)
    lmtp_reply (lmtp, "503 5.5.1 No valid recipients"); /* RFC 2033 4.2 */
  else
    return TRUE;
  return FALSE;
}

static void
run_data (Lmtp *lmtp, char *argument)
{
  if (*argument != '\0')
    {
      lmtp_bad_command (lmtp, "501 5.5.4 DATA takes no argument");
      return;
    }
  if (lmtp->uses_bdat)
    {
      lmtp_reply (lmtp, "503 5.5.1 DATA after BDAT"); /* RFC 3030 2 */
      return;
    }
  if (!may_send_content (lmtp))
    return;
  lmtp_content_begin (lmtp);
  lmtp_set_state (lmtp, LMTP_DATA);
  lmtp_reply (lmtp, "354 Go ahead, end with CRLF.CRLF");
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
      lmtp_bad_command (lmtp, "501 5.5.4 Syntax: BDAT size [LAST]"); /* and closes (RFC 3030 4.2) */
      return;
    }
  lmtp_chunk_begin (lmtp, size, is_last);
}

static void
run_rset (Lmtp *lmtp, char *argument)
{
  lmtp_reset (lmtp);
  lmtp_reply (lmtp, "250 2.0.0 OK");
}

static void
run_noop (Lmtp *lmtp, char *argument)
{
  /* RFC 5321 4.1.1.9: an argument is ignored */
  lmtp_reply (lmtp, "250 2.0.0 OK");
}

static void
run_vrfy (Lmtp *lmtp, char *argument)
{
  lmtp_reply (lmtp, "252 2.5.0 Send mail and see"); /* RFC 5321 3.5.3 */
}

static void
run_quit (Lmtp *lmtp, char *argument)
{
  satchel_connection_print (lmtp->connection, "221 2.0.0 %s closing connection\r\n", satchel_hostname ());
  lmtp_close (lmtp);
}

static const LmtpCommand commands[] = {
  { "LHLO", 0, run_lhlo },
  { "HELO", LMTP_OF_SMTP, run_helo },
  { "EHLO", LMTP_OF_SMTP, run_helo },
  { "MAIL", LMTP_NEEDS_LHLO, run_mail, "SIZE|8BITMIME|SMTPUTF8" },
  { "RCPT", LMTP_NEEDS_LHLO, run_rcpt },
  { "DATA", LMTP_NEEDS_LHLO, run_data },
  /* BDAT also runs before LHLO, and is refused after its octets, since they would be read as commands. */
  { "BDAT", 0, run_bdat, "CHUNKING" },
  { "XFORWARD", LMTP_NEEDS_LHLO | LMTP_OF_TRUSTED, lmtp_run_xforward,
    "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE" },
  { "RSET", 0, run_rset },
  { "NOOP", 0, run_noop },
  { "VRFY", 0, run_vrfy },
  { "HELP", 0, run_help },
  { "QUIT", 0, run_quit },
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
  g_ptr_array_add (lines, g_strdup (satchel_hostname ()));
  add_keywords (lines, general_keywords);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (is_offered (lmtp, &commands[i]))
      add_keywords (lines, commands[i].keywords);
  for (guint i = 0; i < lines->len; i++)
    satchel_connection_print (lmtp->connection, "250%c%s\r\n", i + 1 < lines->len ? '-' : ' ',
                              (const char *) lines->pdata[i]);
}

static void
run_help (Lmtp *lmtp, char *argument)
{
  g_autoptr (GString) reply = g_string_new ("214 2.0.0");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if ((commands[i].flags & LMTP_OF_SMTP) == 0 && is_offered (lmtp, &commands[i]))
      g_string_append_printf (reply, " %s", commands[i].name);
  lmtp_reply (lmtp, reply->str);
}

void
lmtp_command (Lmtp *lmtp, char *line, gsize len)
{
  /* RFC 5321 4.1.1 allows no NUL or other control character in a command. */
  for (gsize i = 0; i < len; i++)
    if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f)
      {
        lmtp_bad_command (lmtp, "500 5.5.2 Control character in command");
        return;
      }
  gsize name_len = strcspn (line, " ");
  char *argument = line + name_len + strspn (line + name_len, " ");
  g_strchomp (argument);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strlen (commands[i].name) == name_len && g_ascii_strncasecmp (commands[i].name, line, name_len) == 0)
      {
        if ((commands[i].flags & LMTP_NEEDS_LHLO) && lmtp->client == NULL)
          lmtp_bad_command (lmtp, "503 5.5.1 LHLO first");
        else
          commands[i].run (lmtp, argument);
        return;
      }
  lmtp_bad_command (lmtp, "500 5.5.1 Unknown command");
}
