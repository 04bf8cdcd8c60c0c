/* SPDX-License-Identifier: MIT
 * harness.h
 */
#include "config.h"

#include "modules/maildir/driver.h"
#include "modules/maildir/mailbox/mailbox.h"
#include "modules/maildir/store/maildir_store.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/settings.h"
#include "modules/maildir/tests/harness.h"
#include "tests/lib/descriptors.h"
#include "tests/lib/keep.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define COARSE_NSEC 10000000 /* a tick at CONFIG_HZ=100 */

static int (*real_fstat) (int fd, struct stat *st);
static int (*real_fstatat) (int dirfd, const char *path, struct stat *st, int flags);

static int
coarse_fstat (int fd, struct stat *st)
{
  int result = real_fstat (fd, st);
  if (result == 0)
    st->st_mtim.tv_nsec -= st->st_mtim.tv_nsec % COARSE_NSEC;
  return result;
}

static int
coarse_fstatat (int dirfd, const char *path, struct stat *st, int flags)
{
  int result = real_fstatat (dirfd, path, st, flags);
  if (result == 0)
    st->st_mtim.tv_nsec -= st->st_mtim.tv_nsec % COARSE_NSEC;
  return result;
}

static void
make_times_coarse (void)
{
  if (real_fstat != NULL)
    return;
  real_fstat = md_calls.fstat;
  real_fstatat = md_calls.fstatat;
  md_calls.fstat = coarse_fstat;
  md_calls.fstatat = coarse_fstatat;
}

void
place_make (Place *place)
{
  memset (place, 0, sizeof *place);
  if (g_strcmp0 (g_getenv ("MAILDIR_TIMES"), "coarse") == 0)
    make_times_coarse ();
  const char *settings = g_getenv ("MAILDIR_SETTINGS");
  if (settings != NULL)
    {
      const SatchelConfigSet *set =
          keep (satchel_config_set_from_text ("maildir", md_schema, settings, NULL));
      place->section = satchel_config_set_group (set, "maildir");
    }
  place->root = g_dir_make_tmp ("satchel-maildir-XXXXXX", NULL);
  g_assert_nonnull (place->root);
  place->user = g_build_filename (place->root, "example.org", "u", NULL);
  place->root_fd = open (place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

gboolean
place_try_open (Place *place, GError **error)
{
  const SatchelStoreLevel level = { "maildir", &md_ops, place->section };
  const SatchelStoreOpenOptions options = { .user = "u@example.org",
                                            .path = "example.org/u",
                                            .root_fd = place->root_fd,
                                            .levels = &level,
                                            .n_levels = 1 };
  place->store = satchel_store_open (&options, error);
  return place->store != NULL;
}

void
place_open (Place *place)
{
  GError *error = NULL;
  place_try_open (place, &error);
  g_assert_no_error (error);
  g_assert_nonnull (place->store);
}

void
place_close (Place *place)
{
  g_clear_pointer (&place->store, satchel_store_unref);
}

void
place_remove (Place *place)
{
  place_close (place);
  descriptors_assert_none_below (place->root, place->root_fd);
  close (place->root_fd);
  const char *argv[] = { "rm", "-rf", place->root, NULL };
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  g_clear_pointer (&place->root, g_free);
  g_clear_pointer (&place->user, g_free);
}

char *
place_path (const Place *place, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *relative = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return g_build_filename (place->user, relative, NULL);
}

void
place_put (const Place *place, const char *relative, const char *content)
{
  g_autofree char *path = place_path (place, "%s", relative);
  g_autofree char *dir = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, content, -1, NULL));
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

GPtrArray *
place_files (const Place *place, const char *relative)
{
  g_autofree char *path = place_path (place, "%s", relative);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      if (g_file_test (file, G_FILE_TEST_IS_REGULAR) && !g_file_test (file, G_FILE_TEST_IS_SYMLINK))
        g_ptr_array_add (names, g_strdup (name));
    }
  if (dir != NULL)
    g_dir_close (dir);
  g_ptr_array_sort (names, compare);
  return names;
}

SatchelMailbox *
place_mailbox (Place *place, const char *name)
{
  GError *error = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (place->store, name, &error);
  g_assert_no_error (error);
  return mailbox;
}

void
sync_later (SatchelMailbox *mailbox)
{
  MdMailbox *mb = mailbox->core->handle.driver;
  GError *error = NULL;
  g_mutex_lock (&mb->store->table);
  if (mb->suspect_due_ms != 0)
    mb->suspect_due_ms = g_get_monotonic_time () / 1000;
  g_mutex_unlock (&mb->store->table);
  satchel_mailbox_sync (mailbox, &error);
  g_assert_no_error (error);
}

void
place_reopen (Place *place, SatchelMailbox **mailbox)
{
  g_autofree char *name = satchel_mailbox_name (*mailbox);
  satchel_mailbox_unref (*mailbox);
  place_close (place);
  place_open (place);
  *mailbox = place_mailbox (place, name);
}
