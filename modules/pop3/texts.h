/* SPDX-License-Identifier: MIT
 * The texts for people, in several languages (RFC 6856 3), with the status and the response code for
 * programs in front (RFC 2449 8), which are the same in all languages. Used by both halves.
 */
#pragma once
#include <satchel/connection.h>
#include <satchel/protocol.h>

typedef enum
{
  POP3_TEXT_CAPABILITIES = 0,
  POP3_TEXT_LANGUAGES,
  POP3_TEXT_LANGUAGE_UNKNOWN,
  POP3_TEXT_UTF8_ON,
  POP3_TEXT_BEGIN_TLS,
  POP3_TEXT_NO_TLS,
  POP3_TEXT_SEND_PASS,
  POP3_TEXT_NEEDS_TLS,
  POP3_TEXT_USER_FIRST,
  POP3_TEXT_MECHANISMS,
  POP3_TEXT_BAD_MECHANISM,
  POP3_TEXT_BAD_BASE64,
  POP3_TEXT_BAD_UTF8,
  POP3_TEXT_CANCELLED,
  POP3_TEXT_LOGIN_FAILED,
  POP3_TEXT_LOGIN_WITHHELD,
  POP3_TEXT_LOGIN_UNAVAILABLE,
  POP3_TEXT_TOO_MANY_CONNECTIONS,
  POP3_TEXT_STOPPING,
  POP3_TEXT_BYE,
  POP3_TEXT_UNKNOWN_COMMAND,
  POP3_TEXT_BAD_ARGUMENTS,
  POP3_TEXT_BAD_LINE,
  POP3_TEXT_BAD_LINE_END,
  POP3_TEXT_TOO_MANY_BAD,
  POP3_TEXT_LOGIN_TIMEOUT,
  POP3_TEXT_IN_USE,
  POP3_TEXT_LOGIN_DELAY,
  POP3_TEXT_MAILDROP_TEMPORARY,
  POP3_TEXT_MAILDROP_PERMANENT,
  POP3_TEXT_NO_MESSAGE,
  POP3_TEXT_MESSAGE_DELETED,
  POP3_TEXT_MESSAGE_GONE,
  POP3_TEXT_MESSAGE_UNREADABLE,
  POP3_TEXT_MESSAGE_BROKEN,
  POP3_TEXT_MESSAGE_LOCKED,
  POP3_TEXT_MAY_NOT_DELETE,
  POP3_TEXT_MARKED,
  POP3_TEXT_UNMARKED,
  POP3_TEXT_NOTHING_DONE,
  POP3_TEXT_TOP,
  POP3_TEXT_NOT_REMOVED,
  POP3_TEXT_SOME_NOT_REMOVED,
  POP3_N_TEXTS
} Pop3Text;

typedef struct Pop3Language
{
  const char *tag;  /* RFC 5646 */
  const char *name; /* name of the language in the language itself */
  const char *words[3];
  const char *texts[POP3_N_TEXTS]; /* without status and code; UTF-8, English: ASCII */
} Pop3Language;
/* Lines with numbers have these words, such as "3 messages (320 octets)". */
enum
{
  POP3_WORD_MESSAGES = 0,
  POP3_WORD_OCTETS,
  POP3_WORD_LANGUAGE_CHANGED
};

extern const Pop3Language pop3_languages[];
extern const guint pop3_n_languages;

/* Finds the language for a basic language range (RFC 4647 2.1) by the lookup of RFC 4647 3.4: "de-AT" finds
 * "de". NULL means that there is none. The first of the table is the default. */
const Pop3Language *pop3_language_find (const char *range);

/* These write replies: no other file writes to a connection. */
/* Writes a whole answer: status, code, text. */
void pop3_say (SatchelConnection *connection, const Pop3Language *language, Pop3Text text);
/* Writes the status and the code of @text with other words than its own. */
void pop3_say_words (SatchelConnection *connection, Pop3Text text, const char *words);
/* Writes "+OK" and what programs read behind it. */
void pop3_say_ok (SatchelConnection *connection, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Writes a challenge of an exchange (RFC 5034 4). */
void pop3_say_challenge (SatchelConnection *connection, const guint8 *data, gsize len);
/* Writes lines of an answer that has several (RFC 1939 3); each ends in CRLF, and dots are stuffed already.
 * @lines is taken over. @is_last: the line that ends the answer follows. */
void pop3_say_lines (SatchelConnection *connection, GString *lines, gboolean is_last);
/* Returns what replaces a greeting, in the default language, since nobody has chosen one yet. */
const char *pop3_refusal (SatchelRefusal why);
/* Returns "+OK" or "-ERR [CODE]". */
const char *pop3_status (Pop3Text text);

/* Runs LANG (RFC 6856 3.2). @preferred is what "*" means. *language changes only if it could be found. */
void pop3_run_lang (SatchelConnection *connection, const Pop3Language **language, const char *range,
                    const char *preferred);
