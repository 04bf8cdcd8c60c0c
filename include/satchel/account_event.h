/* SPDX-License-Identifier: MIT
 * Account events: what a person should hear of about the own account, such as a credential that was added.
 * Whoever notices one says so, in any module or in the core; modules that are account listeners are told.
 * Role auth.  docs/modules/account-listener.md, decision 0077.
 */
#pragma once
#include <satchel/delivery.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_ACCOUNT_FACTOR_ADDED = 1,   /* the user was enrolled for a second factor */
  SATCHEL_ACCOUNT_FACTOR_SHUT,        /* after too many wrong codes no more are looked at */
  SATCHEL_ACCOUNT_APP_PASSWORD_ADDED, /* a credential beside the password was made */
  SATCHEL_ACCOUNT_DEVICE_ADDED,       /* a login from an unknown network made a credential */
  SATCHEL_ACCOUNT_PASSWORD_ALONE      /* a right password came from an unknown network, and was refused since
                                         what else was needed was missing or wrong */
} SatchelAccountEventKind;

typedef struct SatchelAccountEvent
{
  size_t size;
  SatchelAccountEventKind kind;
  const char *user;    /* local@domain */
  const char *network; /* network of the login (login.h); "": it was no login */
  const char *service; /* "imap", ...; "" */
  const char *client;  /* the name that the client gave itself, unchanged; "" if none */
  const char *label;   /* the name of the credential, UTF-8; "" if none */
  gint64 time_s;       /* seconds since 1970; 0: now */
} SatchelAccountEvent;

/* Tells all account listeners, soon, in the main thread; @event is copied, NULL strings are "".  Nobody waits
 * for them.  [any thread] */
SATCHEL_API void satchel_account_event (const SatchelAccountEvent *event);

typedef struct SatchelAccountListenerOps
{
  size_t size;
  /* Main thread, where every login waits behind it.  Events of one user come in their order.  Must. */
  void (*happened) (const SatchelAccountEvent *event);
} SatchelAccountListenerOps;

/* Puts a message into the user's own mail, as a delivery with the null sender: filters and quota apply.
 * @message: whole, lines with CRLF, at most SATCHEL_ACCOUNT_MAIL_BYTES_MAX bytes.  @func is called once, in
 * the main thread and never before this returns, unless auth ends first: OK, or why there is no such message
 * now. */
#define SATCHEL_ACCOUNT_MAIL_BYTES_MAX 12288u
typedef void (*SatchelAccountMailFunc) (SatchelDeliveryStatus status, gpointer data);
SATCHEL_API void satchel_account_mail (const char *user, GBytes *message, SatchelAccountMailFunc func,
                                       gpointer data);

G_END_DECLS
