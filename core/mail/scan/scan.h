/* SPDX-License-Identifier: MIT
 * Says what the scanner gathers about a message, between its files: scanner.c (lines to parts),
 * scan_header.c (header blocks), scan_global.c (mail that needs UTF-8), imap_text.c (ENVELOPE and
 * BODYSTRUCTURE), preview.c, blob_write.c.
 */
#pragma once
#include <satchel/attributes.h>
#include <satchel/header.h>
#include <satchel/message.h>

#define NO_PART G_MAXUINT32

/* ScanTree.pool has all texts of a tree; this names a piece of it. */
typedef struct ScanText
{
  guint32 offset, len;
} ScanText;

typedef struct ScanPart
{
  SatchelPartKind kind;
  SatchelEncoding encoding;
  guint32 parent, depth, n_descendants;
  guint64 header_offset, body_offset, end_offset, first_line, body_lines;
  ScanText type, subtype, charset; /* in lower case, each with a NUL behind it */
  /* These texts are ready for BODYSTRUCTURE. */
  ScanText parameters;  /* body-fld-param */
  ScanText description; /* body-fld-id SP body-fld-desc SP body-fld-enc */
  ScanText md5;
  ScanText disposition; /* body-fld-dsp SP body-fld-lang SP body-fld-loc */
  ScanText envelope;    /* only part 0 and enclosed messages have one */
  gboolean is_attachment;
} ScanPart;

typedef struct ScanTree
{
  GArray *parts; /* ScanPart */
  GString *pool;
  guint n_addresses; /* how many addresses the ENVELOPEs have so far */
  /* They describe the message itself. */
  guint64 size, lines;
  GByteArray *header_records; /* blob.h: SECTION_HEADERS */
  guint64 headers_missing; /* a bit for each header field that the message has and the blob does not keep */
  guint8 blank_line;       /* the end of the line between header and body: 0 none, 1 LF, 2 CRLF */
  gboolean ends_in_crlf, is_internationalized;
  gboolean has_date;
  gint64 date;
  int zone;
  GString *preview; /* UTF-8 */
} ScanTree;

#define scan_tree_part(tree, i) (&g_array_index ((tree)->parts, ScanPart, i))

/* Fills what the header block says of @part; returns the boundary of a multipart (yours) or NULL.
 * @default_type: "text/plain", or "message/rfc822" inside a digest (RFC 2046 5.1.5).  @is_message: it is a
 * message's header. */
char *satchel_scan_header (ScanTree *tree, ScanPart *part, const char *block, gsize len,
                           const char *default_type, gboolean is_message);
/* Fills @part, which stands for the content of a message with a transfer encoding. */
void satchel_scan_encoded_message (ScanTree *tree, ScanPart *part, SatchelEncoding encoding);
/* Says whether the header is of mail that came by SMTPUTF8, or that has an address which only RFC 6532
 * allows. */
gboolean satchel_scan_is_internationalized (const char *block, gsize len);
/* Makes @part a leaf without structure, since the structure would be beyond the bounds. */
void satchel_scan_force_leaf (ScanTree *tree, ScanPart *part);
/* Writes ENVELOPE of a header block. */
void satchel_scan_envelope (GString *out, const char *block, gsize len, guint *n_addresses);
/* Writes BODY or BODYSTRUCTURE of the whole tree. */
void satchel_scan_body_structure (const ScanTree *tree, gboolean is_extended, GString *out);
/* Makes the preview (RFC 8970) from the first bytes of a text part's raw body. */
void satchel_scan_preview (const ScanPart *part, const ScanTree *tree, const GByteArray *raw, GString *out);
/* Writes the blob. */
GBytes *satchel_scan_write_blob (const ScanTree *tree);
