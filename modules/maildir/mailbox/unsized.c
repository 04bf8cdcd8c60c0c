/* SPDX-License-Identifier: MIT
 * Implements bytes of messages whose size is not known: those that their names say, or the files have.
 */
#include "config.h"

#include "names/file_name.h"
#include "mailbox/mailbox.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "mailbox/unsized.h"

#include <fcntl.h>

struct MdUnsized
{
  SatchelSnapshot *snapshot;
  guint64 *of_chunk;
  guint64 total;
};

void
md_unsized_free (MdUnsized *unsized)
{
  if (unsized == NULL)
    return;
  satchel_snapshot_unref (unsized->snapshot);
  g_free (unsized->of_chunk);
  g_free (unsized);
}

guint64
md_file_bytes (MdMailbox *mb, guint32 uid)
{
  const MdEntry *entry = md_table_find (&mb->table, uid);
  MdName parsed;
  struct stat st;
  if (entry == NULL)
    return 0;
  const char *name = md_table_name (&mb->table, entry);
  md_name_parse (name, entry->name_len, &parsed);
  if (parsed.has_size && !parsed.is_odd)
    return parsed.size;
  int fd = (entry->bits & MD_ENTRY_NEW) != 0 ? mb->new_fd : mb->cur_fd;
  return md_sys.fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG (st.st_mode)
             ? (guint64) st.st_size
             : 0;
}

static guint64
count_chunk_bytes (MdMailbox *mb, const SatchelChunk *chunk)
{
  guint64 bytes = 0;
  for (guint i = 0; i < chunk->n; i++)
    if (chunk->size[i] == SATCHEL_SIZE_UNKNOWN)
      bytes += md_file_bytes (mb, chunk->uid[i]);
  return bytes;
}

guint64
md_unsized_bytes (MdMailbox *mb)
{
  const MdUnsized *old = mb->unsized;
  if (mb->snapshot->state.n_unsized == 0)
    {
      g_clear_pointer (&mb->unsized, md_unsized_free);
      return 0;
    }
  if (old != NULL && old->snapshot == mb->snapshot)
    return old->total;
  MdUnsized *unsized = g_new0 (MdUnsized, 1);
  unsized->snapshot = satchel_snapshot_ref (mb->snapshot);
  unsized->of_chunk = g_new0 (guint64, mb->snapshot->n_chunks);
  guint at = 0; /* chunks stay in order */
  for (guint c = 0; c < mb->snapshot->n_chunks; c++)
    {
      const SatchelChunk *chunk = mb->snapshot->chunks[c];
      while (old != NULL && at < old->snapshot->n_chunks && old->snapshot->chunks[at]->uid[0] < chunk->uid[0])
        at++;
      gboolean is_same = old != NULL && at < old->snapshot->n_chunks && old->snapshot->chunks[at] == chunk;
      unsized->of_chunk[c] = is_same ? old->of_chunk[at] : count_chunk_bytes (mb, chunk);
      unsized->total += unsized->of_chunk[c];
    }
  md_unsized_free (mb->unsized);
  mb->unsized = unsized;
  return unsized->total;
}
