/* SPDX-License-Identifier: MIT
 * Implements a file of a few numbers in two equal copies with checksums, each synced by itself, so that
 * neither a torn write nor one damaged copy loses them. A third copy has hints and is written without a
 * sync.
 */
#include "config.h"

#include "files/checksum.h"
#include "files/file_io.h"
#include "files/maildir_sys.h"
#include "store/slots.h"
#include "commit/sync_hold.h"

#include <string.h>

#define SLOT_BYTES 4096u
#define SLOT_VERSION 1u

typedef struct Slot
{
  char magic[8];
  guint32 version, least_reader;
  guint64 generation;
  guint64 words[MD_SLOT_WORDS];
  guint32 which, crc; /* crc: of everything before it */
} Slot;

static void
make_slot (Slot *slot, const guint64 *words, guint32 which)
{
  memset (slot, 0, sizeof *slot);
  memcpy (slot->magic, "SATSLOTS", 8);
  slot->version = SLOT_VERSION;
  slot->least_reader = SLOT_VERSION;
  memcpy (slot->words, words, sizeof slot->words);
  slot->which = which;
  slot->crc = md_crc32c (0, slot, G_STRUCT_OFFSET (Slot, crc));
}

static gboolean
read_slot (int fd, guint32 which, guint64 *words)
{
  Slot slot;
  if (md_sys.pread (fd, &slot, sizeof slot, (off_t) which * SLOT_BYTES) != (ssize_t) sizeof slot)
    return FALSE;
  if (memcmp (slot.magic, "SATSLOTS", 8) != 0 || slot.which != which || slot.least_reader > SLOT_VERSION
      || slot.crc != md_crc32c (0, &slot, G_STRUCT_OFFSET (Slot, crc)))
    return FALSE;
  memcpy (words, slot.words, sizeof slot.words);
  return TRUE;
}

gboolean
md_slots_open (MdSlots *slots, int dirfd, const char *name, GError **error)
{
  slots->fd = md_open_file (dirfd, name, error);
  if (slots->fd < 0)
    return FALSE;
  guint64 first[MD_SLOT_WORDS] = { 0 }, second[MD_SLOT_WORDS] = { 0 };
  gboolean has_first = read_slot (slots->fd, 0, first), has_second = read_slot (slots->fd, 1, second);
  if (!has_first && !has_second)
    {
      md_slots_close (slots);
      return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "both copies in the file %s are damaged", name);
    }
  /* The first copy is written first: if they differ, the write of the second was cut off. */
  memcpy (slots->words, has_first ? first : second, sizeof slots->words);
  slots->hints_valid = read_slot (slots->fd, 2, slots->hints);
  if (has_first && has_second && memcmp (first, second, sizeof first) == 0)
    return TRUE;
  return md_slots_commit (slots, error);
}

gboolean
md_slots_create (MdSlots *slots, int dirfd, const char *name, gboolean sync_dir, GError **error)
{
  g_autofree guint8 *file = g_malloc0 (2 * SLOT_BYTES);
  make_slot ((Slot *) file, slots->words, 0);
  make_slot ((Slot *) (file + SLOT_BYTES), slots->words, 1);
  slots->fd = -1;
  slots->hints_valid = FALSE;
  if (!md_make_file (dirfd, name, file, 2 * SLOT_BYTES, TRUE, error))
    return FALSE;
  if (sync_dir && !md_fsync (dirfd, name, error))
    {
      md_sys.unlinkat (dirfd, name, 0); /* a file whose name is not durable must not be found next time */
      return FALSE;
    }
  slots->fd = md_open_file (dirfd, name, error);
  return slots->fd >= 0;
}

gboolean
md_slots_commit (MdSlots *slots, GError **error)
{
  for (guint32 which = 0; which < 2; which++)
    {
      Slot slot;
      make_slot (&slot, slots->words, which);
      if (!md_pwrite_all (slots->fd, &slot, sizeof slot, which * SLOT_BYTES, "state file", error))
        return FALSE;
      if (md_sys.fdatasync (slots->fd) != 0)
        return satchel_error_set_errno (error, errno, "a state file cannot be written to disk");
    }
  return TRUE;
}

void
md_slots_hint (MdSlots *slots)
{
  Slot slot;
  make_slot (&slot, slots->hints, 2);
  slots->hints_valid = md_pwrite_all (slots->fd, &slot, sizeof slot, 2 * SLOT_BYTES, "state file", NULL);
}

void
md_slots_close (MdSlots *slots)
{
  md_fd_clear (&slots->fd);
}
