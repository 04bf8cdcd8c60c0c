/* SPDX-License-Identifier: MIT
 * One message on its way to its owners: shared by delivery.c (the public calls) and delivery_remote.c (owners
 * in other mail processes).  Main thread.
 */
#pragma once
#include "core/session/delivery_internal.h"
#include <satchel/reactor.h>

/* One user, with one detail, who gets the message. */
typedef struct SatchelTarget SatchelTarget;
struct SatchelTarget
{
  SatchelDelivery *delivery;
  char *user, *address, *detail;
  SatchelPlace *place;
  guint slot;
  SatchelDeliveryStatus status;
  char *text;      /* of a filter, with a status that refuses; or NULL */
  guint64 request; /* of DELIVER; 0: none is on its way */
  /* Takes @text over.  The answer of the last target finishes, and may free, the delivery. */
  void (*answered) (SatchelTarget *target, SatchelDeliveryStatus status, char *text);
};

struct SatchelDelivery
{
  SatchelSession *session;
  char *id, *sender, *client_name;
  SatchelSpool *spool;
  GPtrArray *targets;              /* SatchelTarget: each user and detail once */
  GArray *recipients;              /* GArray *: indexes of targets of each recipient */
  GPtrArray *addresses;            /* char *: as given in RCPT */
  SatchelFilterEnvelope *envelope; /* from finish on */
  SatchelFilterRun run;            /* of the message stage; what filters said holds for all targets */
  SatchelDeliveryFunc func;
  gpointer data;
  guint n_waiting;
  GError *error;   /* of the spool */
  gint64 began_us; /* monotonic: its content was complete */
  SatchelTimer timer;
};

/* Sends it to the owner's process, which will answer.  FALSE: it is away. */
gboolean satchel_target_send (SatchelTarget *target);
/* Those that have not been answered will be, with TEMPORARY, at the end of the time that owners have. */
void satchel_delivery_arm_timeout (SatchelDelivery *delivery);
void satchel_delivery_remote_init (void);
