/* SPDX-License-Identifier: MIT
 * Declares the table of servers beside whose files ours may lie.  What only the files of one server need is
 * asked for there by MdServer itself (courier.c, uidlist_write.c).
 */
#pragma once
#include "settings.h"

#define MD_DOVECOT_SUBSCRIPTIONS "subscriptions"
#define MD_COURIER_SUBSCRIPTIONS "courierimapsubscribed"

typedef struct MdServerFacts
{
  const char *name;               /* in the settings and in the user's file */
  const char *subscriptions;      /* the file of subscriptions; NULL: there is none */
  const char *subscriptions_head; /* how that file begins in its present form; NULL: with the first name */
  gboolean has_tabs;              /* levels of names in that form have a tab between them */
  gboolean is_in_maildir;         /* its file is in the Maildir even if there is a control directory */
  const char *inbox_prefix;       /* stands before each name but INBOX */
  gboolean has_utf8_names;        /* names of folders that do not show whether they are in UTF-8 are */
  guint64 uidvalidity_end;        /* it can read lower numbers only; 0: all of 32 bits */
  const char *uidl_format;        /* unique ids of its POP3 server; NULL: as ours are */
} MdServerFacts;

/* Returns the facts about a server, for good. */
const MdServerFacts *md_server_facts (MdServer server);
/* Returns NONE for a name that is none of the table. */
MdServer md_server_from_name (const char *name);
