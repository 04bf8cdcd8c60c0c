/* SPDX-License-Identifier: MIT
 * Reads the answer of a scanner, as far as HTTP (RFC 9112) and the protocol of spamd look alike: a line with
 * a protocol and a number, fields, a blank line, a body.  Pure; takes any bytes.
 */
#pragma once
#include <satchel/types.h>

#define SPAM_ANSWER_BYTES (1024u * 1024u) /* of a whole answer */

typedef struct SpamAnswer
{
  guint status;              /* 200, or with spamd 0 */
  const char *fields, *body; /* borrowed */
  gsize fields_len, body_len;
} SpamAnswer;

/* Reads the answer @text, which is complete.  @protocol: how it begins, as "HTTP/1.".  FALSE means that it is
 * none, or shorter than it says itself. */
gboolean spam_answer_read (const char *text, gsize len, const char *protocol, SpamAnswer *ret_answer);
/* Returns the value of the first field called @name, without case; yours, or NULL. */
char *spam_answer_field (const SpamAnswer *answer, const char *name);
/* Returns how long the whole answer is whose first line and fields are in @text; G_MAXSIZE: it ends where the
 * connection does; 0: the blank line has not come yet. */
gsize spam_answer_length (const char *text, gsize len);
