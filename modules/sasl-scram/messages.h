/* SPDX-License-Identifier: MIT
 * The messages of SCRAM (RFC 5802 7): their grammar, and what must be equal in them.  Pure.
 */
#pragma once
#include <satchel/login.h>
#include <satchel/scram.h>

/* The client begins with client-first-message (RFC 5802 7). */
typedef struct ScramFirst
{
  char *header;        /* gs2-header, with its last comma */
  char *bare;          /* client-first-message-bare */
  char *user;          /* decoded */
  char *authorisation; /* decoded; NULL: none */
  char *nonce;         /* the client's */
  char *binding;       /* name of the channel binding type; NULL: the client did not ask for one */
  gboolean could_bind; /* the client could bind to a channel, and thinks that the server offers no binding */
} ScramFirst;
void scram_first_clear (ScramFirst *first);
gboolean scram_first_parse (const guint8 *message, gsize len, ScramFirst *ret_first);

/* The client ends with client-final-message (RFC 5802 7). */
typedef struct ScramFinal
{
  char *without_proof;
  char *nonce;
  guint8 *binding; /* the value of c=, decoded */
  gsize binding_len;
  guint8 *proof;
  gsize proof_len;
} ScramFinal;
void scram_final_clear (ScramFinal *final);
gboolean scram_final_parse (const guint8 *message, gsize len, ScramFinal *ret_final);
/* Says whether c= is the header and the channel's own data. */
gboolean scram_final_binds (const ScramFinal *final, const char *header, GBytes *channel);
