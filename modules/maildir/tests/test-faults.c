/* SPDX-License-Identifier: MIT
 * The n-th call fails, the disk is full, files are damaged, the process is killed, another program renames
 * meanwhile.  What was acknowledged stays, what was not is not half there.
 */
#include "config.h"

#include "modules/maildir/commit/journal.h"
#include "modules/maildir/mailbox/mailbox.h"
#include "modules/maildir/foreign/uidlist.h"
#include "modules/maildir/store/user_file.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/tests/faults.h"
#include "modules/maildir/tests/harness.h"
#include "tests/lib/rounds.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_DAMAGES 1000
#define N_KILLS 50

/* ---------------------------------------------------------------- the n-th call fails */

typedef struct Model
{
  char *inbox, *dest; /* as describe says */
  SatchelMailbox *mailboxes[2];
} Model;

static void
check_view (const char *where, SatchelMailbox *mailbox, const char *expected)
{
  g_autofree char *view = describe (mailbox);
  if (g_strcmp0 (view, expected) != 0)
    g_error ("%s: '%s' instead of '%s'", where, view, expected);
}

/* An operation is done whole or not at all. */
static void
settle (Model *model, gboolean ok, const char *where)
{
  if (ok)
    {
      g_free (model->inbox);
      g_free (model->dest);
      model->inbox = describe (model->mailboxes[0]);
      model->dest = describe (model->mailboxes[1]);
    }
  check_view (where, model->mailboxes[0], model->inbox);
  check_view (where, model->mailboxes[1], model->dest);
}

static void
run_operations (Model *model)
{
  SatchelMailbox *inbox = model->mailboxes[0], *dest = model->mailboxes[1];
  const char *const keywords[] = { "Work", NULL };
  settle (model, append_text (inbox, "alpha\r\n", 0, NULL, NULL) != 0, "append");
  settle (model, append_text (inbox, "beta\r\n", SATCHEL_FLAG_SEEN, keywords, NULL) != 0,
          "append with keyword");
  settle (model, append_text (inbox, "gamma\n", 0, NULL, NULL) != 0, "append raw");
  settle (model, change_flags (inbox, 1, 99, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, NULL, NULL),
          "flags of all");
  settle (model, transfer (inbox, 1, 2, dest, FALSE, NULL), "copy");
  settle (model, transfer (inbox, 2, 3, dest, TRUE, NULL), "move");
  settle (model, change_flags (dest, 1, 1, SATCHEL_FLAGS_REPLACE, 0, NULL, NULL), "flags of one");
  /* A removal whose sync fails is not acknowledged and cannot be put back: gone as a whole, or there. */
  gboolean removed = expunge (dest, 2, 3, NULL);
  g_autofree char *left = describe (dest);
  settle (model, removed || (strstr (left, "2:") == NULL && strstr (left, "3:") == NULL), "expunge");
  settle (model, append_text (inbox, "delta\r\n", 0, NULL, NULL) != 0, "append again");
}

static void
check_contents (SatchelMailbox *mailbox)
{
  static const char *const texts[] = { "alpha\r\n", "beta\r\n", "gamma\n", "delta\r\n" };
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      g_autofree char *text = message_text (mailbox, chunk->uid[row]);
      gboolean known = FALSE;
      for (guint k = 0; k < G_N_ELEMENTS (texts); k++)
        known |= g_strcmp0 (text, texts[k]) == 0;
      if (!known)
        g_error ("UID %u reads as '%s'", chunk->uid[row], text);
    }
}

static void
open_two (Place *place, Model *model)
{
  place_open (place);
  model->mailboxes[0] = place_mailbox (place, "INBOX");
  model->mailboxes[1] = place_mailbox (place, "Dest");
}

static void
close_two (Place *place, Model *model)
{
  satchel_mailbox_unref (model->mailboxes[0]);
  satchel_mailbox_unref (model->mailboxes[1]);
  place_close (place);
}

static gboolean
run_with_fault (guint nth, FaultKind kind, int errnum)
{
  Place place;
  Model model = { 0 };
  place_make (&place);
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "Dest", 0, NULL));
  place_close (&place);
  open_two (&place, &model);
  model.inbox = g_strdup ("");
  model.dest = g_strdup ("");
  faults_start (nth, kind, errnum, FALSE);
  run_operations (&model);
  gboolean reached = faults_stop ();
  for (int pass = 0; pass < 2; pass++)
    {
      close_two (&place, &model);
      g_autofree char *index = place_path (&place, MD_INDEX_FILE),
                      *other = place_path (&place, ".Dest/" MD_INDEX_FILE);
      if (pass == 1)
        {
          unlink (index);
          unlink (other);
        }
      open_two (&place, &model);
      g_autofree char *where = g_strdup_printf ("call %u, %s, reopened %d", nth, g_strerror (errnum), pass);
      check_view (where, model.mailboxes[0], model.inbox);
      check_view (where, model.mailboxes[1], model.dest);
      check_contents (model.mailboxes[0]);
      check_contents (model.mailboxes[1]);
    }
  /* And it goes on. */
  g_assert_cmpuint (append_text (model.mailboxes[0], "alpha\r\n", 0, NULL, NULL), >, 0);
  close_two (&place, &model);
  g_free (model.inbox);
  g_free (model.dest);
  place_remove (&place);
  return reached;
}

static void
test_nth_error (gconstpointer data)
{
  int errnum = GPOINTER_TO_INT (data);
  guint n = 1;
  while (run_with_fault (n, FAULT_ERROR, errnum))
    n++;
  g_assert_cmpuint (n, >, 100);
  g_test_message ("%u calls", n - 1);
}

static void
test_nth_short (void)
{
  guint n = 1;
  while (run_with_fault (n, FAULT_SHORT_WRITE, 0))
    n++;
  g_assert_cmpuint (n, >, 100);
}

/* From some call on nothing can be allocated: reading and expunging go on, what was there stays. */
static void
test_full_disk (void)
{
  for (guint nth = 1; nth < 60; nth += 3)
    {
      Place place;
      place_make (&place);
      place_open (&place);
      SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
      for (int i = 0; i < 4; i++)
        append_text (inbox, "kept\r\n", 0, NULL, NULL);
      faults_start (nth, FAULT_ERROR, ENOSPC, TRUE);
      g_autoptr (GError) error = NULL;
      while (append_text (inbox, "more\r\n", 0, NULL, &error) != 0)
        continue;
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOSPACE);
      g_autofree char *text = message_text (inbox, 2);
      g_assert_cmpstr (text, ==, "kept\r\n");
      g_clear_error (&error);
      expunge (inbox, 1, 2, &error);
      g_assert_no_error (error);
      satchel_mailbox_unref (inbox);
      place_close (&place);
      faults_stop ();
      place_open (&place);
      inbox = place_mailbox (&place, "INBOX");
      g_autofree char *view = describe (inbox);
      g_assert_true (g_str_has_prefix (view, "3:0 4:0"));
      satchel_mailbox_unref (inbox);
      place_remove (&place);
    }
}

/* There is no room for the UIDs of mail that another program brings: what was there is served, and the new
 * mail as soon as there is room. */
static void
test_full_disk_arrivals (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_assert_cmpuint (append_text (inbox, "kept\r\n", 0, NULL, &error), ==, 1);
  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *name = g_strdup_printf ("new/170000%04u.M1P1.host", i);
      place_put (&place, name, "new\n");
    }
  faults_start (1, FAULT_ERROR, ENOSPC, TRUE);
  g_assert_cmpint (md_sys.close (-1), ==, -1); /* from here on only calls that take room fail */
  sync_later (inbox);
  g_autofree char *full = describe (inbox);
  g_assert_cmpstr (full, ==, "1:0");
  g_autofree char *text = message_text (inbox, 1);
  g_assert_cmpstr (text, ==, "kept\r\n");
  g_assert_true (faults_stop ());
  sync_later (inbox);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (snapshot->state.n_messages, ==, 2001);
  g_assert_cmpuint (snapshot->state.uidnext, ==, 2002);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* ---------------------------------------------------------------- damage */

static const char *const state_files[] = { MD_INDEX_FILE, MD_CACHE_FILE,  MD_STATE_FILE,  MD_UIDLIST_FILE,
                                           MD_USER_FILE,  MD_MODSEQ_FILE, MD_JOURNAL_FILE };
#define N_FILES G_N_ELEMENTS (state_files)

static void
damage (GRand *rand, const char *path, const char *content, gsize len)
{
  g_autofree char *copy = g_memdup2 (content, MAX (len, 1));
  switch (g_rand_int_range (rand, 0, 6))
    {
    case 0:
      unlink (path);
      return;
    case 1:
      len = len > 0 ? (gsize) g_rand_int_range (rand, 0, (gint32) len) : 0;
      break;
    case 2:
      for (gsize i = 0; i < len; i++)
        copy[i] = (char) g_rand_int (rand);
      break;
    case 3:
      memset (copy, 0, len);
      break;
    default:
      for (int i = g_rand_int_range (rand, 1, 9); i > 0 && len > 0; i--)
        copy[g_rand_int_range (rand, 0, (gint32) len)] = (char) g_rand_int (rand);
      break;
    }
  g_assert_true (g_file_set_contents (path, copy, (gssize) len, NULL));
}

static void
fill (Place *place, SatchelMailbox *inbox, char **told, guint *n_told)
{
  for (int i = 0; i < 12; i++)
    {
      g_autofree char *text = g_strdup_printf ("ours %d\r\n", i);
      append_text (inbox, text, i % 3 ? 0 : SATCHEL_FLAG_SEEN, NULL, NULL);
      g_autofree char *name = g_strdup_printf ("new/16000000%02d.f%d.host", i, i);
      g_autofree char *foreign = g_strdup_printf ("foreign %d\n", i);
      place_put (place, name, foreign);
      sync_later (inbox);
    }
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  *n_told = snapshot->state.uidnext;
  for (guint32 uid = 1; uid < snapshot->state.uidnext; uid++)
    told[uid] = message_text (inbox, uid);
  /* The highest ones go: their UIDs must not come back with other content. */
  g_assert_true (expunge (inbox, *n_told - 3, *n_told, NULL));
  g_assert_true (expunge (inbox, 4, 5, NULL));
}

static void
check_after_damage (SatchelMailbox *inbox, guint32 uidvalidity, const char *view, char **told, guint n_told,
                    gboolean may_renumber, const char *where)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (snapshot->state.n_messages, ==, 19);
  if (snapshot->state.uidvalidity != uidvalidity)
    return;
  g_autofree char *now = describe (inbox);
  if (!may_renumber && strcmp (now, view) != 0)
    g_error ("%s: %s instead of %s", where, now, view);
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      guint32 uid = chunk->uid[row];
      g_autofree char *text = message_text (inbox, uid);
      if (uid < n_told && g_strcmp0 (text, told[uid]) != 0)
        g_error ("%s: UID %u was '%s' and is '%s'", where, uid, told[uid], text);
    }
  guint32 uid = append_text (inbox, "new\r\n", 0, NULL, NULL);
  if (uid < n_told)
    g_error ("%s: UID %u given again", where, uid);
}

static void
test_damage (void)
{
  Place place;
  char *told[64] = { NULL }, *content[N_FILES];
  gsize len[N_FILES];
  guint n_told;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  fill (&place, inbox, told, &n_told);
  g_autofree char *view = describe (inbox);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  guint32 uidvalidity = snapshot->state.uidvalidity;
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *copy = g_strconcat (place.user, ".copy", NULL);
  g_autofree char *save = g_strdup_printf ("cp -a '%s' '%s'", place.user, copy);
  g_autofree char *restore = g_strdup_printf ("rm -rf '%s' && cp -a '%s' '%s'", place.user, copy, place.user);
  g_assert_cmpint (system (save), ==, 0);
  for (guint i = 0; i < N_FILES; i++)
    {
      g_autofree char *path = place_path (&place, "%s", state_files[i]);
      if (!g_file_get_contents (path, &content[i], &len[i], NULL))
        {
          content[i] = g_strdup ("");
          len[i] = 0;
        }
    }
  GRand *rand = g_rand_new_with_seed (4711);
  for (guint round = 0; round < count_rounds (N_DAMAGES, 20 * N_DAMAGES); round++)
    {
      guint victim = (guint) g_rand_int_range (rand, 0, N_FILES);
      gboolean two = round % 5 == 4;
      g_assert_cmpint (system (restore), ==, 0);
      g_autofree char *path = place_path (&place, "%s", state_files[victim]);
      g_autofree char *index = place_path (&place, MD_INDEX_FILE);
      damage (rand, path, content[victim], len[victim]);
      if (two)
        unlink (index);
      g_autofree char *where =
          g_strdup_printf ("round %u, %s%s", round, state_files[victim], two ? " and no index" : "");
      place_open (&place);
      inbox = place_mailbox (&place, "INBOX");
      gboolean is_list = strcmp (state_files[victim], MD_UIDLIST_FILE) == 0;
      gboolean is_state = strcmp (state_files[victim], MD_STATE_FILE) == 0;
      check_after_damage (inbox, uidvalidity, view, told, n_told, two && (is_list || is_state), where);
      satchel_mailbox_unref (inbox);
      place_close (&place);
    }
  g_rand_free (rand);
  for (guint i = 0; i < n_told; i++)
    g_free (told[i]);
  for (guint i = 0; i < N_FILES; i++)
    g_free (content[i]);
  place_remove (&place);
}

/* ---------------------------------------------------------------- kill -9 */

typedef struct Ack
{
  char what; /* A append, F flags, X expunged, M moved all to Dest and back */
  guint32 uid, value;
} Ack;

static void
tell (int fd, char what, guint32 uid, guint32 value)
{
  Ack ack = { what, uid, value };
  if (write (fd, &ack, sizeof ack) != (ssize_t) sizeof ack)
    _exit (1);
}

static void
child_works (Place *place, int fd, guint32 seed)
{
  GRand *rand = g_rand_new_with_seed (seed);
  place_open (place);
  SatchelMailbox *inbox = place_mailbox (place, "INBOX");
  for (;;)
    {
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
      guint32 n = snapshot->state.n_messages;
      int kind = g_rand_int_range (rand, 0, 4);
      if (kind == 0 || n < 4)
        {
          g_autofree char *text = g_strdup_printf ("text %u\r\n", snapshot->state.uidnext);
          guint32 uid = append_text (inbox, text, 0, NULL, NULL);
          tell (fd, 'A', uid, 0);
          continue;
        }
      guint row;
      const SatchelChunk *chunk =
          satchel_snapshot_at (snapshot, (guint32) g_rand_int_range (rand, 0, (gint32) n), &row);
      guint32 uid = chunk->uid[row], flags = (guint32) g_rand_int_range (rand, 0, 32);
      tell (fd, 'b', 0, 0); /* begun: its effect may be there */
      if (kind == 1 && change_flags (inbox, uid, uid, SATCHEL_FLAGS_REPLACE, flags, NULL, NULL))
        tell (fd, 'F', uid, flags);
      else if (kind == 2 && change_flags (inbox, 1, G_MAXUINT32, SATCHEL_FLAGS_REPLACE, flags, NULL, NULL))
        tell (fd, 'G', 0, flags);
      else if (kind == 3 && n > 8 && expunge (inbox, uid, uid, NULL))
        tell (fd, 'X', uid, 0);
    }
}

typedef struct Known
{
  GHashTable *flags; /* uid -> flags + 1 */
  gboolean open;     /* the last operation was not acknowledged */
} Known;

static void
set_all (gpointer key, gpointer value, gpointer data)
{
  g_ptr_array_add (data, key);
}

static void
read_acks (int fd, Known *known)
{
  Ack ack;
  while (read (fd, &ack, sizeof ack) == (ssize_t) sizeof ack)
    {
      known->open = ack.what == 'b';
      gpointer key = GUINT_TO_POINTER (ack.uid);
      if (ack.what == 'A')
        g_hash_table_insert (known->flags, key, GUINT_TO_POINTER (1));
      else if (ack.what == 'F')
        g_hash_table_insert (known->flags, key, GUINT_TO_POINTER (ack.value + 1));
      else if (ack.what == 'X')
        g_hash_table_remove (known->flags, key);
      else if (ack.what == 'G')
        {
          g_autoptr (GPtrArray) keys = g_ptr_array_new ();
          g_hash_table_foreach (known->flags, set_all, keys);
          for (guint i = 0; i < keys->len; i++)
            g_hash_table_insert (known->flags, keys->pdata[i], GUINT_TO_POINTER (ack.value + 1));
        }
    }
}

/* Acknowledged state, but for one operation that may have been at work. */
static void
check_known (Place *place, Known *known)
{
  place_open (place);
  SatchelMailbox *inbox = place_mailbox (place, "INBOX");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  guint n_differ = 0, n_gone = 0;
  guint32 n = snapshot->state.n_messages;
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  for (guint32 i = 0; i < n; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      gpointer key = GUINT_TO_POINTER (chunk->uid[row]);
      g_assert_true (g_hash_table_add (seen, key));
      g_autofree char *text = message_text (inbox, chunk->uid[row]);
      g_assert_true (text != NULL && g_str_has_prefix (text, "text ") && g_str_has_suffix (text, "\r\n"));
      gpointer flags = g_hash_table_lookup (known->flags, key);
      if (flags != NULL && GPOINTER_TO_UINT (flags) != chunk->flags[row] + 1)
        n_differ++;
      g_hash_table_insert (known->flags, key, GUINT_TO_POINTER (chunk->flags[row] + 1));
    }
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init (&iter, known->flags);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (!g_hash_table_contains (seen, key))
      {
        n_gone++;
        g_hash_table_iter_remove (&iter);
      }
  g_assert_cmpuint (n_gone, <=, known->open ? 1 : 0);
  if (!known->open)
    g_assert_cmpuint (n_differ, ==, 0);
  else if (n_differ > 1)
    {
      /* STORE of all was at work: it is whole. */
      g_autoptr (GHashTable) values = g_hash_table_new (NULL, NULL);
      g_hash_table_iter_init (&iter, known->flags);
      gpointer value;
      while (g_hash_table_iter_next (&iter, NULL, &value))
        g_hash_table_add (values, value);
      g_assert_cmpuint (g_hash_table_size (values), ==, 1);
    }
  satchel_mailbox_unref (inbox);
  place_close (place);
}

static void
test_kill (void)
{
  Place place;
  Known known = { g_hash_table_new (NULL, NULL), FALSE };
  GRand *rand = g_rand_new_with_seed (99);
  place_make (&place);
  for (guint cycle = 0; cycle < count_rounds (N_KILLS, 20 * N_KILLS); cycle++)
    {
      int pipes[2];
      g_assert_cmpint (pipe (pipes), ==, 0);
      fcntl (pipes[1], F_SETPIPE_SZ, 1 << 20);
      guint32 seed = g_rand_int (rand);
      pid_t pid = fork ();
      if (pid == 0)
        {
          close (pipes[0]);
          child_works (&place, pipes[1], seed);
        }
      close (pipes[1]);
      /* From the middle of opening on to many commits later. */
      g_usleep ((gulong) g_rand_int_range (rand, 500, 20000));
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      known.open = FALSE;
      read_acks (pipes[0], &known);
      close (pipes[0]);
      check_known (&place, &known);
    }
  g_rand_free (rand);
  g_hash_table_unref (known.flags);
  place_remove (&place);
}

/* ---------------------------------------------------------------- another program at the same time */

static void
outsider (const char *dir)
{
  GRand *rand = g_rand_new_with_seed (5);
  for (;;)
    {
      GDir *entries = g_dir_open (dir, 0, NULL);
      const char *name;
      while ((name = g_dir_read_name (entries)) != NULL)
        {
          const char *colon = strchr (name, ':');
          if (colon == NULL)
            continue;
          g_autofree char *from = g_build_filename (dir, name, NULL);
          g_autofree char *base = g_strndup (name, (gsize) (colon - name));
          g_autofree char *to = g_strdup_printf ("%s/%s:2,%s", dir, base, g_rand_boolean (rand) ? "F" : "FS");
          rename (from, to);
        }
      g_dir_close (entries);
    }
}

static void
test_race (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  for (int i = 0; i < 20; i++)
    {
      g_autofree char *text = g_strdup_printf ("text %d\r\n", i + 1);
      append_text (inbox, text, SATCHEL_FLAG_FLAGGED, NULL, NULL);
    }
  g_autofree char *dir = place_path (&place, "cur");
  pid_t pid = fork ();
  if (pid == 0)
    outsider (dir);
  guint n_stored = 0;
  for (int i = 0; i < 150; i++)
    {
      n_stored += change_flags (inbox, (guint32) (i % 20) + 1, (guint32) (i % 20) + 2, SATCHEL_FLAGS_ADD,
                                SATCHEL_FLAG_ANSWERED, NULL, NULL);
      g_autofree char *text = message_text (inbox, (guint32) (i % 20) + 1);
      if (text != NULL)
        g_assert_true (g_str_has_prefix (text, "text "));
      satchel_mailbox_sync (inbox, NULL);
    }
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  /* Nobody removed anything. */
  g_assert_cmpuint (snapshot->state.n_messages, ==, 20);
  g_assert_cmpuint (n_stored, >, 0);
  for (guint32 i = 0; i < 20; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      g_autofree char *text = message_text (inbox, chunk->uid[row]);
      g_assert_nonnull (text);
    }
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  /* In memory where there is room: the calls count here, not the disk. */
  if (access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/maildir/fault/nth-eio", GINT_TO_POINTER (EIO), test_nth_error);
  g_test_add_data_func ("/maildir/fault/nth-enospc", GINT_TO_POINTER (ENOSPC), test_nth_error);
  g_test_add_func ("/maildir/fault/nth-short-write", test_nth_short);
  g_test_add_func ("/maildir/fault/full-disk", test_full_disk);
  g_test_add_func ("/maildir/fault/full-disk-arrivals", test_full_disk_arrivals);
  g_test_add_func ("/maildir/damage/random", test_damage);
  g_test_add_func ("/maildir/crash/kill-9", test_kill);
  g_test_add_func ("/maildir/outside/race", test_race);
  return g_test_run ();
}
