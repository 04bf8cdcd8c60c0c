/* SPDX-License-Identifier: MIT
 * Has the replies about recipients who do not get a message, in the words of <satchel/error-words.h>.
 */
#include "lmtp_session.h"

#include <satchel/error-words.h>

#define REPLY(code, response, words, lasting, reply) [SATCHEL_ERROR_##code] = reply,
static const char *const replies[] = { SATCHEL_ERROR_WORDS (REPLY) };

static const SatchelErrorCode codes[] = {
  [SATCHEL_DELIVERY_UNKNOWN] = SATCHEL_ERROR_NONEXISTENT, [SATCHEL_DELIVERY_REFUSED] = SATCHEL_ERROR_NOPERM,
  [SATCHEL_DELIVERY_OVERQUOTA] = SATCHEL_ERROR_OVERQUOTA, [SATCHEL_DELIVERY_TOO_BIG] = SATCHEL_ERROR_LIMIT,
  [SATCHEL_DELIVERY_TEMPORARY] = SATCHEL_ERROR_FAILED,    [SATCHEL_DELIVERY_NOSPACE] = SATCHEL_ERROR_NOSPACE,
};

const char *
lmtp_status_reply (const Lmtp *lmtp, SatchelDeliveryStatus status)
{
  if (status == SATCHEL_DELIVERY_OVERQUOTA && lmtp->settings.over_quota == LMTP_OVER_QUOTA_PERMANENT)
    return "552 5.2.2 Mailbox full";
  return replies[codes[status]];
}
