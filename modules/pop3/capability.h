/* SPDX-License-Identifier: MIT
 * CAPA (RFC 2449 5), the same in both halves: what is announced before login must be announced after it too.
 * What only the gate half knows goes to the mail half in the note of the hand-over.
 */
#pragma once
#include "texts.h"
#include <satchel/config.h>

/* The results of the AUTHORIZATION state. */
typedef struct Pop3Authorization
{
  const Pop3Language *language;
  gboolean is_utf8; /* UTF8 was given (RFC 6856 2.1) */
  gboolean can_start_tls;
  char *mechanisms; /* "PLAIN LOGIN"; "": no login in clear text.  Yours */
} Pop3Authorization;

/* Makes the note (yours) and reads it; a note that makes no sense gives the defaults. */
char *pop3_authorization_to_note (const Pop3Authorization *state);
void pop3_authorization_from_note (Pop3Authorization *state, const void *note, gsize len);

/* Sends the answer to CAPA. @user NULL: before login, with the smallest EXPIRE and the largest LOGIN-DELAY
 * of all users. */
void pop3_send_capabilities (SatchelConnection *connection, const Pop3Authorization *state,
                             const SatchelConfig *config, const char *user);
