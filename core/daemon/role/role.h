/* SPDX-License-Identifier: MIT
 * What every role (gate, auth, mail) is built on: role.c starts the process, drops rights, takes what
 * master sends, loads modules, enters the sandbox and then calls satchel_NAME_role_start.
 * Everything here is main thread only, in the default GMainContext.
 */
#pragma once
#include "core/runtime/roles.h"
#include "core/runtime/breadcrumb.h"
#include "core/runtime/config_image.h"
#include "core/runtime/ipc.h"
#include "core/runtime/loader.h"

/* Slots are below this, unique among the living processes of one role, and not dense: while an old generation
 * of gates drains, the new one has other slots. */
#define SATCHEL_SLOTS_MAX 256u
/* Shared by all gates and auth: counters of connections, advisory since a gate is hostile.  Zeroed by master
 * at start. */
#define SATCHEL_CONNECTION_TABLE_BYTES (1024u * 1024u)

typedef struct SatchelRoleContext SatchelRoleContext;

/* Another process.  The record stays for the life of ours; the link comes and goes. */
typedef struct SatchelPeer
{
  SatchelRoleContext *context;
  SatchelRole role;
  guint slot;
  char *module;         /* of a helper: whose it is; else "" */
  SatchelIpcLink *link; /* NULL while it is away.  Owned by role.c: never free it, read it anew each time */
  gpointer data;        /* the role's own */
} SatchelPeer;

typedef struct SatchelListener
{
  char *name;     /* unique in config; one name may have several sockets (IPv4 and IPv6) */
  char *protocol; /* "imap" */
  gboolean implicit_tls, allow_cleartext;
  int fd; /* listening, non-blocking, shared with the other gates: use EPOLLEXCLUSIVE or live with EAGAIN */
} SatchelListener;

/* A certificate: sealed memory files, read with pread or mmap.  Open only during start and reload_prepare. */
typedef struct SatchelTlsFile
{
  guint index; /* 0: tls.cert and tls.key; n: tls.certificates[n - 1] */
  int chain_fd, key_fd;
} SatchelTlsFile;

/* How a role takes part.  All may be NULL. */
typedef struct SatchelRoleHooks
{
  /* The link to @peer works (also for those that were there before start, right after it).  An earlier link
   * of the same peer has been reported down before. */
  void (*peer_up) (SatchelRoleContext *context, SatchelPeer *peer);
  /* It broke or was replaced: everything that waits for this peer has failed.  peer->link is NULL already.
   * role.c asks master for a new one by itself. */
  void (*peer_down) (SatchelRoleContext *context, SatchelPeer *peer);
  /* FALSE: the message was not acceptable, the link is closed (peer_down follows). */
  gboolean (*peer_message) (SatchelRoleContext *context, SatchelPeer *peer, SatchelIpcMessage *message);

  /* Two phases, since a reload that fails anywhere changes nothing.  prepare: build what @config and
   * context->new_tls_files need, keep using the old; FALSE refuses.  Then exactly one of commit
   * (context->config is the new one by then) and abort follows, unless prepare failed. */
  gboolean (*reload_prepare) (SatchelRoleContext *context, const SatchelConfigSet *config, GError **error);
  void (*reload_commit) (SatchelRoleContext *context);
  void (*reload_abort) (SatchelRoleContext *context);

  /* Stop taking connections, end sessions politely (BYE), and call satchel_role_stopped when none is left.
   * After
   * @grace_ms the process is ended anyway.  NULL: ends at once. */
  void (*stop) (SatchelRoleContext *context, guint grace_ms);

  /* An admin's request, from master only: "status", "who", "kick" USER, "release" USER, "adopt" USER SLOT.
   * Answer with satchel_role_admin_reply, now or later; the last one is final.  FALSE: not known here. */
  gboolean (*admin) (SatchelRoleContext *context, guint64 request, const char *const *argv);
  /* Of a request that takes its time: the admin took @n_bytes of what was answered; or (@is_cancel) nobody
   * waits any more. */
  void (*admin_goes_on) (SatchelRoleContext *context, guint64 request, gboolean is_cancel, guint64 n_bytes);
} SatchelRoleHooks;

struct SatchelRoleContext
{
  SatchelRole role; /* one bit */
  guint slot;
  guint n_mail_slots; /* owners: mail slots 0 .. n-1; fixed for the life of the server */
  guint n_callers;    /* gates, also those that drain, auth and mails: at most as many */
  guint64 generation; /* of the configuration */
  /* The configuration in force.  The last 16 sets stay in memory, so what was borrowed from one may be used
   * to the end of the job that borrowed it, but is not kept for longer: ask again. */
  const SatchelConfigSet *config;
  SatchelLoader
      *loader; /* = satchel_loader_default () ; its modules are loaded, configured and started by role.c */
  SatchelIpcLink *control;
  int root_fd;           /* mail: the mail root (O_RDONLY directory); auth: STATE_DIR/auth, ours; gate: -1 */
  GPtrArray *peers;      /* SatchelPeer: gate: auth and all mails; auth: all gates and mails; mail: auth, all
                            gates, all other mails */
  GPtrArray *listeners;  /* SatchelListener; gates, and mails with services */
  GArray *tls_files;     /* SatchelTlsFile, during start */
  GArray *new_tls_files; /* the same, during reload_prepare */
  guint8 ticket_key[64]; /* gate: the same in all gates of this server */
  gpointer connection_table; /* gate, auth: SATCHEL_CONNECTION_TABLE_BYTES shared; else NULL */
  /* private to role.c */
  struct SatchelRolePrivate *private;
};

/* Given by the roles.  Called sandboxed, with modules started, before READY is told; sets *ret_hooks.  FALSE
 * ends the process with the error in the log (master tries again with backoff). */
gboolean satchel_gate_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks,
                                  GError **error);
gboolean satchel_auth_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks,
                                  GError **error);
gboolean satchel_mail_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks,
                                  GError **error);
gboolean satchel_helper_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks,
                                    GError **error);
/* Before the sandbox closes: limits of its own. */
gboolean satchel_helper_role_confine (SatchelRoleContext *context, GError **error);

/* NULL: no such process (yet). */
SatchelPeer *satchel_role_peer (SatchelRoleContext *context, SatchelRole role, guint slot);
/* Sends @message (taken over) unless the peer is away: FALSE then. */
gboolean satchel_peer_send (SatchelPeer *peer, SatchelIpcMessage *message);
/* The entry of listen.listeners called @name, or NULL for a default listener. */
const SatchelConfig *satchel_role_listener_config (SatchelRoleContext *context, const char *name);
/* @status: an exit status for the admin's command, 0 fine.  @text: at most 8 KiB, whole lines; several
 * replies make one answer and the one with @final ends it. */
void satchel_role_admin_reply (SatchelRoleContext *context, guint64 request, gboolean final, guint status,
                               const char *text);
/* After stop: nothing is left, the process may end. */
void satchel_role_stopped (SatchelRoleContext *context);
