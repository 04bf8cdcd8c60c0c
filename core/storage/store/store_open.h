/* SPDX-License-Identifier: MIT
 * Declares how stores are opened: from a list of levels (tests, fsck, convert), or by user through the
 * process's cache of open stores (mail sessions, deliveries), which the mail role sets up from the
 * configuration.
 */
#pragma once
#include <satchel/listener.h>
#include <satchel/storage.h>

#include "core/runtime/config/config_image.h"
#include "core/runtime/loader/loader.h"
#include "core/storage/store/place.h"

/* @section is the group of the level's module, for the call only; NULL if it has no settings. */
typedef struct SatchelStoreLevel
{
  const char *name;
  const SatchelStorageOps *ops;
  const SatchelConfig *section;
} SatchelStoreLevel;

typedef struct SatchelStoreKeeper SatchelStoreKeeper;
typedef struct SatchelStoreOpenOptions
{
  const char *user;             /* local@domain */
  const char *path;             /* below the mail root */
  const char *profile, *volume; /* NULL: the default profile and the only volume */
  guint slot;
  guint64 epoch;
  const char *attributes; /* what userdbs say of the user, as SatchelPlace has it; NULL: nothing is known */
  int root_fd;            /* borrowed; stays open for the life of the store */
  const SatchelAccess *access; /* who acts through the handle; NULL: the server itself */
  /* Nearest to the client first; the last one is the driver. With fewer levels only the lower part of the
   * stack is opened. */
  const SatchelStoreLevel *levels;
  guint n_levels;
  const SatchelConfig *mailboxes; /* group `mailboxes`; NULL: no special-use mailboxes are adopted or made */
  const SatchelConfig *limits;    /* group `limits`; NULL: its defaults */
  const SatchelStoreKeeper *keeper; /* NULL: the last handle closes the store */
  gboolean is_unheard;              /* listeners are not told of it, and it has no log of changes */
} SatchelStoreOpenOptions;

/* Opens driver and layers.  Everything in @options but root_fd is for the call only.  The last
 * satchel_store_unref closes the store.  [blocks] */
SatchelStore *satchel_store_open (const SatchelStoreOpenOptions *options, GError **error);
/* Returns another handle of the store, with another access. */
SatchelStore *satchel_store_with_access (SatchelStore *store, const SatchelAccess *access);
/* Returns a stage of a file that was spooled for several recipients (delivery.h): hard-linked where driver
 * and layers allow, else copied.  @path: below the mail root. */
SatchelStage *satchel_stage_new_spooled (SatchelStore *store, const char *path, gboolean is_lf, guint64 size,
                                         GBytes *attributes, GError **error);
/* Returns a stage of @content, which has @size bytes and, unless they are NULL, these attributes.  [blocks]
 */
SatchelStage *satchel_stage_new_copied (SatchelStore *store, SatchelStream *content, guint64 size,
                                        GBytes *attributes, GError **error);
/* Closes mailboxes that nobody has used for @idle_ms.  [blocks] */
void satchel_store_sweep (SatchelStore *store, gint64 idle_ms);
/* Returns the number of mailboxes in memory, so that tests find leaks. */
guint satchel_store_n_handles (SatchelStore *store);

/* Returns the levels of the stack, the one nearest to the client first, as in "quota > maildir".  Yours. */
char *satchel_store_describe (SatchelStore *store);

/* A listener hears of every committed transaction of any store. Listeners are called in order. They are
 * borrowed for good, and set before the first store is opened, and at reload. */
typedef struct SatchelStoreListener
{
  const char *name;
  const SatchelMailboxListenerOps *ops;
} SatchelStoreListener;
void satchel_store_set_listeners (const SatchelStoreListener *listeners, guint n_listeners);

/* Sets the bounds of the change log that durable listeners read: limits.change_log, limits.change_log_age. */
void satchel_feed_set_bounds (guint64 max_bytes, gint64 max_age_s);
/* Gives a line for each durable listener: "listener: name=... waiting=N failing=N ...". */
typedef void (*SatchelFeedDescribeFunc) (const char *line, gpointer data);
void satchel_feed_describe (SatchelFeedDescribeFunc func, gpointer data);
/* Ends the threads of listeners, each after the change that it is hearing.  Called at the end of the process.
 * */
void satchel_feed_stop (void);

/* Makes the stacks (drivers, and layers in order) of the loaded modules and @config, which is kept as long as
 * the setup is in force; nothing is changed.  NULL means that there is no such driver, or `storage.layers`
 * contradicts what is enabled.  One reference, for satchel_stores_take or satchel_store_setup_unref. */
typedef struct SatchelStoreSetup SatchelStoreSetup;
SatchelStoreSetup *satchel_store_setup_new (SatchelLoader *loader, const SatchelConfigSet *config, guint slot,
                                            int root_fd, GError **error);
void satchel_store_setup_unref (SatchelStoreSetup *setup);
/* Puts @setup (taken over) in force, and with it listeners and limits; open stores keep their stack.  It
 * cannot fail.  Main thread. */
void satchel_stores_take (SatchelStoreSetup *setup, SatchelLoader *loader, const SatchelConfigSet *config);
/* Makes the stacks, and puts them in force. */
gboolean satchel_stores_configure (SatchelLoader *loader, const SatchelConfigSet *config, guint slot,
                                   int root_fd, GError **error);
/* The hooks are called in the main thread. @placed: the default stack was searched for mail of a user who was
 * placed here by a rule. @outdated: a store is open with an earlier epoch than a new place has, so its
 * holders must let go. @turned: the user's mail is at another place of this process since that epoch has
 * ended; holders of the old store must let go.  @wants_upkeep: a level asks for upkeep of the user soon.
 * @tells_keyring: @module tells its keyring something (satchel_storage_tell_keyring). */
typedef struct SatchelStoresHooks
{
  void (*placed) (const char *user, guint64 epoch, gboolean has_mail);
  void (*outdated) (const char *user, guint64 epoch);
  void (*turned) (const char *user, guint64 epoch);
  void (*wants_upkeep) (const char *user);
  void (*tells_keyring) (const char *user, const char *module, const char *text);
} SatchelStoresHooks;
void satchel_stores_set_hooks (const SatchelStoresHooks *hooks);
/* Returns a handle of the store of @access's owner, opened if it is not.  Any thread.  [blocks] if it is not
 * open. Errors: UNAVAILABLE (being released, of another epoch, or not configured), CORRUPT, IO, .... */
SatchelStore *satchel_store_acquire (const SatchelAccess *access, const SatchelPlace *place, GError **error);
/* Does the same if the store is open, and @place is of its epoch; else NULL, which says nothing more.  It
 * never blocks: the loop may call it. */
SatchelStore *satchel_store_acquire_open (const SatchelAccess *access, const SatchelPlace *place);
/* Says whether the loop may give the handle back as well: it has no list of mailboxes, and either no key or
 * nothing that was made with it.  For when nobody else has the handle. */
gboolean satchel_store_is_light (const SatchelStore *store);
/* Returns a handle if the store is open, else NULL.  Any thread may call it; it never blocks. */
SatchelStore *satchel_store_peek (const SatchelAccess *access);
/* Refuses, for RELEASE, to open the store of @user up to the epoch of @place, closes it (unless it is of a
 * later epoch) as soon as it has no holder (end the sessions first), and then calls @func in the main thread,
 * also if the store was not open.  @target (or NULL): the place that the mail is to move to; then @place is
 * looked at before.  Main thread. */
typedef void (*SatchelStoreReleasedFunc) (const char *user, guint64 epoch, SatchelLook look, const char *what,
                                          gpointer data);
void satchel_store_release (const char *user, const SatchelPlace *place, const SatchelPlace *target,
                            SatchelStoreReleasedFunc func, gpointer data);
/* Allows for ADOPT, after a release, that @user is acquired here again, from @epoch on. */
void satchel_store_adopt (const char *user, guint64 epoch);
/* Closes the store of @user now if it has no holder.  [blocks] */
void satchel_store_close_unused (const char *user);
/* Puts the store at @place in the place of @store, which the cache has.  @store changes nothing any more, and
 * whoever asks for the user, even with an older place, gets the store at @place.  @is_here says that this
 * process owns the user there; otherwise it refuses the user.  The caller holds the write lock of @store. */
void satchel_store_turn (SatchelStore *store, const SatchelPlace *place, gboolean is_here);
/* Waits at most half a second until the store that the user had up to @epoch is closed. */
gboolean satchel_store_wait_closed (const char *user, guint64 epoch);

/* Returns the place of @store; yours. */
SatchelPlace *satchel_store_place (SatchelStore *store);
/* Says whether @store is being released, so that its holders must let go. */
gboolean satchel_store_is_released (SatchelStore *store);
/* Says whether the user was converted after @place was asked for, so that a second try gets the new store. */
gboolean satchel_store_has_turned (const char *user, const SatchelPlace *place);

/* store_beside.c has calls for stores beside those that are open for users. [blocks] */
/* Finds the profile and volume that @to names: "PROFILE", "DRIVER", or either with ":VOLUME".  The strings
 * are yours. */
gboolean satchel_stores_find_target (const char *to, char **ret_profile, char **ret_volume, GError **error);
/* Say whether both places have the same mail, and whether their stacks have the same layers, but for those
 * that only count, allow or refuse, such as a quota: with these, mail is stored as without. */
gboolean satchel_stores_are_same (const SatchelPlace *one, const SatchelPlace *other);
gboolean satchel_stores_have_same_layers (const SatchelPlace *one, const SatchelPlace *other);
/* Opens the store at @place, which must not be where the user is; with its driver alone if @is_bare.  No
 * listener hears of it, and no mailboxes of special uses are made. */
SatchelStore *satchel_stores_open_beside (const char *user, const SatchelPlace *place, gboolean is_bare,
                                          GError **error);
gboolean satchel_stores_may_have_mail (const char *user, const SatchelPlace *place);
/* Says whether the driver of @place can save anything of a store that cannot be opened (storage.h, salvage).
 * */
gboolean satchel_stores_can_salvage (const SatchelPlace *place);
/* Saves what the driver can.  @said gets sentences for the administrator.  CANNOT: the driver has nothing to
 * save. */
gboolean satchel_stores_salvage (const char *user, const SatchelPlace *place, GString *said, GError **error);
/* Hears how far a removal is: @n_removed messages or files.  Returning FALSE ends it. */
typedef gboolean (*SatchelDestroyStepFunc) (guint64 n_removed, gpointer data);
/* Removes the mail at @place; @step may be NULL.  What was removed before a failure stays removed, and the
 * next call goes on.  CANNOT: the driver removes no stores.  CANCELLED: @step ended it. */
gboolean satchel_stores_destroy (const char *user, const SatchelPlace *place, SatchelDestroyStepFunc step,
                                 gpointer data, GError **error);
/* Removes the mail of a store with the given driver and its section, as the call above. */
gboolean satchel_store_level_destroy (const SatchelStoreLevel *driver, const SatchelStorageIdentity *identity,
                                      SatchelDestroyStepFunc step, gpointer data, GError **error);

/* After @hold TRUE, what this thread stages need not be durable; FALSE makes it so, and comes before it is
 * committed (storage.h, hold_syncs).  [blocks] */
gboolean satchel_store_hold_syncs (SatchelStore *store, gboolean hold, GError **error);

/* Closes every store without a holder, at the end of the process. [blocks] */
void satchel_stores_close (void);
guint satchel_stores_n_open (void);

/* Says whether a level of the stacks that are opened from now on, or a listener, has upkeep. */
gboolean satchel_stores_have_upkeep (void);
/* Say whether a layer, and whether a level of the stacks, hides content from the disk (storage.h,
 * hides_content). */
gboolean satchel_storage_hides_content (const SatchelStorageOps *ops);
gboolean satchel_stores_hide_content (void);
/* Goes on with a visit.  *@ref_step is 0 at first, and moves past the steps that are done.  DONE: the visit
 * is over.  A failure is logged, counted in *@ref_failed, and skipped.  Called in a job. [blocks] */
SatchelMaintained satchel_store_maintain (SatchelStore *store, const SatchelMaintenance *maintenance,
                                          guint *ref_step, guint *ref_failed);
/* Ends every slice of upkeep from now on, at the end of the process. */
void satchel_maintenance_stop (void);

/* Makes the message with this job crumb ("MAILBOX-ID UID", as satchel_mailbox_attributes leaves it) one that
 * is never scanned again: it is served as text/plain. [any thread] */
void satchel_store_add_suspect (const char *crumb);
/* Sets satchel_keywords_limit to limits.keywords, from satchel_stores_configure. */
void satchel_keywords_set_limit (guint n);
