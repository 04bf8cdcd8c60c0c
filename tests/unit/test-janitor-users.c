/* SPDX-License-Identifier: MIT
 * How the janitor learns whom its process owns: what it asks auth, and what it makes of the answers.
 */
#include "config.h"

#include "core/session/janitor/janitor_users.h"
#include "tests/lib/loop.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *root;
static SatchelJanitorHost host;
static gboolean is_auth_away;
/* The last question; its names sorted. */
static guint n_questions;
static guint64 number;
static guint32 kind; /* 0: these names; 1: accounts after `after` */
static char *after;
static GPtrArray *asked;
/* The answer. */
static guint n_found, n_owners;
static char *found, *owner_path;
static gboolean was_answered;

static gint
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static gboolean
hear_question (SatchelIpcMessage *message)
{
  g_autoptr (SatchelIpcMessage) owned = message;
  g_assert_cmpint (message->type, ==, SATCHEL_IPC_OWNED);
  if (is_auth_away)
    return FALSE;
  n_questions++;
  number = satchel_ipc_get_u64 (message);
  kind = satchel_ipc_get_u32 (message);
  g_free (after);
  after = g_strdup (satchel_ipc_get_string (message));
  g_ptr_array_set_size (asked, 0);
  for (guint32 n = satchel_ipc_get_u32 (message); n > 0; n--)
    g_ptr_array_add (asked, g_strdup (satchel_ipc_get_string (message)));
  g_ptr_array_sort (asked, compare);
  g_assert_true (satchel_ipc_message_is_done (message));
  return TRUE;
}

static void
hear_found (GPtrArray *names)
{
  n_found++;
  g_free (found);
  found = NULL;
  if (names == NULL)
    return;
  g_ptr_array_add (names, NULL);
  found = g_strjoinv (" ", (char **) names->pdata);
  g_ptr_array_unref (names);
}

static void
hear_owner (gboolean is_answered, const SatchelPlace *place)
{
  was_answered = is_answered;
  n_owners++;
  g_free (owner_path);
  owner_path = place != NULL ? g_strdup (place->path) : NULL;
}

static SatchelIpcMessage *
new_answer (guint64 to, gboolean is_last, const char *last, const char *names)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_OWNED_REPLY, 0);
  g_auto (GStrv) users = g_strsplit (names, " ", -1);
  satchel_ipc_put_u64 (message, to);
  satchel_ipc_put_u32 (message, (guint32) is_last);
  satchel_ipc_put_string (message, last);
  satchel_ipc_put_u32 (message, g_strv_length (users));
  for (char **user = users; *user != NULL; user++)
    {
      g_autoptr (SatchelPlace) place = satchel_place_new (&(SatchelPlace) { .path = *user });
      satchel_ipc_put_string (message, *user);
      satchel_place_put (message, place);
    }
  return message;
}

static void
answer (gboolean is_last, const char *last, const char *names)
{
  g_autoptr (SatchelIpcMessage) message = new_answer (number, is_last, last, names);
  g_assert_true (satchel_janitor_users_message (message));
}

static void
make (const char *path)
{
  g_autofree char *full = g_build_filename (root, path, NULL);
  g_assert_cmpint (g_mkdir_with_parents (full, 0700), ==, 0);
}

static void
set_up (void)
{
  root = g_dir_make_tmp ("satchel-janitor-XXXXXX", NULL);
  host = (SatchelJanitorHost) { .root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                .send_to_auth = hear_question };
  asked = g_ptr_array_new_with_free_func (g_free);
  n_questions = n_found = n_owners = 0;
  is_auth_away = FALSE;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      if (g_file_test (inner, G_FILE_TEST_IS_SYMLINK) || g_unlink (inner) != 0)
        g_unlink (inner);
      remove_tree (inner);
    }
  g_rmdir (path);
}

static void
take_down (void)
{
  loop_settle ();
  close (host.root_fd);
  remove_tree (root);
  g_clear_pointer (&root, g_free);
  g_clear_pointer (&after, g_free);
  g_clear_pointer (&found, g_free);
  g_clear_pointer (&owner_path, g_free);
  g_ptr_array_unref (asked);
}

static void
assert_asked (const char *expected)
{
  g_ptr_array_add (asked, NULL);
  g_autofree char *text = g_strjoinv (" ", (char **) asked->pdata);
  g_assert_cmpstr (text, ==, expected);
}

/* Directories of users are asked about, nothing else that lies there; then accounts, stretch by stretch. */
static void
test_found (void)
{
  set_up ();
  make ("example.org/anna/cur");
  make ("example.org/bob");
  make ("example.net/carl");
  make ("example.net/.hidden");
  make ("spool/x");
  make (".cache/x");
  g_autofree char *link = g_build_filename (root, "example.com", NULL),
                  *file = g_build_filename (root, "example.net", "notes", NULL),
                  *odd = g_build_filename (root, "example.net", "\xff", NULL);
  g_assert_cmpint (symlink ("example.org", link), ==, 0);
  g_assert_true (g_file_set_contents (file, "x", 1, NULL));
  g_assert_cmpint (g_mkdir (odd, 0700), ==, 0);
  satchel_janitor_users_find (&host, hear_found);
  loop_until (n_questions == 1);
  g_assert_cmpuint (kind, ==, 0);
  assert_asked ("anna@example.org bob@example.org carl@example.net");
  answer (FALSE, "", "carl@example.net anna@example.org");
  g_assert_cmpuint (n_questions, ==, 2);
  g_assert_cmpuint (kind, ==, 1);
  g_assert_cmpstr (after, ==, "");
  assert_asked ("");
  answer (FALSE, "m@example.org", "anna@example.org eve@example.org");
  g_assert_cmpuint (n_questions, ==, 3);
  g_assert_cmpuint (kind, ==, 1);
  g_assert_cmpstr (after, ==, "m@example.org");
  g_assert_cmpuint (n_found, ==, 0);
  answer (TRUE, "", "zoe@example.org");
  loop_until (n_found == 1);
  g_assert_cmpstr (found, ==, "anna@example.org carl@example.net eve@example.org zoe@example.org");
  g_assert_cmpuint (n_questions, ==, 3);
  take_down ();
}

/* A question has at most 100 names, and fewer if they are long; everybody is asked about once. */
static void
check_batches (guint n_users, guint name_len, guint most)
{
  set_up ();
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < n_users; i++)
    {
      g_autofree char *path = g_strdup_printf ("example.org/%0*u", (int) name_len, i);
      make (path);
    }
  satchel_janitor_users_find (&host, hear_found);
  loop_until (n_questions == 1);
  for (guint before = 1; kind == 0; before++)
    {
      g_assert_cmpuint (n_questions, ==, before);
      g_assert_cmpuint (asked->len, >, 0);
      g_assert_cmpuint (asked->len, <=, most);
      for (guint i = 0; i < asked->len; i++)
        g_assert_true (g_hash_table_add (seen, g_strdup (asked->pdata[i])));
      answer (FALSE, "", "");
    }
  g_assert_cmpuint (g_hash_table_size (seen), ==, n_users);
  g_assert_cmpuint (n_questions, ==, (n_users + most - 1) / most + 1);
  answer (TRUE, "", "");
  loop_until (n_found == 1);
  g_assert_cmpstr (found, ==, "");
  take_down ();
}

static void
test_batches (void)
{
  check_batches (100, 5, 100);
  check_batches (201, 5, 100);
  /* With "@example.org" 200 bytes each, so that 20 of them are 4,000. */
  check_batches (41, 188, 20);
}

/* Auth is away: nobody knows, and whoever asked hears of it, but not before the call has returned. */
static void
test_away (void)
{
  set_up ();
  make ("example.org/anna");
  is_auth_away = TRUE;
  satchel_janitor_users_find (&host, hear_found);
  loop_until (n_found == 1);
  g_assert_null (found);
  satchel_janitor_users_ask (&host, "anna@example.org", hear_owner);
  g_assert_cmpuint (n_owners, ==, 0);
  loop_until (n_owners == 1);
  g_assert_false (was_answered);
  g_assert_null (owner_path);
  loop_settle ();
  g_assert_cmpuint (n_found, ==, 1);
  g_assert_cmpuint (n_owners, ==, 1);
  take_down ();
}

/* The link breaks after a question: the same, once; the answer that comes yet is nobody's. */
static void
test_lost (void)
{
  set_up ();
  satchel_janitor_users_lost (); /* nothing is asked */
  satchel_janitor_users_find (&host, hear_found);
  loop_until (n_questions == 1);
  g_assert_cmpuint (kind, ==, 1); /* there are no directories */
  satchel_janitor_users_lost ();
  g_assert_cmpuint (n_found, ==, 1);
  g_assert_null (found);
  satchel_janitor_users_lost ();
  answer (TRUE, "", "late@example.org");
  loop_settle ();
  g_assert_cmpuint (n_found, ==, 1);
  take_down ();
}

/* An answer to an earlier question changes nothing; one that is cut off or too long is refused as a whole. */
static void
test_odd_answers (void)
{
  set_up ();
  satchel_janitor_users_find (&host, hear_found);
  loop_until (n_questions == 1);
  g_autoptr (SatchelIpcMessage) old = new_answer (number - 1, TRUE, "", "old@example.org");
  g_assert_true (satchel_janitor_users_message (old));
  g_autoptr (SatchelIpcMessage) longer = new_answer (number, TRUE, "", "");
  satchel_ipc_put_u32 (longer, 1);
  g_assert_false (satchel_janitor_users_message (longer));
  g_autoptr (SatchelIpcMessage) whole = new_answer (number, TRUE, "", "");
  for (guint len = 0; len < whole->body->len; len++)
    {
      g_autoptr (SatchelIpcMessage) cut = new_answer (number, TRUE, "", "");
      g_byte_array_set_size (cut->body, len);
      g_assert_false (satchel_janitor_users_message (cut));
    }
  loop_settle ();
  g_assert_cmpuint (n_found, ==, 0);
  answer (TRUE, "", "new@example.org");
  loop_until (n_found == 1);
  g_assert_cmpstr (found, ==, "new@example.org");
  take_down ();
}

/* Where one user is; of two answers the first. */
static void
test_owner (void)
{
  set_up ();
  satchel_janitor_users_ask (&host, "anna@example.org", hear_owner);
  g_assert_cmpuint (kind, ==, 0);
  assert_asked ("anna@example.org");
  answer (TRUE, "", "anna@example.org other");
  g_assert_cmpuint (n_owners, ==, 1);
  g_assert_cmpstr (owner_path, ==, "anna@example.org");
  satchel_janitor_users_ask (&host, "bob@example.org", hear_owner);
  answer (TRUE, "", "");
  g_assert_cmpuint (n_owners, ==, 2);
  g_assert_true (was_answered);
  g_assert_null (owner_path);
  answer (TRUE, "", "bob@example.org");
  g_assert_cmpuint (n_owners, ==, 2);
  take_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/janitor/users/found", test_found);
  g_test_add_func ("/janitor/users/batches", test_batches);
  g_test_add_func ("/janitor/users/away", test_away);
  g_test_add_func ("/janitor/users/lost", test_lost);
  g_test_add_func ("/janitor/users/odd-answers", test_odd_answers);
  g_test_add_func ("/janitor/users/owner", test_owner);
  return g_test_run ();
}
