/* SPDX-License-Identifier: MIT
 * This file keeps some body files open, so that reading a message opens none.
 */
#include "config.h"

#include "body/body_files_private.h"

#include <fcntl.h>
#include <satchel/fd.h>

void
bdb_body_name (char name[static BDB_BODY_NAME_BYTES], guint32 number)
{
  g_snprintf (name, BDB_BODY_NAME_BYTES, "%010u", number);
}

guint32
bdb_body_number (const char *name)
{
  guint64 number;
  return strlen (name) == 10 && g_ascii_string_to_unsigned (name, 10, 1, G_MAXUINT32, &number, NULL)
             ? (guint32) number
             : 0;
}

static BdbBodySlot *
slot_of (BdbBodyFiles *files, guint32 number)
{
  return &files->slots[number % BDB_BODY_OPEN_FILES];
}

static void
empty_slot (BdbBodySlot *slot)
{
  satchel_fd_clear (&slot->fd);
  slot->number = 0;
}

/* Keeps @fd, if its slot is free. */
static void
keep (BdbBodyFiles *files, guint32 number, int fd)
{
  g_mutex_lock (&files->lock);
  BdbBodySlot *slot = slot_of (files, number);
  if (slot->n_users == 0)
    {
      empty_slot (slot);
      *slot = (BdbBodySlot) { number, fd, 1 };
    }
  g_mutex_unlock (&files->lock);
}

int
bdb_body_files_get (BdbBodyFiles *files, guint32 number)
{
  char name[BDB_BODY_NAME_BYTES];
  int fd = -1;
  g_mutex_lock (&files->lock);
  BdbBodySlot *slot = slot_of (files, number);
  if (slot->number == number && slot->fd >= 0)
    {
      slot->n_users++;
      fd = slot->fd;
    }
  g_mutex_unlock (&files->lock);
  if (fd >= 0)
    return fd;
  bdb_body_name (name, number);
  fd = openat (files->dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0)
    keep (files, number, fd);
  return fd;
}

void
bdb_body_files_put (BdbBodyFiles *files, guint32 number, int fd)
{
  g_mutex_lock (&files->lock);
  BdbBodySlot *slot = slot_of (files, number);
  gboolean is_kept = slot->fd == fd;
  if (is_kept)
    slot->n_users--;
  g_mutex_unlock (&files->lock);
  if (!is_kept)
    satchel_fd_close (fd);
}

void
bdb_body_files_forget (BdbBodyFiles *files, guint32 number)
{
  g_mutex_lock (&files->lock);
  BdbBodySlot *slot = slot_of (files, number);
  if (slot->number == number && slot->n_users == 0)
    empty_slot (slot);
  g_mutex_unlock (&files->lock);
}
