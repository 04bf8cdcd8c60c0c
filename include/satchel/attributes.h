/* SPDX-License-Identifier: MIT
 * Reading an attributes blob (message.h makes it): what IMAP, POP3 and search ask of a message without
 * opening it. A blob that came from disk is checked once with satchel_attributes_check; the accessors are for
 * checked blobs. They copy nothing: results are borrowed from the blob.  Any thread.
 */
#pragma once
#include <satchel/header.h>

G_BEGIN_DECLS

SATCHEL_API guint64 satchel_attributes_size (GBytes *blob); /* RFC822.SIZE */
SATCHEL_API guint64
satchel_attributes_header_size (GBytes *blob); /* bytes of BODY[HEADER], with its blank line */
/* FALSE: a placeholder for a message that must not be parsed: BODY[] and BODY[TEXT] are all there is. */
SATCHEL_API gboolean satchel_attributes_is_parsed (GBytes *blob);

/* Ready to send, as RFC 3501 9 has them, parentheses included: `envelope`, and `body` without or with
 * extension data (FETCH BODY, FETCH BODYSTRUCTURE).  8-bit, CR and LF only inside literals; never NUL. */
SATCHEL_API const char *satchel_attributes_envelope (GBytes *blob, gsize *ret_len);
SATCHEL_API const char *satchel_attributes_body_structure (GBytes *blob, gboolean is_extended,
                                                           gsize *ret_len);

/* The Date field; FALSE: none that makes sense (RFC 5256 2.2 then wants the internal date).
 * @ret_time: seconds since 1970 UTC; @ret_zone: minutes east of UTC.  May be NULL. */
SATCHEL_API gboolean satchel_attributes_sent_date (GBytes *blob, gint64 *ret_time, int *ret_zone);
/* At most 200 characters of text (RFC 8970), valid UTF-8, one line, "" if there is none. */
SATCHEL_API const char *satchel_attributes_preview (GBytes *blob, gsize *ret_len);

/* Fields of the message's header that are kept verbatim, up to 8 KiB each: what ENVELOPE, SEARCH, SORT and
 * THREAD need, and what mutt, Thunderbird, Apple Mail, Roundcube and K-9 ask for in their lists.  Date
 * Subject From Sender Reply-To To Cc Bcc Message-ID In-Reply-To References Content-Type
 * Content-Transfer-Encoding Content-Description MIME-Version List-Id List-Post List-Subscribe
 * List-Unsubscribe Priority X-Priority Importance X-MSMail-Priority X-Mailer User-Agent Newsgroups
 * Followup-To Mail-Followup-To Mail-Reply-To Return-Path Delivered-To X-Original-To X-Comment-To X-Label
 * X-Spam-Flag X-Spam-Status X-Spam-Score Disposition-Notification-To Organization Thread-Topic Thread-Index
 * Status X-Status Lines X-K9mail-Identity X-Uniform-Type-Identifier X-Universally-Unique-Identifier. */
typedef enum
{
  SATCHEL_HEADER_UNKNOWN = 0, /* not kept, or too long to keep: read the header */
  SATCHEL_HEADER_ABSENT,
  SATCHEL_HEADER_PRESENT
} SatchelHeaderState;
/* First field @name (without case).  @ret_value: raw, folding and surrounding white space included, without
 * the last line end; header.h unfolds and decodes.  Outputs may be NULL. */
SATCHEL_API SatchelHeaderState satchel_attributes_header (GBytes *blob, const char *name,
                                                          const char **ret_value, gsize *ret_len);
/* Appends BODY[HEADER.FIELDS (names)] (with its blank line, in message order) if all of them are kept; else
 * FALSE and nothing is appended. */
SATCHEL_API gboolean satchel_attributes_header_fields (GBytes *blob, const SatchelHeaderNames *names,
                                                       GString *out);

/* Message ids with their angle brackets, borrowed.  Both count only what RFC 5322 3.6.4 calls msg-id
 * (obsolete forms included).  message_id: NULL if none.  references: those of References, else the first of
 * In-Reply-To (RFC 5256 3); yours, each element a NUL-ended copy; empty if none, at most 1,000 (the last
 * ones). */
SATCHEL_API char *satchel_attributes_message_id (GBytes *blob); /* yours */
SATCHEL_API GPtrArray *satchel_attributes_references (GBytes *blob);

/* ---- parts ---- */

typedef enum
{
  SATCHEL_PART_LEAF = 0,
  SATCHEL_PART_MULTIPART,
  SATCHEL_PART_MESSAGE /* message/rfc822 whose one child is the body of the enclosed message */
} SatchelPartKind;

typedef enum
{
  SATCHEL_ENCODING_IDENTITY = 0, /* 7bit, 8bit, binary, and what nobody knows */
  SATCHEL_ENCODING_QUOTED_PRINTABLE,
  SATCHEL_ENCODING_BASE64,
  SATCHEL_ENCODING_UUENCODE
} SatchelEncoding;

/* Part 0 is the message; children come after their parents, in order (pre-order). */
typedef struct SatchelPart
{
  SatchelPartKind kind;
  SatchelEncoding encoding;
  guint32 parent;        /* G_MAXUINT32: none */
  guint32 depth;         /* of part 0: 0 */
  guint32 n_descendants; /* the next sibling is index + 1 + n_descendants */
  /* Offsets into the content.  [header, body) is its header block with the blank line, [body, end) its body.
   * For the child of a MESSAGE the header is that of the enclosed message. */
  guint64 header_offset, body_offset, end_offset;
  guint64 body_lines;
  const char *type, *subtype; /* lower case */
  const char *charset;        /* lower case; "" if not given */
  SATCHEL_RESERVED (3);
} SatchelPart;
SATCHEL_API guint satchel_attributes_n_parts (GBytes *blob); /* at least 1 */
/* FALSE: no part @index. */
SATCHEL_API gboolean satchel_attributes_part (GBytes *blob, guint index, SatchelPart *ret_part);

/* Section specifications (RFC 3501 6.4.5). */
typedef enum
{
  SATCHEL_SECTION_CONTENT = 0, /* BODY[], BODY[1.2] */
  SATCHEL_SECTION_HEADER,      /* HEADER; what HEADER.FIELDS and HEADER.FIELDS.NOT choose from */
  SATCHEL_SECTION_TEXT,
  SATCHEL_SECTION_MIME
} SatchelSectionKind;
/* Where the section of part @path (@n_path numbers; none: the message) lies in the content.  FALSE: there is
 * no such part, or HEADER or TEXT of what is no message (answer NIL, RFC 3501 7.4.2). */
SATCHEL_API gboolean satchel_attributes_section (GBytes *blob, const guint32 *path, guint n_path,
                                                 SatchelSectionKind kind, guint64 *ret_offset,
                                                 guint64 *ret_len);
/* The same from text without brackets: "", "1.2", "HEADER", "2.MIME", "3.TEXT". */
SATCHEL_API gboolean satchel_attributes_find_section (GBytes *blob, const char *section, guint64 *ret_offset,
                                                      guint64 *ret_len);
/* The part that BODY[@path] or BINARY[@path] means: for 1 of a single-part message part 0.  FALSE: none. */
SATCHEL_API gboolean satchel_attributes_find_part (GBytes *blob, const guint32 *path, guint n_path,
                                                   guint *ret_index);

G_END_DECLS
