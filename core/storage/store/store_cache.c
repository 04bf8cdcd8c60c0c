/* SPDX-License-Identifier: MIT
 * Implements the open stores of a mail process, one for each user: opened by the first use, closed
 * limits.store_idle after the last one, or at once for RELEASE.
 */
#include "config.h"

#include "core/runtime/config/core_settings.h"
#include "core/storage/store/store_private.h"

#include <satchel/hash.h>
#include <satchel/job.h>
#include <satchel/log.h>
#include <satchel/reactor.h>
#include <string.h>

#define SWEEP_MIN_MS 1000
#define SWEEP_MAX_MS 15000
#define CLOSE_WAIT_US (500 * 1000)

typedef enum
{
  ENTRY_OPENING,
  ENTRY_OPEN,
  ENTRY_CLOSING
} EntryState;

typedef struct Entry
{
  EntryState state;
  SatchelStoreCore *store; /* set in the states OPEN and CLOSING */
} Entry;

typedef struct Release
{
  char *user;
  SatchelPlace *place, *target; /* `target` NULL: the place is not looked at */
  SatchelLook look;
  char *what;
  SatchelStoreReleasedFunc func;
  gpointer data;
} Release;

static GCond changed;
/* satchel_store_uses_lock guards these, except is_sweeping and sweep_timer, which the main thread uses. */
static GHashTable *entries;      /* user -> Entry */
static GHashTable *fences;       /* user -> epoch up to which places are refused: users that were released */
static GHashTable *turned;       /* user -> SatchelPlace: where the mail is since it was converted */
static GPtrArray *releases;      /* Release, waiting for their store to close */
static SatchelStoreSetup *setup; /* how stores are opened; NULL: not set yet */
static gint64 store_idle_ms = 60000;
static gboolean is_sweeping;
static SatchelTimer sweep_timer;

static void sweep_tick (SatchelTimer *timer, gpointer data);
static void start_sweep (gpointer data);

static void
make_tables (void)
{
  if (entries != NULL)
    return;
  entries = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  fences = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  turned =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, (GDestroyNotify) satchel_place_unref);
  releases = g_ptr_array_new ();
}

/* Returns a reference to @place, or to where the user is since he was converted.  The caller holds the lock.
 * */
static SatchelPlace *
find_place (const char *user, const SatchelPlace *place)
{
  const SatchelPlace *since = g_hash_table_lookup (turned, user);
  if (since != NULL && place->epoch > since->epoch)
    g_hash_table_remove (turned, user);
  else if (since != NULL)
    {
      SatchelPlace with = *since;
      with.attributes = place->attributes;
      return satchel_place_new (&with);
    }
  return satchel_place_new (place);
}

/* Says whether places of this epoch are refused.  The caller holds the lock. */
static gboolean
is_refused (const char *user, guint64 epoch)
{
  const guint64 *fence = g_hash_table_lookup (fences, user);
  return fence != NULL && epoch <= *fence;
}

static void
keep_store (SatchelStoreCore *store)
{
  if (store_idle_ms == 0 || g_atomic_int_get (&store->is_fenced)
      || is_refused (store->user, store->identity.epoch))
    satchel_defer (start_sweep, NULL);
}

static const SatchelStoreKeeper the_cache = { .keep = keep_store, .acquire = satchel_store_acquire };

static void
find_listeners (SatchelLoader *loader)
{
  g_autoptr (GPtrArray) provided = satchel_loader_find_all (loader, SATCHEL_KIND_MAILBOX_LISTENER);
  g_autofree SatchelStoreListener *listeners = g_new0 (SatchelStoreListener, MAX (provided->len, 1u));
  for (guint i = 0; i < provided->len; i++)
    {
      const SatchelProvided *one = provided->pdata[i];
      listeners[i] = (SatchelStoreListener) { .name = one->name, .ops = one->ops };
    }
  satchel_store_set_listeners (listeners, provided->len);
}

void
satchel_stores_take (SatchelStoreSetup *new_setup, SatchelLoader *loader, const SatchelConfigSet *config)
{
  find_listeners (loader);
  SatchelLimitSettings limits;
  satchel_limit_settings_read (satchel_config_set_group (config, "limits"), &limits);
  g_mutex_lock (&satchel_store_uses_lock);
  make_tables ();
  SatchelStoreSetup *old = setup;
  setup = new_setup;
  store_idle_ms = limits.store_idle_ms;
  satchel_keywords_set_limit (limits.keywords);
  g_mutex_unlock (&satchel_store_uses_lock);
  satchel_feed_set_bounds (limits.change_log, limits.change_log_age_ms / 1000);
  if (old != NULL)
    satchel_store_setup_unref (old);
  satchel_timer_arm (&sweep_timer, CLAMP (store_idle_ms / 4, SWEEP_MIN_MS, SWEEP_MAX_MS), sweep_tick, NULL);
}

gboolean
satchel_stores_configure (SatchelLoader *loader, const SatchelConfigSet *config, guint slot, int root_fd,
                          GError **error)
{
  SatchelStoreSetup *new_setup = satchel_store_setup_new (loader, config, slot, root_fd, error);
  if (new_setup != NULL)
    satchel_stores_take (new_setup, loader, config);
  return new_setup != NULL;
}

/* Says whether a caller with @epoch may have the open @store.  A store of an earlier epoch is fenced off: the
 * user had another owner since, so what the store knows may be wrong.  The caller holds the lock. */
static gboolean
is_of_epoch (SatchelStoreCore *store, guint64 epoch, GError **error)
{
  if (store->identity.epoch == epoch && !g_atomic_int_get (&store->is_fenced))
    return TRUE;
  if (store->identity.epoch < epoch)
    {
      g_atomic_int_set (&store->is_fenced, TRUE);
      satchel_stores_tell_outdated (store->user, store->identity.epoch);
      if (store->users == 0)
        satchel_defer (start_sweep, NULL);
    }
  return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the user is being moved");
}

/* Returns, under the lock, the store, or NULL when it has to be opened by the caller (its entry is made), or
 * an error.
 */
static SatchelStoreCore *
wait_for_entry (const char *user, guint64 epoch, SatchelStoreSetup **ret_setup, GError **error)
{
  for (;;)
    {
      if (setup == NULL || is_refused (user, epoch))
        {
          satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                             setup == NULL ? "storage is not set up" : "the user is being moved");
          return NULL;
        }
      Entry *entry = g_hash_table_lookup (entries, user);
      if (entry == NULL)
        {
          g_hash_table_insert (entries, g_strdup (user), g_new0 (Entry, 1));
          *ret_setup = satchel_store_setup_ref (setup);
          return NULL;
        }
      if (entry->state == ENTRY_OPEN)
        {
          if (!is_of_epoch (entry->store, epoch, error))
            return NULL;
          entry->store->users++;
          return entry->store;
        }
      g_cond_wait (&changed, &satchel_store_uses_lock);
    }
}

/* Returns the open store of a user, or opens it.  @is_asked says that auth was asked for @place just now. */
static SatchelStoreCore *
acquire_core (const char *user, const SatchelPlace *asked, gboolean is_asked, GError **error)
{
  SatchelStoreSetup *with = NULL;
  g_mutex_lock (&satchel_store_uses_lock);
  make_tables ();
  g_autoptr (SatchelPlace) place = find_place (user, asked);
  SatchelStoreCore *store = wait_for_entry (user, place->epoch, &with, error);
  g_mutex_unlock (&satchel_store_uses_lock);
  if (with == NULL)
    {
      /* Listeners' threads have old places, so theirs is not taken. */
      if (store != NULL && is_asked)
        satchel_store_set_user_attributes (store, place->attributes);
      return store;
    }
  store = satchel_store_setup_open (with, user, place, &the_cache, error);
  satchel_store_setup_unref (with);
  g_mutex_lock (&satchel_store_uses_lock);
  Entry *entry = g_hash_table_lookup (entries, user);
  if (store != NULL)
    *entry = (Entry) { ENTRY_OPEN, store };
  else
    g_hash_table_remove (entries, user);
  g_cond_broadcast (&changed);
  g_mutex_unlock (&satchel_store_uses_lock);
  return store;
}

SatchelStore *
satchel_store_acquire (const SatchelAccess *access, const SatchelPlace *place, GError **error)
{
  SatchelStoreCore *store =
      acquire_core (access->owner, place, access->cause != SATCHEL_CAUSE_BACKGROUND, error);
  return store != NULL ? satchel_store_handle_new (store, access) : NULL;
}

/* Returns the store of @user with a use more, if it is open and @place may have it.  The caller holds the
 * lock.
 */
static SatchelStoreCore *
find_open (const char *user, const SatchelPlace *place)
{
  const Entry *entry = entries != NULL ? g_hash_table_lookup (entries, user) : NULL;
  if (entry == NULL || entry->state != ENTRY_OPEN || entry->store->identity.epoch != place->epoch
      || g_atomic_int_get (&entry->store->is_fenced) || is_refused (user, place->epoch))
    return NULL;
  entry->store->users++;
  return entry->store;
}

SatchelStore *
satchel_store_acquire_open (const SatchelAccess *access, const SatchelPlace *place)
{
  g_mutex_lock (&satchel_store_uses_lock);
  SatchelStoreCore *store = find_open (access->owner, place);
  g_mutex_unlock (&satchel_store_uses_lock);
  if (store == NULL)
    return NULL;
  satchel_store_set_user_attributes (store, place->attributes);
  return satchel_store_handle_new (store, access);
}

SatchelStore *
satchel_store_peek (const SatchelAccess *access)
{
  SatchelStoreCore *store = NULL;
  g_mutex_lock (&satchel_store_uses_lock);
  Entry *entry = entries != NULL ? g_hash_table_lookup (entries, access->owner) : NULL;
  if (entry != NULL && entry->state == ENTRY_OPEN)
    {
      store = entry->store;
      store->users++;
    }
  g_mutex_unlock (&satchel_store_uses_lock);
  return store != NULL ? satchel_store_handle_new (store, access) : NULL;
}

guint
satchel_stores_n_open (void)
{
  g_mutex_lock (&satchel_store_uses_lock);
  guint n = entries != NULL ? g_hash_table_size (entries) : 0;
  g_mutex_unlock (&satchel_store_uses_lock);
  return n;
}

/* Marks stores as CLOSING that have no uses and have been idle for long enough, or are awaited.  Returns
 * them, and their keys in @keys.  The caller holds the lock. */
static GPtrArray *
take_unused (gint64 idle_ms, GPtrArray *keys)
{
  GPtrArray *unused = g_ptr_array_new ();
  gint64 before_ms = satchel_store_clock_ms () - idle_ms;
  GHashTableIter iter;
  gpointer user, value;
  g_hash_table_iter_init (&iter, entries);
  while (g_hash_table_iter_next (&iter, &user, &value))
    {
      Entry *entry = value;
      if (entry->state != ENTRY_OPEN || entry->store->users > 0)
        continue;
      if (entry->store->idle_since_ms > before_ms && !g_atomic_int_get (&entry->store->is_fenced)
          && !is_refused (user, entry->store->identity.epoch))
        continue;
      entry->state = ENTRY_CLOSING;
      g_ptr_array_add (unused, entry->store);
      g_ptr_array_add (keys, g_strdup (user));
    }
  return unused;
}

static void
close_unused (gint64 idle_ms)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
  g_mutex_lock (&satchel_store_uses_lock);
  make_tables ();
  g_autoptr (GPtrArray) unused = take_unused (idle_ms, keys);
  g_mutex_unlock (&satchel_store_uses_lock);
  for (guint i = 0; i < unused->len; i++)
    {
      satchel_store_free (unused->pdata[i]);
      g_mutex_lock (&satchel_store_uses_lock);
      g_hash_table_remove (entries, keys->pdata[i]);
      g_cond_broadcast (&changed);
      g_mutex_unlock (&satchel_store_uses_lock);
    }
}

/* Takes a reference to each open store, so that their idle handles can be closed. */
static GPtrArray *
hold_open (void)
{
  GPtrArray *held = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_store_core_unref);
  GHashTableIter iter;
  gpointer value;
  g_mutex_lock (&satchel_store_uses_lock);
  g_hash_table_iter_init (&iter, entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;
      /* A store without uses is closed as a whole; a reference here would make it seem used just now. */
      if (entry->state != ENTRY_OPEN || entry->store->users == 0)
        continue;
      entry->store->users++;
      g_ptr_array_add (held, entry->store);
    }
  g_mutex_unlock (&satchel_store_uses_lock);
  return held;
}

static void
sweep_job (gpointer data)
{
  g_mutex_lock (&satchel_store_uses_lock);
  gint64 idle_ms = store_idle_ms;
  g_mutex_unlock (&satchel_store_uses_lock);
  close_unused (idle_ms);
  g_autoptr (GPtrArray) held = hold_open ();
  for (guint i = 0; i < held->len; i++)
    satchel_store_sweep_core (held->pdata[i], idle_ms);
}

static void
release_free (Release *release)
{
  release->func (release->user, release->place->epoch, release->look, release->what, release->data);
  satchel_place_unref (release->place);
  g_clear_pointer (&release->target, satchel_place_unref);
  g_free (release->user);
  g_free (release->what);
  g_free (release);
}

static void
look_job (gpointer data)
{
  Release *release = data;
  g_mutex_lock (&satchel_store_uses_lock);
  SatchelStoreSetup *with = satchel_store_setup_ref (setup);
  g_mutex_unlock (&satchel_store_uses_lock);
  release->look =
      satchel_store_setup_look (with, release->user, release->place, release->target, &release->what);
  satchel_store_setup_unref (with);
}

static void
look_done (gpointer data)
{
  release_free (data);
}

/* Calls, in the main thread, the functions that wait for a user's store to be closed. */
static gboolean
tell_released (void)
{
  g_autoptr (GPtrArray) done = g_ptr_array_new ();
  g_mutex_lock (&satchel_store_uses_lock);
  gboolean is_waiting = FALSE, has_setup = setup != NULL;
  for (guint i = releases->len; i > 0; i--)
    {
      Release *release = releases->pdata[i - 1];
      Entry *entry = g_hash_table_lookup (entries, release->user);
      if (entry == NULL
          || (entry->state == ENTRY_OPEN && entry->store->identity.epoch > release->place->epoch))
        g_ptr_array_add (done, g_ptr_array_remove_index (releases, i - 1));
      else
        is_waiting |= entry->state == ENTRY_OPEN && entry->store->users == 0;
    }
  g_mutex_unlock (&satchel_store_uses_lock);
  for (guint i = 0; i < done->len; i++)
    {
      Release *release = done->pdata[i];
      if (release->target != NULL && has_setup)
        satchel_job_submit (release->user, "look for mail", look_job, look_done, release);
      else
        release_free (release);
    }
  return is_waiting;
}

static void
sweep_done (gpointer data)
{
  is_sweeping = FALSE;
  if (tell_released ())
    start_sweep (NULL);
}

static void
start_sweep (gpointer data)
{
  if (is_sweeping) /* sweep_done looks again for stores that are awaited */
    return;
  is_sweeping = TRUE;
  satchel_job_submit (NULL, "storage sweep", sweep_job, sweep_done, NULL);
}

static void
sweep_tick (SatchelTimer *timer, gpointer data)
{
  satchel_timer_arm (timer, CLAMP (store_idle_ms / 4, SWEEP_MIN_MS, SWEEP_MAX_MS), sweep_tick, NULL);
  if (satchel_stores_n_open () > 0)
    start_sweep (NULL);
}

/* Refuses places up to @epoch from now on.  The caller holds the lock. */
static void
raise_fence (const char *user, guint64 epoch)
{
  const Entry *entry = g_hash_table_lookup (entries, user);
  /* A store that was opened with a later epoch is not affected. */
  if (!is_refused (user, epoch)
      && (entry == NULL || entry->state != ENTRY_OPEN || entry->store->identity.epoch <= epoch))
    g_hash_table_replace (fences, g_strdup (user), g_memdup2 (&epoch, sizeof epoch));
}

void
satchel_store_release (const char *user, const SatchelPlace *place, const SatchelPlace *target,
                       SatchelStoreReleasedFunc func, gpointer data)
{
  Release *release = g_new0 (Release, 1);
  release->user = g_strdup (user);
  release->place = satchel_place_new (place);
  release->target = target != NULL ? satchel_place_new (target) : NULL;
  release->func = func;
  release->data = data;
  g_mutex_lock (&satchel_store_uses_lock);
  make_tables ();
  raise_fence (user, place->epoch);
  g_ptr_array_add (releases, release);
  g_mutex_unlock (&satchel_store_uses_lock);
  start_sweep (NULL);
}

void
satchel_store_adopt (const char *user, guint64 epoch)
{
  g_mutex_lock (&satchel_store_uses_lock);
  make_tables ();
  if (epoch > 0)
    raise_fence (user, epoch - 1);
  g_mutex_unlock (&satchel_store_uses_lock);
}

SatchelStoreSetup *
satchel_stores_setup (void)
{
  g_mutex_lock (&satchel_store_uses_lock);
  SatchelStoreSetup *with = setup != NULL ? satchel_store_setup_ref (setup) : NULL;
  g_mutex_unlock (&satchel_store_uses_lock);
  return with;
}

/* Returns the key of a store that the user had up to @epoch: no user's name has a line end. */
static char *
key_of_old (const char *user, guint64 epoch)
{
  return g_strdup_printf ("%s\n%" G_GUINT64_FORMAT, user, epoch);
}

void
satchel_store_turn (SatchelStore *store, const SatchelPlace *place, gboolean is_here)
{
  SatchelStoreCore *core = store->core;
  gpointer key, entry;
  g_mutex_lock (&satchel_store_uses_lock);
  g_atomic_int_set (&core->is_fenced, TRUE);
  if (g_hash_table_steal_extended (entries, core->user, &key, &entry))
    {
      g_free (key);
      g_hash_table_insert (entries, key_of_old (core->user, core->identity.epoch), entry);
    }
  if (is_here)
    g_hash_table_replace (turned, g_strdup (core->user), satchel_place_new (place));
  else
    raise_fence (core->user, core->identity.epoch);
  g_cond_broadcast (&changed);
  g_mutex_unlock (&satchel_store_uses_lock);
  satchel_stores_tell_turned (core->user, core->identity.epoch);
}

gboolean
satchel_store_is_released (SatchelStore *store)
{
  g_mutex_lock (&satchel_store_uses_lock);
  gboolean is = fences != NULL && is_refused (store->core->user, store->core->identity.epoch);
  g_mutex_unlock (&satchel_store_uses_lock);
  return is;
}

gboolean
satchel_store_has_turned (const char *user, const SatchelPlace *place)
{
  g_mutex_lock (&satchel_store_uses_lock);
  const SatchelPlace *since = turned != NULL ? g_hash_table_lookup (turned, user) : NULL;
  gboolean has = since != NULL && place->epoch < since->epoch;
  g_mutex_unlock (&satchel_store_uses_lock);
  return has;
}

gboolean
satchel_store_wait_closed (const char *user, guint64 epoch)
{
  g_autofree char *key = key_of_old (user, epoch);
  const gint64 until_us = g_get_monotonic_time () + CLOSE_WAIT_US;
  g_mutex_lock (&satchel_store_uses_lock);
  gboolean is_open = g_hash_table_contains (entries, key), is_in_time = TRUE;
  while (is_open && is_in_time)
    {
      is_in_time = g_cond_wait_until (&changed, &satchel_store_uses_lock, until_us);
      is_open = g_hash_table_contains (entries, key);
    }
  g_mutex_unlock (&satchel_store_uses_lock);
  return !is_open;
}

void
satchel_store_close_unused (const char *user)
{
  g_mutex_lock (&satchel_store_uses_lock);
  Entry *entry = entries != NULL ? g_hash_table_lookup (entries, user) : NULL;
  gboolean is_unused = entry != NULL && entry->state == ENTRY_OPEN && entry->store->users == 0;
  if (is_unused)
    entry->state = ENTRY_CLOSING;
  SatchelStoreCore *store = is_unused ? entry->store : NULL;
  g_mutex_unlock (&satchel_store_uses_lock);
  if (store == NULL)
    return;
  satchel_store_free (store);
  g_mutex_lock (&satchel_store_uses_lock);
  g_hash_table_remove (entries, user);
  g_cond_broadcast (&changed);
  gboolean is_awaited = g_hash_table_contains (fences, user);
  g_mutex_unlock (&satchel_store_uses_lock);
  if (is_awaited)
    satchel_defer (start_sweep, NULL);
}

gboolean
satchel_stores_have_upkeep (void)
{
  guint n;
  g_autofree SatchelStoreListener *listeners = satchel_store_get_listeners (&n);
  gboolean has_any = FALSE;
  for (guint i = 0; i < n; i++)
    has_any = has_any || SATCHEL_HAS (listeners[i].ops, maintain);
  g_mutex_lock (&satchel_store_uses_lock);
  has_any = has_any || (setup != NULL && satchel_store_setup_has_upkeep (setup));
  g_mutex_unlock (&satchel_store_uses_lock);
  return has_any;
}

gboolean
satchel_stores_hide_content (void)
{
  g_mutex_lock (&satchel_store_uses_lock);
  gboolean hide = setup != NULL && satchel_store_setup_hides_content (setup);
  g_mutex_unlock (&satchel_store_uses_lock);
  return hide;
}

void
satchel_stores_close (void)
{
  satchel_feed_stop ();
  close_unused (G_MININT64 / 2);
}
