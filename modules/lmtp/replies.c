/* SPDX-License-Identifier: MIT
 * Has all replies; those about recipients who do not get a message are in the words of
 * <satchel/error-words.h>.
 */
#include "replies.h"

#include <satchel/error-words.h>

static const char *const lines[LMTP_N_REPLIES] = {
  [LMTP_SAY_NOTHING] = "",
  [LMTP_SAY_OK] = "250 2.0.0 OK\r\n",
  [LMTP_SAY_SENDER_OK] = "250 2.1.0 OK\r\n",
  [LMTP_SAY_RECIPIENT_OK] = "250 2.1.5 OK\r\n",
  [LMTP_SAY_CHUNK_TAKEN] = "250 2.0.0 Chunk taken\r\n",
  [LMTP_SAY_SEND_AND_SEE] = "252 2.5.0 Send mail and see\r\n", /* RFC 5321 3.5.3 */
  [LMTP_SAY_GO_AHEAD] = "354 Go ahead, end with CRLF.CRLF\r\n",
  /* 421 is what a server says before it closes (RFC 5321 3.8), and in place of 220 (3.1). A peer that may not
   * deliver gets it too, so that an MTA keeps the mail even if a setting lacks its network. */
  [LMTP_SAY_PEER_FULL] = "421 4.7.0 Too many connections from your address\r\n",
  [LMTP_SAY_SERVER_FULL] = "421 4.3.2 Too many connections, try again later\r\n",
  [LMTP_SAY_PEER_REFUSED] = "421 4.7.1 Your address may not deliver here\r\n",
  [LMTP_SAY_UNAVAILABLE] = "421 4.3.0 Not available now, try again later\r\n",
  [LMTP_SAY_IDLE] = "421 4.4.2 Idle for too long\r\n",
  [LMTP_SAY_STOPPING] = "421 4.3.2 Server is stopping\r\n",
  [LMTP_SAY_UNCLEAR] = "421 4.7.0 Closing, what follows cannot be told from commands\r\n",
  [LMTP_SAY_TOO_MANY_BAD] = "421 4.7.0 Too many bad commands\r\n",
  [LMTP_SAY_TOO_MANY_RECIPIENTS] = "452 4.5.3 Too many recipients\r\n", /* RFC 5321 4.5.3.1.10 */
  [LMTP_SAY_UNKNOWN_COMMAND] = "500 5.5.1 Unknown command\r\n",
  [LMTP_SAY_THIS_IS_LMTP] = "500 5.5.1 This is LMTP: say LHLO\r\n",
  [LMTP_SAY_BAD_CHARACTER] = "500 5.5.2 Control character in command\r\n",
  [LMTP_SAY_BAD_LINE_END] = "500 5.5.2 Lines end in CRLF, not in LF alone\r\n",
  [LMTP_SAY_LONG_LINE] = "500 5.5.2 Line too long\r\n",
  [LMTP_SAY_BAD_SENDER] = "501 5.1.7 Bad sender address\r\n",
  [LMTP_SAY_BAD_RECIPIENT] = "501 5.1.3 Bad recipient address\r\n",
  [LMTP_SAY_LHLO_SYNTAX] = "501 5.5.4 LHLO wants a host name\r\n",
  [LMTP_SAY_MAIL_SYNTAX] = "501 5.5.4 Syntax: MAIL FROM:<address>\r\n",
  [LMTP_SAY_SIZE_SYNTAX] = "501 5.5.4 SIZE wants a number\r\n",
  [LMTP_SAY_RCPT_SYNTAX] = "501 5.5.4 Syntax: RCPT TO:<address>\r\n",
  [LMTP_SAY_DATA_SYNTAX] = "501 5.5.4 DATA takes no argument\r\n",
  [LMTP_SAY_BDAT_SYNTAX] = "501 5.5.4 Syntax: BDAT size [LAST]\r\n",
  [LMTP_SAY_XFORWARD_SYNTAX] = "501 5.5.4 Syntax: XFORWARD NAME=value, as LHLO offers\r\n",
  [LMTP_SAY_LHLO_FIRST] = "503 5.5.1 LHLO first\r\n",
  [LMTP_SAY_MAIL_FIRST] = "503 5.5.1 MAIL first\r\n",
  [LMTP_SAY_RCPT_FIRST] = "503 5.5.1 No valid recipients\r\n", /* RFC 2033 4.2 */
  [LMTP_SAY_HAS_SENDER] = "503 5.5.1 There is a sender already\r\n",
  [LMTP_SAY_AFTER_MAIL] = "503 5.5.1 XFORWARD comes before MAIL\r\n",
  [LMTP_SAY_RCPT_AFTER_BDAT] = "503 5.5.1 RCPT after BDAT\r\n",
  [LMTP_SAY_DATA_AFTER_BDAT] = "503 5.5.1 DATA after BDAT\r\n", /* RFC 3030 2 */
  [LMTP_SAY_MAY_NOT_FORWARD] = "550 5.7.1 You may not use XFORWARD here\r\n",
  [LMTP_SAY_TOO_BIG] = "552 5.3.4 Message too big\r\n",
  [LMTP_SAY_MAIL_PARAMETER] = "555 5.5.4 Unknown parameter of MAIL\r\n",
  [LMTP_SAY_RCPT_PARAMETER] = "555 5.5.4 Unknown parameter of RCPT\r\n",
};

const char *
lmtp_reply_line (LmtpReply reply)
{
  return lines[reply];
}

#define REPLY(code, response, words, lasting, reply) [SATCHEL_ERROR_##code] = reply,
static const char *const error_replies[] = { SATCHEL_ERROR_WORDS (REPLY) };

static const SatchelErrorCode codes[] = {
  [SATCHEL_DELIVERY_UNKNOWN] = SATCHEL_ERROR_NONEXISTENT, [SATCHEL_DELIVERY_REFUSED] = SATCHEL_ERROR_NOPERM,
  [SATCHEL_DELIVERY_OVERQUOTA] = SATCHEL_ERROR_OVERQUOTA, [SATCHEL_DELIVERY_TOO_BIG] = SATCHEL_ERROR_LIMIT,
  [SATCHEL_DELIVERY_TEMPORARY] = SATCHEL_ERROR_FAILED,    [SATCHEL_DELIVERY_NOSPACE] = SATCHEL_ERROR_NOSPACE,
};

const char *
lmtp_status_reply (const LmtpSettings *settings, SatchelDeliveryStatus status)
{
  if (status == SATCHEL_DELIVERY_OVERQUOTA && settings->over_quota == LMTP_OVER_QUOTA_PERMANENT)
    return "552 5.2.2 Mailbox full";
  return error_replies[codes[status]];
}

char *
lmtp_refusal (const LmtpSettings *settings, SatchelDeliveryStatus status, const char *text)
{
  if (text != NULL && status == SATCHEL_DELIVERY_REFUSED)
    return g_strconcat ("550 5.7.1 ", text, ":", NULL);
  if (text != NULL && status == SATCHEL_DELIVERY_TEMPORARY)
    return g_strconcat ("451 4.7.1 ", text, ":", NULL);
  return g_strconcat (lmtp_status_reply (settings, status), ":", NULL);
}

void
lmtp_say_greeting (SatchelConnection *connection)
{
  satchel_connection_print (connection, "220 %s LMTP Satchel\r\n", satchel_hostname ());
}

void
lmtp_say_status (SatchelConnection *connection, const char *reply)
{
  satchel_connection_print (connection, "%s\r\n", reply);
}

void
lmtp_say_bye (SatchelConnection *connection)
{
  satchel_connection_print (connection, "221 2.0.0 %s closing connection\r\n", satchel_hostname ());
}

void
lmtp_say_saved (SatchelConnection *connection, const char *recipient, const char *id)
{
  satchel_connection_print (connection, "250 2.0.0 <%s> Saved %s\r\n", recipient, id);
}

void
lmtp_say_refusal (SatchelConnection *connection, const char *refusal, const char *recipient)
{
  if (recipient != NULL)
    satchel_connection_print (connection, "%s <%s>\r\n", refusal, recipient);
  else
    satchel_connection_print (connection, "%s message\r\n", refusal);
}

void
lmtp_say_keywords (SatchelConnection *connection, const GPtrArray *keywords)
{
  satchel_connection_print (connection, "250%c%s\r\n", keywords->len > 0 ? '-' : ' ', satchel_hostname ());
  for (guint i = 0; i < keywords->len; i++)
    satchel_connection_print (connection, "250%c%s\r\n", i + 1 < keywords->len ? '-' : ' ',
                              (const char *) keywords->pdata[i]);
}

void
lmtp_say_commands (SatchelConnection *connection, const char *names)
{
  satchel_connection_print (connection, "214 2.0.0%s\r\n", names);
}
