/* SPDX-License-Identifier: MIT
 * Reads an attributes blob (message.h makes it): what IMAP, POP3 and SEARCH need of a message without
 * opening it. Blobs that storage gives have been checked. The accessors copy nothing: results are borrowed
 * from the blob unless the comment says otherwise. Any thread.
 */
#pragma once
#include <satchel/header.h>

G_BEGIN_DECLS

SATCHEL_API guint64 satchel_attributes_size (GBytes *blob); /* RFC822.SIZE */
SATCHEL_API guint64
satchel_attributes_header_size (GBytes *blob); /* the number of bytes of BODY[HEADER], with its blank line */
/* Says whether the message was parsed.  If it was not, the blob is a placeholder for a message that must not
 * be parsed, of which only BODY[] and BODY[TEXT] exist. */
SATCHEL_API gboolean satchel_attributes_is_parsed (GBytes *blob);

/* These return the texts of `envelope` and `body` (RFC 3501 9), ready to send, with their parentheses; with
 * @is_extended the body has extension data (FETCH BODYSTRUCTURE, not FETCH BODY). 8-bit bytes, CR and LF
 * occur only inside literals, NUL never. */
SATCHEL_API const char *satchel_attributes_envelope (GBytes *blob, gsize *ret_len);
SATCHEL_API const char *satchel_attributes_body_structure (GBytes *blob, gboolean is_extended,
                                                           gsize *ret_len);

/* Reads the time of the Date field.  FALSE means that the message has none that can be read (RFC 5256 2.2
 * uses the internal date then).  @ret_time: seconds since 1970 UTC.  @ret_zone: minutes east of UTC.  Either
 * may be NULL. */
SATCHEL_API gboolean satchel_attributes_sent_date (GBytes *blob, gint64 *ret_time, int *ret_zone);
/* Returns the preview (RFC 8970): at most 200 characters of text, valid UTF-8, in one line; "" if there is
 * none. */
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
  SATCHEL_HEADER_UNKNOWN = 0, /* the blob does not keep it, or it was too long: read the header */
  SATCHEL_HEADER_ABSENT,
  SATCHEL_HEADER_PRESENT
} SatchelHeaderState;
/* Finds the first field called @name (without case). *@ret_value is its raw value, with folding and
 * surrounding white space, without the last line end; header.h unfolds and decodes it. Outputs may be
 * NULL. */
SATCHEL_API SatchelHeaderState satchel_attributes_header (GBytes *blob, const char *name,
                                                          const char **ret_value, gsize *ret_len);
/* Appends BODY[HEADER.FIELDS (names)], with its blank line and in the order of the message, if the blob
 * keeps all of them; else returns FALSE and appends nothing. */
SATCHEL_API gboolean satchel_attributes_header_fields (GBytes *blob, const SatchelHeaderNames *names,
                                                       GString *out);

/* Returns message ids, with their angle brackets.  Only what RFC 5322 3.6.4 calls msg-id counts (obsolete
 * forms included).  message_id: yours, or NULL.  references: those of References, else the first of
 * In-Reply-To (RFC 5256 3): an array of yours with NUL-ended copies, at most 1,000 (the last ones), empty if
 * there are none. */
SATCHEL_API char *satchel_attributes_message_id (GBytes *blob); /* yours */
SATCHEL_API GPtrArray *satchel_attributes_references (GBytes *blob);

typedef enum
{
  SATCHEL_PART_LEAF = 0,
  SATCHEL_PART_MULTIPART,
  SATCHEL_PART_MESSAGE /* message/rfc822 whose one child is the body of the enclosed message */
} SatchelPartKind;

typedef enum
{
  SATCHEL_ENCODING_IDENTITY = 0, /* 7bit, 8bit, binary, and any unknown encoding */
  SATCHEL_ENCODING_QUOTED_PRINTABLE,
  SATCHEL_ENCODING_BASE64,
  SATCHEL_ENCODING_UUENCODE
} SatchelEncoding;

/* Part 0 is the message.  Children follow their parents, in order (pre-order). */
typedef struct SatchelPart
{
  SatchelPartKind kind;
  SatchelEncoding encoding;
  guint32 parent;        /* G_MAXUINT32: none */
  guint32 depth;         /* how deep the part lies; part 0 has 0 */
  guint32 n_descendants; /* the next sibling is index + 1 + n_descendants */
  /* Offsets into the content: [header, body) is the header block with its blank line, [body, end) the body.
   * The child of a MESSAGE has the header of the enclosed message. */
  guint64 header_offset, body_offset, end_offset;
  guint64 body_lines;
  const char *type, *subtype; /* lower case */
  const char *charset;        /* lower case; "" if not given */
  SATCHEL_RESERVED (3);
} SatchelPart;
SATCHEL_API guint satchel_attributes_n_parts (GBytes *blob); /* the number is at least 1 */
/* Finds a part.  FALSE means that there is no part @index. */
SATCHEL_API gboolean satchel_attributes_part (GBytes *blob, guint index, SatchelPart *ret_part);

/* A client names a part of a message by one of these (RFC 3501 6.4.5). */
typedef enum
{
  SATCHEL_SECTION_CONTENT = 0, /* BODY[], BODY[1.2] */
  SATCHEL_SECTION_HEADER,      /* HEADER; what HEADER.FIELDS and HEADER.FIELDS.NOT choose from */
  SATCHEL_SECTION_TEXT,
  SATCHEL_SECTION_MIME
} SatchelSectionKind;
/* Finds a section of the part @path (@n_path numbers; 0 numbers: the message) in the content.  FALSE means
 * that there is no such part, or it is no message and so has no HEADER and TEXT (the answer is NIL, RFC 3501
 * 7.4.2). */
SATCHEL_API gboolean satchel_attributes_section (GBytes *blob, const guint32 *path, guint n_path,
                                                 SatchelSectionKind kind, guint64 *ret_offset,
                                                 guint64 *ret_len);
/* Does the same for a specification without brackets: "", "1.2", "HEADER", "2.MIME", "3.TEXT". */
SATCHEL_API gboolean satchel_attributes_find_section (GBytes *blob, const char *section, guint64 *ret_offset,
                                                      guint64 *ret_len);
/* Finds the part that BODY[@path] or BINARY[@path] means: 1 of a single-part message is part 0. FALSE means
 * that there is none. */
SATCHEL_API gboolean satchel_attributes_find_part (GBytes *blob, const guint32 *path, guint n_path,
                                                   guint *ret_index);

G_END_DECLS
