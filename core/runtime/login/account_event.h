/* SPDX-License-Identifier: MIT
 * What the auth role provides for <satchel/account_event.h>.  Main thread.
 */
#pragma once
#include <satchel/account_event.h>

/* The listeners of this process, const SatchelAccountListenerOps *; NULL: none.  Not taken over. */
void satchel_account_set_listeners (GPtrArray *listeners);
/* What satchel_account_mail does; NULL: nothing. */
typedef void (*SatchelAccountMailer) (const char *user, GBytes *message, SatchelAccountMailFunc func,
                                      gpointer data);
void satchel_account_set_mailer (SatchelAccountMailer mailer);
