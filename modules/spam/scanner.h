/* SPDX-License-Identifier: MIT
 * The protocols of scanners, as text: what is sent in front of a message, and what an answer means.  Pure.
 */
#pragma once
#include "question.h"

/* What a scanner answered. */
typedef struct SpamReply
{
  SpamFinding finding; /* to SPAM_ASK_CHECK */
  SpamLearnt learnt;   /* to the others */
} SpamReply;

typedef struct SpamScanner
{
  /* Returns what stands in front of a message of @content_bytes; yours.  @password: NULL: none. */
  char *(*head) (const SpamQuestion *question, guint64 content_bytes, const char *password);
  /* FALSE with FAILED: the scanner refused, or what came is no answer; the message says what it said, in
   * words of this program. */
  gboolean (*read) (SpamAsk ask, const char *answer, gsize len, SpamReply *ret_reply, GError **error);
} SpamScanner;
extern const SpamScanner spam_rspamd; /* HTTP: /checkv2, /learnspam, /learnham */
extern const SpamScanner spam_spamd;  /* SPAMC/1.5: SYMBOLS, TELL */
