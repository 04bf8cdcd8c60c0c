/* SPDX-License-Identifier: MIT
 * Inside of deliveries (include/satchel/delivery.h) and their host, the mail process.  A file calls only
 * those below it:
 * - delivery_account.c: deliveries that auth asks for (delivery_account.h)
 * - delivery.c: the public calls; it collects content and recipients, and asks filters of the message stage
 * - delivery_lookup.c: asks auth for recipients
 * - delivery_remote.c: owners in other mail processes
 * - delivery_owner.c: an owner stores one message for one user, once filters of the recipient stage have
 * answered
 * - filter*.c: filters (filter_private.h)
 * - spool.c, spool_stream.c: the content, in memory or in one file below the mail root
 * - delivery_host.c: what the mail process provides
 */
#pragma once
#include "core/runtime/ipc/ipc.h"
#include "core/session/delivery/filter_private.h"
#include <satchel/delivery.h>
#include <satchel/storage.h>

#include "core/storage/store/place.h"

/* The mail process provides this for deliveries. */
typedef struct SatchelDeliveryHost
{
  guint slot;
  int root_fd;                   /* the mail root */
  const char *detail_separators; /* auth.detail_separators */
  /* Both take the message over. FALSE means that the peer is away. */
  gboolean (*send_to_auth) (SatchelIpcMessage *message);
  gboolean (*send_to_mail) (guint slot, SatchelIpcMessage *message);
  /* Returns a handle, which is the caller's, of the open store of a user of this slot; it is called in a
   * job. */
  SatchelStore *(*acquire_store) (const SatchelAccess *access, const SatchelPlace *place, GError **error);
} SatchelDeliveryHost;
void satchel_delivery_init (const SatchelDeliveryHost *host);
/* These take messages for deliveries: LOOKUP_REPLY from auth; DELIVER and DELIVER_REPLY from mail process
 * @slot. FALSE means that the message is malformed, and that the link must be closed. */
gboolean satchel_delivery_auth_message (SatchelIpcMessage *message);
gboolean satchel_delivery_mail_message (guint slot, SatchelIpcMessage *message);
/* Call one of these when a link broke: every question that was sent over it is answered with TEMPORARY. */
void satchel_delivery_auth_lost (void);
void satchel_delivery_mail_lost (guint slot);
/* Returns the number of deliveries that other mail processes wait for. */
guint satchel_delivery_n_asked (void);

/* delivery_host.c has these. */
void satchel_delivery_set_host (const SatchelDeliveryHost *host);
const SatchelDeliveryHost *satchel_delivery_host (void);
/* Opens a user's store for the delivery @id; the handle is the caller's.  [blocks] */
SatchelStore *satchel_delivery_open_store (const char *user, const char *id, const SatchelPlace *place,
                                           GError **error);

/* spool.c and spool_stream.c have these. */
#define SATCHEL_SPOOL_MEMORY_BYTES 65536u
typedef struct SatchelSpool SatchelSpool;
/* Makes a spool.  @is_sealed: a file has the content sealed (spool_seal.h), with a key that only processes
 * have. */
SatchelSpool *satchel_spool_new (const char *id, gboolean is_sealed);
void satchel_spool_free (SatchelSpool *spool); /* removes the file, if there is one */
gboolean satchel_spool_write (SatchelSpool *spool, const void *data, gsize len, GError **error);
/* Returns the whole content as long as there is no file, borrowed; else NULL. */
const GByteArray *satchel_spool_memory (SatchelSpool *spool);
/* Ends the content, after the last write: what was written stands in the file.  [blocks, if there is a
 * file] */
gboolean satchel_spool_end (SatchelSpool *spool, GError **error);
/* Returns the content, once the spool has ended. The stream may outlive the spool, but not the file, unless
 * it was read from before. */
SatchelStream *satchel_spool_content (const SatchelSpool *spool);
/* Replaces the content, in memory or by a file as its size demands; *@spool is another object afterwards.
 * [blocks] */
gboolean satchel_spool_replace (SatchelSpool **spool, SatchelStream *content, GError **error);
/* Makes the file, if there is none yet, and its content durable, unless it is sealed, as its key is in memory
 * only.  [blocks] */
gboolean satchel_spool_sync (SatchelSpool *spool, GError **error);
const char *satchel_spool_path (SatchelSpool *spool); /* path below the mail root, after satchel_spool_sync */
gboolean satchel_spool_is_lf (SatchelSpool *spool);
GBytes *satchel_spool_key (SatchelSpool *spool);  /* borrowed; NULL: the file is not sealed */
guint64 satchel_spool_size (SatchelSpool *spool); /* size of the content as it was written */
/* Returns the attributes of the content, once the spool is synced; they are computed once. [blocks] */
GBytes *satchel_spool_attributes (SatchelSpool *spool, GError **error);
/* Opens the content of a spool file as it was written. @path has been checked by satchel_spool_is_path.  @key
 * is that of a sealed file, or NULL. */
SatchelStream *satchel_spool_open (const char *path, gboolean is_lf, guint64 size, GBytes *key,
                                   GError **error);
/* Does the same, but the file is opened at the first read. */
SatchelStream *satchel_spool_stream_new (const char *path, gboolean is_lf, guint64 size, GBytes *key);
gboolean satchel_spool_is_path (const char *path);
/* Removes spool files older than an hour, which a crash left. [blocks] */
void satchel_spool_clean (void);

/* delivery_lookup.c has these. */
/* A recipient comes with the mail process and the place of each of its users. */
typedef struct SatchelRoutedRecipient
{
  SatchelRecipient recipient;
  const guint32 *slots;
  SatchelPlace *const *places;
} SatchelRoutedRecipient;

/* delivery_owner.c has these. */
typedef struct SatchelOwnerTask
{
  SatchelFilterEnvelope *envelope;
  char *recipient, *user, *detail;
  SatchelPlace *place;
  /* The content is in memory or in a spool file. */
  const GByteArray *memory; /* borrowed */
  GByteArray *own_memory;   /* `memory`, if it came with the message of another process; else NULL */
  char *spool_path;
  GBytes *spool_key; /* of a sealed file, or NULL */
  gboolean is_lf;
  guint64 size;
  gint64 began_us;    /* monotonic time at which the message was complete */
  GBytes *attributes; /* NULL: they have to be computed */
  char *crumb;        /* the crumb of the message as it came in; NULL: it is computed when it is needed */
  /* the run of the recipient stage; `where` begins with the results of the message stage */
  SatchelFilterRun run;
  SatchelDeliveryStatus status;
  char *text; /* the words of a filter that refuses; or NULL */
  void (*done) (struct SatchelOwnerTask *task, gpointer data);
  gpointer data;
} SatchelOwnerTask;
void satchel_owner_task_free (SatchelOwnerTask *task);
/* Asks filters, then stores the message in a job of the user; `done` is called in the main thread. */
void satchel_owner_task_submit (SatchelOwnerTask *task);
/* Returns the Message-ID of an attributes blob for the log, or ""; the caller frees it. */
char *satchel_delivery_message_id (GBytes *attributes);
SatchelDeliveryStatus satchel_delivery_status_from_error (const GError *error);
SatchelDeliveryStatus satchel_delivery_status_from_verdict (SatchelFilterVerdict verdict);
/* Logs the decision of a filter about one user, unless it is to go on. */
void satchel_delivery_log_verdict (const SatchelFilterRun *run, const char *user, const char *recipient);
/* Counts the end of one user's delivery. */
void satchel_delivery_count (SatchelDeliveryStatus ended, gint64 began_us);
