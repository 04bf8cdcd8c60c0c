/* SPDX-License-Identifier: MIT
 * Writes LIST and LSUB responses.
 */
#pragma once
#include "imap_session.h"

/* These are attributes of a name beside its children and uses. */
typedef enum
{
  IMAP_PRESENCE_SELECTABLE = 0,
  IMAP_PRESENCE_NOSELECT,
  IMAP_PRESENCE_NONEXISTENT /* RFC 5258 3: implies \Noselect, which older clients know */
} ImapPresence;

/* Writes "(" and attributes, then those of special uses, then ")" and the name, which is as clients see it.
 */
void imap_list_write_attributes (ImapWriter *writer, ImapPresence presence, gboolean has_children,
                                 gboolean is_subscribed);
/* @is_xlist: in the words of XLIST. */
void imap_list_write_uses (ImapWriter *writer, guint special_use, gboolean is_xlist);
void imap_list_write_name (ImapSession *session, const char *name);
