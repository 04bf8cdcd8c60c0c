/* SPDX-License-Identifier: MIT
 * Declares relative IMAP URLs of messages and their parts (RFC 5092 7, as RFC 4469 3 uses them). Pure.
 */
#pragma once
#include <glib.h>

#define IMAP_URL_BYTES_MAX 4096u

typedef struct ImapUrl
{
  /* UTF-8 as clients see names, not checked; NULL: the URL names no mailbox, so it is the selected one */
  char *mailbox;
  guint32 uidvalidity; /* 0: the URL has none */
  guint32 uid;
  char *section;         /* "" for the whole message, or as in "1.2.MIME", not checked */
  guint64 offset, count; /* `count` G_MAXUINT64: up to the end */
} ImapUrl;

/* Reads "/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.2/;PARTIAL=0.1024", or a part of that from ";UID="
 * on.  FALSE means that it is another URL, such as an absolute one or one with URLAUTH.  @ret_url is cleared
 * by imap_url_clear, also after FALSE. */
gboolean imap_url_parse (const char *text, ImapUrl *ret_url);
void imap_url_clear (ImapUrl *url);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ImapUrl, imap_url_clear)
