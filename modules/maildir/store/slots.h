/* SPDX-License-Identifier: MIT
 * Declares a few numbers in a file of two synced copies, one of which is whole at any time.
 */
#pragma once
#include <satchel/storage.h>

#define MD_SLOT_WORDS 12u

typedef struct MdSlots
{
  int fd;
  guint64 words[MD_SLOT_WORDS]; /* durable */
  guint64 hints[MD_SLOT_WORDS]; /* written without a sync, so a power cut may take them back */
  gboolean hints_valid;
} MdSlots;

/* Reads a state file.  NONEXISTENT: there is no such file.  CORRUPT: neither copy is whole. */
gboolean md_slots_open (MdSlots *slots, int dirfd, const char *name, GError **error);
/* Makes the file.  @sync_dir FALSE means that the caller syncs the directory. */
gboolean md_slots_create (MdSlots *slots, int dirfd, const char *name, gboolean sync_dir, GError **error);
/* Writes and syncs the words. */
gboolean md_slots_commit (MdSlots *slots, GError **error);
/* Writes the hints. */
void md_slots_hint (MdSlots *slots);
void md_slots_close (MdSlots *slots);
