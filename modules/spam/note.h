/* SPDX-License-Identifier: MIT
 * What the message stage tells the recipient stage, in another process perhaps: the finding and the senders.
 */
#pragma once
#include "finding.h"

#define SPAM_SENDERS_MAX 3u

typedef struct SpamNote
{
  SpamFinding finding;
  GPtrArray *senders; /* char *: addresses of From in lower case */
  char *source;       /* owns finding.source */
} SpamNote;

/* Reads the addresses of the first From field of a header block.  Yours. */
GPtrArray *spam_senders_read (const char *block, gsize len);
/* Adds an address in lower case, unless it is empty, too long, or one too many. */
void spam_senders_add (GPtrArray *senders, const char *address);
/* Writes a note that satchel_filter_set_note takes; yours. */
char *spam_note_format (const SpamFinding *finding, const GPtrArray *senders);
/* Reads a note; NULL is one that says nothing. */
void spam_note_parse (const char *text, SpamNote *ret_note);
void spam_note_clear (SpamNote *note);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SpamNote, spam_note_clear)
