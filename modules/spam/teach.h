/* SPDX-License-Identifier: MIT
 * Has the scanner learn one message, by way of the helper, in two steps: a message that cannot be read says
 * nothing of the scanner.  Any thread.
 */
#pragma once
#include "question.h"
#include "settings.h"

#include <satchel/storage.h>

typedef enum
{
  SPAM_READ = 0,      /* *@ret_content is the message, without the field that this module added */
  SPAM_READ_UNWANTED, /* it is empty, or longer than what the scanner wants */
  SPAM_READ_GONE,     /* it has gone, or is locked, so that the server cannot read it */
  SPAM_READ_FAILED    /* @error says why; later it may work */
} SpamRead;

SpamRead spam_teach_read (const SpamSettings *settings, SatchelMailbox *mailbox, guint32 uid,
                          GBytes **ret_content, GError **error);

/* Takes a message to the scanner; *@ret_learnt says what it did.  FALSE, @error: it did not answer.  [blocks]
 */
gboolean spam_teach (const SpamSettings *settings, const char *user, GBytes *content, gboolean is_spam,
                     SpamLearnt *ret_learnt, GError **error);
