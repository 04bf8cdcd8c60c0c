/* SPDX-License-Identifier: MIT
 * Every state in which a power cut may leave the disk, while mailboxes and messages are made, changed and
 * removed: opened again, all that was acknowledged is there, and nothing that was taken away.
 */
#include "config.h"

#include "modules/maildir/files/boot_id.h"
#include "modules/maildir/index/index.h"
#include "modules/maildir/names/keyword_letters.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/settings.h"
#include "modules/maildir/foreign/uidlist.h"
#include "modules/maildir/store/user_file.h"

#include "core/runtime/config/config_image.h"
#include "core/runtime/log/log_private.h"
#include "modules/maildir/tests/crash_calls.h"
#include "modules/maildir/tests/harness.h"
#include "tests/lib/facts.h"
#include "tests/lib/keep.h"
#include "tests/lib/rounds.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- a run and its states */

typedef struct Run
{
  Place place;
  GPtrArray *facts; /* GHashTable a mark: what was acknowledged */
  GRand *rand;      /* NULL: the fixed story */
  guint n_texts, n_names;
  guint n_states, n_wrong;
  char *first_wrong;
  char *scratch;
} Run;

static void
mark (Run *run)
{
  crashfs_mark (run->facts->len);
  g_ptr_array_add (run->facts, facts_observe (run->place.store));
}

typedef struct Complaint
{
  Run *run;
  const CrashState *state;
} Complaint;

static void
complain (const char *what, const char *fact, gpointer data)
{
  Run *run = ((Complaint *) data)->run;
  const CrashState *state = ((Complaint *) data)->state;
  if (run->n_wrong++ < 3)
    {
      g_autofree char *earlier = run->first_wrong;
      g_autofree char *before = crashfs_describe (state->at > 30 ? state->at - 30 : 0, state->at + 1);
      run->first_wrong = g_strdup_printf ("%s\nat %u after mark %u, %s%s: %s: %s\n%s",
                                          earlier != NULL ? earlier : "", state->at, state->mark, state->kind,
                                          state->is_kill ? " (killed)" : "", what, fact, before);
    }
}

static void
check_facts (Run *run, const CrashState *state, GHashTable *seen)
{
  GHashTable *last = run->facts->pdata[state->mark];
  GHashTable *next = state->mark + 1 < run->facts->len ? run->facts->pdata[state->mark + 1] : last;
  facts_check (last, next, seen, complain, &(Complaint) { run, state });
}

static gboolean
check_state (const CrashState *state, const char *path, gpointer data)
{
  Run *run = data;
  guint8 *boot_id = (guint8 *) md_boot_id ();
  Place place = { .root = (char *) path, .section = run->place.section };
  place.root_fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!state->is_kill)
    boot_id[0] ^= 0xff;
  place_open (&place);
  g_autoptr (GHashTable) seen = facts_observe (place.store);
  run->n_states++;
  check_facts (run, state, seen);
  place_close (&place);
  if (!state->is_kill)
    boot_id[0] ^= 0xff;
  close (place.root_fd);
  facts_remove_tree (path);
  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  return run->n_wrong == 0;
}

/* ---------------------------------------------------------------- operations */

static void
must (gboolean ok, GError **error)
{
  g_assert_no_error (*error);
  g_assert_true (ok);
}

/* Every other text has metadata. */
static void
do_append (Run *run, const char *name, guint32 flags, const char *const *keywords)
{
  g_autoptr (GError) error = NULL;
  const char *key = run->n_texts % 2 != 0 ? "kept" : NULL;
  g_autofree char *text = g_strdup_printf ("text %u\r\n", run->n_texts++);
  SatchelMailbox *mailbox = place_mailbox (&run->place, name);
  must (append_with_metadata (mailbox, text, flags, keywords, key, "value", &error) != 0, &error);
  satchel_mailbox_unref (mailbox);
  mark (run);
}

static void
do_store (Run *run, const char *name, guint32 first, guint32 last, SatchelFlagsMode mode, guint32 flags,
          const char *keyword)
{
  g_autoptr (GError) error = NULL;
  const char *const keywords[] = { keyword, NULL };
  SatchelMailbox *mailbox = place_mailbox (&run->place, name);
  must (change_flags (mailbox, first, last, mode, flags, keywords, &error), &error);
  satchel_mailbox_unref (mailbox);
  mark (run);
}

static void
do_expunge (Run *run, const char *name, guint32 first, guint32 last)
{
  g_autoptr (GError) error = NULL;
  SatchelMailbox *mailbox = place_mailbox (&run->place, name);
  must (expunge (mailbox, first, last, &error), &error);
  satchel_mailbox_unref (mailbox);
  mark (run);
}

static void
do_transfer (Run *run, const char *from, guint32 first, guint32 last, const char *to, gboolean move)
{
  g_autoptr (GError) error = NULL;
  SatchelMailbox *source = place_mailbox (&run->place, from), *destination = place_mailbox (&run->place, to);
  must (transfer (source, first, last, destination, move, &error), &error);
  satchel_mailbox_unref (source);
  satchel_mailbox_unref (destination);
  mark (run);
}

static void
do_create (Run *run, const char *name, guint use)
{
  g_autoptr (GError) error = NULL;
  must (satchel_store_create (run->place.store, name, use, &error), &error);
  mark (run);
}

static void
do_remove (Run *run, const char *name)
{
  g_autoptr (GError) error = NULL;
  must (satchel_store_delete (run->place.store, name, &error), &error);
  mark (run);
}

static void
do_rename (Run *run, const char *from, const char *to)
{
  g_autoptr (GError) error = NULL;
  must (satchel_store_rename (run->place.store, from, to, &error), &error);
  mark (run);
}

static void
do_subscribe (Run *run, const char *name, gboolean subscribe)
{
  g_autoptr (GError) error = NULL;
  must (satchel_store_subscribe (run->place.store, name, subscribe, &error), &error);
  mark (run);
}

static void
do_use (Run *run, const char *name, guint use)
{
  g_autoptr (GError) error = NULL;
  must (satchel_store_set_special_use (run->place.store, name, use, &error), &error);
  mark (run);
}

static void
do_reopen (Run *run)
{
  place_close (&run->place);
  place_open (&run->place);
  mark (run);
}

/* Delivers a message as another program would that syncs the file and then the directory. */
static void
do_foreign (Run *run)
{
  g_autofree char *text = g_strdup_printf ("text %u\n", run->n_texts++);
  g_autofree char *name = g_strdup_printf ("16000000%02u.other.host", run->n_texts);
  int user_fd = open (run->place.user, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int new_fd = openat (user_fd, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int tmp_fd = openat (user_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int fd = md_sys.openat (tmp_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  g_assert_cmpint (md_sys.write (fd, text, strlen (text)), ==, strlen (text));
  futimens (fd, (struct timespec[2]) { { 1600000000, 0 }, { 1600000000, 0 } });
  md_sys.fsync (fd);
  close (fd);
  g_assert_cmpint (md_sys.renameat (tmp_fd, name, new_fd, name), ==, 0);
  md_sys.fsync (new_fd);
  close (tmp_fd);
  close (new_fd);
  close (user_fd);
  satchel_mailbox_unref (place_mailbox (&run->place, "INBOX")); /* opening gives the message its UID */
  mark (run);
}

/* Writes the index anew, as the driver does by itself now and then. */
static void
do_checkpoint (Run *run, const char *name)
{
  SatchelMailbox *mailbox = place_mailbox (&run->place, name);
  md_index_checkpoint (mailbox->core->handle.driver);
  satchel_mailbox_unref (mailbox);
  mark (run);
}

/* ---------------------------------------------------------------- stories */

static const char *const letters[] = { "k1",  "k2",  "k3",  "k4",  "k5",  "k6",  "k7",  "k8",  "k9",
                                       "k10", "k11", "k12", "k13", "k14", "k15", "k16", "k17", "k18",
                                       "k19", "k20", "k21", "k22", "k23", "k24", "k25", "k26", NULL };

/* The order that lost a subscription: what is durable is pushed out by what is not. */
static void
tell_names (Run *run)
{
  do_subscribe (run, "News", TRUE);
  do_create (run, "Sent", SATCHEL_USE_SENT);
  do_create (run, "A", 0);
  do_create (run, "A/b", 0);
  do_remove (run, "A/b");
  do_create (run, "A/c", SATCHEL_USE_JUNK);
  do_subscribe (run, "A/c", TRUE);
  do_rename (run, "A", "B"); /* two steps */
  do_create (run, "A", 0);
  do_remove (run, "B/c");
  do_create (run, "B/c", 0); /* has no use */
  do_rename (run, "Sent", "Sent Items");
  do_subscribe (run, "News", FALSE);
  do_use (run, "A", SATCHEL_USE_TRASH);
  do_reopen (run);
  do_create (run, "C", 0);
  do_remove (run, "C");
  do_use (run, "A", 0);
}

/* Mailboxes made in, and taken out of, a directory that others are below. */
static void
tell_levels (Run *run)
{
  do_create (run, "L/m", 0);
  do_create (run, "L", 0);
  do_append (run, "L", 0, NULL);
  do_remove (run, "L");
  do_create (run, "L/m/n", 0);
  do_remove (run, "L/m");
  do_create (run, "L", SATCHEL_USE_DRAFTS);
  do_append (run, "L", SATCHEL_FLAG_SEEN, NULL);
  do_remove (run, "L/m/n");
  do_rename (run, "L", "M/l");
  do_reopen (run);
  do_create (run, "M", 0);
  do_remove (run, "M/l");
}

static void
tell_mail (Run *run)
{
  do_append (run, "INBOX", SATCHEL_FLAG_SEEN, NULL);
  do_append (run, "INBOX", 0, letters);
  do_store (run, "INBOX", 1, 1, SATCHEL_FLAGS_ADD, 0, "k3");
  do_store (run, "INBOX", 1, 2, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, "has-no-letter");
  do_checkpoint (run, "INBOX");
  do_store (run, "INBOX", 2, 2, SATCHEL_FLAGS_REMOVE, 0, "has-no-letter");
  do_create (run, "A", 0);
  do_transfer (run, "INBOX", 1, 2, "A", FALSE);
  do_foreign (run);
  do_store (run, "INBOX", 3, 3, SATCHEL_FLAGS_ADD, 0, "second-without");
  do_checkpoint (run, "INBOX");
  do_store (run, "INBOX", 3, 3, SATCHEL_FLAGS_ADD, 0, "has-no-letter");
  do_transfer (run, "INBOX", 2, 3, "A", TRUE);
  do_expunge (run, "A", 1, 2);
  do_foreign (run);
  do_reopen (run);
  do_append (run, "A", 0, NULL);
  do_rename (run, "A", "B");
  do_append (run, "B", 0, NULL);
  do_rename (run, "INBOX", "C");
  do_append (run, "INBOX", 0, NULL);
}

/* All keywords that there may be, and more: one that no message has gives up its place, and its letter. */
#define FEW 64u

static void
tell_keywords (Run *run)
{
  char *names[FEW + 1] = { NULL };
  satchel_keywords_set_limit (FEW);
  for (guint i = 0; i < FEW; i++)
    names[i] = g_strdup_printf ("k%u", i);
  do_append (run, "INBOX", 0, (const char *const *) names);
  do_append (run, "INBOX", 0, letters);
  do_store (run, "INBOX", 1, 2, SATCHEL_FLAGS_REMOVE, 0, "k5");
  do_store (run, "INBOX", 2, 2, SATCHEL_FLAGS_ADD, 0, "with-the-letter-of-k5");
  do_store (run, "INBOX", 1, 1, SATCHEL_FLAGS_REMOVE, 0, "k50");
  do_store (run, "INBOX", 2, 2, SATCHEL_FLAGS_ADD, 0, "in-the-place-of-k50");
  do_checkpoint (run, "INBOX");
  do_expunge (run, "INBOX", 1, 1);
  do_store (run, "INBOX", 2, 2, SATCHEL_FLAGS_ADD, 0, "one-more");
  do_append (run, "INBOX", 0, (const char *const *) names);
  do_reopen (run);
  do_store (run, "INBOX", 2, 2, SATCHEL_FLAGS_REPLACE, 0, "k3");
  for (guint i = 0; i < FEW; i++)
    g_free (names[i]);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

static const char *
any_name (Run *run, gboolean is_there)
{
  static const char *const names[] = { "A", "A/b", "A/c", "B", "B/b", "B/c", "Sent", "D" };
  g_autoptr (GPtrArray) infos = satchel_store_list (run->place.store, NULL);
  guint at = (guint) g_rand_int_range (run->rand, 0, G_N_ELEMENTS (names));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *name = names[(at + i) % G_N_ELEMENTS (names)];
      gboolean found = FALSE;
      for (guint k = 0; k < infos->len; k++)
        {
          const SatchelMailboxInfo *info = infos->pdata[k];
          found |= strcmp (info->name, name) == 0 && (is_there ? info->is_selectable : info->exists);
        }
      if (found == is_there)
        return name;
    }
  return NULL;
}

static guint32
n_uids (Run *run, const char *name)
{
  SatchelMailbox *mailbox = place_mailbox (&run->place, name);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  satchel_mailbox_unref (mailbox);
  return snapshot->state.uidnext;
}

static void
tell_by_chance (Run *run)
{
  for (guint i = 0; i < 25; i++)
    {
      const char *there = any_name (run, TRUE), *missing = any_name (run, FALSE);
      const char *box = there != NULL && g_rand_boolean (run->rand) ? there : "INBOX";
      guint32 n = n_uids (run, box), first = (guint32) g_rand_int_range (run->rand, 1, (gint32) MAX (n, 2));
      g_autofree char *keyword = g_strdup_printf ("k%u", (guint) g_rand_int_range (run->rand, 1, 32));
      guint use = 1u << g_rand_int_range (run->rand, 2, 7);
      switch (g_rand_int_range (run->rand, 0, 14))
        {
        case 0:
          do_subscribe (run, missing != NULL ? missing : "X", TRUE);
          break;
        case 1:
          do_subscribe (run, missing != NULL ? missing : "X", FALSE);
          break;
        case 2:
        case 3:
          if (missing != NULL)
            do_create (run, missing, g_rand_boolean (run->rand) ? use : 0);
          break;
        case 4:
          if (there != NULL)
            do_remove (run, there);
          break;
        case 5:
          if (there != NULL && missing != NULL && !g_str_has_prefix (missing, there))
            do_rename (run, there, missing);
          break;
        case 6:
          if (there != NULL)
            do_use (run, there, g_rand_boolean (run->rand) ? use : 0);
          break;
        case 7:
          do_append (run, box, g_rand_boolean (run->rand) ? SATCHEL_FLAG_SEEN : 0, i % 2 ? letters : NULL);
          break;
        case 8:
          do_store (run, box, first, n, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_ANSWERED, keyword);
          break;
        case 9:
          do_store (run, box, first, n, SATCHEL_FLAGS_REMOVE, 0, keyword);
          break;
        case 10:
          do_expunge (run, box, first, first);
          break;
        case 11:
        case 12:
          if (there != NULL)
            do_transfer (run, "INBOX", first, n, there, g_rand_boolean (run->rand));
          break;
        default:
          do_foreign (run);
          break;
        }
    }
}

typedef struct Story
{
  void (*tell) (Run *run);
  const char *settings; /* of group maildir, or NULL */
} Story;

static const Story
    names = { tell_names, NULL },
    mail = { tell_mail, NULL }, keywords = { tell_keywords, NULL }, by_chance = { tell_by_chance, NULL },
    /* Subscriptions are in a file of theirs as well, which wins where it says something else. */
    names_of_dovecot = { tell_names, "other_server = \"dovecot\";" },
    names_of_courier = { tell_names, "other_server = \"courier\";" },
    names_as_directories = { tell_names, "layout = \"fs\";" }, levels = { tell_levels, NULL },
    levels_as_directories = { tell_levels, "layout = \"fs\";" },
    mail_in_directories = { tell_mail,
                            "layout = \"fs\"; other_server = \"dovecot\"; control_path = \"control/%u\";" };

static void
use_settings (Place *place, const char *settings)
{
  g_autoptr (GError) error = NULL;
  const SatchelConfigSet *set = keep (satchel_config_set_from_text ("maildir", md_schema, settings, &error));
  g_assert_no_error (error);
  place->section = satchel_config_set_group (set, "maildir");
  g_assert_true (md_settings_check (place->section, &error));
}

static void
run_story (Run *run, const Story *story, guint32 seed)
{
  memset (run, 0, sizeof *run);
  place_make (&run->place);
  if (story->settings != NULL)
    use_settings (&run->place, story->settings);
  run->facts = g_ptr_array_new_with_free_func ((GDestroyNotify) g_hash_table_unref);
  run->rand = g_rand_new_with_seed (seed);
  run->scratch = g_dir_make_tmp ("satchel-crash-XXXXXX", NULL);
  g_autofree char *disk = g_build_filename (run->scratch, "disk", NULL);
  g_assert_cmpint (mkdir (disk, 0700), ==, 0);
  crash_calls_start (run->place.root_fd);
  place_open (&run->place);
  satchel_mailbox_unref (place_mailbox (&run->place, "INBOX"));
  mark (run);
  story->tell (run);
  place_close (&run->place);
  crash_calls_stop ();
  crashfs_each (disk, is_long_run () ? 20 : 0, seed, check_state, run);
  md_sys_reset ();
}

static void
clear_run (Run *run)
{
  facts_remove_tree (run->scratch);
  place_remove (&run->place);
  g_ptr_array_unref (run->facts);
  g_rand_free (run->rand);
  g_free (run->scratch);
  g_free (run->first_wrong);
}

static void
test_story (gconstpointer data)
{
  Run run;
  run_story (&run, data, 1);
  g_test_message ("%u operations, %u acknowledged, %u states", crashfs_n_operations (), run.facts->len,
                  run.n_states);
  if (run.n_wrong > 0)
    g_error ("%u facts are wrong, the first: %s", run.n_wrong, run.first_wrong);
  g_assert_cmpuint (run.n_states, >, count_rounds (200, 200));
  clear_run (&run);
}

static void
test_by_chance (void)
{
  for (guint32 seed = 1; seed <= (is_long_run () ? 60 : 1); seed++)
    {
      Run run;
      run_story (&run, &by_chance, seed);
      if (run.n_wrong > 0)
        g_error ("seed %u: %u facts are wrong, the first: %s", seed, run.n_wrong, run.first_wrong);
      clear_run (&run);
    }
}

/* The states would show a sync that is missing: each of these is left out, and something is lost. */
static void
test_self (gconstpointer data)
{
  static const struct
  {
    const char *name;
    const Story *story;
  } syncs[] = {
    { MD_USER_FILE ".new", &names },    /* content of the user's file */
    { "u", &names },                    /* names in the user's directory */
    { MD_KEYWORDS_FILE ".new", &mail }, /* content of the names of keywords */
    { MD_INDEX_FILE, &mail },           /* what only the index holds */
    { MD_INDEX_FILE ".new", &mail },    /* the same, written anew */
    { "cur", &mail },                   /* names of messages */
    { MD_UIDLIST_FILE ".new", &mail },  /* UIDs of files of others */
    { MD_UIDLIST_FILE, &mail },
  };
  for (guint i = 0; i < (is_long_run () ? G_N_ELEMENTS (syncs) : 4); i++)
    {
      Run run;
      crashfs_leave_out (syncs[i].name);
      run_story (&run, syncs[i].story, 1);
      crashfs_leave_out (NULL);
      g_test_message ("without %u syncs of %s: %s", crashfs_n_left_out (), syncs[i].name,
                      run.first_wrong != NULL ? run.first_wrong : "nothing");
      g_assert_cmpuint (crashfs_n_left_out (), >, 0);
      if (run.n_wrong == 0)
        g_error ("leaving out the syncs of %s is not found", syncs[i].name);
      clear_run (&run);
    }
}

int
main (int argc, char **argv)
{
  /* Thousands of small trees; what a disk does with them is not asked here. */
  if (g_getenv ("TMPDIR") == NULL && access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
  satchel_log_set_level (SATCHEL_LOG_ERROR); /* each state has something to say */
  g_test_add_data_func ("/maildir/crash-states/names", &names, test_story);
  g_test_add_data_func ("/maildir/crash-states/names-of-dovecot", &names_of_dovecot, test_story);
  g_test_add_data_func ("/maildir/crash-states/names-of-courier", &names_of_courier, test_story);
  g_test_add_data_func ("/maildir/crash-states/names-as-directories", &names_as_directories, test_story);
  g_test_add_data_func ("/maildir/crash-states/levels", &levels, test_story);
  g_test_add_data_func ("/maildir/crash-states/levels-as-directories", &levels_as_directories, test_story);
  g_test_add_data_func ("/maildir/crash-states/mail", &mail, test_story);
  g_test_add_data_func ("/maildir/crash-states/mail-in-directories", &mail_in_directories, test_story);
  g_test_add_data_func ("/maildir/crash-states/keywords", &keywords, test_story);
  g_test_add_func ("/maildir/crash-states/by-chance", test_by_chance);
  if (!is_sanitized ()) /* it is about the states, and runs what the others run */
    g_test_add_data_func ("/maildir/crash-states/finds-a-missing-sync", NULL, test_self);
  return g_test_run ();
}
