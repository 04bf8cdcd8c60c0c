/* SPDX-License-Identifier: MIT
 * One message on its way to its owners, which delivery.c (the public calls) and delivery_remote.c (owners in
 * other mail processes) share.  Main thread.
 */
#pragma once
#include "core/session/delivery/delivery_private.h"
#include <satchel/reactor.h>

/* A user, with one detail, to whom the message is delivered. */
typedef struct SatchelTarget SatchelTarget;
struct SatchelTarget
{
  SatchelDelivery *delivery;
  char *user, *address, *detail;
  SatchelPlace *place;
  guint slot;
  SatchelDeliveryStatus status;
  char *text;      /* the text of a filter that refused; or NULL */
  guint64 request; /* the number of the DELIVER that is on its way; 0: none */
  /* Takes @text over.  The answer of the last target finishes, and may free, the delivery. */
  void (*answered) (SatchelTarget *target, SatchelDeliveryStatus status, char *text);
};

struct SatchelDelivery
{
  SatchelSession *session; /* NULL: the server itself delivers */
  char *id, *sender, *client_name;
  SatchelOrigin *origin; /* until the envelope has it; NULL: unknown */
  SatchelSpool *spool;
  GPtrArray *targets;              /* SatchelTarget: each user and detail once */
  GArray *recipients;              /* GArray *: indexes of targets of each recipient */
  GPtrArray *addresses;            /* char *: as given in RCPT */
  SatchelFilterEnvelope *envelope; /* from finish on */
  SatchelFilterRun run;            /* of the message stage; its results apply to all targets */
  SatchelDeliveryFunc func;
  gpointer data;
  guint n_waiting;
  GError *error;   /* of the spool */
  gint64 began_us; /* monotonic: its content was complete */
  SatchelTimer timer;
};

/* Sends the message to the owner's process, which will answer.  FALSE means that the process is away. */
gboolean satchel_target_send (SatchelTarget *target);
/* Sets a timer after which targets without an answer are answered with TEMPORARY. */
void satchel_delivery_arm_timeout (SatchelDelivery *delivery);
void satchel_delivery_remote_init (void);
