/* SPDX-License-Identifier: MIT
 * Declares CAPA (RFC 2449 5) for both halves, since what is announced before login must be announced after
 * it as well. The note of the hand-over brings the mail half what only the gate half knows.
 */
#pragma once
#include "texts.h"
#include <satchel/config.h>

/* The AUTHORIZATION state has led to this. */
typedef struct Pop3Authorization
{
  const Pop3Language *language;
  gboolean is_utf8; /* UTF8 was given (RFC 6856 2.1) */
  gboolean can_start_tls;
  char *mechanisms; /* "PLAIN LOGIN"; "": no login is possible in clear text.  Yours */
} Pop3Authorization;

/* These make the note (the caller frees it), and read it; a note that makes no sense gives the defaults. */
char *pop3_authorization_to_note (const Pop3Authorization *state);
void pop3_authorization_from_note (Pop3Authorization *state, const void *note, gsize len);

/* Sends the answer to CAPA. @user NULL means that nobody has logged in; then EXPIRE is the smallest and
 * LOGIN-DELAY the largest of all users. */
void pop3_send_capabilities (SatchelConnection *connection, const Pop3Authorization *state,
                             const SatchelConfig *config, const char *user);
