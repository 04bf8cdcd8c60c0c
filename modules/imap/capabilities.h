/* SPDX-License-Identifier: MIT
 * Declares CAPABILITY (RFC 3501 7.2.1): one table for both halves, so that what a gate offers is what the
 * session has.
 */
#pragma once
#include "settings.h"
#include "writer.h"

/* A connection has some of these. A capability is offered where all facts hold that its row asks for. */
enum
{
  IMAP_OFFER_BEFORE_LOGIN = 1 << 0,
  IMAP_OFFER_AFTER_LOGIN = 1 << 1,
  IMAP_OFFER_STARTTLS = 1 << 2,      /* TLS can be started */
  IMAP_OFFER_NO_LOGIN = 1 << 3,      /* passwords need TLS first */
  IMAP_OFFER_LITERAL_PLUS = 1 << 4,  /* non-synchronizing literals may have any size (RFC 7888) */
  IMAP_OFFER_LITERAL_MINUS = 1 << 5, /* non-synchronizing literals must be short */
  IMAP_OFFER_COMPRESS = 1 << 6,
  IMAP_OFFER_QUOTA = 1 << 7 /* a layer of the user's storage has limits */
};

/* Writes "IMAP4rev1 IMAP4rev2 LITERAL+ ..." by the table.  @offers: the IMAP_OFFER_* of login, TLS,
 * compression and quota; those of literals come from @settings. */
void imap_write_capabilities (ImapWriter *writer, const ImapSettings *settings, guint offers);
