/* SPDX-License-Identifier: MIT
 * This file brings account events to the listeners, in a later turn of the loop.
 */
#include "config.h"

#include "core/runtime/login/account_event.h"

#include <satchel/reactor.h>
#include <string.h>

static GPtrArray *listeners;
static SatchelAccountMailer mailer;

void
satchel_account_set_listeners (GPtrArray *all)
{
  listeners = all;
}

void
satchel_account_set_mailer (SatchelAccountMailer func)
{
  mailer = func;
}

static char *
copy_text (const char *text)
{
  return g_strdup (text != NULL ? text : "");
}

static void
event_free (SatchelAccountEvent *event)
{
  g_free ((char *) event->user);
  g_free ((char *) event->network);
  g_free ((char *) event->service);
  g_free ((char *) event->client);
  g_free ((char *) event->label);
  g_free (event);
}

static void
tell_listeners (gpointer data)
{
  SatchelAccountEvent *event = data;
  for (guint i = 0; listeners != NULL && i < listeners->len; i++)
    ((const SatchelAccountListenerOps *) listeners->pdata[i])->happened (event);
  event_free (event);
}

void
satchel_account_event (const SatchelAccountEvent *event)
{
  SatchelAccountEvent *copy = g_new0 (SatchelAccountEvent, 1);
  memcpy (copy, event, MIN (event->size, sizeof *copy));
  copy->size = sizeof *copy;
  copy->user = copy_text (copy->user);
  copy->network = copy_text (copy->network);
  copy->service = copy_text (copy->service);
  copy->client = copy_text (copy->client);
  copy->label = copy_text (copy->label);
  if (copy->time_s == 0)
    copy->time_s = g_get_real_time () / G_USEC_PER_SEC;
  satchel_defer (tell_listeners, copy);
}

/* The mail cannot be sent. Its sender hears so in a later turn of the loop, since `func` must not be called
 * before satchel_account_mail returns. */
typedef struct Unsent
{
  SatchelAccountMailFunc func;
  gpointer data;
} Unsent;

static void
tell_unsent (gpointer data)
{
  Unsent *unsent = data;
  unsent->func (SATCHEL_DELIVERY_TEMPORARY, unsent->data);
  g_free (unsent);
}

void
satchel_account_mail (const char *user, GBytes *message, SatchelAccountMailFunc func, gpointer data)
{
  if (mailer != NULL && g_bytes_get_size (message) <= SATCHEL_ACCOUNT_MAIL_BYTES_MAX)
    {
      mailer (user, message, func, data);
      return;
    }
  Unsent *unsent = g_new (Unsent, 1);
  *unsent = (Unsent) { func, data };
  satchel_defer (tell_unsent, unsent);
}
