/* SPDX-License-Identifier: MIT
 * Declares one message on its way to its owners, which delivery.c (the public calls) and delivery_remote.c
 * (owners in other mail processes) share. Main thread only.
 */
#pragma once
#include "core/session/delivery/delivery_private.h"
#include <satchel/reactor.h>

/* The message is delivered to a user, with one detail of the address. */
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
  /* what the MTA says of the message's origin, until the envelope has it; NULL: unknown */
  SatchelOrigin *origin;
  SatchelSpool *spool;
  GPtrArray *targets;              /* SatchelTarget: each user and detail once */
  GArray *recipients;              /* GArray *: indexes of targets of each recipient */
  GPtrArray *addresses;            /* char *: as given in RCPT */
  SatchelFilterEnvelope *envelope; /* set once the content is complete */
  SatchelFilterRun run;            /* the run of the message stage, whose results apply to all targets */
  SatchelDeliveryFunc func;
  gpointer data;
  guint n_waiting;
  GError *error;   /* the error of the spool */
  gint64 began_us; /* monotonic time at which the content was complete */
  SatchelTimer timer;
};

/* Says whether the message that satchel_target_send makes can have the content itself, so that no spool file
 * is needed. */
gboolean satchel_target_fits (SatchelTarget *target);
/* Sends the message to the owner's process, which will answer, with the content if that is in memory.  FALSE
 * means that the process is away. */
gboolean satchel_target_send (SatchelTarget *target);
/* Sets a timer after which targets without an answer are answered with TEMPORARY. */
void satchel_delivery_arm_timeout (SatchelDelivery *delivery);
void satchel_delivery_remote_init (void);
