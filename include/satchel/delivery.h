/* SPDX-License-Identifier: MIT
 * Deliveries: what a delivering protocol (lmtp) calls.  Role mail.  Filters (filter.h) see the message first;
 * then it is spooled once below the mail root, and the owner of each recipient links or copies it.
 */
#pragma once
#include <satchel/protocol.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_DELIVERY_OK = 0,    /* look-up: known; delivery: durable */
  SATCHEL_DELIVERY_UNKNOWN,   /* 550 5.1.1 */
  SATCHEL_DELIVERY_REFUSED,   /* 550 5.7.1: a filter or a locked account's policy */
  SATCHEL_DELIVERY_OVERQUOTA, /* 452 4.2.2: the user's quota */
  SATCHEL_DELIVERY_TOO_BIG,   /* 552 5.3.4 */
  SATCHEL_DELIVERY_TEMPORARY, /* 451 4.3.0; of a filter with a text 451 4.7.1 */
  SATCHEL_DELIVERY_NOSPACE    /* 452 4.3.1: the disk is full */
} SatchelDeliveryStatus;

/* ---- for protocols; main thread unless marked ---- */

typedef struct SatchelRecipient
{
  size_t size;
  SatchelDeliveryStatus status;
  const char *address;      /* as given in RCPT, borrowed */
  const char *const *users; /* local@domain, normalised; an alias may name several; NULL-ended */
  const char *detail;       /* of plus-addressing: a mailbox to prefer, or NULL */
  const char *why;          /* a word for the log, e.g. "unknown-user"; "" with OK */
} SatchelRecipient;
/* Looks @address up in auth (domains, aliases, users).  @func gets a borrowed answer, always, later. */
typedef void (*SatchelRecipientFunc) (const SatchelRecipient *recipient, gpointer data);
SATCHEL_API void satchel_delivery_look_up (SatchelSession *session, const char *address,
                                           SatchelRecipientFunc func, gpointer data);

typedef struct SatchelDelivery SatchelDelivery;
/* One message.  @sender: the envelope sender without <>, "" for the null sender. */
SATCHEL_API SatchelDelivery *satchel_delivery_new (SatchelSession *session, const char *sender);
/* What the client calls itself (LHLO), for filters; at most 255 bytes count. */
SATCHEL_API void satchel_delivery_set_client_name (SatchelDelivery *delivery, const char *name);
/* Adds what look_up gave (copied); results keep this order. */
SATCHEL_API void satchel_delivery_add_recipient (SatchelDelivery *delivery,
                                                 const SatchelRecipient *recipient);
/* Content, dot-unstuffed, trace headers first.  While the sum stays within 64 KiB only memory is touched, and
 * the main thread may call it; beyond that it blocks: one job at a time. */
SATCHEL_API gboolean satchel_delivery_write (SatchelDelivery *delivery, const void *data, gsize len,
                                             GError **error);
/* Ends the content, runs filters, makes it durable, has each owner commit, then calls @func with one status a
 * recipient (of a recipient with several users: OK only if all are).  Logs "delivered: ..." a user. */
typedef void (*SatchelDeliveryFunc) (SatchelDelivery *delivery, const SatchelDeliveryStatus *statuses,
                                     guint n, gpointer data);
SATCHEL_API void satchel_delivery_finish (SatchelDelivery *delivery, SatchelDeliveryFunc func, gpointer data);
/* In @func, of a recipient that is refused: what a filter says about it, one line of printable ASCII of at
 * most 200 bytes; NULL: nothing.  Borrowed. */
SATCHEL_API const char *satchel_delivery_text (SatchelDelivery *delivery, guint recipient);
/* Throws away a spool that was not finished. Not between finish and @func. */
SATCHEL_API void satchel_delivery_free (SatchelDelivery *delivery);
/* The queue id that the "delivered:" lines and the reply name. */
SATCHEL_API const char *satchel_delivery_id (SatchelDelivery *delivery);

G_END_DECLS
