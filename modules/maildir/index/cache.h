/* SPDX-License-Identifier: MIT
 * Declares the file of attributes (ENVELOPE, BODYSTRUCTURE and others) of a mailbox. Offsets into it are in
 * the index.
 */
#pragma once
#include <glib.h>

typedef struct MdMailbox MdMailbox;

#define MD_CACHE_FILE "satchel-cache"

typedef struct MdCache
{
  int fd;
  guint64 id, size, dead; /* `dead`: bytes to which no offset leads any more */
} MdCache;

/* Says where the attributes of one message are; slot: its place in the caller's array. */
typedef struct MdCacheRef
{
  guint64 offset;
  guint32 len, uid, slot;
} MdCacheRef;

void md_cache_init (MdCache *cache);
gboolean md_cache_open (MdMailbox *mb, gboolean create);
void md_cache_close (MdCache *cache);
/* Writes n blobs. An offset of 0 says that the blob was not written; that fails no operation. */
void md_cache_put (MdMailbox *mb, const guint32 *uids, GBytes *const *blobs, guint n, guint64 *ret_offsets);
/* Sorts @refs by offset and reads them; ret[slot] stays NULL where the file is damaged. */
void md_cache_get (int fd, MdCacheRef *refs, guint n, GBytes **ret);
/* Copies the blobs of messages to a new file if less than half of the file is of use; with @all if any of it
 * is of none.  TRUE: offsets are others now. */
gboolean md_cache_compact (MdMailbox *mb, gboolean all);
