/* SPDX-License-Identifier: MIT
 * Delivery filters (role mail): they see mail before it is stored, may change header, flags and mailbox, and
 * may refuse it.  A filter is asked once a message, once a recipient, or both; it answers when it likes, and
 * the core has the deadline. For authors: docs/modules/filter.md; docs/decisions/0030.
 */
#pragma once
#include <satchel/delivery.h>
#include <satchel/stream.h>

G_BEGIN_DECLS

/* What one filter may ask for with one item; beyond it a call fails with LIMIT. */
#define SATCHEL_FILTER_HEADER_BYTES 16384u /* all that it adds to the header */
#define SATCHEL_FILTER_LINE_BYTES 998u     /* a line of that, without its end (RFC 5322 2.1.1) */
#define SATCHEL_FILTER_NAMES_MAX 64u       /* names of fields that it removes */
#define SATCHEL_FILTER_NAME_BYTES 76u      /* one of these names */
#define SATCHEL_FILTER_KEYWORDS_MAX                                                                          \
  16u /* of a message, all filters of a stage together; one: SATCHEL_KEYWORD_BYTES */
#define SATCHEL_FILTER_TEXT_BYTES 200u /* for the sender; a longer one is cut off */
/* So much of a header is looked at for fields to remove; what is behind it stays. */
#define SATCHEL_FILTER_HEAD_BYTES (1024u * 1024u)

typedef enum
{
  SATCHEL_FILTER_CONTINUE = 0,
  SATCHEL_FILTER_DONE,     /* no later filter of this stage is asked */
  SATCHEL_FILTER_REFUSE,   /* for good: 550 5.7.1 */
  SATCHEL_FILTER_DISCARD,  /* OK to the sender, stored nowhere; logged */
  SATCHEL_FILTER_TEMPORARY /* for now: 451; the sender tries again */
} SatchelFilterVerdict;

/* One question to a filter: a message, or a message for one recipient.  The filter's from `message` or
 * `recipient` until it has answered, also when the core has gone on without it; gone then.  Used by one
 * thread at a time. */
typedef struct SatchelFilterItem
{
  size_t size;
  const char *id;     /* of the delivery, as in the "delivered:" line and the Received field */
  const char *sender; /* envelope sender without <>; "" for the null sender */
  const char *const
      *recipients;    /* as given in RCPT, NULL-ended; in the recipient stage only the one it is about */
  guint n_recipients; /* of the whole message */
  const char *client_address; /* "192.0.2.1", "local": who delivers to this server */
  const char *client_name;    /* what it said in LHLO; "": nothing */
  const char *client_user;    /* as whom it is logged in; NULL: it is not */
  const char *tls;            /* "TLS1.3 TLS_AES_256_GCM_SHA384"; "": none */
  SatchelStream
      *content; /* CRLF, our own trace fields first, with what earlier filters changed; reading may block */
  guint64 content_bytes;
  /* The recipient stage only, else NULL. */
  const char *user;   /* local@domain */
  const char *detail; /* of plus-addressing, or NULL */
} SatchelFilterItem;

typedef struct SatchelDeliveryFilterOps
{
  size_t size;
  guint band; /* 1..999, lower first; equal bands by name */
  /* What it means that the filter failed, did not answer in time, has too much to do, or crashed or hung
   * twice on this message: CONTINUE (deliver as if it were not there) or TEMPORARY.  The admin may say
   * otherwise (filters.rules). */
  SatchelFilterVerdict on_error;
  /* One of these is a must.  `message` is asked once a message, whoever gets it, before any `recipient`; what
   * it changes holds for all recipients.  Each is called in a thread that filters have for themselves, one
   * item each; it may block there, and be called for several items at a time (filters.concurrent).  The item
   * is answered once, by satchel_filter_answer or satchel_filter_fail, in the call, or later and in any
   * thread. */
  void (*message) (SatchelFilterItem *item);
  void (*recipient) (SatchelFilterItem *item);
  /* The deadline has passed and nobody waits any more: end the work and answer soon (what, does not matter).
   * Until it is answered the item counts against filters.concurrent.  Main thread; another thread may be
   * answering just then, but the item is valid until this returns.  May be NULL. */
  void (*cancelled) (SatchelFilterItem *item);
} SatchelDeliveryFilterOps;

/* The end of an item, once.  @text: to the sender with REFUSE and TEMPORARY, one line of printable ASCII
 * (other bytes become
 * '?'), NULL: the protocol's own.  What was asked for below is done with CONTINUE and DONE.  [any thread] */
SATCHEL_API void satchel_filter_answer (SatchelFilterItem *item, SatchelFilterVerdict verdict,
                                        const char *text);
/* The filter could not tell: on_error decides.  @why: for the log.  [any thread] */
SATCHEL_API void satchel_filter_fail (SatchelFilterItem *item, const char *why);

/* ---- what a filter may ask for, before it answers ---- */

/* A field at the top: above all that the message came with, below the trace fields (Return-Path,
 * Delivered-To, Received) that this server has put there; of several the last one is the first.  @name: RFC
 * 5322 3.6.8.  @value: UTF-8 without controls; a line end in it is followed by a space or tab (folding).
 * Errors: INVALID, LIMIT.  [any thread] */
SATCHEL_API gboolean satchel_filter_add_header (SatchelFilterItem *item, const char *name, const char *value,
                                                GError **error);
/* Removes all fields with this name, without case; not this server's own trace fields, and not what this
 * filter adds. Errors: INVALID, LIMIT.  [any thread] */
SATCHEL_API gboolean satchel_filter_remove_header (SatchelFilterItem *item, const char *name, GError **error);
/* SATCHEL_FLAG_...: with these it is stored.  [any thread] */
SATCHEL_API void satchel_filter_add_flags (SatchelFilterItem *item, guint32 flags);
/* Errors: INVALID (no atom), LIMIT.  [any thread] */
SATCHEL_API gboolean satchel_filter_add_keyword (SatchelFilterItem *item, const char *keyword,
                                                 GError **error);
/* Where it goes, instead of the detail's mailbox or INBOX; the last word counts.  A mailbox that is not there
 * is INBOX.  @name: as storage has it.  Errors: INVALID.  [any thread] */
SATCHEL_API gboolean satchel_filter_set_mailbox (SatchelFilterItem *item, const char *name, GError **error);
/* The user's mailbox with this attribute (storage.h); 0: by name again.  [any thread] */
SATCHEL_API void satchel_filter_set_special_use (SatchelFilterItem *item, guint special_use);

/* ---- what it may want to know ---- */

/* The content as a sealed memory file for a helper (helper.h); made when it is first asked for, belongs to
 * the item.  -1 with
 * @error.  May block.  [any thread] */
SATCHEL_API int satchel_filter_content_fd (SatchelFilterItem *item, GError **error);
/* Milliseconds until the core goes on without the filter, 0: it has.  [any thread] */
SATCHEL_API gint64 satchel_filter_left_ms (const SatchelFilterItem *item);
/* The core has gone on.  [any thread] */
SATCHEL_API gboolean satchel_filter_is_cancelled (const SatchelFilterItem *item);
/* A pointer of the module's own for `cancelled` to find; not freed.  Thread-safe. */
SATCHEL_API void satchel_filter_set_data (SatchelFilterItem *item, gpointer data);
SATCHEL_API gpointer satchel_filter_data (SatchelFilterItem *item);

G_END_DECLS
