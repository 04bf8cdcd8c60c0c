/* SPDX-License-Identifier: MIT
 * Reads changes.  Only what a client did is a user's word: a delivery into the spam folder is the filter's
 * own verdict, and what another program or the administrator moves is not about spam.
 */
#include "wish.h"

gboolean
spam_has_keyword (const char *const *keywords, const char *keyword)
{
  for (; keywords != NULL && *keywords != NULL; keywords++)
    if (g_ascii_strcasecmp (*keywords, keyword) == 0)
      return TRUE;
  return FALSE;
}

gboolean
spam_is_contrary (gboolean is_spam, gboolean has_junk, gboolean has_not_junk)
{
  return is_spam ? has_not_junk && !has_junk : has_junk && !has_not_junk;
}

static SpamWish
wish_of_move (const SatchelChange *change)
{
  gboolean from_junk = (change->mailbox.special_use & SATCHEL_USE_JUNK) != 0,
           to_junk = (change->destination.special_use & SATCHEL_USE_JUNK) != 0;
  if (to_junk)
    return from_junk ? SPAM_WISH_NONE : SPAM_WISH_SPAM;
  return from_junk && (change->destination.special_use & SATCHEL_USE_TRASH) == 0 ? SPAM_WISH_HAM
                                                                                 : SPAM_WISH_NONE;
}

/* Says whether the message got a keyword that it had not before. */
static gboolean
is_given (const SatchelChangedMessage *message, const char *keyword)
{
  return spam_has_keyword (message->keywords, keyword)
         && !(message->has_before && spam_has_keyword (message->keywords_before, keyword));
}

static SpamWish
wish_of_append (const SatchelChange *change, const SatchelChangedMessage *message)
{
  guint use = change->mailbox.special_use;
  if (spam_has_keyword (message->keywords, "$NotJunk"))
    return SPAM_WISH_HAM;
  if ((use & SATCHEL_USE_JUNK) != 0 || spam_has_keyword (message->keywords, "$Junk"))
    return SPAM_WISH_SPAM;
  return (use & (SATCHEL_USE_TRASH | SATCHEL_USE_DRAFTS | SATCHEL_USE_SENT)) == 0 ? SPAM_WISH_HAM_IF_KNOWN
                                                                                  : SPAM_WISH_NONE;
}

static SpamWish
wish_of_client (const SatchelChange *change, const SatchelChangedMessage *message)
{
  switch (change->kind)
    {
    case SATCHEL_CHANGE_COPY:
    case SATCHEL_CHANGE_MOVE:
      return wish_of_move (change);
    case SATCHEL_CHANGE_APPEND:
      return wish_of_append (change, message);
    case SATCHEL_CHANGE_FLAGS:
      return is_given (message, "$NotJunk") ? SPAM_WISH_HAM
             : is_given (message, "$Junk")  ? SPAM_WISH_SPAM
                                            : SPAM_WISH_NONE;
    case SATCHEL_CHANGE_RESYNC:
    case SATCHEL_CHANGE_CREATE:
    case SATCHEL_CHANGE_RENAME:
    case SATCHEL_CHANGE_DELETE:
    case SATCHEL_CHANGE_SUBSCRIBE:
    case SATCHEL_CHANGE_UNSUBSCRIBE:
    case SATCHEL_CHANGE_SPECIAL_USE:
    case SATCHEL_CHANGE_EXPUNGE:
      break;
    }
  return SPAM_WISH_NONE;
}

SpamWish
spam_wish_of (const SatchelChange *change, guint index)
{
  if (change->access->cause == SATCHEL_CAUSE_SESSION)
    return wish_of_client (change, &change->messages[index]);
  gboolean is_filed = change->access->cause == SATCHEL_CAUSE_DELIVERY && change->kind == SATCHEL_CHANGE_APPEND
                      && (change->mailbox.special_use & SATCHEL_USE_JUNK) != 0;
  return is_filed ? SPAM_WISH_FILED : SPAM_WISH_NONE;
}
