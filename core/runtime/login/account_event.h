/* SPDX-License-Identifier: MIT
 * Declares what the auth role provides for <satchel/account_event.h>. Main thread only.
 */
#pragma once
#include <satchel/account_event.h>

/* Sets the listeners of this process, const SatchelAccountListenerOps *, which are not taken over; NULL means
 * none. */
void satchel_account_set_listeners (GPtrArray *listeners);
/* Sets what satchel_account_mail does; NULL means nothing. */
typedef void (*SatchelAccountMailer) (const char *user, GBytes *message, SatchelAccountMailFunc func,
                                      gpointer data);
void satchel_account_set_mailer (SatchelAccountMailer mailer);
