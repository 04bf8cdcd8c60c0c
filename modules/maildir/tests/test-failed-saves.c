/* SPDX-License-Identifier: MIT
 * A save that fails, for a moment or for good: the operation is refused, what is in memory does not go on as
 * if it had worked, and after the next restart or power cut everything that was acknowledged is there.
 */
#include "config.h"

#include "modules/maildir/files/boot_id.h"
#include "modules/maildir/files/maildir_sys.h"

#include "core/runtime/log/log_private.h"
#include "modules/maildir/tests/crash_calls.h"
#include "modules/maildir/tests/harness.h"
#include "tests/lib/facts.h"
#include "tests/lib/rounds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct Run
{
  Place place;
  GHashTable *expected; /* fact -> 1: must be there, 2: must not; none: nobody knows */
  char *scratch;
  guint n_acknowledged;
  const char *where;
  guint nth;
} Run;

/* @ok: it was acknowledged that @fact is so, or not; else nobody was told. */
static void
expect (Run *run, gboolean ok, gboolean is_there, const char *fact)
{
  run->n_acknowledged += ok;
  if (ok)
    g_hash_table_insert (run->expected, g_strdup (fact), GUINT_TO_POINTER (is_there ? 1 : 2));
  else
    g_hash_table_remove (run->expected, fact);
}

static void
store_keyword (Run *run, const char *name, guint32 uid, const char *keyword)
{
  const char *const keywords[] = { keyword, NULL };
  g_autofree char *fact = g_strdup_printf ("keyword %s %u %s", name, uid, keyword);
  SatchelMailbox *mailbox = satchel_store_open_mailbox (run->place.store, name, NULL);
  g_autoptr (SatchelSnapshot) snapshot = mailbox != NULL ? satchel_mailbox_snapshot (mailbox) : NULL;
  guint32 index;
  gboolean ok = mailbox != NULL && satchel_snapshot_find (snapshot, uid, &index)
                && change_flags (mailbox, uid, uid, SATCHEL_FLAGS_ADD, 0, keywords, NULL);
  if (mailbox != NULL)
    satchel_mailbox_unref (mailbox);
  expect (run, ok, TRUE, fact);
}

static void
append_with (Run *run, const char *keyword)
{
  const char *const keywords[] = { keyword, NULL };
  SatchelMailbox *inbox = satchel_store_open_mailbox (run->place.store, "INBOX", NULL);
  guint32 uid = inbox != NULL ? append_text (inbox, "text\r\n", 0, keywords, NULL) : 0;
  g_autofree char *fact = g_strdup_printf ("keyword INBOX %u %s", uid, keyword);
  if (inbox != NULL)
    satchel_mailbox_unref (inbox);
  if (uid != 0)
    expect (run, TRUE, TRUE, fact);
}

static void
copy_keyword (Run *run, const char *keyword)
{
  SatchelMailbox *inbox = satchel_store_open_mailbox (run->place.store, "INBOX", NULL);
  SatchelMailbox *dest = satchel_store_open_mailbox (run->place.store, "Dest", NULL);
  if (inbox != NULL && dest != NULL)
    {
      g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (dest);
      gboolean ok = transfer (inbox, 1, 1, dest, FALSE, NULL);
      g_autoptr (SatchelSnapshot) after = satchel_mailbox_snapshot (dest);
      g_autofree char *fact = g_strdup_printf ("keyword Dest %u %s", after->state.uidnext - 1, keyword);
      if (ok)
        expect (run, after->state.n_messages > before->state.n_messages, TRUE, fact);
    }
  if (inbox != NULL)
    satchel_mailbox_unref (inbox);
  if (dest != NULL)
    satchel_mailbox_unref (dest);
}

static void
subscribe (Run *run, const char *name, gboolean subscribe)
{
  g_autofree char *fact = g_strdup_printf ("subscribed %s", name);
  expect (run, satchel_store_subscribe (run->place.store, name, subscribe, NULL), subscribe, fact);
}

static gboolean
exists (Run *run, const char *name)
{
  g_autoptr (GPtrArray) infos = satchel_store_list (run->place.store, NULL);
  for (guint i = 0; infos != NULL && i < infos->len; i++)
    if (strcmp (((const SatchelMailboxInfo *) infos->pdata[i])->name, name) == 0
        && ((const SatchelMailboxInfo *) infos->pdata[i])->exists)
      return TRUE;
  return FALSE;
}

static void
create (Run *run, const char *name, guint use)
{
  g_autofree char *fact = g_strdup_printf ("mailbox %s", name);
  g_autofree char *use_fact = g_strdup_printf ("use %s %u", name, use != 0 ? use : (guint) SATCHEL_USE_SENT);
  g_autoptr (GError) error = NULL;
  gboolean ok = satchel_store_create (run->place.store, name, use, &error);
  if (error != NULL && error->code == SATCHEL_ERROR_ALREADYEXISTS)
    return;
  expect (run, ok, TRUE, fact);
  expect (run, ok, use != 0, use_fact);
}

static void delete (Run *run, const char *name)
{
  g_autofree char *fact = g_strdup_printf ("mailbox %s", name);
  g_autofree char *use_fact = g_strdup_printf ("use %s %u", name, (guint) SATCHEL_USE_SENT);
  if (!exists (run, name))
    return;
  gboolean ok = satchel_store_delete (run->place.store, name, NULL);
  expect (run, ok, FALSE, fact);
  expect (run, ok, FALSE, use_fact);
}

static void
rename_it (Run *run, const char *from, const char *to)
{
  g_autofree char *old_fact = g_strdup_printf ("mailbox %s", from),
                  *fact = g_strdup_printf ("mailbox %s", to);
  g_autofree char *old_use = g_strdup_printf ("use %s %u", from, (guint) SATCHEL_USE_SENT);
  g_autofree char *use = g_strdup_printf ("use %s %u", to, (guint) SATCHEL_USE_SENT);
  gboolean has_use = g_hash_table_lookup (run->expected, old_use) == GUINT_TO_POINTER (1);
  if (!exists (run, from) || exists (run, to))
    return;
  gboolean ok = satchel_store_rename (run->place.store, from, to, NULL);
  expect (run, ok, TRUE, fact);
  expect (run, ok, FALSE, old_fact);
  expect (run, ok, FALSE, old_use);
  if (has_use || !ok)
    expect (run, ok, TRUE, use);
}

/* Each twice: the second time is the next operation after one that failed. */
static void
operate (Run *run)
{
  for (guint i = 0; i < 2; i++)
    {
      store_keyword (run, "INBOX", 1 + i, "Work");
      store_keyword (run, "INBOX", 1 + i, "without-letter");
      append_with (run, "Later");
      copy_keyword (run, "k1");
      subscribe (run, "News", TRUE);
      subscribe (run, "Old", FALSE);
      create (run, "Sent", SATCHEL_USE_SENT);
      rename_it (run, "Sent", "Sent Items");
      delete (run, "Sent Items");
      create (run, "Sent Items", 0);
      subscribe (run, "News", i == 0);
      store_keyword (run, "INBOX", 2, "Home");
    }
}

static void
check (Run *run, Place *place, const char *how)
{
  g_autoptr (GHashTable) seen = facts_observe (place->store);
  GHashTableIter iter;
  gpointer fact, value;
  g_hash_table_iter_init (&iter, run->expected);
  while (g_hash_table_iter_next (&iter, &fact, &value))
    if (g_hash_table_contains (seen, fact) != (value == GUINT_TO_POINTER (1)))
      {
        guint n = crashfs_n_operations ();
        g_autofree char *last = crashfs_describe (n > 60 ? n - 60 : 0, n);
        g_error ("%s at call %u, %s: '%s' was acknowledged as %s\n%s", run->where, run->nth, how,
                 (char *) fact, value == GUINT_TO_POINTER (1) ? "so" : "not so", last);
      }
}

static gboolean
check_state (const CrashState *state, const char *path, gpointer data)
{
  Run *run = data;
  guint8 *boot_id = (guint8 *) md_boot_id ();
  Place place = { .root = (char *) path, .section = run->place.section };
  place.root_fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  boot_id[0] ^= state->is_kill ? 0 : 0xff;
  place_open (&place);
  check (run, &place, state->kind);
  place_close (&place);
  boot_id[0] ^= state->is_kill ? 0 : 0xff;
  close (place.root_fd);
  facts_remove_tree (path);
  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  return TRUE;
}

static const char *const letters[] = { "k1",  "k2",  "k3",  "k4",  "k5",  "k6",  "k7",  "k8",
                                       "k9",  "k10", "k11", "k12", "k13", "k14", "k15", "k16",
                                       "k17", "k18", "k19", "k20", "k21", "k22", "k23", NULL };

/* 23 letters are taken, three are left: then only the index has the rest.  FALSE: there is no such call. */
static gboolean
run_with (guint nth, int errnum, gboolean for_good, const char *where)
{
  Run run = { .where = where, .nth = nth };
  run.expected = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  run.scratch = g_dir_make_tmp ("satchel-saves-XXXXXX", NULL);
  g_autofree char *disk = g_build_filename (run.scratch, "disk", NULL);
  g_assert_cmpint (mkdir (disk, 0700), ==, 0);
  place_make (&run.place);
  crash_calls_start (run.place.root_fd);
  crashfs_fail (0, 0, FALSE);
  place_open (&run.place);
  SatchelMailbox *inbox = place_mailbox (&run.place, "INBOX");
  append_text (inbox, "one\r\n", 0, letters, NULL);
  append_text (inbox, "two\r\n", 0, NULL, NULL);
  satchel_mailbox_unref (inbox);
  g_assert_true (satchel_store_create (run.place.store, "Dest", 0, NULL));
  g_assert_true (satchel_store_subscribe (run.place.store, "Old", TRUE, NULL));
  crashfs_fail (nth, errnum, for_good);
  operate (&run);
  gboolean was_reached = crashfs_n_calls () >= nth;
  crashfs_fail (0, 0, FALSE);
  crashfs_mark (0);
  crash_calls_stop ();
  crashfs_each (disk, 0, nth, check_state, &run);
  if (!for_good)
    g_assert_cmpuint (run.n_acknowledged, >, 20);
  place_close (&run.place);
  place_open (&run.place);
  check (&run, &run.place, "opened again");
  place_close (&run.place);
  md_sys_reset ();
  facts_remove_tree (run.scratch);
  place_remove (&run.place);
  g_hash_table_unref (run.expected);
  g_free (run.scratch);
  return was_reached;
}

typedef struct Failure
{
  int errnum;
  gboolean for_good;
  const char *name;
} Failure;

static void
test_failure (gconstpointer data)
{
  const Failure *failure = data;
  guint step = is_long_run () ? 1 : 13, n = 0;
  for (guint nth = 1 + (guint) failure->errnum % step;
       run_with (nth, failure->errnum, failure->for_good, failure->name); nth += step)
    n++;
  g_assert_cmpuint (n, >, 8);
}

int
main (int argc, char **argv)
{
  static const Failure failures[] = {
    { ENOSPC, FALSE, "/maildir/failed-saves/no-space" }, { ENOSPC, TRUE, "/maildir/failed-saves/full-disk" },
    { EIO, FALSE, "/maildir/failed-saves/io" },          { EDQUOT, TRUE, "/maildir/failed-saves/quota" },
    { 0, FALSE, "/maildir/failed-saves/short-write" },
  };
  /* Thousands of small trees; what a disk does with them is not asked here. */
  if (g_getenv ("TMPDIR") == NULL && access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
  satchel_log_set_level (SATCHEL_LOG_ERROR); /* each failure has something to say */
  for (guint i = 0; i < G_N_ELEMENTS (failures); i++)
    g_test_add_data_func (failures[i].name, &failures[i], test_failure);
  return g_test_run ();
}
