/* SPDX-License-Identifier: MIT
 * Reads the lexer's tokens one by one as the types that RFC 3501 9 names.  Strings are borrowed from the
 * lexer and NUL-ended.  Every reader returns FALSE and sets `error` (static text for BAD) if the next token
 * is something else.
 */
#pragma once
#include "grammar/lexer.h"

/* This is the thing before which the tokens end, for a command that is parsed while it still comes in. */
typedef enum
{
  IMAP_LACKS_NOTHING = 0, /* the error, if there is one, is in a token that has come */
  IMAP_LACKS_ARGUMENT,
  IMAP_LACKS_LITERAL /* the content of a message (arguments_append.c) */
} ImapReaderLack;

typedef struct ImapReader
{
  const ImapLexer *lexer;
  guint at, end;       /* node indexes */
  const char *error;   /* the first */
  ImapReaderLack lack; /* that the first error is about */
  guint blamed;        /* node that the error should name, or 0 */
} ImapReader;

/* Begins with the command name and what follows it. */
void imap_reader_init (ImapReader *reader, const ImapLexer *lexer);
gboolean imap_reader_is_done (const ImapReader *reader);
gboolean imap_reader_fail (ImapReader *reader, const char *error);
/* Fails because the tokens end here. */
gboolean imap_reader_fail_for_lack (ImapReader *reader, ImapReaderLack lack, const char *error);
/* Checks that no arguments are left. */
gboolean imap_reader_finish (ImapReader *reader);
/* Returns the type of the next token, 0 at the end. */
ImapNodeType imap_reader_peek (const ImapReader *reader);
/* Returns the next token if it is an atom, else NULL.  Not used up, any character. */
const char *imap_reader_peek_atom (const ImapReader *reader);
/* Skips the next token if it is the atom @word, in any case. */
gboolean imap_reader_skip_word (ImapReader *reader, const char *word);
/* Skips one token, a list with all its members. */
void imap_reader_skip (ImapReader *reader);

/* Reads an atom of any printable characters: FETCH items, flags, sequence sets. */
gboolean imap_read_word (ImapReader *reader, const char **ret);
/* Reads atom: ATOM-CHAR only. */
gboolean imap_read_atom (ImapReader *reader, const char **ret);
gboolean imap_read_astring (ImapReader *reader, const char **ret, gsize *ret_len);
gboolean imap_read_string (ImapReader *reader, const char **ret, gsize *ret_len);
/* NIL gives NULL. */
gboolean imap_read_nstring (ImapReader *reader, const char **ret, gsize *ret_len);
/* Reads list-mailbox: astring in which % and * are allowed. */
gboolean imap_read_list_mailbox (ImapReader *reader, const char **ret, gsize *ret_len);
gboolean imap_read_quoted (ImapReader *reader, const char **ret, gsize *ret_len);
/* Reads number: 32 bits, bounded by @max. */
gboolean imap_read_number (ImapReader *reader, guint64 max, guint64 *ret);
/* Reads a parenthesised list, which may still be open: @ret_members reads what is in it. */
gboolean imap_read_list (ImapReader *reader, ImapReader *ret_members);
/* Ends reading members of a list: their error becomes that of @reader, and no member may be left. */
gboolean imap_read_list_end (ImapReader *reader, ImapReader *members);

/* Says whether @text is an atom of ATOM-CHARs (and not empty). */
gboolean imap_is_atom (const char *text);
