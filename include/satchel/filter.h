/* SPDX-License-Identifier: MIT
 * Declares delivery filters (role mail): they see mail before it is stored, may change header, flags and
 * mailbox, and may refuse it. A filter is asked once for a message, once for each recipient, or both. It
 * answers when it is ready, and the core keeps the deadline. docs/modules/filter.md; docs/decisions/0030.
 */
#pragma once
#include <satchel/delivery.h>
#include <satchel/stream.h>

G_BEGIN_DECLS

/* One filter and item have these bounds; a call that exceeds one fails with LIMIT. */
#define SATCHEL_FILTER_HEADER_BYTES 16384u /* all fields that it adds */
#define SATCHEL_FILTER_LINE_BYTES 998u     /* a line of these, without its end (RFC 5322 2.1.1) */
#define SATCHEL_FILTER_NAMES_MAX 64u       /* the number of names of fields that it removes */
#define SATCHEL_FILTER_NAME_BYTES 76u      /* one of these names */
#define SATCHEL_FILTER_KEYWORDS_MAX                                                                          \
  16u /* keywords for a message by all filters of a stage together; one has at most SATCHEL_KEYWORD_BYTES */
#define SATCHEL_FILTER_TEXT_BYTES 200u /* the text for the sender; the rest of a longer one is cut off */
/* This bounds the addresses in all_recipients, with five bytes more for each. */
#define SATCHEL_FILTER_RECIPIENTS_BYTES 4096u
#define SATCHEL_FILTER_NOTE_BYTES 512u /* the note that the message stage leaves for the recipient stage */
/* This bounds the notes of all filters about one message, with the filters' names.  What is beyond is left
 * out, and the log says so. */
#define SATCHEL_FILTER_NOTES_BYTES 1024u
/* Fields to remove are looked for in this much of a header only; fields behind it stay. */
#define SATCHEL_FILTER_HEAD_BYTES (1024u * 1024u)

typedef enum
{
  SATCHEL_FILTER_CONTINUE = 0,
  SATCHEL_FILTER_DONE,     /* no later filter of this stage is asked */
  SATCHEL_FILTER_REFUSE,   /* refuse for good: 550 5.7.1 */
  SATCHEL_FILTER_DISCARD,  /* accept and store nowhere; a line is logged */
  SATCHEL_FILTER_TEMPORARY /* refuse for now: 451; the sender tries again */
} SatchelFilterVerdict;

/* A filter is asked about an item: a message, or a message for one recipient. The filter may use it from the
 * call of `message` or `recipient` until it has answered, also when the core has gone on without it; then the
 * item is gone. One thread at a time may use it. */
typedef struct SatchelFilterItem
{
  size_t size;
  const char *id;     /* the id of the delivery, as in the "delivered:" line and the Received field */
  const char *sender; /* envelope sender without <>; "" for the null sender */
  /* The recipients as given in RCPT, NULL-ended; in the recipient stage only the one that the question is
   * about. */
  const char *const *recipients;
  guint n_recipients;         /* number of recipients of the whole message */
  const char *client_address; /* the address of the client that delivers: "192.0.2.1", "local" */
  /* The client's name in LHLO; "": none. The client is the MTA; `origin` says from where that had the
   * message. */
  const char *client_name;
  const char *client_user; /* the user that the client is logged in as; NULL: none */
  const char *tls;         /* "TLS1.3 TLS_AES_256_GCM_SHA384"; "": none */
  /* The content with CRLF, with this server's trace fields first, as earlier filters have changed it; reading
   * may block. */
  SatchelStream *content;
  guint64 content_bytes;
  /* Only the recipient stage sets these; else they are NULL. */
  const char *user;   /* local@domain */
  const char *detail; /* detail of plus-addressing, or NULL */
  /* In both stages these are the recipients of the whole message, as given in RCPT and in that order,
   * NULL-ended. In the recipient stage there are only the first ones, as many as
   * SATCHEL_FILTER_RECIPIENTS_BYTES hold; n_recipients says how many there are. Recipients do not know of
   * each other (Bcc): do not show one to another. */
  const char *const *all_recipients;
  /* A trusted MTA said this of the message; NULL means that it said nothing. No member is certain to be
   * known. */
  const SatchelOrigin *origin;
} SatchelFilterItem;

typedef struct SatchelDeliveryFilterOps
{
  size_t size;
  guint band; /* 1..999, lower first; equal bands by name */
  /* The verdict if the filter fails, does not answer in time, has too much to do, or crashed or hung twice
   * on this message: CONTINUE (deliver as if the filter did not exist) or TEMPORARY.  The administrator may
   * choose otherwise (filters.rules). */
  SatchelFilterVerdict on_error;
  /* One of these two is a must.  `message` is asked once for a message, before any `recipient`, and what it
   * changes applies to all recipients.  Each is called in a thread of the filters' own pool, one item a
   * thread; it may block there, and may be called for several items at a time (filters.concurrent).  Each
   * item is answered exactly once, by satchel_filter_answer or satchel_filter_fail, during the call or
   * later, in any thread. */
  void (*message) (SatchelFilterItem *item);
  void (*recipient) (SatchelFilterItem *item);
  /* Is called when the deadline has passed and the core has gone on: the filter should end its work and
   * answer soon; its verdict does not matter any more. Until it answers, the item counts against
   * filters.concurrent. Main thread; another thread may be answering at the same time, but the item is valid
   * until this returns. May be NULL. */
  void (*cancelled) (SatchelFilterItem *item);
} SatchelDeliveryFilterOps;

/* Answers an item, once.  @text: sent with REFUSE and TEMPORARY, one line of printable ASCII (other bytes
 * become '?'); NULL: the protocol's own text.  The changes that were asked for below are made with CONTINUE
 * and DONE.  [any thread] */
SATCHEL_API void satchel_filter_answer (SatchelFilterItem *item, SatchelFilterVerdict verdict,
                                        const char *text);
/* Says that the filter has no verdict, so that on_error decides. @why goes to the log. [any thread] */
SATCHEL_API void satchel_filter_fail (SatchelFilterItem *item, const char *why);

/* Adds a field above all fields that the message came with, and below the trace fields (Return-Path,
 * Delivered-To, Received) that this server has added; the field that is added last stands first.  @name:
 * RFC 5322 3.6.8.  @value: UTF-8 without control characters; a line end in it is followed by a space or tab
 * (folding).  Errors: INVALID, LIMIT.  [any thread] */
SATCHEL_API gboolean satchel_filter_add_header (SatchelFilterItem *item, const char *name, const char *value,
                                                GError **error);
/* Removes all fields called @name, without case, but not this server's trace fields, and not those that
 * this filter adds.  Errors: INVALID, LIMIT.  [any thread] */
SATCHEL_API gboolean satchel_filter_remove_header (SatchelFilterItem *item, const char *name, GError **error);
/* Flags (SATCHEL_FLAG_*) that the message is stored with.  [any thread] */
SATCHEL_API void satchel_filter_add_flags (SatchelFilterItem *item, guint32 flags);
/* Adds a keyword that the message is stored with. Errors: INVALID (no atom), LIMIT. [any thread] */
SATCHEL_API gboolean satchel_filter_add_keyword (SatchelFilterItem *item, const char *keyword,
                                                 GError **error);
/* Sets the mailbox that the message goes to, instead of the detail's mailbox or INBOX; the last call counts.
 * If there is no such mailbox, the message goes to INBOX. @name is in storage's form (store.h). Errors:
 * INVALID. [any thread] */
SATCHEL_API gboolean satchel_filter_set_mailbox (SatchelFilterItem *item, const char *name, GError **error);
/* Lets the message go to the user's mailbox with this special use (SATCHEL_USE_*); 0 means by name again.
 * [any thread] */
SATCHEL_API void satchel_filter_set_special_use (SatchelFilterItem *item, guint special_use);

/* Leaves, in the message stage, a note for the recipient stage of the same module, which may run in another
 * process; the last one counts.  Nothing of it is stored, and it is not kept if the filter fails.  @note:
 * UTF-8.  Errors: INVALID (no UTF-8, or not in the message stage), LIMIT.  [any thread] */
SATCHEL_API gboolean satchel_filter_set_note (SatchelFilterItem *item, const char *note, GError **error);
/* Returns, in the recipient stage, the module's note of the message stage; borrowed until the answer.  NULL:
 * there is none.  [any thread] */
SATCHEL_API const char *satchel_filter_note (const SatchelFilterItem *item);
/* Opens, in the recipient stage, the store of the user, with an access of cause delivery, all rights and no
 * key; yours, a reference, to be dropped before the answer.  Errors: INVALID (not in the recipient stage),
 * and those of opening: UNAVAILABLE (the user is being moved), CORRUPT, IO, ...  [blocks] */
SATCHEL_API SatchelStore *satchel_filter_open_store (SatchelFilterItem *item, GError **error);

/* Returns the content as a sealed memory file for a helper (helper.h).  It is made at the first call, and
 * belongs to the item.  -1 with @error.  [blocks, any thread] */
SATCHEL_API int satchel_filter_content_fd (SatchelFilterItem *item, GError **error);
/* Returns the milliseconds until the core goes on without the filter; 0 means that it has gone on. [any
 * thread] */
SATCHEL_API gint64 satchel_filter_left_ms (const SatchelFilterItem *item);
/* Says whether the core has gone on without the filter. [any thread] */
SATCHEL_API gboolean satchel_filter_is_cancelled (const SatchelFilterItem *item);
/* Sets or returns a pointer of the module's own, for use in `cancelled`; the core does not free it.  [any
 * thread] */
SATCHEL_API void satchel_filter_set_data (SatchelFilterItem *item, gpointer data);
SATCHEL_API gpointer satchel_filter_data (SatchelFilterItem *item);

G_END_DECLS
