/* SPDX-License-Identifier: MIT
 * imap in one process, for protocol scripts: its gate half and its mail half on socket pairs, over a stack of test
 * storage.  Gate and auth are played here: user NAME has password "pw"; STARTTLS only sets a flag.
 */
#pragma once
#include <satchel/protocol.h>
#include <satchel/reactor.h>

typedef struct HarnessClient
{
  int fd;
  SatchelWatch *watch;
  GString *received; /* not yet looked at */
  gboolean is_at_end;
} HarnessClient;

typedef struct HarnessOptions
{
  const char *stack; /* "memory", "noop memory", "xor memory", "maildir": nearest to the client first */
  const char *imap_settings, *limit_settings; /* "key = value; ..." */
  const char *prefix;
  char separator;
  gboolean has_special_use;
  gsize output_buffer; /* 0: the limit's */
} HarnessOptions;

/* Sets up what following connections see; users of different runs are different.  NULL: fine, else why not. */
char *harness_begin (const HarnessOptions *options);
/* Ends every connection and store; fails if something is left. */
void harness_end (void);

/* After login as @user; the first line it gets is the answer to LOGIN with tag "L". */
HarnessClient *harness_connect (const char *user);
/* Before login.  @is_clear: passwords need TLS first. */
HarnessClient *harness_connect_gate (gboolean is_clear);
/* Ends the client's side. */
void harness_client_free (HarnessClient *client);

/* Every session lets go of its snapshot, as after a minute of quiet. */
void harness_rest (void);
/* Turns the loop until nothing is ready and no job runs. */
void harness_settle (void);
/* Waits until something was received or the connection ended; FALSE after ten seconds. */
gboolean harness_wait (HarnessClient *client);
void harness_send (HarnessClient *client, const char *data, gsize len, gboolean bytewise);
