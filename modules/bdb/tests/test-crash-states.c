/* SPDX-License-Identifier: MIT
 * States in which a power cut may leave a volume: what was synced is there; of the log any part of what was
 * not, of the tables any pages.  Opened with recovery, all that was acknowledged is there, and nothing that
 * was taken away; if a page was written in part, the volume may be refused instead (decision 0080).
 */
#include "config.h"

#include "body/body_notes.h"
#include "driver.h"
#include "message/content.h"
#include "settings.h"
#include "volume/volume_private.h"

#include "core/runtime/config/config_image.h"
#include "core/runtime/log/log_private.h"
#include "modules/bdb/tests/crash_calls.h"
#include "tests/lib/facts.h"
#include "tests/lib/keep.h"
#include "tests/lib/rounds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Checkpoints are made where the story has them. */
#define SETTINGS                                                                                             \
  "log_file = \"4M\"; cache = \"2M\"; reserve = \"1M\"; checkpoint_size = \"1G\"; "                          \
  "checkpoint_interval = \"24h\"; keep_open = false;"

typedef struct Run
{
  char *root, *scratch;
  int root_fd;
  const SatchelConfig *section;
  SatchelStore *store;
  GPtrArray *facts; /* GHashTable a mark: what was acknowledged */
  gboolean is_recorded;
  guint n_texts;
  guint n_states, n_refused, n_wrong;
  char *first_wrong;
} Run;

/* ---------------------------------------------------------------- a run and its states */

static SatchelStore *
open_store (const Run *run, int root_fd, GError **error)
{
  const SatchelStoreLevel level = { "bdb", &bdb_ops, run->section };
  const SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = "example.org/u", .root_fd = root_fd, .levels = &level, .n_levels = 1
  };
  return satchel_store_open (&options, error);
}

static void
mark (Run *run)
{
  if (!run->is_recorded)
    return;
  crashfs_mark (run->facts->len);
  g_ptr_array_add (run->facts, facts_observe (run->store));
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
  if (run->n_wrong++ > 0)
    return;
  g_autofree char *before = crashfs_describe (state->at > 30 ? state->at - 30 : 0, state->at + 1);
  run->first_wrong = g_strdup_printf ("at %u after mark %u, %s%s: %s: %s\n%s", state->at, state->mark,
                                      state->kind, state->is_kill ? " (killed)" : "", what, fact, before);
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
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) seen = NULL;
  int root_fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  SatchelStore *store = open_store (run, root_fd, &error);
  if (store != NULL)
    seen = facts_try_observe (store, &error);
  run->n_states++;
  if (seen != NULL)
    check_facts (run, state, seen);
  else if (state->has_torn_page)
    run->n_refused++;
  else
    complain ("the volume is refused", error->message, &(Complaint) { run, state });
  g_clear_pointer (&store, satchel_store_unref);
  close (root_fd);
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

static SatchelMailbox *
open_mailbox (Run *run, const char *name)
{
  GError *error = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (run->store, name, &error);
  g_assert_no_error (error);
  return mailbox;
}

static BdbStore *
own_store (Run *run)
{
  return run->store->core->levels[0].self;
}

/* A text of about @len bytes. */
static void
do_append (Run *run, const char *name, gsize len, guint32 flags, const char *keyword)
{
  g_autoptr (GError) error = NULL;
  const char *const keywords[] = { keyword, NULL };
  g_autoptr (GString) text = g_string_new (NULL);
  const guint n = run->n_texts++;
  while (text->len < len || text->len == 0)
    g_string_append_printf (text, "text %u of %" G_GSIZE_FORMAT "\r\n", n, text->len);
  SatchelMailbox *mailbox = open_mailbox (run, name);
  must (append_text (mailbox, text->str, flags, keywords, &error) != 0, &error);
  satchel_mailbox_unref (mailbox);
  mark (run);
}

static void
do_store (Run *run, const char *name, guint32 first, guint32 last, SatchelFlagsMode mode, guint32 flags,
          const char *keyword)
{
  g_autoptr (GError) error = NULL;
  const char *const keywords[] = { keyword, NULL };
  SatchelMailbox *mailbox = open_mailbox (run, name);
  must (change_flags (mailbox, first, last, mode, flags, keywords, &error), &error);
  satchel_mailbox_unref (mailbox);
  mark (run);
}

static void
do_expunge (Run *run, const char *name, guint32 first, guint32 last)
{
  g_autoptr (GError) error = NULL;
  SatchelMailbox *mailbox = open_mailbox (run, name);
  must (expunge (mailbox, first, last, &error), &error);
  satchel_mailbox_unref (mailbox);
  mark (run);
}

static void
do_transfer (Run *run, const char *from, guint32 first, guint32 last, const char *to, gboolean move)
{
  g_autoptr (GError) error = NULL;
  SatchelMailbox *source = open_mailbox (run, from), *destination = open_mailbox (run, to);
  must (transfer (source, first, last, destination, move, &error), &error);
  satchel_mailbox_unref (source);
  satchel_mailbox_unref (destination);
  mark (run);
}

/* What upkeep does: contents that nobody uses are removed. */
static void
do_settle (Run *run)
{
  g_autoptr (GError) error = NULL;
  for (gboolean is_done = FALSE; !is_done;)
    must (bdb_references_settle (own_store (run), &is_done, &error), &error);
  must (bdb_body_mark_end (own_store (run)->volume, &error), &error);
  must (bdb_body_reclaim (own_store (run)->volume, &error), &error);
  mark (run);
}

static void
do_checkpoint (Run *run)
{
  g_autoptr (GError) error = NULL;
  BdbVolume *volume = own_store (run)->volume;
  must (bdb_volume_begin_use (volume, &error), &error);
  g_assert_cmpint (bdb_upkeep_write_pages (volume, TRUE), ==, 0);
  bdb_volume_end_use (volume);
  mark (run);
}

static void
do_reopen (Run *run)
{
  g_autoptr (GError) error = NULL;
  g_clear_pointer (&run->store, satchel_store_unref);
  run->store = open_store (run, run->root_fd, &error);
  g_assert_no_error (error);
  mark (run);
}

static void
do_names (Run *run, const char *name, const char *other)
{
  g_autoptr (GError) error = NULL;
  must (satchel_store_create (run->store, name, SATCHEL_USE_JUNK, &error), &error);
  mark (run);
  must (satchel_store_subscribe (run->store, name, TRUE, &error), &error);
  mark (run);
  must (satchel_store_rename (run->store, name, other, &error), &error);
  mark (run);
  must (satchel_store_create (run->store, name, 0, &error), &error);
  mark (run);
  must (satchel_store_delete (run->store, other, &error), &error);
  mark (run);
}

/* ---------------------------------------------------------------- stories */

static void
tell_mail (Run *run)
{
  do_append (run, "INBOX", 10, SATCHEL_FLAG_SEEN, NULL);
  do_append (run, "INBOX", 30000, 0, "one");
  do_names (run, "A", "B");
  do_checkpoint (run);
  do_store (run, "INBOX", 1, 2, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, "two");
  do_transfer (run, "INBOX", 1, 2, "A", FALSE);
  do_append (run, "A", 70000, 0, NULL);
  do_append (run, "A", 1100000, 0, NULL);
  do_checkpoint (run);
  do_store (run, "A", 1, 3, SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_FLAGGED, "one");
  do_transfer (run, "INBOX", 1, 1, "A", TRUE);
  do_expunge (run, "A", 3, 4);
  do_settle (run);
  do_checkpoint (run);
  do_append (run, "INBOX", 5000, 0, NULL);
  do_reopen (run);
  do_append (run, "A", 10, 0, NULL);
  do_expunge (run, "A", 1, 2);
  do_settle (run);
}

/* Bytes until the log begins another file. */
static guint
count_log_room (Run *run)
{
  DB_ENV *env = own_store (run)->volume->environment.env;
  DB_LOG_STAT *log = NULL;
  g_assert_cmpint (env->log_stat (env, &log, 0), ==, 0);
  guint room = log->st_lg_size - MIN (log->st_lg_size, log->st_cur_offset);
  bdb_memory_give_back (log);
  return room;
}

static void
fill_log (Run *run)
{
  do_append (run, "INBOX", 10, 0, NULL);
  do_transfer (run, "INBOX", 1, 1, "INBOX", FALSE);
  for (guint i = 0; i < 5; i++)
    do_transfer (run, "INBOX", 1, 100, "INBOX", FALSE);
  for (guint i = 0; count_log_room (run) > 50000; i++)
    do_store (run, "INBOX", 1, 100, i % 2 ? SATCHEL_FLAGS_ADD : SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_SEEN,
              "one");
}

/* The log begins another file, and pages are written that need it. */
static void
tell_log (Run *run)
{
  for (guint i = 0; i < 8; i++)
    do_append (run, "INBOX", 7000, SATCHEL_FLAG_SEEN, NULL);
  g_assert_cmpuint (count_log_room (run), >, 1000000); /* it has */
  do_expunge (run, "INBOX", 1, 66);
  do_settle (run);
  do_checkpoint (run);
  do_append (run, "INBOX", 7000, 0, NULL);
}

typedef struct Story
{
  void (*prepare) (Run *run); /* before the record begins */
  void (*tell) (Run *run);
} Story;
static const Story mail = { NULL, tell_mail }, logs = { fill_log, tell_log };

static void
make_run (Run *run)
{
  *run = (Run) { .root = g_dir_make_tmp ("satchel-bdb-XXXXXX", NULL),
                 .scratch = g_dir_make_tmp ("satchel-crash-XXXXXX", NULL),
                 .facts = g_ptr_array_new_with_free_func ((GDestroyNotify) g_hash_table_unref) };
  g_autoptr (GError) error = NULL;
  const SatchelConfigSet *set = keep (satchel_config_set_from_text ("bdb", bdb_schema, SETTINGS, &error));
  g_assert_no_error (error);
  run->section = satchel_config_set_group (set, "bdb");
  run->root_fd = open (run->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The volume is there already: what it is made of before its first user is no matter of the record. */
static void
run_story (Run *run, const Story *story, guint32 seed)
{
  make_run (run);
  g_autoptr (GError) error = NULL;
  g_autofree char *disk = g_build_filename (run->scratch, "disk", NULL);
  g_assert_cmpint (mkdir (disk, 0700), ==, 0);
  run->store = open_store (run, run->root_fd, &error);
  g_assert_no_error (error);
  if (story->prepare != NULL)
    story->prepare (run);
  g_clear_pointer (&run->store, satchel_store_unref);
  g_autofree char *reserve = g_build_filename (run->root, "bdb", "default", "reserve", NULL);
  unlink (reserve); /* which is not recorded */
  run->is_recorded = TRUE;
  crash_calls_start (run->root_fd);
  crashfs_use_pages (".db");
  do_reopen (run);
  story->tell (run);
  g_clear_pointer (&run->store, satchel_store_unref);
  crash_calls_stop ();
  crashfs_each (disk, is_long_run () ? 20 : 0, seed, check_state, run);
}

static void
clear_run (Run *run)
{
  facts_remove_tree (run->scratch);
  facts_remove_tree (run->root);
  close (run->root_fd);
  g_ptr_array_unref (run->facts);
  g_free (run->root);
  g_free (run->scratch);
  g_free (run->first_wrong);
}

static void
test_story (gconstpointer data)
{
  Run run;
  run_story (&run, data, 1);
  g_test_message ("%u operations, %u acknowledged, %u states, %u refused for a torn page",
                  crashfs_n_operations (), run.facts->len, run.n_states, run.n_refused);
  if (run.n_wrong > 0)
    g_error ("%u facts are wrong, the first: %s", run.n_wrong, run.first_wrong);
  g_assert_cmpuint (run.n_states, >, count_rounds (50, 50));
  clear_run (&run);
}

/* The states would show a sync that is missing: each of these is left out, and something is lost. */
static void
test_self (void)
{
  static const struct
  {
    const char *name;
    const Story *story;
  } syncs[] = {
    { "log.0000000001", &mail }, /* what was acknowledged */
    { "default", &logs },        /* names of log files */
    { "0000000001", &mail },     /* bodies */
    { "records.db", &mail },     /* pages, before the log is taken to be needless */
  };
  for (guint i = 0; i < (G_N_ELEMENTS (syncs)); i++)
    {
      Run run;
      crashfs_leave_out (syncs[i].name);
      run_story (&run, syncs[i].story, 1);
      crashfs_leave_out (NULL);
      g_test_message ("without %u syncs of %s: %.200s", crashfs_n_left_out (), syncs[i].name,
                      run.first_wrong != NULL ? run.first_wrong : "nothing");
      g_assert_cmpuint (crashfs_n_left_out (), >, 0);
      if (run.n_wrong == 0)
        g_error ("leaving out the syncs of %s is not found", syncs[i].name);
      clear_run (&run);
    }
}

/* Berkeley DB loses some hundred bytes of its own when it refuses a volume. */
const char *__lsan_default_suppressions (void);
const char *
__lsan_default_suppressions (void)
{
  return "leak:__os_malloc\n";
}

int
main (int argc, char **argv)
{
  /* Hundreds of small volumes; what a disk does with them is not asked here. */
  if (g_getenv ("TMPDIR") == NULL && access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
  satchel_log_set_level (SATCHEL_LOG_ERROR);
  g_test_add_data_func ("/bdb/crash-states/mail", &mail, test_story);
  g_test_add_data_func ("/bdb/crash-states/log", &logs, test_story);
  if (!is_sanitized ()) /* it is about the states, and runs what the others run */
    g_test_add_func ("/bdb/crash-states/finds-a-missing-sync", test_self);
  return g_test_run ();
}
