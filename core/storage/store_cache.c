/* SPDX-License-Identifier: MIT
 * The open stores of a mail process, one a user: opened by the first who asks, closed limits.store_idle after the last
 * one left, or at once for RELEASE.  References to all stores are counted here.
 */
#include "config.h"

#include "core/storage/store_private.h"

#include <satchel/hash.h>
#include <satchel/job.h>
#include <satchel/log.h>
#include <satchel/reactor.h>
#include <string.h>

#define SWEEP_MIN_MS 1000
#define SWEEP_MAX_MS 15000

typedef enum
{
  ENTRY_OPENING,
  ENTRY_OPEN,
  ENTRY_CLOSING
} EntryState;

typedef struct Entry
{
  EntryState state;
  SatchelStoreCore *store; /* OPEN, CLOSING */
} Entry;

typedef struct Release
{
  char *user;
  SatchelStoreReleasedFunc func;
  gpointer data;
} Release;

/* What satchel_stores_configure set up.  Ref-counted: an opening may outlive a reload. */
typedef struct Setup
{
  GPtrArray *levels; /* SatchelStoreLevel, nearest to the client first; sections borrowed from `config` */
  const SatchelConfig *mailboxes, *limits;
  int root_fd;
} Setup;

static GMutex lock; /* for everything below and store->users */
static GCond changed;
static GHashTable *entries;  /* user -> Entry */
static GHashTable *released; /* users that are refused */
static GPtrArray *releases;  /* Release, waiting for their store to close */
static Setup *setup;         /* g_atomic_rc_box, or NULL */
static gint64 store_idle_ms = 60000;
static gboolean is_sweeping;
static SatchelTimer sweep_timer; /* main thread */

static void sweep_tick (SatchelTimer *timer, gpointer data);
static void start_sweep (gpointer data);

gint64
satchel_store_clock_ms (void)
{
  return g_get_monotonic_time () / 1000;
}

static void
make_tables (void)
{
  if (entries != NULL)
    return;
  entries = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  released = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  releases = g_ptr_array_new ();
}

/* ---- references ---- */

SatchelStoreCore *
satchel_store_core_ref (SatchelStoreCore *store)
{
  g_mutex_lock (&lock);
  store->users++;
  g_mutex_unlock (&lock);
  return store;
}

void
satchel_store_core_unref (SatchelStoreCore *store)
{
  g_mutex_lock (&lock);
  gboolean is_last = --store->users == 0;
  gboolean is_cached = store->is_cached;
  gboolean is_awaited = FALSE;
  if (is_last)
    {
      store->idle_since_ms = satchel_store_clock_ms ();
      is_awaited = is_cached && (store_idle_ms == 0 || g_hash_table_contains (released, store->user));
    }
  g_mutex_unlock (&lock);
  if (is_last && !is_cached)
    satchel_store_free (store);
  else if (is_awaited)
    satchel_defer (start_sweep, NULL);
}

/* ---- configuration ---- */

static void
setup_clear (gpointer data)
{
  g_ptr_array_unref (((Setup *) data)->levels);
}

static gint
compare_from_client (gconstpointer a, gconstpointer b)
{
  const SatchelProvided *first = *(SatchelProvided *const *) a, *second = *(SatchelProvided *const *) b;
  if (first->band != second->band)
    return first->band > second->band ? -1 : 1;
  return strcmp (first->name, second->name);
}

/* Layers in the order that `storage.layers` gives: it must name exactly those that are there. */
static GPtrArray *
order_layers (GPtrArray *layers, const char *const *order, GError **error)
{
  g_autoptr (GPtrArray) ordered = g_ptr_array_new ();
  for (; *order != NULL; order++)
    {
      const SatchelProvided *found = NULL;
      for (guint i = 0; i < layers->len && found == NULL; i++)
        if (strcmp (((SatchelProvided *) layers->pdata[i])->name, *order) == 0)
          found = layers->pdata[i];
      if (found == NULL)
        satchel_error_set (error, SATCHEL_ERROR_CANNOT, "storage.layers names %s, which is no enabled storage layer; enable it or take it out",
                           *order);
      else if (g_ptr_array_find (ordered, found, NULL))
        satchel_error_set (error, SATCHEL_ERROR_CANNOT, "storage.layers names %s twice", *order);
      if (found == NULL || g_ptr_array_find (ordered, found, NULL))
        return NULL;
      g_ptr_array_add (ordered, (gpointer) found);
    }
  for (guint i = 0; i < layers->len; i++)
    if (!g_ptr_array_find (ordered, layers->pdata[i], NULL))
      {
        satchel_error_set (error, SATCHEL_ERROR_CANNOT, "storage.layers leaves out %s, which is enabled; add it or disable it",
                           ((SatchelProvided *) layers->pdata[i])->name);
        return NULL;
      }
  return g_steal_pointer (&ordered);
}

static void
add_level (GPtrArray *levels, const SatchelProvided *provided, const SatchelConfigSet *config)
{
  SatchelStoreLevel *level = g_new0 (SatchelStoreLevel, 1);
  level->name = provided->name;
  level->ops = provided->ops;
  level->section = provided->module->schema != NULL ? satchel_config_set_group (config, provided->module->name) : NULL;
  g_ptr_array_add (levels, level);
}

/* storage.driver; unset: the one that is enabled. */
static const SatchelProvided *
find_driver (SatchelLoader *loader, const SatchelConfig *storage, GError **error)
{
  const char *name = satchel_config_string (storage, "driver");
  g_autoptr (GPtrArray) drivers = satchel_loader_find_all (loader, SATCHEL_KIND_STORAGE_DRIVER);
  if (name == NULL && drivers->len == 1)
    return drivers->pdata[0];
  const SatchelProvided *driver = name != NULL ? satchel_loader_find (loader, SATCHEL_KIND_STORAGE_DRIVER, name) : NULL;
  if (driver == NULL && name != NULL)
    satchel_error_set (error, SATCHEL_ERROR_CANNOT, "%s: storage.driver: no storage driver %s is loaded; set %s.enabled = true",
                       satchel_config_origin (storage, "driver"), name, name);
  else if (driver == NULL)
    satchel_error_set (error, SATCHEL_ERROR_CANNOT, "%u storage drivers are enabled; enable one, or name it in storage.driver",
                       drivers->len);
  return driver;
}

static GPtrArray *
find_levels (SatchelLoader *loader, const SatchelConfigSet *config, GError **error)
{
  const SatchelConfig *storage = satchel_config_set_group (config, "storage");
  const SatchelProvided *driver = find_driver (loader, storage, error);
  if (driver == NULL)
    return NULL;
  g_autoptr (GPtrArray) layers = satchel_loader_find_all (loader, SATCHEL_KIND_STORAGE_LAYER);
  g_ptr_array_sort (layers, compare_from_client);
  const char *const *order = satchel_config_strings (storage, "layers");
  if (order != NULL && order[0] != NULL)
    {
      GPtrArray *ordered = order_layers (layers, order, error);
      if (ordered == NULL)
        return NULL;
      g_ptr_array_unref (layers);
      layers = ordered;
    }
  GPtrArray *levels = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < layers->len; i++)
    add_level (levels, layers->pdata[i], config);
  add_level (levels, driver, config);
  return levels;
}

static void
find_listeners (SatchelLoader *loader)
{
  g_autoptr (GPtrArray) provided = satchel_loader_find_all (loader, SATCHEL_KIND_MAILBOX_LISTENER);
  g_autofree SatchelStoreListener *listeners = g_new0 (SatchelStoreListener, MAX (provided->len, 1u));
  for (guint i = 0; i < provided->len; i++)
    {
      const SatchelProvided *one = provided->pdata[i];
      listeners[i] = (SatchelStoreListener){ .name = one->name, .ops = one->ops };
    }
  satchel_store_set_listeners (listeners, provided->len);
}

gboolean
satchel_stores_configure (SatchelLoader *loader, const SatchelConfigSet *config, int root_fd, GError **error)
{
  GPtrArray *levels = find_levels (loader, config, error);
  if (levels == NULL)
    return FALSE;
  find_listeners (loader);
  Setup *new_setup = g_atomic_rc_box_new0 (Setup);
  new_setup->levels = levels;
  new_setup->mailboxes = satchel_config_set_group (config, "mailboxes");
  new_setup->limits = satchel_config_set_group (config, "limits");
  new_setup->root_fd = root_fd;
  g_mutex_lock (&lock);
  make_tables ();
  Setup *old = setup;
  setup = new_setup;
  store_idle_ms = satchel_config_duration_ms (new_setup->limits, "store_idle");
  satchel_keywords_set_limit ((guint) satchel_config_int (new_setup->limits, "keywords"));
  g_mutex_unlock (&lock);
  satchel_feed_set_bounds (satchel_config_size (new_setup->limits, "change_log"),
                           satchel_config_duration_ms (new_setup->limits, "change_log_age") / 1000);
  if (old != NULL)
    g_atomic_rc_box_release_full (old, setup_clear);
  satchel_timer_arm (&sweep_timer, CLAMP (store_idle_ms / 4, SWEEP_MIN_MS, SWEEP_MAX_MS), sweep_tick, NULL);
  return TRUE;
}

/* ---- opening ---- */

static SatchelStoreCore *
open_store (Setup *with, const char *user, const char *path, GError **error)
{
  g_autofree SatchelStoreLevel *levels = g_new (SatchelStoreLevel, with->levels->len);
  for (guint i = 0; i < with->levels->len; i++)
    levels[i] = *(SatchelStoreLevel *) with->levels->pdata[i];
  SatchelStoreOpenOptions options = {
    .user = user,
    .path = path,
    .root_fd = with->root_fd,
    .levels = levels,
    .n_levels = with->levels->len,
    .mailboxes = with->mailboxes,
    .limits = with->limits,
    .is_cached = TRUE,
  };
  SatchelStoreCore *store = satchel_store_core_open (&options, error);
  if (store != NULL)
    store->is_cached = TRUE;
  return store;
}

/* Under the lock: the store, or NULL when it has to be opened by the caller (its entry is made), or an error. */
static SatchelStoreCore *
wait_for_entry (const char *user, Setup **ret_setup, GError **error)
{
  for (;;)
    {
      if (setup == NULL || g_hash_table_contains (released, user))
        {
          satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, setup == NULL ? "storage is not set up" : "the user is being moved");
          return NULL;
        }
      Entry *entry = g_hash_table_lookup (entries, user);
      if (entry == NULL)
        {
          g_hash_table_insert (entries, g_strdup (user), g_new0 (Entry, 1));
          *ret_setup = g_atomic_rc_box_acquire (setup);
          return NULL;
        }
      if (entry->state == ENTRY_OPEN)
        {
          entry->store->users++;
          return entry->store;
        }
      g_cond_wait (&changed, &lock);
    }
}

static SatchelStoreCore *
acquire_core (const char *user, const char *path, GError **error)
{
  Setup *with = NULL;
  g_mutex_lock (&lock);
  make_tables ();
  SatchelStoreCore *store = wait_for_entry (user, &with, error);
  g_mutex_unlock (&lock);
  if (with == NULL)
    return store;
  store = open_store (with, user, path, error);
  g_atomic_rc_box_release_full (with, setup_clear);
  g_mutex_lock (&lock);
  Entry *entry = g_hash_table_lookup (entries, user);
  if (store != NULL)
    *entry = (Entry){ ENTRY_OPEN, store };
  else
    g_hash_table_remove (entries, user);
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
  return store;
}

SatchelStore *
satchel_store_acquire (const SatchelAccess *access, const char *path, GError **error)
{
  SatchelStoreCore *store = acquire_core (access->owner, path, error);
  return store != NULL ? satchel_store_handle_new (store, access) : NULL;
}

SatchelStore *
satchel_store_peek (const SatchelAccess *access)
{
  SatchelStoreCore *store = NULL;
  g_mutex_lock (&lock);
  Entry *entry = entries != NULL ? g_hash_table_lookup (entries, access->owner) : NULL;
  if (entry != NULL && entry->state == ENTRY_OPEN)
    {
      store = entry->store;
      store->users++;
    }
  g_mutex_unlock (&lock);
  return store != NULL ? satchel_store_handle_new (store, access) : NULL;
}

guint
satchel_stores_n_open (void)
{
  g_mutex_lock (&lock);
  guint n = entries != NULL ? g_hash_table_size (entries) : 0;
  g_mutex_unlock (&lock);
  return n;
}

/* ---- closing ---- */

/* Under the lock.  Stores nobody holds, long enough or awaited, are marked CLOSING and returned. */
static GPtrArray *
take_unused (gint64 idle_ms)
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
      if (entry->store->idle_since_ms > before_ms && !g_hash_table_contains (released, user))
        continue;
      entry->state = ENTRY_CLOSING;
      g_ptr_array_add (unused, entry->store);
    }
  return unused;
}

static void
close_unused (gint64 idle_ms)
{
  g_mutex_lock (&lock);
  make_tables ();
  g_autoptr (GPtrArray) unused = take_unused (idle_ms);
  g_mutex_unlock (&lock);
  for (guint i = 0; i < unused->len; i++)
    {
      SatchelStoreCore *store = unused->pdata[i];
      g_autofree char *user = g_strdup (store->user);
      satchel_store_free (store);
      g_mutex_lock (&lock);
      g_hash_table_remove (entries, user);
      g_cond_broadcast (&changed);
      g_mutex_unlock (&lock);
    }
}

/* Open stores with a reference each, for closing their idle handles. */
static GPtrArray *
hold_open (void)
{
  GPtrArray *held = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_store_core_unref);
  GHashTableIter iter;
  gpointer value;
  g_mutex_lock (&lock);
  g_hash_table_iter_init (&iter, entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;
      /* A store nobody uses goes whole; holding it would make it young again. */
      if (entry->state != ENTRY_OPEN || entry->store->users == 0)
        continue;
      entry->store->users++;
      g_ptr_array_add (held, entry->store);
    }
  g_mutex_unlock (&lock);
  return held;
}

static void
sweep_job (gpointer data)
{
  g_mutex_lock (&lock);
  gint64 idle_ms = store_idle_ms;
  g_mutex_unlock (&lock);
  close_unused (idle_ms);
  g_autoptr (GPtrArray) held = hold_open ();
  for (guint i = 0; i < held->len; i++)
    satchel_store_sweep_core (held->pdata[i], idle_ms);
}

/* Main thread: tells those whose user is closed now. */
static gboolean
tell_released (void)
{
  g_autoptr (GPtrArray) done = g_ptr_array_new ();
  g_mutex_lock (&lock);
  gboolean is_waiting = FALSE;
  for (guint i = releases->len; i > 0; i--)
    {
      Release *release = releases->pdata[i - 1];
      Entry *entry = g_hash_table_lookup (entries, release->user);
      if (entry == NULL)
        g_ptr_array_add (done, g_ptr_array_remove_index (releases, i - 1));
      else
        is_waiting |= entry->state == ENTRY_OPEN && entry->store->users == 0;
    }
  g_mutex_unlock (&lock);
  for (guint i = 0; i < done->len; i++)
    {
      Release *release = done->pdata[i];
      release->func (release->user, release->data);
      g_free (release->user);
      g_free (release);
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
  if (is_sweeping) /* sweep_done looks again for what is awaited */
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

void
satchel_store_release (const char *user, SatchelStoreReleasedFunc func, gpointer data)
{
  Release *release = g_new0 (Release, 1);
  release->user = g_strdup (user);
  release->func = func;
  release->data = data;
  g_mutex_lock (&lock);
  make_tables ();
  g_hash_table_add (released, g_strdup (user));
  g_ptr_array_add (releases, release);
  g_mutex_unlock (&lock);
  start_sweep (NULL);
}

void
satchel_store_adopt (const char *user)
{
  g_mutex_lock (&lock);
  make_tables ();
  g_hash_table_remove (released, user);
  g_mutex_unlock (&lock);
}

void
satchel_store_close_unused (const char *user)
{
  g_mutex_lock (&lock);
  Entry *entry = entries != NULL ? g_hash_table_lookup (entries, user) : NULL;
  gboolean is_unused = entry != NULL && entry->state == ENTRY_OPEN && entry->store->users == 0;
  if (is_unused)
    entry->state = ENTRY_CLOSING;
  SatchelStoreCore *store = is_unused ? entry->store : NULL;
  g_mutex_unlock (&lock);
  if (store == NULL)
    return;
  satchel_store_free (store);
  g_mutex_lock (&lock);
  g_hash_table_remove (entries, user);
  g_cond_broadcast (&changed);
  gboolean is_awaited = g_hash_table_contains (released, user);
  g_mutex_unlock (&lock);
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
  g_mutex_lock (&lock);
  for (guint i = 0; setup != NULL && i < setup->levels->len; i++)
    has_any = has_any || SATCHEL_HAS (((const SatchelStoreLevel *) setup->levels->pdata[i])->ops, maintain);
  g_mutex_unlock (&lock);
  return has_any;
}

void
satchel_stores_close (void)
{
  satchel_feed_stop ();
  close_unused (G_MININT64 / 2);
}
