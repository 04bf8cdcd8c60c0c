/* SPDX-License-Identifier: MIT
 * Declares deliveries: the calls of a protocol that delivers mail (lmtp). Role mail. Filters (filter.h) see
 * the message first; then it is spooled once below the mail root, and the owner of each recipient links or
 * copies it.
 */
#pragma once
#include <satchel/protocol.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_DELIVERY_OK = 0,    /* look-up: the address is known; delivery: the message is durable */
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
  const char *address;      /* the address as given in RCPT; borrowed */
  const char *const *users; /* local@domain, normalised; an alias may name several; NULL-ended */
  const char *detail;       /* detail of plus-addressing: a mailbox to prefer, or NULL */
  const char *why;          /* a word for the log, e.g. "unknown-user"; "" with OK */
} SatchelRecipient;
/* Looks @address up in auth (domains, aliases, users).  @func is always called, later; the answer is
 * borrowed for the call. */
typedef void (*SatchelRecipientFunc) (const SatchelRecipient *recipient, gpointer data);
SATCHEL_API void satchel_delivery_look_up (SatchelSession *session, const char *address,
                                           SatchelRecipientFunc func, gpointer data);

typedef struct SatchelDelivery SatchelDelivery;
/* Begins the delivery of one message.  @sender: the envelope sender without <>, "" for the null sender. */
SATCHEL_API SatchelDelivery *satchel_delivery_new (SatchelSession *session, const char *sender);
/* Sets the name that the client gave itself (LHLO), for filters; only its first 255 bytes are used. */
SATCHEL_API void satchel_delivery_set_client_name (SatchelDelivery *delivery, const char *name);
/* The MTA says of a message where it came from: the client that the MTA had it from (Postfix's XFORWARD).
 * They are the MTA's word: a protocol takes them from MTAs that the administrator trusts only. Each is
 * printable ASCII of at most SATCHEL_ORIGIN_BYTES bytes, or NULL: unknown. */
#define SATCHEL_ORIGIN_BYTES 255u
typedef struct SatchelOrigin
{
  size_t size;
  const char *queue_id; /* the MTA's own id of the message, as its log has it */
  /* Of the client: "192.0.2.1", "2001:db8::1", or what else the MTA takes for an address; NULL also if the
   * message was made on the MTA's machine. */
  const char *address;
  const char *name;     /* the client's host name, as the MTA found it */
  const char *port;     /* the client's TCP port, decimal */
  const char *helo;     /* the name that the client gave itself */
  const char *protocol; /* "ESMTP", "SMTP", ... */
  const char *source;   /* "LOCAL": the message is from the MTA's own side; "REMOTE" */
} SatchelOrigin;
/* Says where the message comes from, for filters and log lines; call it before satchel_delivery_finish.
 * @origin is copied, as far as its `size` says. */
SATCHEL_API void satchel_delivery_set_origin (SatchelDelivery *delivery, const SatchelOrigin *origin);
/* Adds a recipient that a look-up found (it is copied).  Results keep the order of these calls. */
SATCHEL_API void satchel_delivery_add_recipient (SatchelDelivery *delivery,
                                                 const SatchelRecipient *recipient);
/* Adds content: without dot-stuffing, trace fields first.  While the sum is at most 64 KiB only memory is
 * touched, and the main thread may call it; beyond that it blocks and belongs in a job, one at a time. */
SATCHEL_API gboolean satchel_delivery_write (SatchelDelivery *delivery, const void *data, gsize len,
                                             GError **error);
/* Ends the content, runs filters, makes the message durable, has each owner commit it, then calls @func
 * with one status for each recipient (OK for a recipient with several users only if all of them are).  A
 * line "delivered: ..." is logged for each user. */
typedef void (*SatchelDeliveryFunc) (SatchelDelivery *delivery, const SatchelDeliveryStatus *statuses,
                                     guint n, gpointer data);
SATCHEL_API void satchel_delivery_finish (SatchelDelivery *delivery, SatchelDeliveryFunc func, gpointer data);
/* Returns, in @func and for a refused recipient, the text of the filter that refused, one line of printable
 * ASCII of at most 200 bytes; NULL: no filter gave one.  Borrowed. */
SATCHEL_API const char *satchel_delivery_text (SatchelDelivery *delivery, guint recipient);
/* Frees the delivery, and throws away what was spooled but not finished.  Not between finish and @func. */
SATCHEL_API void satchel_delivery_free (SatchelDelivery *delivery);
/* Returns the queue id, which the "delivered:" lines and the reply name. */
SATCHEL_API const char *satchel_delivery_id (SatchelDelivery *delivery);

G_END_DECLS
