/* SPDX-License-Identifier: MIT
 * Declares sequence-set of RFC 3501 9 and "$" of RFC 5182: parsed as written, then resolved for a mailbox.
 * The time is linear except for one sort. Pure.
 */
#pragma once
#include "grammar/reader.h"
#include <satchel/snapshot.h>

/* A sequence-set is kept as a client wrote it; 0 stands for "*". */
typedef struct ImapSequence
{
  SatchelRange *ranges;
  guint n_ranges;
  /* "$", which stands for the result that the last SEARCH saved (RFC 5182); there are no ranges then */
  gboolean is_saved;
} ImapSequence;

/* Parses a sequence-set. FALSE means that the text is not one. imap_sequence_clear clears *ret_sequence. */
gboolean imap_sequence_parse (const char *text, ImapSequence *ret_sequence);
/* Reads a sequence-set as the next argument. */
gboolean imap_parse_sequence (ImapReader *reader, ImapSequence *ret_sequence);
void imap_sequence_clear (ImapSequence *sequence);
/* Makes the set of numbers, with @star for "*". It is empty if @star is 0 (an empty mailbox), and for "$",
 * which only a view knows. */
void imap_sequence_resolve (const ImapSequence *sequence, guint32 star, SatchelUidSet *ret_set);
/* Says whether each message sequence number is at most @n_messages; otherwise RFC 3501 9 asks for BAD.  "1:*"
 * is allowed for an empty mailbox, since clients send it. */
gboolean imap_sequence_fits (const ImapSequence *sequence, guint32 n_messages);
