/* SPDX-License-Identifier: MIT
 * Which mail process owns a user.  By default a hash that never changes (FNV-1a, 64 bits, modulo the mail slots); what
 * differs from it is a line of the file STATE_DIR/auth/owners, "USER SLOT", or "USER -" for a released user.
 */
#include "config.h"

#include "core/daemon/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/retry.h>
#include <stdio.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AREA "auth"
#define FILE_NAME "owners"
#define NEW_NAME "owners.new"
#define MAX_FILE_BYTES (16 * 1024 * 1024)
#define RELEASED G_MAXINT

struct SatchelOwners
{
  int root_fd;
  guint n_slots;
  GHashTable *exceptions; /* user -> slot + 1, or RELEASED */
  gboolean is_unsure;     /* a save failed: the next change is written even if it changes nothing */
};

guint
satchel_owners_default_slot (const char *user, guint n_slots)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  for (const guchar *c = (const guchar *) user; *c != '\0'; c++)
    hash = (hash ^ *c) * G_GUINT64_CONSTANT (0x100000001b3);
  return (guint) (hash % MAX (n_slots, 1));
}

static void
load_line (SatchelOwners *owners, const char *line)
{
  const char *space = strrchr (line, ' '); /* a user name may have one */
  guint64 slot;
  if (line[0] == '\0' || line[0] == '#')
    return;
  if (space != NULL && strcmp (space, " -") == 0)
    g_hash_table_replace (owners->exceptions, g_strndup (line, (gsize) (space - line)), GINT_TO_POINTER (RELEASED));
  else if (space == NULL || !g_ascii_string_to_unsigned (space + 1, 10, 0, SATCHEL_SLOTS_MAX - 1, &slot, NULL))
    satchel_log (SATCHEL_LOG_ERROR, AREA, "file " FILE_NAME ": \"%s\" is not USER SLOT; this line is left out", line);
  else if (slot < owners->n_slots) /* else there are fewer processes than before: the default again */
    g_hash_table_replace (owners->exceptions, g_strndup (line, (gsize) (space - line)), GINT_TO_POINTER ((gint) slot + 1));
}

static void
load (SatchelOwners *owners)
{
  int fd = SATCHEL_RETRY (openat (owners->root_fd, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd < 0)
    {
      if (errno != ENOENT)
        satchel_log (SATCHEL_LOG_ERROR, AREA, "file " FILE_NAME ": %s", g_strerror (errno));
      return;
    }
  struct stat status;
  if (fstat (fd, &status) == 0 && S_ISREG (status.st_mode) && status.st_size <= MAX_FILE_BYTES)
    {
      g_autofree char *text = g_malloc0 ((gsize) status.st_size + 1);
      gsize filled = 0;
      for (ssize_t n; filled < (gsize) status.st_size && (n = SATCHEL_RETRY (read (fd, text + filled, (gsize) status.st_size - filled))) > 0;)
        filled += (gsize) n;
      g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
      for (char **line = lines; *line != NULL; line++)
        load_line (owners, *line);
    }
  close (fd);
}

SatchelOwners *
satchel_owners_new (int root_fd, guint n_slots)
{
  SatchelOwners *owners = g_new0 (SatchelOwners, 1);
  owners->root_fd = root_fd;
  owners->n_slots = n_slots;
  owners->exceptions = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  if (root_fd >= 0)
    load (owners);
  return owners;
}

void
satchel_owners_free (SatchelOwners *owners)
{
  if (owners == NULL)
    return;
  g_hash_table_unref (owners->exceptions);
  g_free (owners);
}

gboolean
satchel_owners_find (SatchelOwners *owners, const char *user, guint *ret_slot)
{
  gint exception = GPOINTER_TO_INT (g_hash_table_lookup (owners->exceptions, user));
  if (exception == RELEASED || owners->n_slots == 0)
    return FALSE;
  *ret_slot = exception > 0 ? (guint) exception - 1 : satchel_owners_default_slot (user, owners->n_slots);
  return TRUE;
}

void
satchel_owners_released (SatchelOwners *owners, void (*func) (const char *user, gpointer data), gpointer data)
{
  GHashTableIter iter;
  gpointer user, slot;
  g_hash_table_iter_init (&iter, owners->exceptions);
  while (g_hash_table_iter_next (&iter, &user, &slot))
    if (GPOINTER_TO_INT (slot) == RELEASED)
      func (user, data);
}

static gboolean
write_all (int fd, const GString *text, GError **error)
{
  for (gsize written = 0; written < text->len;)
    {
      ssize_t n = SATCHEL_RETRY (write (fd, text->str + written, text->len - written));
      if (n < 0)
        return satchel_error_set_errno (error, errno, "write of " NEW_NAME);
      if (n > 0)
        written += (gsize) n;
    }
  return SATCHEL_RETRY (fsync (fd)) == 0 || satchel_error_set_errno (error, errno, "fsync of " NEW_NAME);
}

static gboolean
save (SatchelOwners *owners, GError **error)
{
  if (owners->root_fd < 0)
    return TRUE;
  g_autoptr (GString) text = g_string_new ("# USER SLOT, or USER - for a released one; kept by satchel\n");
  GHashTableIter iter;
  gpointer user, slot;
  g_hash_table_iter_init (&iter, owners->exceptions);
  while (g_hash_table_iter_next (&iter, &user, &slot))
    if (GPOINTER_TO_INT (slot) == RELEASED)
      g_string_append_printf (text, "%s -\n", (char *) user);
    else
      g_string_append_printf (text, "%s %d\n", (char *) user, GPOINTER_TO_INT (slot) - 1);
  int fd = SATCHEL_RETRY (openat (owners->root_fd, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd < 0)
    return satchel_error_set_errno (error, errno, NEW_NAME);
  gboolean ok = write_all (fd, text, error);
  close (fd);
  if (ok && SATCHEL_RETRY (renameat (owners->root_fd, NEW_NAME, owners->root_fd, FILE_NAME)) < 0)
    ok = satchel_error_set_errno (error, errno, "rename of " NEW_NAME);
  if (ok && SATCHEL_RETRY (fsync (owners->root_fd)) < 0)
    ok = satchel_error_set_errno (error, errno, "fsync of the directory of " FILE_NAME);
  return ok;
}

/* @exception 0: the default. */
static gboolean
set (SatchelOwners *owners, const char *user, gint exception, GError **error)
{
  gint old = GPOINTER_TO_INT (g_hash_table_lookup (owners->exceptions, user));
  if (old == exception && !owners->is_unsure)
    return TRUE;
  for (guint i = 0; i < 2; i++)
    {
      gint value = i == 0 ? exception : old;
      if (value != 0)
        g_hash_table_replace (owners->exceptions, g_strdup (user), GINT_TO_POINTER (value));
      else
        g_hash_table_remove (owners->exceptions, user);
      if (i == 0 && save (owners, error))
        {
          owners->is_unsure = FALSE;
          return TRUE;
        }
      /* It may have got as far as the rename: what the file says is not known until the next one. */
      owners->is_unsure = TRUE;
    }
  return FALSE;
}

gboolean
satchel_owners_release (SatchelOwners *owners, const char *user, GError **error)
{
  return set (owners, user, RELEASED, error);
}

gboolean
satchel_owners_adopt (SatchelOwners *owners, const char *user, guint slot, GError **error)
{
  if (slot >= owners->n_slots)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "mail processes have the numbers 0 to %u", owners->n_slots - 1);
  return set (owners, user, slot == satchel_owners_default_slot (user, owners->n_slots) ? 0 : (gint) slot + 1, error);
}
