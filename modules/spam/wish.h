/* SPDX-License-Identifier: MIT
 * What a change of a user's mail says about spam: pure.
 */
#pragma once
#include <satchel/listener.h>

typedef enum
{
  SPAM_WISH_NONE = 0,
  SPAM_WISH_SPAM,        /* the user says that it is spam */
  SPAM_WISH_HAM,         /* the user says that it is not */
  SPAM_WISH_FILED,       /* a delivery put it into the spam folder */
  SPAM_WISH_HAM_IF_KNOWN /* an uploaded copy: it is ham if the message was in the spam folder */
} SpamWish;

/* Says what message @index of @change is about.  It is in the destination of a COPY or MOVE then, else in the
 * mailbox of the change. */
SpamWish spam_wish_of (const SatchelChange *change, guint index);
/* Says whether keywords say the contrary of a verdict: $Junk without $NotJunk, or the other way round. */
gboolean spam_is_contrary (gboolean is_spam, gboolean has_junk, gboolean has_not_junk);
gboolean spam_has_keyword (const char *const *keywords, const char *keyword); /* without case */
