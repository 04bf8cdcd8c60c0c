/* SPDX-License-Identifier: MIT
 * Inside of delivery filters (include/satchel/filter.h), role mail:
 * - filter.c: the filters and their settings; it asks those of a stage in turn
 * - filter_item.c: one question to one filter, and its answer
 * - header_edit.c: header fields that are added and removed
 */
#pragma once
#include "core/runtime/config/config_image.h"
#include "core/runtime/loader/loader.h"
#include "core/session/delivery/header_edit.h"
#include "core/session/origin.h"
#include "core/storage/store/place.h"
#include <satchel/filter.h>
#include <satchel/reactor.h>

typedef enum
{
  SATCHEL_FILTER_MESSAGE = 0,
  SATCHEL_FILTER_RECIPIENT
} SatchelFilterStage;

/* Facts that are the same for all recipients of a message; g_atomic_rc_box, immutable, strings owned. */
typedef struct SatchelFilterEnvelope
{
  char *id, *sender, *client_address, *client_name, *client_user, *tls; /* client_user: NULL: none */
  /* All recipients stand here; in another mail process than that which took the message only
   * `first_recipients`. */
  char **recipients;
  guint n_recipients;
  char **first_recipients; /* those of them that the recipient stage is told of; the strings are borrowed */
  SatchelOrigin *origin;   /* satchel_origin_copy; NULL: unknown */
} SatchelFilterEnvelope;
/* Adds the MTA's id of the message, and the client that it had it from, at the end of a line of the log. */
void satchel_filter_envelope_log_origin (GString *line, const SatchelFilterEnvelope *envelope);
/* Takes over @recipients, which are those of `n_recipients` that are known. */
void satchel_filter_envelope_set_recipients (SatchelFilterEnvelope *envelope, char **recipients);
SatchelFilterEnvelope *satchel_filter_envelope_ref (SatchelFilterEnvelope *envelope);
void satchel_filter_envelope_unref (SatchelFilterEnvelope *envelope);

/* Says how filters want a message stored. */
typedef struct SatchelDisposition
{
  guint32 flags;
  GPtrArray *keywords; /* char *, each once, at most SATCHEL_FILTER_KEYWORDS_MAX; NULL: none */
  char *mailbox;       /* the mailbox that filters chose; NULL: that of the detail, or INBOX */
  guint special_use;   /* 0: by name */
  GPtrArray *notes;    /* char *: each filter that left a note, and then its note; NULL: none */
} SatchelDisposition;
void satchel_disposition_clear (SatchelDisposition *disposition);
/* Adds what @more has, or replaces it.  Returns the number of keywords that there is no room for. */
guint satchel_disposition_merge (SatchelDisposition *disposition, const SatchelDisposition *more);
/* Keeps what @filter noted of the message for its recipient stage.  FALSE means that there is no room. */
gboolean satchel_disposition_add_note (SatchelDisposition *disposition, const char *filter, const char *note);
const char *satchel_disposition_note (const SatchelDisposition *disposition, const char *filter);

/* filter.c has these; they run in the main thread. */

/* A run is one pass over the filters of a stage. The caller fills and frees it; strings are borrowed until
 * `done` is called. */
typedef struct SatchelFilterRun
{
  SatchelFilterStage stage;
  SatchelFilterEnvelope *envelope;
  const char *user, *recipient, *detail; /* of the recipient stage, as is `place` */
  SatchelPlace *place;                   /* borrowed */
  SatchelStream *content;                /* owned; replaced where a filter changes the header */
  char *crumb; /* owned; of the message as it came in (suspects.h); NULL: computed from the content */
  SatchelDisposition where;
  gboolean is_changed;
  SatchelFilterVerdict verdict; /* the verdict of the run at its end, which is not DONE */
  char *text;                   /* owned; NULL or clean */
  const char *by;               /* the filter that refused or discarded */
  void (*done) (struct SatchelFilterRun *run, gpointer data);
  gpointer data;
  /* filter.c alone uses these. */
  guint next;
  struct SatchelFilterQuestion *question;
  SatchelTimer timer;
} SatchelFilterRun;
void satchel_filter_run_clear (SatchelFilterRun *run);

/* Sets filters and settings.  @filters are SatchelProvided in order, which are kept at the first call; later
 * calls only read the settings again. */
void satchel_filters_configure (const GPtrArray *filters, const SatchelConfig *settings);
gboolean satchel_filters_has (SatchelFilterStage stage);
/* Returns the longest time that a stage can take, waiting included. */
gint64 satchel_filters_longest_ms (SatchelFilterStage stage);
/* `done` may be called before this returns. */
void satchel_filters_run (SatchelFilterRun *run);
/* Returns how many runs have not ended. */
guint satchel_filters_n_running (void);

/* filter_item.c has these. */

/* An item is in one of these states. Its thread, or the deadline, takes it out of WAITING, and so decides
 * whether the filter sees it. */
typedef enum
{
  SATCHEL_FILTER_WAITING = 0,
  SATCHEL_FILTER_ASKED,
  SATCHEL_FILTER_TOO_LATE
} SatchelFilterState;

/* The item that a filter sees, and its answer. */
typedef struct SatchelFilterQuestion
{
  SatchelFilterItem item; /* first */
  gatomicrefcount refs;
  SatchelFilterEnvelope *envelope;
  SatchelStream *content;
  char *user, *detail;
  SatchelPlace *place;
  char *note; /* message stage: what the filter leaves; recipient stage: what it left; or NULL */
  const char *one_recipient[2];
  gint64 asked_us, deadline_ms; /* g_get_monotonic_time, satchel_clock_ms */
  gint is_cancelled;            /* atomic */
  gint state;                   /* atomic: SatchelFilterState */
  /* Atomic; the members below belong to the filter before it is set, and to the main thread after that. */
  gint is_answered;
  gpointer module_data; /* atomic */
  GMutex lock;          /* around content_fd */
  int content_fd;
  SatchelHeaderEdit edit;
  SatchelDisposition where;
  SatchelFilterVerdict verdict;
  char *text, *failure; /* failure: the reason that the filter gave */
  gboolean is_suspect;  /* the filter is not asked about this message */
  char *crumb;
  /* filter.c uses these in the main thread. */
  struct SatchelFilter *filter;
  SatchelFilterRun *run; /* NULL: the delivery went on without this filter */
  gboolean is_started, has_returned, has_ended, is_overdue;
  void (*answered) (gpointer question); /* deferred to the main thread */
} SatchelFilterQuestion;
SatchelFilterQuestion *satchel_filter_question_new (const SatchelFilterRun *run, gint64 timeout_ms,
                                                    void (*answered) (gpointer question));
void satchel_filter_question_unref (SatchelFilterQuestion *question);
