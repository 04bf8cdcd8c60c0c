/* SPDX-License-Identifier: MIT
 * Declares what auth keeps of gates. auth_session.c, which takes their messages, calls auth_exchange.c,
 * which runs one login attempt.
 */
#pragma once
#include "core/daemon/auth/auth.h"

typedef enum
{
  STATE_IDLE = 0,
  STATE_SASL,    /* the client has been sent a challenge */
  STATE_RUNNING, /* the login is being checked, by its password or for its mechanism */
  STATE_DELAYED, /* the login has failed, and the answer is delayed */
  STATE_GRANTED  /* the login has succeeded, so the connection may only end */
} State;

typedef struct Gate
{
  SatchelAuth *auth;
  SatchelPeer *peer;
  GHashTable *sessions; /* id -> Session */
} Gate;

/* A login attempt outlives its connection while the login is checked. */
typedef struct Exchange
{
  struct Session *session; /* NULL: the connection has gone */
  SatchelAuth *auth;
  SatchelLogin *login;
  SatchelAuthEvent event; /* its name is owned here, the rest belongs to the login */
  guint secure;
  gint64 deadline_ms;
  gboolean was_checked; /* the check has counted this attempt, so it is not counted again at its end */
  SatchelSasl *sasl;
  SatchelAuthCheck *check; /* the check of a mechanism that has looked up the user and has not ended; owned */
  gboolean is_refuted;     /* the client has failed, and is being told how */
} Exchange;

typedef struct Session
{
  Gate *gate;
  guint64 id;
  State state;
  Exchange *exchange;
  SatchelTimer delay;
  const char *explain; /* what the delayed answer says; static */
  char *user;          /* the user of a granted login, whose connection is counted */
} Session;

typedef struct Answer
{
  GBytes *challenge;
  const char *explain, *user;
  const guint8 *grant;
  guint mail_slot;
  gboolean is_withheld; /* FAILED, though the login is right */
} Answer;

void auth_session_reply (Session *session, SatchelAuthStatus status, const Answer *answer);
/* Ends the exchange with an answer that grants nothing. */
void auth_session_refuse (Session *session, SatchelAuthStatus status, const char *explain);
/* Lets the exchange of @session go.  If a check runs, it keeps the exchange, and finds out at its end that
 * the session is gone. */
void auth_session_drop_exchange (Session *session);

/* Begins a login attempt.  @login is taken over.  The session owns the exchange. */
Exchange *auth_exchange_new (Session *session, SatchelLogin *login, guint secure, gint64 deadline_ms);
/* Sets the name for the log to @len bytes of @name, of which a bounded part is kept. */
void auth_exchange_set_name (Exchange *exchange, const char *name, gsize len);
/* Fails the exchange.  The failure is logged at once and answered after the delay, and it is counted and
 * logged even if the connection has gone. */
void auth_exchange_fail (Exchange *exchange, SatchelLoginVerdict verdict, const char *user);
/* Checks name and password.  @secret is taken over. */
void auth_exchange_password (Session *session, const char *name, gsize name_len, const char *authorisation,
                             char *secret);
void auth_exchange_step (Session *session, const guint8 *response, gsize len, gint64 deadline_ms);
