/* SPDX-License-Identifier: MIT
 * Declares how tokens become one typed struct a command (RFC 3501 6, 9). Pure: no mailbox is looked at.
 * Strings are copied, so that arguments outlive the lexer's buffer. A parser returns FALSE with the reader's
 * error set; the command is BAD.
 */
#pragma once
#include "grammar/reader.h"
#include "grammar/sequence.h"
#include <satchel/header.h>

/* Arguments have these bounds beyond the limits of the lexer. */
#define IMAP_FLAGS_MAX SATCHEL_KEYWORDS_MAX
#define IMAP_PART_PATH_MAX 100u /* most numbers in BODY[1.2.3]; no message is deeper */
#define IMAP_SEARCH_DEPTH_MAX 32u

/* Mailbox names, one or two, are kept as the client wrote them (modified UTF-7, not checked). */
typedef struct ImapMailboxArguments
{
  char *name, *to;
  guint special_use;      /* SATCHEL_USE_* of CREATE ... (USE (...)) */
  gboolean has_other_use; /* the client named a use that is not known */
} ImapMailboxArguments;

/* The list of special-use attributes (RFC 6154 2) ends with NULL. */
typedef struct ImapUse
{
  guint use; /* SATCHEL_USE_* */
  const char *attribute;
  const char *xlist; /* name of the use in XLIST */
} ImapUse;
extern const ImapUse imap_uses[];

/* LIST has these options. Those in CRITERIA leave names out when they select. */
enum
{
  IMAP_LIST_SUBSCRIBED = 1 << 0,
  IMAP_LIST_SPECIAL_USE = 1 << 1,
  IMAP_LIST_CRITERIA = IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE,
  IMAP_LIST_REMOTE = 1 << 2,
  IMAP_LIST_RECURSIVEMATCH = 1 << 3,
  IMAP_LIST_CHILDREN = 1 << 4,
  IMAP_LIST_STATUS = 1 << 5
};
/* The client knew this of the mailbox when it was last connected (RFC 7162 3.2.5). */
typedef struct ImapQresync
{
  guint32 uidvalidity; /* 0: not given */
  guint64 modseq;
  gboolean has_uids;
  ImapSequence uids, match_numbers, match_uids;
} ImapQresync;

typedef struct ImapSelectArguments
{
  char *name;
  gboolean is_condstore;
  ImapQresync qresync;
} ImapSelectArguments;

typedef struct ImapListArguments
{
  char *reference;
  GPtrArray *patterns;  /* char *, one or more */
  gboolean is_extended; /* it is written in one of the ways of RFC 5258 */
  gboolean is_xlist;
  guint select, returns;
  guint status_items; /* IMAP_STATUS_* */
} ImapListArguments;

enum
{
  IMAP_STATUS_MESSAGES = 1 << 0,
  IMAP_STATUS_RECENT = 1 << 1,
  IMAP_STATUS_UIDNEXT = 1 << 2,
  IMAP_STATUS_UIDVALIDITY = 1 << 3,
  IMAP_STATUS_UNSEEN = 1 << 4,
  IMAP_STATUS_DELETED = 1 << 5,         /* RFC 9051 6.3.11 */
  IMAP_STATUS_SIZE = 1 << 6,            /* RFC 8438 */
  IMAP_STATUS_APPENDLIMIT = 1 << 7,     /* RFC 7889 */
  IMAP_STATUS_MAILBOXID = 1 << 8,       /* RFC 8474 */
  IMAP_STATUS_HIGHESTMODSEQ = 1 << 9,   /* RFC 7162 */
  IMAP_STATUS_DELETED_STORAGE = 1 << 10 /* RFC 9208 4.1.4 */
};
typedef struct ImapStatusArguments
{
  char *name;
  guint items;
} ImapStatusArguments;

typedef struct ImapFlagList
{
  guint32 flags;
  char **keywords;       /* NULL-ended; may be NULL */
  gboolean takes_recent; /* \Recent may be given, and is ignored */
  /* there was a keyword of more than SATCHEL_KEYWORD_BYTES, which is left out: LIMIT */
  gboolean has_long_keyword;
} ImapFlagList;

/* APPEND and REPLACE have one or more of these (append-message of RFC 4466). */
typedef struct ImapAppendMessage
{
  ImapFlagList flags;
  gboolean has_date;
  gint64 date;
  GPtrArray *parts; /* the parts of a message in order: a URL, or NULL for a literal, whose bytes stream */
  gboolean wants_binary; /* the next literal must be a literal8, as in UTF8 (...) of RFC 6855 4 */
} ImapAppendMessage;
typedef struct ImapAppendArguments
{
  guint64 number; /* for REPLACE: the message that is replaced */
  char *name;
  GPtrArray *messages; /* ImapAppendMessage; NULL before the name is known */
  guint at;            /* node at which the last message begins */
} ImapAppendArguments;
#define IMAP_APPEND_PARTS_MAX 1000u

typedef struct ImapSetArguments /* arguments of UID EXPUNGE, COPY and MOVE */
{
  ImapSequence set;
  char *name; /* COPY, MOVE */
} ImapSetArguments;

typedef struct ImapStoreArguments
{
  ImapSequence set;
  guint64 unchanged_since; /* G_MAXUINT64: no condition (RFC 7162 3.1.3) */
  int mode;                /* SatchelFlagsMode */
  gboolean is_silent;
  ImapFlagList flags;
} ImapStoreArguments;

typedef struct ImapListOfNames /* arguments of ENABLE; of ID: key, value, key, value, with NULL for NIL */
{
  GPtrArray *names;
} ImapListOfNames;

#define IMAP_METADATA_NAME_MAX 255u    /* most bytes of the name of an entry */
#define IMAP_METADATA_ENTRIES_MAX 128u /* most entries of one command */
#define IMAP_METADATA_DEPTH_INFINITY G_MAXUINT
typedef struct ImapMetadataArguments /* arguments of GETMETADATA and SETMETADATA */
{
  char *name;         /* "": the server */
  GPtrArray *entries; /* char *, in lower case */
  GPtrArray *values;  /* of SETMETADATA, one for each entry: GBytes, or NULL for NIL */
  guint64 max_size;   /* G_MAXUINT64: not given */
  guint depth;
} ImapMetadataArguments;

enum
{
  IMAP_FETCH_UID = 1 << 0,
  IMAP_FETCH_FLAGS = 1 << 1,
  IMAP_FETCH_INTERNALDATE = 1 << 2,
  IMAP_FETCH_SIZE = 1 << 3,
  IMAP_FETCH_ENVELOPE = 1 << 4,
  IMAP_FETCH_BODY = 1 << 5,
  IMAP_FETCH_BODYSTRUCTURE = 1 << 6,
  IMAP_FETCH_MODSEQ = 1 << 7,
  IMAP_FETCH_PREVIEW = 1 << 8, /* with LAZY or without, since the preview is made when a message comes in */
  IMAP_FETCH_SAVEDATE = 1 << 9,
  IMAP_FETCH_EMAILID = 1 << 10,
  IMAP_FETCH_THREADID = 1 << 11
};
typedef enum
{
  IMAP_SECTION_CONTENT = 0,
  IMAP_SECTION_HEADER,
  IMAP_SECTION_TEXT,
  IMAP_SECTION_MIME,
  IMAP_SECTION_FIELDS,
  IMAP_SECTION_FIELDS_NOT
} ImapSectionKind;
typedef enum
{
  IMAP_BINARY_NO = 0,
  IMAP_BINARY_CONTENT, /* BINARY[1.2] (RFC 3516) */
  IMAP_BINARY_SIZE     /* BINARY.SIZE[1.2] */
} ImapBinary;
/* The work of a FETCH grows with the sections that a client names times the parts that a stranger has sent.
 * These bounds are above what any client asks for. */
#define IMAP_FETCH_SECTIONS_MAX 1024u
/* most sections HEADER.FIELDS, HEADER.FIELDS.NOT and BINARY */
#define IMAP_FETCH_COSTLY_SECTIONS_MAX 128u
/* most BODY and TEXT keys, each of which reads the whole message */
#define IMAP_SEARCH_TEXTS_MAX 128u

typedef struct ImapSection
{
  ImapSectionKind kind;
  ImapBinary binary; /* not NO for BINARY; `kind` is CONTENT then */
  guint32 *path;
  guint n_path;
  char **fields;             /* FIELDS, FIELDS_NOT; NULL-ended */
  SatchelHeaderNames *names; /* the same names, as a table */
  gboolean sets_seen;        /* not PEEK, and not RFC822.HEADER */
  gboolean is_partial;
  guint64 offset, count;
  const char *legacy; /* name of the answer for "RFC822", "RFC822.HEADER", "RFC822.TEXT"; else NULL */
} ImapSection;
typedef struct ImapFetchArguments
{
  ImapSequence set;
  guint items;
  GPtrArray *sections;                        /* ImapSection */
  gboolean has_changed_since, wants_vanished; /* RFC 7162 3.1.4.1, 3.2.6 */
  guint64 changed_since;
} ImapFetchArguments;

typedef enum
{
  IMAP_KEY_ALL = 0,
  IMAP_KEY_FLAGS,    /* matches if (flags & mask) == value */
  IMAP_KEY_RECENT,   /* matches if the message is \Recent; OLD is NOT RECENT, NEW is RECENT and UNSEEN */
  IMAP_KEY_KEYWORD,  /* the keyword is `text` */
  IMAP_KEY_SEQUENCE, /* set */
  IMAP_KEY_UID,      /* set */
  IMAP_KEY_BEFORE,   /* the day of the internal date is before `number` */
  IMAP_KEY_ON,
  IMAP_KEY_SINCE,
  IMAP_KEY_SENTBEFORE,
  IMAP_KEY_SENTON,
  IMAP_KEY_SENTSINCE,
  IMAP_KEY_LARGER,
  IMAP_KEY_SMALLER,
  IMAP_KEY_OLDER, /* the internal date is at most `number`; as sent: so many seconds ago (RFC 5032) */
  IMAP_KEY_YOUNGER,
  IMAP_KEY_SAVEDBEFORE, /* as BEFORE, for the save date (RFC 8514) */
  IMAP_KEY_SAVEDON,
  IMAP_KEY_SAVEDSINCE,
  IMAP_KEY_SAVEDATESUPPORTED,
  IMAP_KEY_EMAILID, /* `name` is an objectid (RFC 8474) */
  IMAP_KEY_THREADID,
  IMAP_KEY_HEADER, /* name, text */
  IMAP_KEY_BODY,   /* text */
  IMAP_KEY_TEXT,   /* text */
  IMAP_KEY_MODSEQ, /* the mod-sequence is at least `number` */
  IMAP_KEY_AND,
  IMAP_KEY_OR,
  IMAP_KEY_NOT /* one child */
} ImapKeyKind;
typedef struct ImapSearchKey
{
  ImapKeyKind kind;
  guint32 mask, value;
  /* days, bytes, seconds or a mod-sequence; after preparing a HEADER key: its SatchelKeyKind, or -1 */
  gint64 number;
  char *name, *text; /* texts as sent, in the charset of the command */
  gsize text_len;
  ImapSequence set;
  GPtrArray *children; /* ImapSearchKey */
  /* The evaluation fills these (search_key.c). */
  guint cost;
  SatchelUidSet resolved;
  struct SatchelNeedle *needle;
  int keyword_bit;
} ImapSearchKey;
enum /* RETURN of SEARCH and SORT: RFC 4731, RFC 5182, RFC 5267 */
{
  IMAP_RETURN_MIN = 1 << 0,
  IMAP_RETURN_MAX = 1 << 1,
  IMAP_RETURN_ALL = 1 << 2,
  IMAP_RETURN_COUNT = 1 << 3,
  IMAP_RETURN_SAVE = 1 << 4
};
typedef enum /* RFC 5256 3, RFC 5957 4 */
{
  IMAP_SORT_ARRIVAL = 0,
  IMAP_SORT_CC,
  IMAP_SORT_DATE,
  IMAP_SORT_FROM,
  IMAP_SORT_SIZE,
  IMAP_SORT_SUBJECT,
  IMAP_SORT_TO,
  IMAP_SORT_DISPLAYFROM,
  IMAP_SORT_DISPLAYTO,
  IMAP_N_SORTS
} ImapSortKind;
typedef struct ImapSearchArguments /* SEARCH, SORT, THREAD */
{
  guint returns; /* IMAP_RETURN_*; 0: there was no RETURN */
  guint n_sorts; /* 0: not SORT */
  /* each criterion at most once, since a second one would not change the order */
  ImapSortKind sorts[IMAP_N_SORTS];
  guint32 reversed; /* bit i: sorts[i] is reversed */
  int algorithm;    /* SatchelThreadAlgorithm of THREAD */
  char *charset;    /* NULL: the client gave none */
  ImapSearchKey *key;
  gboolean names_numbers, names_modseq; /* some key names message numbers; some key names MODSEQ */
} ImapSearchArguments;

/* Each family of commands has a pair of functions. Parse fills a zeroed struct; clear is always called, also
 * after a parse that failed. */
gboolean imap_parse_none (ImapReader *reader, gpointer arguments);
gboolean imap_parse_mailbox (ImapReader *reader, gpointer arguments);
gboolean imap_parse_create (ImapReader *reader, gpointer arguments);
gboolean imap_parse_set_quota (ImapReader *reader, gpointer arguments);
gboolean imap_parse_two_mailboxes (ImapReader *reader, gpointer arguments);
void imap_mailbox_arguments_clear (gpointer arguments);
gboolean imap_parse_select (ImapReader *reader, gpointer arguments);
void imap_select_arguments_clear (gpointer arguments);
gboolean imap_parse_list (ImapReader *reader, gpointer arguments);
gboolean imap_parse_lsub (ImapReader *reader, gpointer arguments);
gboolean imap_parse_xlist (ImapReader *reader, gpointer arguments);
void imap_list_arguments_clear (gpointer arguments);
gboolean imap_parse_status (ImapReader *reader, gpointer arguments);
void imap_status_arguments_clear (gpointer arguments);
/* arguments_append.c reads APPEND, REPLACE.  These also parse a command that is still on its way, at each
 * literal of it: then they fail, and the reader lacks what comes next. */
gboolean imap_parse_append (ImapReader *reader, gpointer arguments);
gboolean imap_parse_replace (ImapReader *reader, gpointer arguments);
/* Reads messages from the place of @reader on. */
gboolean imap_parse_append_messages (ImapReader *reader, ImapAppendArguments *append);
/* Adds a message, which has neither flags nor date yet. */
ImapAppendMessage *imap_append_add_message (ImapAppendArguments *append);
void imap_append_arguments_clear (gpointer arguments);
gboolean imap_parse_set (ImapReader *reader, gpointer arguments);
gboolean imap_parse_copy (ImapReader *reader, gpointer arguments);
void imap_set_arguments_clear (gpointer arguments);
gboolean imap_parse_store (ImapReader *reader, gpointer arguments);
void imap_store_arguments_clear (gpointer arguments);
gboolean imap_parse_enable (ImapReader *reader, gpointer arguments);
gboolean imap_parse_id (ImapReader *reader, gpointer arguments);
gboolean imap_parse_compress (ImapReader *reader, gpointer arguments);
void imap_list_of_names_clear (gpointer arguments);
gboolean imap_parse_fetch (ImapReader *reader, gpointer arguments);
void imap_fetch_arguments_clear (gpointer arguments);
gboolean imap_parse_search (ImapReader *reader, gpointer arguments);
gboolean imap_parse_sort (ImapReader *reader, gpointer arguments);
gboolean imap_parse_thread (ImapReader *reader, gpointer arguments);
void imap_search_arguments_clear (gpointer arguments);

/* arguments_metadata.c has these. */
gboolean imap_parse_get_metadata (ImapReader *reader, gpointer arguments);
gboolean imap_parse_set_metadata (ImapReader *reader, gpointer arguments);
void imap_metadata_arguments_clear (gpointer arguments);

/* arguments_sync.c has these: what RFC 7162 adds to other commands. */
gboolean imap_parse_modseq (ImapReader *reader, guint64 *ret_modseq);
gboolean imap_parse_fetch_modifiers (ImapReader *reader, ImapFetchArguments *fetch);
gboolean imap_parse_store_modifiers (ImapReader *reader, ImapStoreArguments *store);
gboolean imap_parse_search_modseq (ImapReader *reader, guint64 *ret_modseq);

/* Several files share these. */
/* Reads a mailbox name, which the caller frees. */
gboolean imap_parse_name (ImapReader *reader, char **ret_name);
gboolean imap_parse_flag_list (ImapReader *reader, ImapFlagList *ret_flags);
void imap_flag_list_clear (ImapFlagList *flags);
/* Returns a system flag's bit by its name without backslash, else 0. */
guint32 imap_system_flag (const char *name);
