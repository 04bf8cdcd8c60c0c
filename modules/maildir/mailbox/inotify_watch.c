/* SPDX-License-Identifier: MIT
 * This file finds outside changes of mailboxes that somebody watches: by one inotify instance for the
 * process, and by a slow timer for what it cannot watch and for the second look after changes of our own.
 * Runs in the main thread, except md_watch_forget and md_watch_pause.
 */
#include "config.h"

#include "index/cache.h"
#include "driver.h"
#include "mailbox/inotify_watch.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"

#include <errno.h>
#include <satchel/log.h>
#include <satchel/reactor.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define POLL_MS 2000
#define REST_MS 100
#define EVENTS                                                                                               \
  (IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static GMutex lock;
static GHashTable *watched; /* the set of MdMailbox */
static GHashTable *by_wd;   /* watch descriptor to MdMailbox */
static int inotify_fd = -1;
static gboolean inotify_failed;
static SatchelWatch *source;
static SatchelTimer timer;

static SatchelTimer rest_timer;

static void poll_mailboxes (SatchelTimer *unused, gpointer data);

static void
end_rest (SatchelTimer *unused, gpointer data)
{
  satchel_watch_set_events (source, EPOLLIN);
}

static void
arm_poll_timer (void)
{
  if (timer.due_ms == 0 && watched != NULL && g_hash_table_size (watched) > 0)
    satchel_timer_arm (&timer, POLL_MS, poll_mailboxes, NULL);
}

/* Tells sessions of outside changes; TRUE means that there were some. The caller holds the lock. */
static gboolean
check_mailbox (MdMailbox *mb)
{
  /* A commit at work changes the times itself, and looks for outside changes before it starts. */
  if (g_atomic_int_get (&mb->busy) != 0 || mb->handle == NULL || md_mailbox_is_current (mb))
    return FALSE;
  satchel_storage_mailbox_changed_outside (mb->handle);
  return TRUE;
}

static gboolean
needs_poll (MdMailbox *mb)
{
  return mb->watch_wd[0] < 0 || mb->watch_wd[1] < 0 || mb->suspect_due_ms != 0;
}

static void
poll_mailboxes (SatchelTimer *unused, gpointer data)
{
  GHashTableIter iter;
  gpointer mb;
  gboolean again = FALSE;
  g_mutex_lock (&lock);
  g_hash_table_iter_init (&iter, watched);
  while (g_hash_table_iter_next (&iter, &mb, NULL))
    if (needs_poll (mb))
      {
        check_mailbox (mb);
        again = TRUE;
      }
  g_mutex_unlock (&lock);
  if (again)
    arm_poll_timer ();
}

static void
add_all_watched (GHashTable *changed)
{
  GHashTableIter iter;
  gpointer mb;
  g_hash_table_iter_init (&iter, watched);
  while (g_hash_table_iter_next (&iter, &mb, NULL))
    g_hash_table_add (changed, mb);
}

/* Adds the mailboxes that the events of @len bytes are about; if the kernel lost events, that is all of
 * them. */
static void
take_events (const char *bytes, gsize len, GHashTable *changed)
{
  const struct inotify_event *event;
  for (gsize at = 0; at + sizeof *event <= len; at += sizeof *event + event->len)
    {
      event = (const struct inotify_event *) (const void *) (bytes + at);
      gpointer mb = g_hash_table_lookup (by_wd, GINT_TO_POINTER (event->wd));
      if (mb != NULL)
        g_hash_table_add (changed, mb);
      if ((event->mask & IN_Q_OVERFLOW) != 0)
        add_all_watched (changed);
    }
}

static void
read_all_events (int fd, GHashTable *changed)
{
  SATCHEL_UNSET union
  {
    struct inotify_event event;
    char bytes[16384];
  } buffer;
  ssize_t got;
  while ((got = read (fd, &buffer, sizeof buffer)) > 0)
    take_events (buffer.bytes, (gsize) got, changed);
}

/* Returns whether any of @changed was changed by another program. */
static gboolean
check_mailboxes (GHashTable *changed)
{
  GHashTableIter iter;
  gpointer mb;
  gboolean any_outside = FALSE;
  g_hash_table_iter_init (&iter, changed);
  while (g_hash_table_iter_next (&iter, &mb, NULL))
    any_outside |= check_mailbox (mb);
  return any_outside;
}

static void
watch_ready (int fd, guint32 events, gpointer data)
{
  g_autoptr (GHashTable) changed = g_hash_table_new (NULL, NULL);
  g_mutex_lock (&lock);
  read_all_events (fd, changed);
  gboolean any_outside = check_mailboxes (changed);
  g_mutex_unlock (&lock);
  if (g_hash_table_size (changed) > 0)
    arm_poll_timer (); /* the timer makes the second look */
  if (!any_outside)
    {
      /* These were our own changes. A commit of thousands of renames must not wake us for each. */
      satchel_watch_set_events (source, 0);
      satchel_timer_arm (&rest_timer, REST_MS, end_rest, NULL);
    }
}

static void
open_inotify (void)
{
  if (inotify_fd >= 0 || inotify_failed)
    return;
  inotify_fd = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  if (inotify_fd < 0)
    {
      inotify_failed = TRUE;
      satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                   "inotify is not available (%s): mailboxes are looked at every %d s instead",
                   g_strerror (errno), POLL_MS / 1000);
      return;
    }
  source = satchel_watch_add (inotify_fd, EPOLLIN, watch_ready, NULL);
}

static void
add_watches (MdMailbox *mb)
{
  int fds[2] = { mb->new_fd, mb->cur_fd };
  for (guint i = 0; i < 2 && inotify_fd >= 0; i++)
    {
      /* By descriptor, so that no path is walked and no link is followed. */
      char path[40];
      g_snprintf (path, sizeof path, "/proc/self/fd/%d", fds[i]);
      mb->watch_wd[i] = inotify_add_watch (inotify_fd, path, EVENTS);
      if (mb->watch_wd[i] >= 0)
        g_hash_table_insert (by_wd, GINT_TO_POINTER (mb->watch_wd[i]), mb);
    }
}

static void
remove_watches (MdMailbox *mb)
{
  for (guint i = 0; i < 2; i++)
    if (mb->watch_wd[i] >= 0)
      {
        g_hash_table_remove (by_wd, GINT_TO_POINTER (mb->watch_wd[i]));
        inotify_rm_watch (inotify_fd, mb->watch_wd[i]);
        mb->watch_wd[i] = -1;
      }
}

static void
forget_mailbox_locked (MdMailbox *mb)
{
  if (watched != NULL && g_hash_table_remove (watched, mb))
    remove_watches (mb);
}

void
md_watch_forget (MdMailbox *mb)
{
  g_mutex_lock (&lock);
  forget_mailbox_locked (mb);
  g_mutex_unlock (&lock);
}

static void
arm_poll_timer_later (gpointer data)
{
  arm_poll_timer ();
}

/* While a commit renames or removes many files, an event for each would cost as much as a part of the work
 * itself. Outside changes of that time show in the times of the directories, at the second look. */
void
md_watch_pause (MdMailbox *mb, gboolean pause)
{
  g_mutex_lock (&lock);
  if (watched != NULL && g_hash_table_contains (watched, mb))
    {
      if (pause)
        remove_watches (mb);
      else if (mb->watch_wd[0] < 0 && mb->watch_wd[1] < 0)
        {
          add_watches (mb);
          satchel_defer (arm_poll_timer_later, NULL);
        }
    }
  g_mutex_unlock (&lock);
}

/* While somebody only waits, descriptors that are needed for changes alone are closed. Never blocks. */
static void
close_idle_files (MdMailbox *mb)
{
  MdStore *store = mb->store;
  if (!g_mutex_trylock (&store->writer))
    return;
  if (mb->index.fd >= 0 && mb->index.pending->len == 0 && !mb->index.needs_sync)
    {
      md_fd_clear (&mb->index.fd);
      g_byte_array_unref (mb->index.pending);
      mb->index.pending = g_byte_array_new ();
    }
  g_mutex_lock (&store->table);
  md_cache_close (&mb->cache);
  g_mutex_unlock (&store->table);
  g_mutex_unlock (&store->writer);
}

void
md_watch (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
          gboolean watch)
{
  MdMailbox *mb = mailbox->driver;
  g_mutex_lock (&lock);
  if (watched == NULL)
    {
      watched = g_hash_table_new (NULL, NULL);
      by_wd = g_hash_table_new (NULL, NULL);
    }
  if (!watch)
    forget_mailbox_locked (mb);
  else if (!g_hash_table_contains (watched, mb) && !mb->is_deleted)
    {
      open_inotify ();
      g_hash_table_add (watched, mb);
      add_watches (mb);
      close_idle_files (mb);
      check_mailbox (mb); /* this finds changes that came before the watch */
    }
  g_mutex_unlock (&lock);
  if (watch)
    arm_poll_timer ();
}

void
md_watch_stop (void)
{
  g_mutex_lock (&lock);
  satchel_timer_cancel (&timer);
  satchel_timer_cancel (&rest_timer);
  g_clear_pointer (&source, satchel_watch_remove);
  if (inotify_fd >= 0)
    close (inotify_fd);
  inotify_fd = -1;
  g_clear_pointer (&watched, g_hash_table_unref);
  g_clear_pointer (&by_wd, g_hash_table_unref);
  g_mutex_unlock (&lock);
}
