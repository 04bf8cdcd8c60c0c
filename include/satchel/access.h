/* SPDX-License-Identifier: MIT
 * Who acts on a store, and by which right: made once by whoever opens it (a session, a delivery, the server
 * itself), carried by the handle, and given to each method of layers and drivers.  Any thread.
 */
#pragma once
#include <satchel/secret.h>

G_BEGIN_DECLS

/* Why somebody acts. */
typedef enum
{
  SATCHEL_CAUSE_BACKGROUND = 0, /* the server itself: upkeep, taking in what another program changed */
  SATCHEL_CAUSE_SESSION,        /* a client that has logged in */
  SATCHEL_CAUSE_DELIVERY,       /* mail that comes in */
  SATCHEL_CAUSE_ADMIN,          /* the administrator's command */
  SATCHEL_CAUSE_OUTSIDE /* another program that changes the mail itself; in what listeners hear (listener.h)
                         */
} SatchelCause;

/* Rights on a mailbox, by the letters of RFC 4314 2.1. */
enum
{
  SATCHEL_RIGHT_LOOKUP = 1 << 0,          /* l */
  SATCHEL_RIGHT_READ = 1 << 1,            /* r */
  SATCHEL_RIGHT_SEEN = 1 << 2,            /* s */
  SATCHEL_RIGHT_WRITE = 1 << 3,           /* w: flags other than \Seen and \Deleted */
  SATCHEL_RIGHT_INSERT = 1 << 4,          /* i */
  SATCHEL_RIGHT_POST = 1 << 5,            /* p */
  SATCHEL_RIGHT_CREATE = 1 << 6,          /* k: mailboxes below it */
  SATCHEL_RIGHT_DELETE_MAILBOX = 1 << 7,  /* x */
  SATCHEL_RIGHT_DELETE_MESSAGES = 1 << 8, /* t: \Deleted */
  SATCHEL_RIGHT_EXPUNGE = 1 << 9,         /* e */
  SATCHEL_RIGHT_ADMINISTER = 1 << 10,     /* a */
  SATCHEL_RIGHTS_ALL = (1 << 11) - 1
};

/* Immutable, ref-counted; members come at the end.  To read of one that a newer core made, nothing is to be
 * checked. */
typedef struct SatchelAccess
{
  size_t size;
  SatchelCause cause;
  const char *user;        /* who acts: local@domain; "": nobody who logged in */
  const char *owner;       /* whose store it is: local@domain */
  const char *service;     /* "imap", "pop3", "lmtp", ...; "" */
  const char *session_id;  /* the log's session= or, of a delivery, id=; "" */
  const char *peer;        /* "192.0.2.1", "2001:db8::1", "local"; "": no connection */
  const char *client_name; /* the peer's own claim; "" */
  GBytes
      *key; /* what the login unlocked (auth.h), or NULL.  To be kept, take a reference: the last one wipes */
  guint rights; /* SATCHEL_RIGHT_...: at most these, whatever a mailbox grants */
} SatchelAccess;

/* A copy of @from, whose `size` says how much of it there is; NULL strings become "".  Take care to set
 * `rights`. */
SATCHEL_API SatchelAccess *satchel_access_new (const SatchelAccess *from);
SATCHEL_API SatchelAccess *satchel_access_ref (const SatchelAccess *access);
SATCHEL_API void satchel_access_unref (SatchelAccess *access);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelAccess, satchel_access_unref)
/* "session", "delivery", ...: for logs. */
SATCHEL_API const char *satchel_cause_name (SatchelCause cause);

G_END_DECLS
