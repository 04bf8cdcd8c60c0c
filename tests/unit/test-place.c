/* SPDX-License-Identifier: MIT
 * Several stacks in one process, and owners who are none any more: the cache of open stores with places and
 * epochs.  Over two drivers that keep mail in memory.
 */
#include "config.h"

#include "core/storage/store/store_private.h"
#include "tests/lib/loop.h"

#include <glib/gstdio.h>
#include <satchel/module.h>
#include <string.h>

static SatchelStorageOps other_ops; /* the driver `other`: counts, and tells what it was opened with */
static GString *opened;
static GString *told;
static const SatchelStorageOps *memory;
static gboolean is_other_filled;

static gboolean
other_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  const SatchelStorageIdentity *identity = storage->identity;
  g_string_append_printf (opened, "%s/%s/%u/%u ", identity->profile, identity->volume, identity->slot,
                          (guint) identity->epoch);
  return memory->open (storage, section, error);
}

static gboolean
other_exists (const SatchelStorageIdentity *identity, const SatchelConfig *section)
{
  g_assert_cmpstr (identity->volume, ==, "");
  return is_other_filled;
}

static gboolean
pass_layer_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  g_string_append_printf (opened, "layer ");
  return TRUE;
}

static void
pass_layer_close (SatchelStorage *storage)
{
}

static const SatchelStorageOps layer_ops = { .size = sizeof layer_ops,
                                             .band = 5,
                                             .newest_operation = SATCHEL_OPERATION_MOVE,
                                             .open = pass_layer_open,
                                             .close = pass_layer_close };

static const SatchelModule *
second_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_DRIVER, "other", &other_ops },
                                              { SATCHEL_KIND_STORAGE_LAYER, "pass", &layer_ops },
                                              { 0 } };
  static const SatchelModule module = { SATCHEL_MODULE_FACTS, .name = "second",
                                        .version = "1",       .description = "a second driver",
                                        .licence = "MIT",     .roles = SATCHEL_ROLE_MAIL,
                                        .provides = provides };
  return &module;
}

static SatchelLoader *loader;
static SatchelConfigSet *set;

static SatchelConfigSet *
load_settings (const char *layers)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("satchel-place-XXXXXX", &error);
  const char *const overrides[] = { "storage.driver=\"other\"",
                                    "limits.store_idle=\"1h\"",
                                    "mailboxes.sent=\"\"",
                                    layers,
                                    "storage.profiles=( { name = \"p\"; driver = \"memory\"; }, { name = "
                                    "\"q\"; driver = \"other\"; layers = ( \"pass\" ); } )",
                                    NULL };
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  SatchelConfigSet *loaded =
      satchel_config_load (dir, dir, overrides, satchel_loader_schema, loader, problems);
  for (guint i = 0; loaded == NULL && i < problems->len; i++)
    g_test_message ("%s", ((SatchelConfigProblem *) problems->pdata[i])->text);
  g_assert_nonnull (loaded);
  g_rmdir (dir);
  return loaded;
}

static void
note_placed (const char *user, guint64 epoch, gboolean has_mail)
{
  g_string_append_printf (told, "placed:%s:%u:%s ", user, (guint) epoch, has_mail ? "there" : "not-there");
}

static void
note_outdated (const char *user, guint64 epoch)
{
  g_string_append_printf (told, "outdated:%s:%u ", user, (guint) epoch);
}

static void
note_turned (const char *user, guint64 epoch)
{
  g_string_append_printf (told, "turned:%s:%u ", user, (guint) epoch);
}

static void
set_up (void)
{
  static const SatchelStoresHooks hooks = { note_placed, note_outdated, note_turned };
  g_autoptr (GError) error = NULL;
  memory = satchel_module ()->provides[0].ops;
  other_ops = *memory;
  other_ops.open = other_open;
  other_ops.exists = other_exists;
  opened = g_string_new (NULL);
  told = g_string_new (NULL);
  loader = satchel_loader_new (SATCHEL_ROLE_MAIL, NULL);
  g_assert_true (satchel_loader_add (loader, satchel_module (), FALSE, &error));
  g_assert_true (satchel_loader_add (loader, second_module (), FALSE, &error));
  g_assert_no_error (error);
  satchel_stores_set_hooks (&hooks);
  set = load_settings ("storage.layers=( )");
  g_assert_true (satchel_stores_configure (loader, set, 7, -1, &error));
  g_assert_no_error (error);
}

static void
expect (GString *text, const char *expected)
{
  g_assert_cmpstr (text->str, ==, expected);
  g_string_truncate (text, 0);
}

static SatchelAccess *
access_of (const char *user)
{
  return satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                .cause = SATCHEL_CAUSE_SESSION,
                                                .user = user,
                                                .owner = user,
                                                .rights = SATCHEL_RIGHTS_ALL });
}

static SatchelStore *
acquire (const char *user, const SatchelPlace *place, GError **error)
{
  g_autoptr (SatchelAccess) access = access_of (user);
  return satchel_store_acquire (access, place, error);
}

/* Returns what the loop gets without waiting. */
static SatchelStore *
acquire_open (const char *user, const SatchelPlace *place)
{
  g_autoptr (SatchelAccess) access = access_of (user);
  return satchel_store_acquire_open (access, place);
}

static void
expect_refused (const char *user, const SatchelPlace *place)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (acquire_open (user, place));
  g_assert_null (acquire (user, place, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
}

static SatchelStore *
must_acquire (const char *user, const SatchelPlace *place)
{
  g_autoptr (GError) error = NULL;
  SatchelStore *store = acquire (user, place, &error);
  g_assert_no_error (error);
  return store;
}

static gboolean
put (SatchelStore *store, GError **error)
{
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (store, "INBOX", error);
  g_autoptr (SatchelStage) stage = mailbox != NULL ? satchel_stage_new (store, 0, error) : NULL;
  if (stage == NULL || !satchel_stage_write (stage, "Subject: x\r\n\r\nx\r\n", 17, error)
      || !satchel_stage_finish (stage, error))
    return FALSE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_append (transaction, mailbox, g_steal_pointer (&stage), 0, NULL, 1);
  return satchel_transaction_commit (transaction, error);
}

/* ---- stacks ---- */

static void
expect_levels (SatchelStore *store, const char *expected)
{
  g_autofree char *levels = satchel_store_describe (store);
  g_assert_cmpstr (levels, ==, expected);
}

static void
test_stacks (void)
{
  g_autoptr (SatchelStore) a =
      must_acquire ("a@x", &(SatchelPlace) { .path = "x/a", .profile = "default", .volume = "", .epoch = 4 });
  g_autoptr (SatchelStore) b =
      must_acquire ("b@x", &(SatchelPlace) { .path = "x/b", .profile = "p", .volume = "v1" });
  g_autoptr (SatchelStore) c =
      must_acquire ("c@x", &(SatchelPlace) { .path = "x/c", .profile = "q", .volume = "v9", .epoch = 2 });
  expect (opened, "default//7/4 q/v9/7/2 layer ");
  expect_levels (a, "other");
  expect_levels (b, "memory");
  expect_levels (c, "pass > other");
  expect_refused ("d@x", &(SatchelPlace) { .path = "x/d", .profile = "r", .volume = "" });
  expect_refused ("d@x", &(SatchelPlace) { .path = "x/d", .profile = "p", .volume = "none" });
  expect (told, "");
}

/* A layer that is enabled is somewhere; one that stands in a profile may be left out of the default stack. */
static void
test_layers (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelConfigSet) by_band = load_settings ("mailboxes.drafts=\"\"");
  GPtrArray *stacks = satchel_stacks_new (loader, by_band, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (satchel_stacks_find (stacks, "default")->levels->len, ==, 2);
  g_assert_cmpuint (satchel_stacks_find (stacks, "p")->levels->len, ==, 1);
  g_ptr_array_unref (stacks);
  g_autoptr (SatchelConfigSet) unknown = load_settings ("storage.layers=( \"nothing\" )");
  g_assert_null (satchel_stacks_new (loader, unknown, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
}

/* ---- attributes of users ---- */

static void
expect_attribute (SatchelStore *store, const char *name, const char *expected)
{
  g_autofree char *value = satchel_storage_user_attribute (&store->core->levels[0], name),
                  *of_store = satchel_store_user_attribute (store, name);
  g_assert_cmpstr (value, ==, expected);
  g_assert_cmpstr (of_store, ==, expected);
}

/* What comes with a place reaches a store that is open; who was not asked about takes nothing away. */
static void
test_attributes (void)
{
  SatchelPlace place = { .path = "x/attr",
                         .profile = "default",
                         .volume = "",
                         .epoch = 1,
                         .attributes = "a=1\x1f"
                                       "ab=2=3\x1f" };
  g_autoptr (SatchelStore) store = must_acquire ("attr@x", &place);
  expect_attribute (store, "a", "1");
  expect_attribute (store, "ab", "2=3");
  expect_attribute (store, "b", NULL);
  expect_attribute (store,
                    "a=1\x1f"
                    "ab",
                    NULL);
  g_autofree char *text = satchel_place_to_text (&place);
  g_autoptr (SatchelPlace) read = satchel_place_from_text (text);
  g_assert_cmpstr (read->attributes, ==, place.attributes);
  place.attributes = NULL;
  g_autofree char *bare_text = satchel_place_to_text (&place);
  g_autoptr (SatchelPlace) bare = satchel_place_from_text (bare_text);
  g_assert_null (bare->attributes);
  satchel_store_unref (must_acquire ("attr@x", &place));
  expect_attribute (store, "a", "1");
  place.attributes = "a=3\x1f";
  satchel_store_unref (acquire_open ("attr@x", &place));
  expect_attribute (store, "a", "3");
  place.attributes = "a=4\x1f";
  satchel_store_unref (must_acquire ("attr@x", &place));
  expect_attribute (store, "a", "4");
  expect_attribute (store, "ab", NULL);
  /* The server's own threads come with what they once heard. */
  place.attributes = "a=1\x1f";
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) own = satchel_store_acquire (store->core->background, &place, &error);
  g_assert_no_error (error);
  expect_attribute (store, "a", "4");
  place.attributes = "";
  satchel_store_unref (must_acquire ("attr@x", &place));
  expect_attribute (store, "a", NULL);
  expect (opened, "default//7/1 ");
}

/* ---- new users ---- */

static void
test_new (void)
{
  SatchelPlace place = {
    .path = "x/new", .profile = "p", .volume = "v1", .epoch = 1, .is_new = TRUE, .may_stay = TRUE
  };
  is_other_filled = FALSE;
  g_autoptr (SatchelStore) fresh = must_acquire ("fresh@x", &place);
  expect_levels (fresh, "memory");
  loop_until (told->len > 0);
  expect (told, "placed:fresh@x:1:not-there ");
  is_other_filled = TRUE;
  g_autoptr (SatchelStore) old = must_acquire ("old@x", &place);
  expect_levels (old, "other");
  expect (opened, "default//7/1 ");
  loop_until (told->len > 0);
  expect (told, "placed:old@x:1:there ");
  /* It is one store, whether auth has heard of it yet or not. */
  SatchelPlace known = { .path = "x/new", .profile = "default", .volume = "", .epoch = 1 };
  g_autoptr (SatchelStore) again = must_acquire ("old@x", &known);
  g_assert_true (satchel_store_is_same (old, again));
  /* Not here: the default stack of this user would be in another process. */
  place.may_stay = FALSE;
  expect_refused ("far@x", &place);
  expect (opened, "");
  loop_until (told->len > 0);
  expect (told, "placed:far@x:1:there ");
  /* Nobody looks when it is known. */
  place.is_new = FALSE;
  g_autoptr (SatchelStore) sure = must_acquire ("sure@x", &place);
  expect_levels (sure, "memory");
  loop_settle ();
  expect (told, "");
}

/* ---- conversions ---- */

static gpointer
create_in_thread (gpointer store)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (satchel_store_create (store, "late", 0, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  return NULL;
}

/* The old store takes nothing any more, also from who waited for it already; whoever comes, with the old
 * place too, gets the new one at once. */
static void
test_turn (void)
{
  g_autoptr (GError) error = NULL;
  SatchelPlace place = { .path = "x/turned", .profile = "default", .volume = "", .epoch = 3 };
  const SatchelPlace next = { .path = "x/turned", .profile = "p", .volume = "v2", .epoch = 4 };
  SatchelStore *old = must_acquire ("turned@x", &place);
  g_assert_true (put (old, &error));
  loop_settle ();
  g_string_truncate (told, 0);
  g_assert_false (satchel_store_has_turned ("turned@x", &place));
  satchel_store_begin_write (old->core);
  GThread *waits = g_thread_new ("late", create_in_thread, old);
  g_usleep (20000); /* it may as well come later */
  satchel_store_turn (old, &next, TRUE);
  satchel_store_end_write (old->core);
  g_thread_join (waits);
  g_assert_true (satchel_store_has_turned ("turned@x", &place));
  g_assert_false (satchel_store_has_turned ("turned@x", &next));
  loop_until (told->len > 0);
  expect (told, "turned:turned@x:3 ");
  g_assert_false (put (old, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_autoptr (SatchelStore) store = must_acquire ("turned@x", &place);
  expect_levels (store, "memory");
  g_assert_true (put (store, NULL));
  g_assert_null (acquire_open ("turned@x", &place)); /* this is for a job to find out */
  g_autoptr (SatchelStore) again = must_acquire ("turned@x", &next);
  g_assert_true (satchel_store_is_same (store, again));
  g_assert_false (satchel_store_wait_closed ("turned@x", 3));
  satchel_store_unref (old);
  loop_until (satchel_store_wait_closed ("turned@x", 3));
}

/* A process that does not have the user any more refuses everybody up to that epoch. */
static void
test_turn_away (void)
{
  SatchelPlace place = { .path = "x/away", .profile = "default", .volume = "", .epoch = 3 };
  SatchelStore *old = must_acquire ("away@x", &place);
  satchel_store_turn (old, &place, FALSE);
  expect_refused ("away@x", &place);
  satchel_store_unref (old);
  loop_until (satchel_store_wait_closed ("away@x", 3));
  expect_refused ("away@x", &place);
  place.epoch = 4;
  satchel_store_unref (must_acquire ("away@x", &place));
}

/* ---- epochs ---- */

static void
test_fence (void)
{
  g_autoptr (GError) error = NULL;
  SatchelPlace place = { .path = "x/moved", .profile = "default", .volume = "", .epoch = 3 };
  SatchelStore *old = must_acquire ("moved@x", &place);
  g_assert_true (put (old, &error));
  g_assert_no_error (error);
  /* Whoever comes with an earlier epoch comes too late, and does no harm. */
  place.epoch = 2;
  expect_refused ("moved@x", &place);
  g_assert_true (put (old, &error));
  loop_settle ();
  expect (told, "");
  /* With a later one: somebody else had the user meanwhile. */
  place.epoch = 5;
  expect_refused ("moved@x", &place);
  loop_until (told->len > 0);
  expect (told, "outdated:moved@x:3 ");
  g_assert_false (put (old, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_false (satchel_store_create (old, "a", 0, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_false (satchel_store_subscribe (old, "a", TRUE, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  SatchelMailboxState state;
  g_assert_true (satchel_store_status (old, "INBOX", &state, &error)); /* reading harms nobody */
  g_assert_cmpuint (state.n_messages, ==, 2);
  place.epoch = 3; /* not with its own epoch either, once it is fenced */
  expect_refused ("moved@x", &place);
  place.epoch = 5;
  expect_refused ("moved@x", &place);
  guint n_open = satchel_stores_n_open ();
  satchel_store_unref (old);
  loop_until (satchel_stores_n_open () < n_open); /* at once, though nobody waits */
  SatchelStore *new = must_acquire ("moved@x", &place);
  g_assert_true (put (new, &error));
  satchel_store_unref (new);
}

typedef struct Released
{
  guint n;
  guint64 epoch;
  SatchelLook look;
  char *what;
} Released;

static void
note_released (const char *user, guint64 epoch, SatchelLook look, const char *what, gpointer data)
{
  Released *released = data;
  g_free (released->what);
  *released = (Released) { released->n + 1, epoch, look, g_strdup (what) };
}

static void
test_release (void)
{
  SatchelPlace place = { .path = "x/gone", .profile = "default", .volume = "", .epoch = 1 }, release = place;
  Released released = { 0 };
  SatchelStore *store = must_acquire ("gone@x", &place);
  /* One that was sent before the store was opened, and came late. */
  release.epoch = 0;
  satchel_store_release ("gone@x", &release, NULL, note_released, &released);
  loop_until (released.n == 1);
  g_autoptr (GError) error = NULL;
  g_assert_true (put (store, &error)); /* still ours */
  g_autoptr (SatchelStore) second = must_acquire ("gone@x", &place);
  satchel_store_unref (g_steal_pointer (&second));
  release.epoch = 2;
  satchel_store_release ("gone@x", &release, NULL, note_released, &released);
  loop_settle ();
  g_assert_cmpuint (released.n, ==, 1); /* somebody has it */
  g_assert_true (put (store, &error));  /* and may finish: nobody else is the owner yet */
  expect_refused ("gone@x", &place);
  satchel_store_unref (store);
  loop_until (released.n == 2);
  g_assert_cmpuint (released.epoch, ==, 2);
  expect_refused ("gone@x", &place);
  place.epoch = 2;
  expect_refused ("gone@x", &place);
  place.epoch = 3; /* a grant alone tells that he is back */
  satchel_store_unref (must_acquire ("gone@x", &place));
  /* ADOPT shuts out what is older. */
  satchel_store_adopt ("other@x", 9);
  place.epoch = 8;
  expect_refused ("other@x", &place);
  place.epoch = 9;
  satchel_store_unref (must_acquire ("other@x", &place));
  g_free (released.what);
}

static void
expect_look (const char *user, const SatchelPlace *from, const char *profile, const char *volume,
             SatchelLook look, const char *what)
{
  Released released = { 0 };
  SatchelPlace target = { .path = from->path, .profile = profile, .volume = volume };
  satchel_store_release (user, from, &target, note_released, &released);
  loop_until (released.n == 1);
  g_assert_cmpint (released.look, ==, look);
  if (what != NULL)
    g_assert_nonnull (strstr (released.what, what));
  g_free (released.what);
}

static void
test_look (void)
{
  g_autoptr (GError) error = NULL;
  SatchelPlace place = { .path = "x/look", .profile = "p", .volume = "v1", .epoch = 1 };
  g_autoptr (SatchelStore) store = NULL;
  expect_look ("look@x", &place, "default", "", SATCHEL_LOOK_FREE, NULL); /* never there */
  place.epoch++;
  store = must_acquire ("look@x", &place); /* the usual mailboxes are made */
  satchel_store_unref (g_steal_pointer (&store));
  expect_look ("look@x", &place, "default", "", SATCHEL_LOOK_FREE, NULL);
  place.epoch++;
  store = must_acquire ("look@x", &place);
  g_assert_true (satchel_store_create (store, "Work", 0, &error));
  satchel_store_unref (g_steal_pointer (&store));
  expect_look ("look@x", &place, "default", "", SATCHEL_LOOK_HAS_MAIL, "a mailbox Work");
  place.epoch++;
  store = must_acquire ("look@x", &place);
  g_assert_true (satchel_store_delete (store, "Work", &error) && put (store, &error));
  satchel_store_unref (g_steal_pointer (&store));
  expect_look ("look@x", &place, "default", "", SATCHEL_LOOK_HAS_MAIL, "1 messages in INBOX");
  place.epoch++;
  expect_look ("look@x", &place, "r", "", SATCHEL_LOOK_FAILED, "\"r\"");
  /* Of one whom a rule has sent elsewhere: the mail may be where he was before. */
  SatchelPlace fresh = { .path = "x/look-new", .profile = "default", .volume = "", .epoch = 1 };
  is_other_filled = TRUE;
  store = must_acquire ("look-new@x", &fresh);
  g_assert_true (put (store, &error));
  satchel_store_unref (g_steal_pointer (&store));
  SatchelPlace sent = { .path = "x/look-new", .profile = "p", .volume = "v1", .epoch = 2, .is_new = TRUE };
  expect_look ("look-new@x", &sent, "q", "", SATCHEL_LOOK_HAS_MAIL, "1 messages in INBOX");
  sent.epoch++;
  expect_look ("look-new@x", &sent, "default", "", SATCHEL_LOOK_FREE, NULL);
  place.epoch++;
  expect_look ("look@x", &place, "p", "none", SATCHEL_LOOK_FAILED, "no volume \"none\"");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  set_up ();
  g_test_add_func ("/place/stacks", test_stacks);
  g_test_add_func ("/place/layers", test_layers);
  g_test_add_func ("/place/attributes", test_attributes);
  g_test_add_func ("/place/new", test_new);
  g_test_add_func ("/place/fence", test_fence);
  g_test_add_func ("/place/turn", test_turn);
  g_test_add_func ("/place/turn-away", test_turn_away);
  g_test_add_func ("/place/release", test_release);
  g_test_add_func ("/place/look", test_look);
  int status = g_test_run ();
  satchel_stores_close ();
  satchel_loader_free (loader);
  satchel_config_set_free (set);
  g_string_free (opened, TRUE);
  g_string_free (told, TRUE);
  return status;
}
