/* SPDX-License-Identifier: MIT
 * Declares helpers: a process of its own for a module whose libraries block, connect or cannot be trusted
 * (scanners, PAM, LDAP, SQL). A module that declares SATCHEL_ROLE_HELPER and provides one
 * SATCHEL_KIND_HELPER gets one such process, without mail and credentials, and with its own group of
 * settings only. Modules in gate, auth and mail call it by the module's name. Endpoints that a helper may
 * reach: endpoint.h. docs/decisions/0035.
 */
#pragma once
#include <satchel/error.h>
#include <satchel/module.h>
#include <satchel/stream.h>

G_BEGIN_DECLS

/* Requests and replies are at most this long; mail goes beside them as content. */
#define SATCHEL_HELPER_BYTES_MAX (1024u * 1024u)
/* No call may take longer. */
#define SATCHEL_HELPER_TIMEOUT_MAX_MS 3600000

/* Returns a request or reply that consists of texts: each with its NUL.  Wiped when the last reference goes,
 * as requests and replies are in all processes.  @texts: NULL-ended.  [any thread] */
SATCHEL_API GBytes *satchel_helper_pack (const char *const *texts);
/* Returns the texts of @bytes, NULL-ended and borrowed from it; free the array alone, with g_free.  NULL
 * means that they are more than @max, or none.  [any thread] */
SATCHEL_API const char **satchel_helper_unpack (GBytes *bytes, guint max);

/* ---- in the helper ---- */

typedef struct SatchelHelperCall SatchelHelperCall;

typedef struct SatchelHelperOps
{
  size_t size;
  /* The number of calls that `handle` works on at a time, 1 to 256: as many as the library behind it can
   * take. */
  guint max_calls;
  /* Works on one call, in a thread of the pool, so that the process can answer master meanwhile; it may
   * block.  Each call is answered exactly once, by satchel_helper_reply or satchel_helper_fail, here or
   * later and in any thread; @call is gone then.  The caller is another process that an attacker may have
   * taken over: trust nothing in the request.  Must. */
  void (*handle) (SatchelHelperCall *call);
  /* Is called when the caller of @call has gone, and it has not been answered yet: the helper should end the
   * work and answer soon; the answer does not matter. A call that is still unanswered `helpers.overdue` later
   * ends the process. Main thread; may be NULL. */
  void (*cancelled) (SatchelHelperCall *call);
  /* Works on one request in a process of its own, which was made for it and ends after it: for libraries that
   * load parts of their own, start programs, or hang for good, such as PAM.  It has the account of the helper
   * and what `configure` left in memory, one thread, no log, and a cage of its own: it reads what the account
   * may read, starts programs and connects to services of this machine, and to the ports of the module's
   * endpoints; it writes nothing.  Called by satchel_helper_run_child.  Returns the reply, or NULL with
   * @error.  With SATCHEL_RIGHT_PROGRAMS, and only then. */
  GBytes *(*run_child) (GBytes *request, GError **error);
} SatchelHelperOps;

/* Returns the request, borrowed for the life of the call.  [any thread] */
SATCHEL_API GBytes *satchel_helper_call_request (const SatchelHelperCall *call);
/* Returns the content that came with the call, as a sealed memory file, which nobody can change any more;
 * read it with pread or mmap.  -1: none came.  It belongs to the call: duplicate it to keep it longer.  [any
 * thread] */
SATCHEL_API int satchel_helper_call_content_fd (const SatchelHelperCall *call);
SATCHEL_API guint64 satchel_helper_call_content_bytes (const SatchelHelperCall *call); /* 0: none */
/* Returns the milliseconds until the caller gives up; 0 means that it has given up. [any thread] */
SATCHEL_API gint64 satchel_helper_call_left_ms (const SatchelHelperCall *call);
/* Says whether the caller has given up, or ended. [any thread] */
SATCHEL_API gboolean satchel_helper_call_is_cancelled (const SatchelHelperCall *call);
/* Sets or returns a pointer of the module's own, for use in `cancelled`; the core does not free it.  [any
 * thread] */
SATCHEL_API void satchel_helper_call_set_data (SatchelHelperCall *call, gpointer data);
SATCHEL_API gpointer satchel_helper_call_data (SatchelHelperCall *call);
/* Answers with @reply, at most SATCHEL_HELPER_BYTES_MAX (a longer one is an error to the caller); a reference
 * is taken, NULL: an empty one.  [any thread] */
SATCHEL_API void satchel_helper_reply (SatchelHelperCall *call, GBytes *reply);
/* Answers with an error: @code and a @message for the caller's log.  [any thread] */
SATCHEL_API void satchel_helper_fail (SatchelHelperCall *call, SatchelErrorCode code, const char *message);

/* Has @request worked on by `run_child`, and returns its reply, which is yours.  NULL with @error: what
 * `run_child` said, or TIMEOUT, CANCELLED (the call of @call is over: the process is killed, with all
 * that it started) or UNAVAILABLE (the process ended otherwise).  The reply is that of a process that may
 * have been taken over.  In `handle`.  [blocks] */
SATCHEL_API GBytes *satchel_helper_run_child (SatchelHelperCall *call, GBytes *request, GError **error);

/* ---- in gate, auth and mail ---- */

typedef struct SatchelHelperPending SatchelHelperPending;

/* Takes the end of a call.  @reply is borrowed: take a reference to keep it.  NULL comes with @error, which
 * is what satchel_helper_fail gave, or TIMEOUT if the time is over, UNAVAILABLE if there is no such helper,
 * if it is down or went down, or if too much waits for it already (`helpers.queue`, `helpers.content`),
 * CANCELLED after satchel_helper_cancel, and LIMIT if the request or the helper's reply is too long, or the
 * content not sealed.  The core checks nothing of what comes from a helper beyond its length: check it.  Main
 * thread. */
typedef void (*SatchelHelperDoneFunc) (GBytes *reply, const GError *error, gpointer data);

/* Asks the helper of @module.  @request: at most SATCHEL_HELPER_BYTES_MAX, a reference is taken; NULL: empty.
 * @content_fd: from satchel_helper_content_new, stays the caller's and may be closed at once; -1: none.
 * @timeout_ms: 1 to SATCHEL_HELPER_TIMEOUT_MAX_MS.  @done is called exactly once, in the main thread and
 * never inside this call; the handle is valid until then.  Main thread only; in a job:
 * satchel_helper_call_wait. */
SATCHEL_API SatchelHelperPending *satchel_helper_call (const char *module, GBytes *request, int content_fd,
                                                       gint64 timeout_ms, SatchelHelperDoneFunc done,
                                                       gpointer data);
/* Gives the call up: @done is called soon, with CANCELLED.  Main thread only. */
SATCHEL_API void satchel_helper_cancel (SatchelHelperPending *pending);
/* Does the same for jobs and other threads; it returns at the end of the call.  The reply is yours; NULL with
 * @error as above.  Never in the main thread.  [blocks] */
SATCHEL_API GBytes *satchel_helper_call_wait (const char *module, GBytes *request, int content_fd,
                                              gint64 timeout_ms, GError **error);

/* Returns a sealed memory file with the whole content of @stream; yours to close.  -1 with @error: LIMIT if
 * the content is longer than @max_bytes, RESOURCES, or the error of reading.  [blocks, any thread] */
SATCHEL_API int satchel_helper_content_new (SatchelStream *stream, guint64 max_bytes, GError **error);

G_END_DECLS
