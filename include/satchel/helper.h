/* SPDX-License-Identifier: MIT
 * Helpers: a process of its own for a module whose libraries block, connect or cannot be trusted (scanners,
 * PAM, LDAP, SQL). A module that declares SATCHEL_ROLE_HELPER and provides one SATCHEL_KIND_HELPER gets one
 * such process, without mail and credentials, with only its own group of settings; modules in gate, auth and
 * mail call it by the module's name. Endpoints that a helper may reach: endpoint.h.  docs/decisions/0035.
 */
#pragma once
#include <satchel/error.h>
#include <satchel/module.h>
#include <satchel/stream.h>

G_BEGIN_DECLS

/* Requests and replies are at most this long; mail goes as content. */
#define SATCHEL_HELPER_BYTES_MAX (1024u * 1024u)
/* The longest time that a call may take. */
#define SATCHEL_HELPER_TIMEOUT_MAX_MS 3600000

/* ---- in the helper ---- */

typedef struct SatchelHelperCall SatchelHelperCall;

typedef struct SatchelHelperOps
{
  size_t size;
  guint max_calls; /* calls that are worked on at a time, 1 to 256: what the library behind them bears */
  /* Works on one call; may block.  In a thread of the pool, so that the process answers master meanwhile.
   * Each call is answered once, by satchel_helper_reply or satchel_helper_fail, here or later and in any
   * thread; @call is gone then. The caller is another process and may have been taken over: trust nothing in
   * the request.  Must. */
  void (*handle) (SatchelHelperCall *call);
  /* Nobody waits for this one any more, and it has not been answered yet: end the work and answer soon (what,
   * does not matter).  A call that is still not answered `helpers.overdue` later ends the process.  Main
   * thread; may be NULL. */
  void (*cancelled) (SatchelHelperCall *call);
} SatchelHelperOps;

/* Borrowed for the life of the call.  [any thread] */
SATCHEL_API GBytes *satchel_helper_call_request (const SatchelHelperCall *call);
/* A sealed memory file that nobody can change any more, read with pread or mmap; -1: none came.  Belongs to
 * the call: duplicate it for longer.  [any thread] */
SATCHEL_API int satchel_helper_call_content_fd (const SatchelHelperCall *call);
SATCHEL_API guint64 satchel_helper_call_content_bytes (const SatchelHelperCall *call); /* 0: none */
/* Milliseconds until the caller gives up; 0: it has.  [any thread] */
SATCHEL_API gint64 satchel_helper_call_left_ms (const SatchelHelperCall *call);
/* The caller gave up, or is gone.  [any thread] */
SATCHEL_API gboolean satchel_helper_call_is_cancelled (const SatchelHelperCall *call);
/* A pointer of the module's own for `cancelled` to find; not freed.  Thread-safe. */
SATCHEL_API void satchel_helper_call_set_data (SatchelHelperCall *call, gpointer data);
SATCHEL_API gpointer satchel_helper_call_data (SatchelHelperCall *call);
/* Answers with @reply, at most SATCHEL_HELPER_BYTES_MAX (a longer one is an error to the caller); a reference
 * is taken, NULL: an empty one.  [any thread] */
SATCHEL_API void satchel_helper_reply (SatchelHelperCall *call, GBytes *reply);
/* Answers with an error: @code and a @message for the caller's log.  [any thread] */
SATCHEL_API void satchel_helper_fail (SatchelHelperCall *call, SatchelErrorCode code, const char *message);

/* ---- in gate, auth and mail ---- */

typedef struct SatchelHelperPending SatchelHelperPending;

/* The end of a call.  @reply: borrowed, take a reference to keep it; NULL with @error, which is one of
 *   TIMEOUT      the time is over;
 *   UNAVAILABLE  there is no such helper, it is down or went down, or too much waits for it already
 * (`helpers.queue`, `helpers.content`); CANCELLED    satchel_helper_cancel; LIMIT        the request is too
 * long, the content not sealed, or the helper's reply too long; or what satchel_helper_fail gave. Nothing
 * that comes from a helper is checked by the core beyond its length: check it.  Main thread. */
typedef void (*SatchelHelperDoneFunc) (GBytes *reply, const GError *error, gpointer data);

/* Asks the helper of @module.  @request: at most SATCHEL_HELPER_BYTES_MAX, a reference is taken; NULL: empty.
 * @content_fd: from satchel_helper_content_new, stays the caller's and may be closed at once; -1: none.
 * @timeout_ms: 1 to SATCHEL_HELPER_TIMEOUT_MAX_MS.  @done is called exactly once, in the main thread and
 * never inside this call; the handle is valid until then.  Main thread only; in a job:
 * satchel_helper_call_wait. */
SATCHEL_API SatchelHelperPending *satchel_helper_call (const char *module, GBytes *request, int content_fd,
                                                       gint64 timeout_ms, SatchelHelperDoneFunc done,
                                                       gpointer data);
/* @done comes soon, with CANCELLED.  Main thread only. */
SATCHEL_API void satchel_helper_cancel (SatchelHelperPending *pending);
/* The same for jobs and other threads: blocks until the end.  NULL with @error as above; the reply is yours.
 * Never in the main thread. */
SATCHEL_API GBytes *satchel_helper_call_wait (const char *module, GBytes *request, int content_fd,
                                              gint64 timeout_ms, GError **error);

/* A sealed memory file with the whole content of @stream; it is yours to close.  -1 with @error: LIMIT if it
 * is longer than
 * @max_bytes, RESOURCES, or what reading gave.  May block.  [any thread] */
SATCHEL_API int satchel_helper_content_new (SatchelStream *stream, guint64 max_bytes, GError **error);

G_END_DECLS
