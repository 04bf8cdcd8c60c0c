/* SPDX-License-Identifier: MIT
 * Declares the IMAP lexer: bytes to the tokens of one command (RFC 3501 9). Pure; gate and mail. Restartable
 * at any byte; bounds the command, its literals, its tokens and their nesting. Knows no command.
 */
#pragma once
#include "grammar/line.h"

typedef enum
{
  /* Printable ASCII without SP ( ) { "; the parser of the arguments checks which of it is allowed. */
  IMAP_NODE_ATOM = 1,
  IMAP_NODE_QUOTED,
  IMAP_NODE_LITERAL,
  IMAP_NODE_STREAMED, /* a literal whose bytes the session takes itself */
  IMAP_NODE_LIST
} ImapNodeType;

/* A node is one token. Lists are followed by their members: `end` is the index of the node after them. */
typedef struct ImapNode
{
  guint8 type;
  gboolean is_glued;   /* nothing separates it from the token before, as in BODY[HEADER.FIELDS (...)] "]" */
  guint32 end;         /* G_MAXUINT32: a list that is still open */
  guint32 offset, len; /* place in `text`; a NUL follows, and none is inside */
} ImapNode;

typedef struct ImapLexerLimits
{
  gsize command_bytes;
  guint64 literal_bytes;
  guint64 nonsync_bytes; /* longest literal that may come without being asked for (RFC 7888); 0: any */
  /* `nodes`: 16 more are allowed for each literal that streams; `depth` is at most IMAP_LEXER_DEPTH_MAX */
  guint nodes, depth;
  gboolean close_on_limit; /* before login: a command beyond the limit ends the connection (FATAL) */
  /* name of a command whose arguments may be cut: they are counted up to unkept_bytes, and only their first
   * kept_bytes are kept, so that texts may be shorter than what was sent, or empty */
  const char *unkept_command;
  gsize unkept_bytes, kept_bytes;
} ImapLexerLimits;
#define IMAP_LEXER_DEPTH_MAX 64u

typedef enum
{
  IMAP_LEX_MORE = 0, /* all input was taken */
  IMAP_LEX_LITERAL,  /* a literal begins: call take, stream or refuse; `literal_*` say what was announced */
  IMAP_LEX_COMMAND,  /* the command is complete; valid until reset */
  IMAP_LEX_BAD,      /* the command was skipped to its end; `error` says why; then reset */
  /* it is unknown where the next command starts, or a limit before login was exceeded: close */
  IMAP_LEX_FATAL
} ImapLexStatus;

typedef struct ImapLexer
{
  ImapLexerLimits limits;
  gboolean has_utf8; /* a quoted string has more than ASCII in it, which is valid UTF-8 (RFC 6855 3) */
  GByteArray *text;
  GArray *nodes; /* ImapNode; 0 is the tag */
  const char *error;
  guint blamed; /* node whose text belongs to the error, set by the caller; 0: none */
  gboolean is_too_big;
  guint64 literal_size;
  gboolean literal_is_sync;
  gboolean literal_is_binary; /* literal8 (RFC 3516 7), which may have NULs and can only be streamed */
  /* lexer.c alone uses these. */
  gint state;
  ImapLineEnd line_end;
  guint depth, n_streamed;
  guint32 *stack; /* nodes of the lists that are open; NULL: the command has no list yet */
  guint64 literal_left;
  gsize n_unkept, kept_until;
  gboolean after_space, is_skipping, is_unkept;
} ImapLexer;

void imap_lexer_init (ImapLexer *lexer, const ImapLexerLimits *limits);
void imap_lexer_clear (ImapLexer *lexer);
/* Makes it ready for the next command.  Keeps a small buffer, and wipes it if @wipe (LOGIN). */
void imap_lexer_reset (ImapLexer *lexer, gboolean wipe);
/* Says whether nothing of a command has been read. */
gboolean imap_lexer_is_empty (const ImapLexer *lexer);
ImapLexStatus imap_lexer_feed (ImapLexer *lexer, const guint8 *data, gsize len, gsize *ret_consumed);
/* After LITERAL, makes the bytes a node. It refuses a literal8, and one that is too large. */
void imap_lexer_take_literal (ImapLexer *lexer);
/* After LITERAL, the caller consumes literal_size bytes by itself, then goes on feeding. */
void imap_lexer_stream_literal (ImapLexer *lexer);
/* After LITERAL, makes the command BAD with @error (static).  A synchronising literal is never sent then, so
 * the command ends here (the next feed says BAD at once); others are skipped, so that they never run as
 * commands (RFC 7888 4).  The lexer itself refuses literals that exceed its limits. */
void imap_lexer_refuse_literal (ImapLexer *lexer, const char *error, gboolean is_too_big);

static inline const ImapNode *
imap_lexer_node (const ImapLexer *lexer, guint index)
{
  return &g_array_index (lexer->nodes, ImapNode, index);
}
static inline const char *
imap_lexer_text (const ImapLexer *lexer, const ImapNode *node)
{
  return (const char *) lexer->text->data + node->offset;
}
/* Returns the tag if it is one (RFC 3501 9: ASTRING-CHAR without "+"), else NULL. */
const char *imap_lexer_tag (const ImapLexer *lexer);
