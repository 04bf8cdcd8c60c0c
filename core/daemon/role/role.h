/* SPDX-License-Identifier: MIT
 * Says what every role (gate, auth, mail, helper) is built on. role.c starts the process, drops rights,
 * takes what master sends, loads modules, enters the sandbox and then calls satchel_NAME_role_start.
 * Everything here belongs to the main thread, in the default GMainContext.
 */
#pragma once
#include "core/runtime/process/roles.h"
#include "core/runtime/loop/breadcrumb.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/ipc/ipc.h"
#include "core/runtime/loader/loader.h"

/* Numbers of slots are below this. They are unique among the living processes of one role, but need not be
 * dense: while gates of an old generation still run, the new ones have other slots. */
#define SATCHEL_SLOTS_MAX 256u
/* All gates and auth count connections in memory of this size. The counts are only advisory, since a gate may
 * be hostile. Master zeroes the memory at the start. */
#define SATCHEL_CONNECTION_TABLE_BYTES (1024u * 1024u)

/* Size of the memory in which auth keeps verified logins, so that they outlive a crash of it (decision 0083).
 * It is locked in memory, and counts for RLIMIT_MEMLOCK of auth. */
#define SATCHEL_REMEMBERED_BYTES (4u * 1024u * 1024u)

typedef struct SatchelRoleContext SatchelRoleContext;

/* The record of another process lives as long as this process; the link comes and goes. */
typedef struct SatchelPeer
{
  SatchelRoleContext *context;
  SatchelRole role;
  guint slot;
  char *module; /* name of the module whose helper it is; else "" */
  /* NULL while the peer is away. Owned by role.c: never free it, and read it anew each time. */
  SatchelIpcLink *link;
  /* master's number of the link; another link has another number, so that it is known which one broke, and
   * which answers are too late */
  guint64 serial;
  gpointer data; /* the role's own data about the peer */
} SatchelPeer;

typedef struct SatchelListener
{
  char *name;     /* unique in the configuration; a listener may have several sockets (IPv4 and IPv6) */
  char *protocol; /* "imap" */
  gboolean implicit_tls, allow_cleartext;
  int fd; /* listening, non-blocking, shared with the other gates: use EPOLLEXCLUSIVE or live with EAGAIN */
} SatchelListener;

/* Certificates come in sealed memory files, which are read with pread or mmap. They are open only during
 * start and reload_prepare. */
typedef struct SatchelTlsFile
{
  guint index; /* 0: tls.cert and tls.key; n: tls.certificates[n - 1] */
  int chain_fd, key_fd;
} SatchelTlsFile;

/* A role is called by these. Each may be NULL. */
typedef struct SatchelRoleHooks
{
  /* Is called when the link to @peer works (also for those that were there before start, right after it). An
   * earlier link of the same peer has been reported down before. */
  void (*peer_up) (SatchelRoleContext *context, SatchelPeer *peer);
  /* Is called when the link broke or was replaced, so that everything that waits for this peer has failed.
   * peer->link is NULL already. role.c itself asks master for a new link. */
  void (*peer_down) (SatchelRoleContext *context, SatchelPeer *peer);
  /* Takes a message of the peer. FALSE means that the message is not acceptable, so the link is closed
   * (peer_down follows). */
  gboolean (*peer_message) (SatchelRoleContext *context, SatchelPeer *peer, SatchelIpcMessage *message);

  /* A reload has two phases, so that one that fails anywhere changes nothing. prepare builds what @config
   * and context->new_tls_files need, and the role goes on with the old; FALSE refuses the reload. If prepare
   * succeeded, exactly one of commit (context->config is the new one by then) and abort follows. */
  gboolean (*reload_prepare) (SatchelRoleContext *context, const SatchelConfigSet *config, GError **error);
  void (*reload_commit) (SatchelRoleContext *context);
  void (*reload_abort) (SatchelRoleContext *context);

  /* Takes a listener that master sends after the start, as to a gate that a reload has started: it is open
   * from now on. NULL: the role takes none. */
  void (*listener) (SatchelRoleContext *context, const SatchelListener *listener);

  /* Stops taking connections, ends sessions properly (BYE), and calls satchel_role_stopped when none is left.
   * After @grace_ms the process is ended anyway. NULL means that the process ends at once. */
  void (*stop) (SatchelRoleContext *context, guint grace_ms);

  /* Takes a request of an administrator, which comes by master: "status", "who", "kick" USER, "release" USER,
   * "adopt" USER SLOT. The role answers with satchel_role_admin_reply, now or later; the last reply is final.
   * FALSE means that the role does not know the request. @channel_fd: of a command, a channel to the one who
   * asks; borrowed, -1: none. */
  gboolean (*admin) (SatchelRoleContext *context, guint64 request, const char *const *argv, int channel_fd);
  /* Hears of a long request that the administrator has read @n_bytes of the answer, or (@is_cancel) that
   * nobody waits any more. */
  void (*admin_goes_on) (SatchelRoleContext *context, guint64 request, gboolean is_cancel, guint64 n_bytes);
} SatchelRoleHooks;

struct SatchelRoleContext
{
  SatchelRole role; /* the role of this process, as its bit */
  guint slot;
  /* Owners of users are mail slots 0 .. n-1; the number is fixed while the server lives. */
  guint n_mail_slots;
  /* most gates (of old generations as well), auth and mail processes that can exist at one time */
  guint n_callers;
  guint64 generation; /* generation of the configuration */
  /* This configuration is in force. The last 16 sets stay in memory, so a value that was borrowed from one
   * may be used to the end of the job that borrowed it, but must not be kept for longer: read it again. */
  const SatchelConfigSet *config;
  /* = satchel_loader_default () ; its modules are loaded, configured and started by role.c. */
  SatchelLoader *loader;
  SatchelIpcLink *control;
  int root_fd; /* mail: the mail root (O_RDONLY directory); auth: STATE_DIR/auth; gate: -1 */
  /* SatchelPeer: gate: auth and all mails; auth: all gates and mails; mail: auth, all gates, all other
   * mails. */
  GPtrArray *peers;
  GPtrArray *listeners;      /* SatchelListener; gates, and mails with services */
  GArray *tls_files;         /* SatchelTlsFile, during start */
  GArray *new_tls_files;     /* SatchelTlsFile, during reload_prepare */
  guint8 ticket_key[64];     /* gate: key of TLS tickets, the same in all gates of this server */
  gpointer connection_table; /* gate, auth: SATCHEL_CONNECTION_TABLE_BYTES shared; else NULL */
  gpointer remembered; /* auth: SATCHEL_REMEMBERED_BYTES that only auth maps; NULL: the system has none */
  /* role.c alone uses this. */
  struct SatchelRolePrivate *private;
};

/* Each role has one of these. It is called in the sandbox, after modules were started and before master
 * hears READY, and sets *ret_hooks. FALSE ends the process with the error in the log (master tries again
 * with growing pauses). */
gboolean satchel_gate_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks,
                                  GError **error);
gboolean satchel_auth_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks,
                                  GError **error);
/* Prepares what modules may ask for while they start: they derive values from the secret of auth. */
gboolean satchel_auth_role_prepare (SatchelRoleContext *context, GError **error);
gboolean satchel_mail_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks,
                                  GError **error);
gboolean satchel_helper_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks,
                                    GError **error);
/* Sets the limits of a helper, before its sandbox closes. */
gboolean satchel_helper_role_confine (SatchelRoleContext *context, GError **error);

/* Returns a peer.  NULL means that there is no such process now. */
SatchelPeer *satchel_role_peer (SatchelRoleContext *context, SatchelRole role, guint slot);
/* Sends @message (taken over). FALSE means that the peer is away, and the message was dropped. */
gboolean satchel_peer_send (SatchelPeer *peer, SatchelIpcMessage *message);
/* Does the same once everything that @first has been sent before is with it, or its link broke. NULL means
 * that there is nothing to wait for. */
gboolean satchel_peer_send_after (SatchelPeer *peer, SatchelIpcMessage *message, const SatchelPeer *first);
/* Says whether the peer is there, and takes its messages in time (satchel_ipc_link_is_behind). */
gboolean satchel_peer_keeps_up (const SatchelPeer *peer);
/* Reads the entry of listen.listeners called @name. FALSE means that it is a default listener, which has
 * none. */
gboolean satchel_role_find_listener (SatchelRoleContext *context, const char *name,
                                     SatchelListenerSettings *ret_settings);
/* Answers a request of an administrator. @status: the exit status of the command; 0 is success. @text: whole
 * lines, at most 8 KiB. Several replies make one answer, and the one with @final ends it. */
void satchel_role_admin_reply (SatchelRoleContext *context, guint64 request, gboolean final, guint status,
                               const char *text);
/* Says that the role has stopped: nothing is left, and the process may end. */
void satchel_role_stopped (SatchelRoleContext *context);
