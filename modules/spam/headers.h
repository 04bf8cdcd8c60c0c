/* SPDX-License-Identifier: MIT
 * Reads what the filter of an MTA wrote into the header: rspamd, SpamAssassin, Amavis.  Anybody can write
 * such fields, so only those count that stand where the MTA's filter puts its own.
 */
#pragma once
#include "finding.h"

typedef enum /* in the order of the setting's choices */
{
  SPAM_STYLE_RSPAMD = 0,
  SPAM_STYLE_SPAMASSASSIN,
  SPAM_STYLE_AMAVIS
} SpamStyle;

typedef enum /* in the order of the setting's choices */
{
  SPAM_AT_RECEIVED = 0, /* above the Received field number `hops` that the message came with */
  SPAM_AT_TOP,          /* the first field of each name counts */
  SPAM_AT_BOTTOM        /* the last field of each name counts */
} SpamPosition;

typedef struct SpamSource
{
  SpamStyle style;
  SpamPosition position;
  guint hops;
} SpamSource;

/* Reads a whole header block, with this server's own trace fields first. */
SpamFinding spam_headers_read (const char *block, gsize len, const SpamSource *source);
