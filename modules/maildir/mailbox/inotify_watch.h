/* SPDX-License-Identifier: MIT
 * Declares mailboxes that somebody watches for changes.
 */
#pragma once
#include <glib.h>

typedef struct MdMailbox MdMailbox;

/* Forgets a mailbox that is about to be closed. */
void md_watch_forget (MdMailbox *mb);
/* Pauses the watch during a commit, so that the driver does not hear of its own changes. Any thread may call
 * it. */
void md_watch_pause (MdMailbox *mb, gboolean pause);
/* Ends all watching, at the end of the process. */
void md_watch_stop (void);
