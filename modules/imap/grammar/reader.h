/* SPDX-License-Identifier: MIT
 * Declares the reader of the lexer's tokens, which takes them one by one as the types that RFC 3501 9 names.
 * Strings are borrowed from the lexer and NUL-ended. Every function returns FALSE and sets `error` (static
 * text for BAD) if the next token is something else.
 */
#pragma once
#include "grammar/lexer.h"

/* A command may be parsed while it still comes in.  This says what is missing where the tokens end. */
typedef enum
{
  IMAP_LACKS_NOTHING = 0, /* nothing is missing; an error is in a token that has come */
  IMAP_LACKS_ARGUMENT,
  IMAP_LACKS_LITERAL /* the content of a message (arguments_append.c) */
} ImapReaderLack;

typedef struct ImapReader
{
  const ImapLexer *lexer;
  guint at, end;       /* indexes of nodes */
  const char *error;   /* the first error */
  ImapReaderLack lack; /* what was missing when the first error was found */
  guint blamed;        /* the node that the first error is about, or 0 */
} ImapReader;

/* Begins with the name of the command; its arguments follow. */
void imap_reader_init (ImapReader *reader, const ImapLexer *lexer);
gboolean imap_reader_is_done (const ImapReader *reader);
gboolean imap_reader_fail (ImapReader *reader, const char *error);
/* Fails because the tokens end here. */
gboolean imap_reader_fail_for_lack (ImapReader *reader, ImapReaderLack lack, const char *error);
/* Checks that no arguments are left. */
gboolean imap_reader_finish (ImapReader *reader);
/* Returns the type of the next token, 0 at the end. */
ImapNodeType imap_reader_peek (const ImapReader *reader);
/* Returns the next token, without taking it, if it is an atom of any characters; else NULL. */
const char *imap_reader_peek_atom (const ImapReader *reader);
/* Skips the next token if it is the atom @word, in any case. */
gboolean imap_reader_skip_word (ImapReader *reader, const char *word);
/* Skips one token; a list is skipped with all its members. */
void imap_reader_skip (ImapReader *reader);

/* Reads an atom of any printable characters: FETCH items, flags, sequence sets. */
gboolean imap_read_word (ImapReader *reader, const char **ret);
/* Reads an atom, which has only ATOM-CHARs. */
gboolean imap_read_atom (ImapReader *reader, const char **ret);
gboolean imap_read_astring (ImapReader *reader, const char **ret, gsize *ret_len);
gboolean imap_read_string (ImapReader *reader, const char **ret, gsize *ret_len);
/* Reads an nstring; NIL gives NULL. */
gboolean imap_read_nstring (ImapReader *reader, const char **ret, gsize *ret_len);
/* Reads list-mailbox: astring in which % and * are allowed. */
gboolean imap_read_list_mailbox (ImapReader *reader, const char **ret, gsize *ret_len);
gboolean imap_read_quoted (ImapReader *reader, const char **ret, gsize *ret_len);
/* Reads a number, which is at most @max. */
gboolean imap_read_number (ImapReader *reader, guint64 max, guint64 *ret);
/* Reads a parenthesised list, which may still be open: @ret_members reads what is in it. */
gboolean imap_read_list (ImapReader *reader, ImapReader *ret_members);
/* Ends reading members of a list: their error becomes that of @reader, and no member may be left. */
gboolean imap_read_list_end (ImapReader *reader, ImapReader *members);

/* Says whether @text is an atom of ATOM-CHARs (and not empty). */
gboolean imap_is_atom (const char *text);
