/* SPDX-License-Identifier: MIT
 * Has the scanner learn one message, by way of the helper.  Any thread.
 */
#pragma once
#include "question.h"
#include "settings.h"

#include <satchel/storage.h>

typedef enum
{
  SPAM_TAUGHT = 0,  /* *@ret_learnt says what the scanner did */
  SPAM_TAUGHT_GONE, /* the message has gone, or is locked, so that the server cannot read it */
  SPAM_TAUGHT_NOT   /* @error says why; later it may work */
} SpamTaught;

/* The message goes to the scanner without the field that this module added.  One that is too big is one that
 * the scanner does not want.  [blocks] */
SpamTaught spam_teach (const SpamSettings *settings, const char *user, SatchelMailbox *mailbox, guint32 uid,
                       gboolean is_spam, SpamLearnt *ret_learnt, GError **error);
