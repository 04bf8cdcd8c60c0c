/* SPDX-License-Identifier: MIT
 * A protocol in one process, for scripts: its gate half and its mail half on socket pairs, over a stack of
 * test storage.  Gate and auth are played here: user NAME has password "pw"; STARTTLS only sets a flag.
 */
#pragma once
#include <satchel/protocol.h>
#include <satchel/reactor.h>

/* What a runner is linked with: harness-imap.c, harness-pop3.c, harness-lmtp.c. */
typedef struct HarnessProtocol
{
  const char *name; /* of the group of settings, and of the lines "!NAME key = value;" */
  const SatchelConfigRow *schema;
  const SatchelConnectionHandlers *handlers;
  gpointer (*session_new) (SatchelSession *session, const void *note, gsize len);
  void (*rest) (gpointer self); /* NULL: nothing to let go of */
  const char *note,
      *greeting; /* of a session after login: what the gate half gives, what the answer looks like */
  const char *compress,
      *compressed; /* the command that starts compression, and its answer; NULL: there is none */
} HarnessProtocol;
extern const HarnessProtocol harness_protocol;

typedef struct HarnessClient
{
  int fd;
  SatchelWatch *watch;
  GString *received; /* not yet looked at */
  gboolean is_at_end;
  struct HarnessDeflate *deflate; /* NULL: not compressed */
} HarnessClient;

typedef struct HarnessOptions
{
  const char *stack; /* "memory", "noop memory", "xor memory", "maildir": nearest to the client first */
  const char *settings, *limit_settings; /* "key = value; ..." */
  const char *prefix;
  char separator;
  gboolean has_special_use;
  gsize output_buffer; /* 0: the limit's */
} HarnessOptions;

/* Sets up what following connections see; users of different runs are different.  NULL: fine, else why not.
 */
char *harness_begin (const HarnessOptions *options);
/* Ends every connection and store; fails if something is left. */
void harness_end (void);

/* After login as @user, with the key that the login unlocked, or NULL; the first line it gets is the answer
 * to the login. */
HarnessClient *harness_connect (const char *user, const char *key);
/* Before login.  @is_clear: passwords need TLS first. */
HarnessClient *harness_connect_gate (gboolean is_clear);
/* Ends the client's side. */
void harness_client_free (HarnessClient *client);

/* Puts a message into INBOX of @user, or removes UIDs from it ("1:3,7"), as another program of the server
 * would. */
gboolean harness_deliver (const char *user, const char *content, gsize len, GError **error);
gboolean harness_remove (const char *user, const char *uids, GError **error);
/* Puts a blob of @user, as a module of the server would. */
gboolean harness_put_blob (const char *user, const char *space, const char *name, GBytes *value,
                           GError **error);
/* Returns the newest message in INBOX of @user, yours, and how many are there; NULL: none, or @error. */
char *harness_newest_message (const char *user, guint *ret_n, GError **error);

/* Which messages in INBOX of @user are read: UIDs, "1:3,7"; "-": none is.  Yours; NULL with @error. */
char *harness_read_messages (const char *user, GError **error);

/* Every session has said nothing for as long as it may; or the server ends. */
void harness_time_out (void);
void harness_shut_down (void);
/* Every session lets go of its snapshot, as after a minute of quiet. */
void harness_rest (void);
/* Turns the loop until nothing is ready and no job runs. */
void harness_settle (void);
/* Waits until something was received or the connection ended; FALSE after ten seconds. */
gboolean harness_wait (HarnessClient *client);
/* From here on both ways are compressed (RFC 4978).  FALSE: not built in. */
gboolean harness_client_compress (HarnessClient *client);
void harness_send (HarnessClient *client, const char *data, gsize len, gboolean bytewise);
