/* SPDX-License-Identifier: MIT
 * This header says what auth keeps of gates, between auth_session.c (messages) and auth_exchange.c (one
 * attempt), which the former calls.
 */
#pragma once
#include "core/daemon/auth/auth.h"

typedef enum
{
  STATE_IDLE = 0,
  STATE_SASL,    /* a challenge is with the client */
  STATE_RUNNING, /* being checked */
  STATE_DELAYED, /* failed, not answered yet */
  STATE_GRANTED  /* logged in: nothing but its end may follow */
} State;

typedef struct Gate
{
  SatchelAuth *auth;
  SatchelPeer *peer;
  GHashTable *sessions; /* id -> Session */
} Gate;

/* This is one login attempt; outlives its connection while it is checked. */
typedef struct Exchange
{
  struct Session *session; /* NULL: gone */
  SatchelAuth *auth;
  SatchelLogin *login;
  SatchelAuthEvent event; /* its name owned, the rest is the login's */
  guint secure;
  gint64 deadline_ms;
  gboolean was_checked; /* the check has counted this attempt, so it is not counted again at its end */
  SatchelSasl *sasl;
  SatchelAuthCheck *check; /* of a mechanism between its look-up and its end; ours */
  gboolean is_refuted;     /* the client has failed, and is being told how */
} Exchange;

typedef struct Session
{
  Gate *gate;
  guint64 id;
  State state;
  Exchange *exchange;
  SatchelTimer delay;
  const char *explain; /* for the delayed answer; static */
  char *user;          /* of a granted login; counted */
} Session;

typedef struct Answer
{
  GBytes *challenge;
  const char *explain, *user;
  const guint8 *grant;
  guint mail_slot;
} Answer;

void auth_session_reply (Session *session, SatchelAuthStatus status, const Answer *answer);
/* Ends the exchange with an answer that grants nothing. */
void auth_session_refuse (Session *session, SatchelAuthStatus status, const char *explain);
/* A running check keeps its exchange and finds the session gone. */
void auth_session_drop_exchange (Session *session);

/* @login is taken over.  The session's from here on. */
Exchange *auth_exchange_new (Session *session, SatchelLogin *login, guint secure, gint64 deadline_ms);
/* Sets the name for the log to @len bytes of @name, of which a bounded part is kept. */
void auth_exchange_set_name (Exchange *exchange, const char *name, gsize len);
/* It is logged at once, and answered after the delay; a connection that has gone is counted and logged all
 * the same. */
void auth_exchange_fail (Exchange *exchange, SatchelLoginVerdict verdict, const char *user);
/* @secret is taken over. */
void auth_exchange_password (Session *session, const char *name, gsize name_len, const char *authorisation,
                             char *secret);
void auth_exchange_step (Session *session, const guint8 *response, gsize len, gint64 deadline_ms);
