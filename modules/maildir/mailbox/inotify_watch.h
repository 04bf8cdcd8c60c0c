/* SPDX-License-Identifier: MIT
 * Mailboxes for whose changes somebody waits.
 */
#pragma once
#include <glib.h>

typedef struct MdMailbox MdMailbox;

/* The mailbox is about to be closed. */
void md_watch_forget (MdMailbox *mb);
/* A commit pauses the watch, so that the driver does not hear of its own changes. Any thread may call it. */
void md_watch_pause (MdMailbox *mb, gboolean pause);
/* Ends all watching, at the end of the process. */
void md_watch_stop (void);
