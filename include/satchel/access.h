/* SPDX-License-Identifier: MIT
 * Declares an access: the user or process that acts on a store, and its rights. It is made once by whatever
 * opens the store (a session, a delivery, the server itself), is carried by the handle, and is given to each
 * method of layers and drivers. Any thread.
 */
#pragma once
#include <satchel/secret.h>

G_BEGIN_DECLS

/* Layers and drivers hear by this why something is done. */
typedef enum
{
  /* The server itself: upkeep, or a change by another program that the server noticed. */
  SATCHEL_CAUSE_BACKGROUND = 0,
  SATCHEL_CAUSE_SESSION,  /* a client that has logged in */
  SATCHEL_CAUSE_DELIVERY, /* a delivery of mail */
  SATCHEL_CAUSE_ADMIN,    /* the administrator's command */
  SATCHEL_CAUSE_OUTSIDE   /* another program changed the mail; only in changes that listeners hear of
                             (listener.h) */
} SatchelCause;

/* Rights on a mailbox are named after the letters of RFC 4314 2.1. */
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

/* An access is immutable and ref-counted.  New members are added at the end, and the core makes every access
 * in full, so a module need not check `size`. */
typedef struct SatchelAccess
{
  size_t size;
  SatchelCause cause;
  const char *user;        /* the user who acts, local@domain; "": no login */
  const char *owner;       /* the owner of the store, local@domain */
  const char *service;     /* "imap", "pop3", "lmtp", ...; "" */
  const char *session_id;  /* the log's session= or, of a delivery, id=; "" */
  const char *peer;        /* "192.0.2.1", "2001:db8::1", "local"; "": no connection */
  const char *client_name; /* the name that the peer gave itself; "" */
  /* The key that the login unlocked (auth.h), or NULL. A module that keeps it takes a reference; the memory
   * is wiped with the last reference. */
  GBytes *key;
  guint rights;           /* SATCHEL_RIGHT_*: upper bound of the rights on every mailbox */
  const char *credential; /* the credential that opened the session (auth.h), "password"; "": no login */
  const char *scopes;     /* services that this credential is good for, with blanks between them; "": all */
  GBytes *ring_copy;      /* what a keyring wants to be kept beside the owner's mail (keyring.h), or NULL */
} SatchelAccess;

/* Returns a copy of @from, as far as its `size` says; NULL strings become "".  Yours.  `rights` must be set:
 * zero means that nothing is allowed. */
SATCHEL_API SatchelAccess *satchel_access_new (const SatchelAccess *from);
SATCHEL_API SatchelAccess *satchel_access_ref (const SatchelAccess *access);
SATCHEL_API void satchel_access_unref (SatchelAccess *access);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelAccess, satchel_access_unref)
/* Returns a word for logs: "session", "delivery", ... */
SATCHEL_API const char *satchel_cause_name (SatchelCause cause);

G_END_DECLS
