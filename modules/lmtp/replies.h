/* SPDX-License-Identifier: MIT
 * Declares all replies of LMTP, in both halves: status, enhanced status code and text (RFC 5321 4.2, RFC
 * 2034). No other file writes them.
 */
#pragma once
#include "settings.h"

#include <satchel/delivery.h>

typedef enum
{
  LMTP_SAY_NOTHING = 0,
  LMTP_SAY_OK,
  LMTP_SAY_SENDER_OK,
  LMTP_SAY_RECIPIENT_OK,
  LMTP_SAY_CHUNK_TAKEN,
  LMTP_SAY_SEND_AND_SEE,
  LMTP_SAY_GO_AHEAD,
  LMTP_SAY_PEER_FULL,
  LMTP_SAY_SERVER_FULL,
  LMTP_SAY_PEER_REFUSED,
  LMTP_SAY_UNAVAILABLE,
  LMTP_SAY_IDLE,
  LMTP_SAY_STOPPING,
  LMTP_SAY_UNCLEAR,
  LMTP_SAY_TOO_MANY_BAD,
  LMTP_SAY_TOO_MANY_RECIPIENTS,
  LMTP_SAY_UNKNOWN_COMMAND,
  LMTP_SAY_THIS_IS_LMTP,
  LMTP_SAY_BAD_CHARACTER,
  LMTP_SAY_BAD_LINE_END,
  LMTP_SAY_LONG_LINE,
  LMTP_SAY_BAD_SENDER,
  LMTP_SAY_BAD_RECIPIENT,
  LMTP_SAY_LHLO_SYNTAX,
  LMTP_SAY_MAIL_SYNTAX,
  LMTP_SAY_SIZE_SYNTAX,
  LMTP_SAY_RCPT_SYNTAX,
  LMTP_SAY_DATA_SYNTAX,
  LMTP_SAY_BDAT_SYNTAX,
  LMTP_SAY_XFORWARD_SYNTAX,
  LMTP_SAY_LHLO_FIRST,
  LMTP_SAY_MAIL_FIRST,
  LMTP_SAY_RCPT_FIRST,
  LMTP_SAY_HAS_SENDER,
  LMTP_SAY_AFTER_MAIL,
  LMTP_SAY_RCPT_AFTER_BDAT,
  LMTP_SAY_DATA_AFTER_BDAT,
  LMTP_SAY_MAY_NOT_FORWARD,
  LMTP_SAY_TOO_BIG,
  LMTP_SAY_MAIL_PARAMETER,
  LMTP_SAY_RCPT_PARAMETER,
  LMTP_N_REPLIES
} LmtpReply;

/* Returns the line as it is sent, with its CRLF; a static text. */
const char *lmtp_reply_line (LmtpReply reply);
/* Returns the reply, without an end, to a recipient at RCPT whose @status is not OK; a static text. */
const char *lmtp_status_reply (const LmtpSettings *settings, SatchelDeliveryStatus status);
/* Returns the reply about a message that a recipient does not get, up to the colon; in the words of a filter
 * if @text is not NULL.  Yours. */
char *lmtp_refusal (const LmtpSettings *settings, SatchelDeliveryStatus status, const char *text);

/* These send replies that name something. */
void lmtp_say_greeting (SatchelConnection *connection);
/* Writes @reply, which is one of lmtp_status_reply. */
void lmtp_say_status (SatchelConnection *connection, const char *reply);
void lmtp_say_bye (SatchelConnection *connection);
/* Reports that @recipient has the message.  @id is the message's queue id. */
void lmtp_say_saved (SatchelConnection *connection, const char *recipient, const char *id);
/* Reports a refusal of lmtp_refusal.  @recipient NULL means that it is about the whole message. */
void lmtp_say_refusal (SatchelConnection *connection, const char *refusal, const char *recipient);
/* Writes the answer to LHLO.  @keywords are those of extensions, char *; each has a line after that of the
 * host (RFC 5321 4.1.1.1). */
void lmtp_say_keywords (SatchelConnection *connection, const GPtrArray *keywords);
/* Writes the answer to HELP.  @names are those of commands, each after a blank. */
void lmtp_say_commands (SatchelConnection *connection, const char *names);
