/* SPDX-License-Identifier: MIT
 * The progress of a FETCH: which message, what is loaded for a batch of them, how far a section has been sent.
 */
#pragma once
#include "resync.h"
#include "session.h"
#include <satchel/attributes.h>
#include <satchel/stream.h>

#define IMAP_FETCH_BATCH 128u      /* messages whose attributes are read in one call */
#define IMAP_FETCH_SEEN_BATCH 32u  /* messages that become \Seen in one transaction */

typedef struct ImapFetch
{
  ImapResync resync;       /* VANISHED: what is told first */
  SatchelUidSet rows;
  guint at_range;
  guint32 at;              /* sequence number of the message; 0: done */
  SatchelSnapshot *fresh;  /* newer than the view: flags come from here; or NULL */
  ImapFlagsMemo memo;
  gboolean wants_attributes, sets_seen;
  char **labels;           /* one a section: "BODY[1.2]<0>" */
  /* The batch: sequence numbers batch_first.. in the order of rows. */
  guint n_batch, at_batch;
  guint32 batch_uids[IMAP_FETCH_BATCH];
  GBytes *batch_attributes[IMAP_FETCH_BATCH];
  gboolean batch_newly_seen[IMAP_FETCH_BATCH];
  /* The message being sent. */
  gboolean in_message;
  guint at_section;
  SatchelStream *content;
  GString **texts;         /* one a section: header fields ready to send, or NULL */
  guint64 offset, left;    /* of the literal being sent; left 0: none */
  /* How it ended for some messages. */
  gboolean is_missing;
  GError *error;
} ImapFetch;

/* fetch-section.c */
char *imap_section_label (const ImapSection *section);
/* Prepares the sections of a message: header fields that attributes know, and the content if anything else is asked
 * for.  Nothing has been written yet.  [blocks] */
gboolean imap_fetch_open_sections (ImapSession *session, ImapFetch *fetch, const ImapFetchArguments *arguments,
                                   guint32 uid, GBytes *attributes, GError **error);
/* Sends sections until all are done or the output is full.  [blocks] */
ImapStep imap_fetch_send_sections (ImapSession *session, ImapFetch *fetch, const ImapFetchArguments *arguments,
                                   GBytes *attributes);
void imap_fetch_close_sections (ImapFetch *fetch, const ImapFetchArguments *arguments);
