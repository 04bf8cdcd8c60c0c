/* SPDX-License-Identifier: MIT
 * What is noted with each message that is kept, as metadata: when and how it was removed, and by whom.
 */
#pragma once
#include <satchel/storage.h>

#define RETENTION_RECORD "retention"
/* The mailbox that the message was in has this name, if the tree has another one for it. */
#define RETENTION_RECORD_MAILBOX "retention.mailbox"

typedef struct RetentionRecord
{
  gint64 time_s; /* seconds since 1970 */
  /* Words of the access that removed it; "" where there is none. */
  char *cause, *service, *session_id, *peer, *user;
} RetentionRecord;

/* Returns the record of a removal now; yours. @time_s: when it counts as removed. */
GBytes *retention_record_new (gint64 time_s, const SatchelAccess *access);
/* Reads a record.  FALSE means that @value is none. */
gboolean retention_record_parse (GBytes *value, RetentionRecord *ret_record);
void retention_record_clear (RetentionRecord *record);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RetentionRecord, retention_record_clear)
