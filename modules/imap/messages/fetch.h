/* SPDX-License-Identifier: MIT
 * Declares the progress of a FETCH: which message is sent, what is loaded for a batch of messages, and how
 * much of a section has been sent.
 */
#pragma once
#include "view/resync.h"
#include "imap_session.h"
#include "messages/objectid.h"
#include <satchel/attributes.h>
#include <satchel/charset.h>
#include <satchel/stream.h>

#define IMAP_FETCH_BATCH 128u     /* messages whose attributes are read in one call */
#define IMAP_FETCH_SEEN_BATCH 32u /* messages that become \Seen in one transaction */

/* A part is decoded piece by piece. After it was measured, it stands at the first byte to be sent. */
typedef struct ImapDecoding
{
  SatchelTransferDecoder decoder;
  guint64 at, end;   /* the range of the content that is not decoded yet */
  guint64 n_decoded; /* bytes of the part that were decoded so far */
  GByteArray *piece; /* the block that was decoded last */
  guint64 skip;      /* bytes at the start of the piece that are not wanted, or were read already */
  guint64 size;      /* bytes that will be sent */
  gboolean has_nul;  /* the bytes that will be sent have a NUL */
} ImapDecoding;

typedef struct ImapFetch
{
  ImapResync resync; /* for VANISHED, which is reported first */
  SatchelUidSet rows;
  guint at_range;
  guint32 at;             /* sequence number of the message; 0: all were sent */
  SatchelSnapshot *fresh; /* a snapshot newer than the view, from which flags are taken; or NULL */
  ImapFlagsMemo memo;
  gboolean wants_attributes, sets_seen;
  gboolean wants_dates; /* some internal dates have to be found first */
  char **labels;        /* for each section: "BODY[1.2]<0>" */
  /* The batch has sequence numbers from batch_first on, in the order of rows. */
  guint n_batch, at_batch;
  guint32 batch_uids[IMAP_FETCH_BATCH];
  GBytes *batch_attributes[IMAP_FETCH_BATCH];
  gboolean batch_newly_seen[IMAP_FETCH_BATCH];
  /* The message that is being sent has these: */
  gboolean in_message;
  guint at_section;
  guint32 opened_uid; /* UID of the message whose sections are open already; 0: none */
  SatchelStream *content;
  GString **texts; /* for each section: header fields from attributes, ready to send; or NULL */
  GString *block;  /* the header that fields were chosen from last, or NULL; where it lies */
  guint64 block_offset, block_len;
  guint64 offset, left;  /* place in the literal that is being sent; `left` 0: there is none */
  ImapDecoding decoding; /* the part that BINARY sends */
  char email_id[IMAP_OBJECTID_SIZE], thread_id[IMAP_OBJECTID_SIZE];
  /* Say what was wrong with some messages. */
  gboolean is_missing, has_unknown_encoding;
  GError *error;
} ImapFetch;

/* Returns the sequence number that the FETCH takes after @sequence (0: the first); 0 means that there is
 * none.  *range: the range of `rows` that it is in, 0 in the beginning. */
static inline guint32
imap_fetch_next_after (const ImapFetch *fetch, guint *range, guint32 sequence)
{
  if (sequence != 0 && sequence < fetch->rows.ranges[*range].last)
    return sequence + 1;
  *range += sequence != 0;
  return *range < fetch->rows.n_ranges ? fetch->rows.ranges[*range].first : 0;
}

/* fetch_items.c has these, which ask for the message at hand. */
/* Writes everything but sections.  @size is RFC822.SIZE; @attributes may be NULL if no item needs them. */
void imap_fetch_write_items (ImapSession *session, ImapFetch *fetch, guint items, GBytes *attributes,
                             guint64 size);
/* Returns RFC822.SIZE, or SATCHEL_SIZE_UNKNOWN. */
guint64 imap_fetch_row_size (const ImapSession *session, const ImapFetch *fetch);
/* Says whether the internal date is known.  If it is not, the message was removed. */
gboolean imap_fetch_has_date (const ImapSession *session, const ImapFetch *fetch);

/* fetch_batch.c has these. */
/* Loads the messages from `at` on, with their attributes, and sets \Seen on them if the FETCH does. [blocks]
 */
void imap_fetch_load_batch (ImapSession *session, const ImapCommand *command, ImapFetch *fetch);
void imap_fetch_clear_batch (ImapFetch *fetch);
/* Opens the sections of message @i of the batch, if they are not open yet. [blocks] */
gboolean imap_fetch_open_message (ImapSession *session, const ImapCommand *command, ImapFetch *fetch, guint i,
                                  GError **error);
/* Notes that a message could not be read, which is reported at the end of the command.  Takes @error over;
 * NULL means that the message was removed. */
void imap_fetch_note_failure (ImapFetch *fetch, GError *error);

/* fetch_section.c has these. */
char *imap_section_label (const ImapSection *section);
/* Prepares the sections of a message: header fields that attributes know, and the content if anything else is
 * asked for.  Nothing has been written yet.  [blocks] */
gboolean imap_fetch_open_sections (ImapSession *session, ImapFetch *fetch,
                                   const ImapFetchArguments *arguments, guint32 uid, GBytes *attributes,
                                   GError **error);
/* Sends sections until all are done or the output is full.  [blocks] */
ImapStep imap_fetch_send_sections (ImapSession *session, ImapFetch *fetch,
                                   const ImapFetchArguments *arguments, GBytes *attributes);
void imap_fetch_close_sections (ImapFetch *fetch, const ImapFetchArguments *arguments);

/* fetch_binary.c has these. */
void imap_decoding_clear (ImapDecoding *decoding);
/* Decodes [offset, offset + len) of @content to learn the size of what @section wants of it. [blocks] */
gboolean imap_decoding_measure (ImapDecoding *decoding, const ImapSection *section, SatchelStream *content,
                                SatchelEncoding encoding, guint64 offset, guint64 len, GError **error);
/* Gives the next bytes; 0 means that there are no more. [blocks] */
gssize imap_decoding_read (ImapDecoding *decoding, SatchelStream *content, void *buffer, gsize len,
                           GError **error);
/* Finds the transfer encoding of a BINARY section.  *ret_is_known is FALSE if the server does not know it.
 * [blocks] */
gboolean imap_binary_encoding (const ImapSection *section, GBytes *attributes, SatchelStream *content,
                               gboolean *ret_is_known, SatchelEncoding *ret_encoding, GError **error);
