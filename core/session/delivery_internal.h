/* SPDX-License-Identifier: MIT
 * Inside of deliveries (include/satchel/delivery.h) and their host, the mail process.
 *   delivery.c         the public calls: collects content and recipients, asks filters of the message stage
 *   delivery_lookup.c  recipients, by IPC to auth
 *   delivery_remote.c  owners in other mail processes, by IPC
 *   delivery_owner.c   an owner puts one message into one user's store, once filters of the recipient stage
 * have said how filter*.c          filters: filter_internal.h spool.c            content on its way, in
 * memory or in one file below the mail root
 */
#pragma once
#include "core/runtime/ipc.h"
#include "core/session/filter_internal.h"
#include <satchel/delivery.h>
#include <satchel/storage.h>

#include "core/storage/place.h"

/* What the mail process lends to deliveries. */
typedef struct SatchelDeliveryHost
{
  guint slot;
  int root_fd;                   /* the mail root */
  const char *detail_separators; /* auth.detail_separators */
  /* FALSE: the peer is away.  Take the message over. */
  gboolean (*send_to_auth) (SatchelIpcMessage *message);
  gboolean (*send_to_mail) (guint slot, SatchelIpcMessage *message);
  /* The open store of a user of this slot; in a job.  A handle for the caller. */
  SatchelStore *(*acquire_store) (const SatchelAccess *access, const SatchelPlace *place, GError **error);
} SatchelDeliveryHost;
void satchel_delivery_init (const SatchelDeliveryHost *host);
/* Messages for deliveries: LOOKUP_REPLY from auth; DELIVER and DELIVER_REPLY from mail process @slot.  FALSE:
 * not acceptable, the link is to be closed. */
gboolean satchel_delivery_auth_message (SatchelIpcMessage *message);
gboolean satchel_delivery_mail_message (guint slot, SatchelIpcMessage *message);
/* The link broke: what waits for an answer is answered TEMPORARY. */
void satchel_delivery_auth_lost (void);
void satchel_delivery_mail_lost (guint slot);
/* Deliveries that other mail processes wait for. */
guint satchel_delivery_n_asked (void);

/* ---- delivery_host.c ---- */
void satchel_delivery_set_host (const SatchelDeliveryHost *host);
const SatchelDeliveryHost *satchel_delivery_host (void);

/* ---- spool.c, spool_stream.c ---- */
#define SATCHEL_SPOOL_MEMORY_BYTES 65536u
typedef struct SatchelSpool SatchelSpool;
SatchelSpool *satchel_spool_new (const char *id);
void satchel_spool_free (SatchelSpool *spool); /* removes the file, if there is one */
gboolean satchel_spool_write (SatchelSpool *spool, const void *data, gsize len, GError **error);
/* The whole content while there is no file; else NULL.  Borrowed. */
const GByteArray *satchel_spool_memory (SatchelSpool *spool);
/* After the last write: what was written is what the file says.  [blocks, if there is a file] */
gboolean satchel_spool_end (SatchelSpool *spool, GError **error);
/* The content, after end; lives on its own, but a file's is gone with the spool unless it was read from
 * before. */
SatchelStream *satchel_spool_content (const SatchelSpool *spool);
/* Another content, in memory or a file by its size; *@spool is another one then.  [blocks] */
gboolean satchel_spool_replace (SatchelSpool **spool, SatchelStream *content, GError **error);
/* Makes the file, whatever the size, and its content durable.  [blocks] */
gboolean satchel_spool_sync (SatchelSpool *spool, GError **error);
const char *satchel_spool_path (SatchelSpool *spool); /* below the mail root, after sync */
gboolean satchel_spool_is_lf (SatchelSpool *spool);
guint64 satchel_spool_size (SatchelSpool *spool); /* as written */
/* Attributes of the content; computed once, after sync.  [blocks] */
GBytes *satchel_spool_attributes (SatchelSpool *spool, GError **error);
/* The content of a spool file as it was written.  @path: checked to be a plain name in the spool. */
SatchelStream *satchel_spool_open (const char *path, gboolean is_lf, guint64 size, GError **error);
/* The same, opened at its first read. */
SatchelStream *satchel_spool_stream_new (const char *path, gboolean is_lf, guint64 size);
gboolean satchel_spool_is_path (const char *path);
/* Removes files that a crash left, older than an hour.  [blocks] */
void satchel_spool_clean (void);

/* ---- delivery_lookup.c ---- */
/* The public recipient, and where each of its users lives. */
typedef struct SatchelRoutedRecipient
{
  SatchelRecipient recipient;
  const guint32 *slots;
  SatchelPlace *const *places;
} SatchelRoutedRecipient;

/* ---- delivery_owner.c ---- */
typedef struct SatchelOwnerTask
{
  SatchelFilterEnvelope *envelope;
  char *recipient, *user, *detail;
  SatchelPlace *place;
  /* Content: either memory, or a spool file. */
  const GByteArray *memory; /* borrowed */
  char *spool_path;
  gboolean is_lf;
  guint64 size;
  gint64 began_us;    /* monotonic: the message was there */
  GBytes *attributes; /* NULL: compute */
  char *crumb;        /* of the message as it came; NULL: computed where it is needed */
  SatchelFilterRun
      run; /* of the recipient stage; `where` begins with what filters of the message stage say */
  SatchelDeliveryStatus status;
  char *text; /* of a filter that refuses; or NULL */
  void (*done) (struct SatchelOwnerTask *task, gpointer data);
  gpointer data;
} SatchelOwnerTask;
void satchel_owner_task_free (SatchelOwnerTask *task);
/* Asks filters, then stores it in a job of the user; `done` in the main thread. */
void satchel_owner_task_submit (SatchelOwnerTask *task);
/* The Message-ID of an attributes blob for the log, or "". Yours. */
char *satchel_delivery_message_id (GBytes *attributes);
SatchelDeliveryStatus satchel_delivery_status_from_error (const GError *error);
SatchelDeliveryStatus satchel_delivery_status_from_verdict (SatchelFilterVerdict verdict);
/* What a filter has decided about one user, other than to go on. */
void satchel_delivery_log_verdict (const SatchelFilterRun *run, const char *user, const char *recipient);
/* For the counters: one user's delivery has ended. */
void satchel_delivery_count (SatchelDeliveryStatus ended, gint64 began_us);
