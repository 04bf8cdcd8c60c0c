/* SPDX-License-Identifier: MIT
 * Declares the writers of LIST and LSUB responses.
 */
#pragma once
#include "imap_session.h"

/* A name has these attributes besides those of its children and uses. */
typedef enum
{
  IMAP_PRESENCE_SELECTABLE = 0,
  IMAP_PRESENCE_NOSELECT,
  /* The name has no mailbox; \Noselect is sent as well, which older clients know (RFC 5258 3). */
  IMAP_PRESENCE_NONEXISTENT
} ImapPresence;

/* Writes "(" and attributes, then those of special uses, then ")" and the name, which is as clients see it.
 */
void imap_list_write_attributes (ImapWriter *writer, ImapPresence presence, gboolean has_children,
                                 gboolean is_subscribed);
/* Writes the attributes of special uses.  @is_xlist: in the words of XLIST. */
void imap_list_write_uses (ImapWriter *writer, guint special_use, gboolean is_xlist);
void imap_list_write_name (ImapSession *session, const char *name);
