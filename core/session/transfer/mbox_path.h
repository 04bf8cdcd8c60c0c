/* SPDX-License-Identifier: MIT
 * Declares names of mbox files in a directory, for import and export: mailbox "A/B" is file "A.sbd/B", as
 * Thunderbird has it.
 */
#pragma once
#include <glib.h>

/* This ends the name of the directory that has the mailboxes below a mailbox. */
#define SATCHEL_MBOX_BELOW ".sbd"
#define SATCHEL_MBOX_LIST                                                                                    \
  ".mailboxlist" /* the file with the names of the subscribed mailboxes, one a line, as UW-IMAP has it */
#define SATCHEL_MBOX_MARK                                                                                    \
  ".satchel-export" /* the file that marks an export whose names are escaped (core/cli/file_broker.c) */

/* Returns the path of the file for @mailbox; yours.  Characters of a name that would be misunderstood are
 * escaped as "%XX". */
char *satchel_mbox_path (const char *mailbox);
/* Undoes the escapes in a level; yours. */
char *satchel_mbox_unescape (const char *level);
