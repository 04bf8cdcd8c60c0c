/* SPDX-License-Identifier: MIT
 * Runs of admin commands in a mail process: what is answered, how much of it at once, and how a run ends.
 */
#include "config.h"

#include "core/session/admin/admin_private.h"
#include "tests/lib/loop.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/module.h>
#include <string.h>
#include <unistd.h>

static char *root;
static SatchelAdminHost host;
static SatchelConfigSet *server;
/* What was answered. */
static GString *answer;
static guint n_final, status;
static guint64 last_request;
/* The command that runs. */
static gboolean (*body) (SatchelAdminCall *call, GError **error);
static gint n_bodies; /* that have ended; atomic */
static gint may_end;  /* atomic */

static gboolean
run_body (SatchelAdminCall *call, GError **error)
{
  gboolean ok = body (call, error);
  g_atomic_int_inc (&n_bodies);
  return ok;
}

static const SatchelConfigRow options[] = {
  { "times", SATCHEL_CONFIG_INT, "1", "How often", .min = 1, .max = 9 }, { NULL }
};
static const SatchelAdminCommand plain = {
  .size = sizeof plain, .name = "plain", .summary = "Work", .options = options, .run = run_body
};
static const SatchelAdminCommand of_user = {
  .size = sizeof of_user, .name = "of-user", .summary = "Work", .of_user = TRUE, .run = run_body
};
static const SatchelAdminCommand *const commands[] = { &plain, &of_user, NULL };
static const SatchelAdminOps ops = { sizeof ops, commands };
static const SatchelProvides provides[] = { { SATCHEL_KIND_ADMIN, NULL, &ops }, { 0 } };
static const SatchelModule toy = { SATCHEL_MODULE_FACTS, .name = "toy",    .version = "1",
                                   .description = "d",   .licence = "MIT", .roles = SATCHEL_ROLE_MAIL,
                                   .provides = provides };

static const SatchelConfig *
group_of (const char *name)
{
  return satchel_config_set_group (server, name);
}

static void
set_time (const char *text)
{
  static const SatchelConfigRow rows[] = { { "admin_time", SATCHEL_CONFIG_DURATION, "1h", "Time" },
                                           { NULL } };
  g_autoptr (GError) error = NULL;
  g_clear_pointer (&server, satchel_config_set_free);
  server = satchel_config_set_from_text ("server", rows, text, &error);
  g_assert_no_error (error);
}

static void
note_reply (guint64 request, gboolean is_final, guint a_status, const char *text)
{
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_cmpuint (strlen (text), <=, 8000);
  g_string_append (answer, text);
  last_request = request;
  n_final += (guint) is_final;
  status = a_status;
}

static void
begin (void)
{
  answer = g_string_new (NULL);
  n_final = 0;
  status = 99;
  g_atomic_int_set (&n_bodies, 0);
  g_atomic_int_set (&may_end, 0);
}

static void
end (void)
{
  loop_settle ();
  g_assert_cmpuint (n_final, ==, 1);
  g_assert_cmpuint (satchel_admin_calls_n_running (), ==, 0);
  g_string_free (g_steal_pointer (&answer), TRUE);
}

/* @words: a request after "run", with blanks between; '-' is an empty word. */
static void
start (guint64 request, const char *words)
{
  g_autofree char *line = g_strconcat ("run ", words, NULL);
  g_auto (GStrv) argv = g_strsplit (line, " ", -1);
  for (char **word = argv; *word != NULL; word++)
    {
      g_strdelimit (*word, "_", ' ');
      if (strcmp (*word, "-") == 0)
        **word = '\0';
    }
  satchel_admin_calls_start (request, (const char *const *) argv, -1);
}

static void
run_to_end (gboolean (*a_body) (SatchelAdminCall *call, GError **error), const char *words)
{
  begin ();
  body = a_body;
  start (7, words);
  loop_until (n_final == 1);
}

/* ---- answers ---- */

static gboolean
say_some (SatchelAdminCall *call, GError **error)
{
  g_assert_cmpstr (satchel_admin_access (call)->service, ==, "admin");
  return satchel_admin_print (call, "one\ntwo %d\n",
                              (int) satchel_config_int (satchel_admin_options (call), "times"))
         && satchel_admin_print (call, "\x1b[1m\ttab \xc2\x9b\x7f \xff")
         && satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("name", "a b"), SATCHEL_ADMIN_NUMBER ("n", -5),
                                  SATCHEL_ADMIN_BOOL ("yes", TRUE), SATCHEL_ADMIN_BOOL ("no", FALSE),
                                  SATCHEL_ADMIN_TEXT ("none", NULL));
}

static void
test_answers (void)
{
  run_to_end (say_some, "toy plain - text - times=3");
  g_assert_true (g_str_has_prefix (
      answer->str, ">one\n>two 3\n>?[1m\ttab ?? \xef\xbf\xbd\n>name=\"a b\" n=-5 yes=yes no=no"));
  g_assert_true (g_str_has_suffix (answer->str, "\n.\n"));
  g_assert_cmpuint (status, ==, 0);
  g_assert_cmpuint (last_request, ==, 7);
  end ();
  run_to_end (say_some, "toy plain - json -");
  g_assert_cmpstr (
      answer->str, ==,
      ">{\"text\": \"one\"}\n>{\"text\": \"two 1\"}\n>{\"text\": \"?[1m\\ttab ?? \xef\xbf\xbd\"}\n"
      ">{\"name\": \"a b\", \"n\": -5, \"yes\": true, \"no\": false, \"none\": null}\n.\n");
  end ();
}

static gboolean
fail_with_reason (SatchelAdminCall *call, GError **error)
{
  satchel_admin_print (call, "begun");
  return satchel_error_set (error, SATCHEL_ERROR_OVERQUOTA, "no\r\nroom");
}

static gboolean
fail_without_reason (SatchelAdminCall *call, GError **error)
{
  return FALSE;
}

static gboolean
fail_elsewhere (SatchelAdminCall *call, GError **error)
{
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "gone");
  return FALSE;
}

static void
assert_failed (const char *lines, int code, const char *why)
{
  g_autofree char *expected = g_strdup_printf ("%s!%d %s\n.\n", lines, code, why);
  g_assert_cmpstr (answer->str, ==, expected);
  g_assert_cmpuint (status, ==, 1);
  end ();
}

static void
test_failures (void)
{
  run_to_end (fail_with_reason, "toy plain - text -");
  assert_failed (">begun\n", SATCHEL_ERROR_OVERQUOTA, "no  room");
  run_to_end (fail_without_reason, "toy plain - text -");
  assert_failed ("", SATCHEL_ERROR_FAILED, "the module toy failed and gave no reason");
  run_to_end (fail_elsewhere, "toy plain - text -");
  assert_failed ("", SATCHEL_ERROR_FAILED, "gone");
}

static gboolean
say_nothing (SatchelAdminCall *call, GError **error)
{
  return TRUE;
}

/* What master sends is not trusted to fit: nothing runs, and the answer says why. */
static void
test_refusals (void)
{
  static const struct
  {
    const char *words, *why;
  } cases[] = {
    { "toy plain - text", "not complete" },
    { "toy other - text -", "no command \"toy other\"" },
    { "boy plain - text -", "no command \"boy plain\"" },
    { "toy plain anna@x text -", "does not concern a user" },
    { "toy of-user anna@x text -", "not known where the user's mail is" },
    { "toy of-user anna@x text known", "not known where the user's mail is" },
    { "toy plain - text - times=10", "times" },
    { "toy plain - text - tims=1", "tims" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      begin ();
      body = say_nothing;
      start (i, cases[i].words);
      g_assert_cmpuint (n_final, ==, 1);
      g_assert_cmpuint (status, !=, 0);
      g_assert_cmpuint (last_request, ==, i);
      if (answer->str[0] != '!' || strstr (answer->str, cases[i].why) == NULL
          || !g_str_has_suffix (answer->str, "\n.\n"))
        g_error ("%s: %s", cases[i].words, answer->str);
      g_assert_cmpint (n_bodies, ==, 0);
      end ();
    }
}

/* ---- users ---- */

static SatchelPlace *
place_of (const char *path)
{
  return satchel_place_new (&(SatchelPlace) { .path = path });
}

static char *acquired;

static SatchelStore *
note_acquire (const SatchelAccess *access, const SatchelPlace *place, GError **error)
{
  g_free (acquired);
  acquired = g_strconcat (access->owner, " ", place->path, NULL);
  satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "it is being moved");
  return NULL;
}

static gboolean
open_it (SatchelAdminCall *call, GError **error)
{
  return satchel_admin_open_store (call, error) != NULL;
}

static void
run_of_user (const char *user, const char *known, const char *path)
{
  g_autoptr (SatchelPlace) place = place_of (path);
  g_autofree char *text = satchel_place_to_text (place), *at = g_strconcat (known, " ", text, NULL);
  const char *argv[] = { "run", "toy", "of-user", user, "text", at, NULL };
  begin ();
  body = open_it;
  satchel_admin_calls_start (3, argv, -1);
  loop_until (n_final == 1);
}

/* Who has an account needs no mail, who has mail needs no account, and a mistyped name has neither. */
static void
test_users (void)
{
  g_autofree char *mail = g_build_filename (root, "x", "anna", NULL);
  g_assert_cmpint (g_mkdir_with_parents (mail, 0700), ==, 0);
  run_of_user ("anna@x", "known", "x/nobody");
  g_assert_cmpstr (acquired, ==, "anna@x x/nobody");
  assert_failed ("", SATCHEL_ERROR_UNAVAILABLE, "it is being moved");
  g_clear_pointer (&acquired, g_free);
  run_of_user ("anna@x", "unknown", "x/anna");
  g_assert_cmpstr (acquired, ==, "anna@x x/anna");
  assert_failed ("", SATCHEL_ERROR_UNAVAILABLE, "it is being moved");
  g_clear_pointer (&acquired, g_free);
  run_of_user ("anna@x", "unknown", "x/nobody");
  g_assert_null (acquired);
  g_assert_nonnull (strstr (answer->str, "no such user"));
  end ();
  run_of_user ("", "known", "x/anna");
  g_assert_null (acquired);
  g_assert_nonnull (strstr (answer->str, "a user name is missing"));
  end ();
  run_to_end (open_it, "toy plain - text -");
  assert_failed ("", SATCHEL_ERROR_CANNOT, "the command does not concern a user's store");
  g_rmdir (mail);
}

/* ---- how much ---- */

static gboolean
say_a_long_line (SatchelAdminCall *call, GError **error)
{
  g_autofree char *fits = g_strnfill (SATCHEL_ADMIN_LINE_MAX, 'x'), *longer = g_strconcat (fits, "x", NULL);
  g_assert_true (satchel_admin_print (call, "%s\n", fits));
  g_assert_false (satchel_admin_print (call, "%s", longer));
  g_assert_true (satchel_admin_is_cancelled (call));
  g_assert_false (satchel_admin_print (call, "more"));
  return TRUE; /* it takes no notice */
}

/* In parts that may end at each byte of a letter. */
static gboolean
say_wide_lines (SatchelAdminCall *call, GError **error)
{
  g_autofree char *narrow = g_strnfill (4000, 'x');
  g_auto (GStrv) wide = g_strsplit (narrow, "x", -1);
  g_autofree char *text = g_strjoinv ("\xe2\x82\xac", wide);
  for (guint i = 0; i < 3; i++)
    g_assert_true (satchel_admin_print (call, "%.*s%s\n", (int) i, "xx", text));
  return TRUE;
}

static gboolean
say_a_long_record (SatchelAdminCall *call, GError **error)
{
  g_autofree char *text = g_strnfill (2 * SATCHEL_ADMIN_LINE_MAX, 'x');
  return satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("k", text));
}

static void
test_long_lines (void)
{
  run_to_end (say_wide_lines, "toy plain - text -");
  g_assert_cmpuint (g_utf8_strlen (answer->str, -1), >=, 3 * 4000 + 3);
  end ();
  run_to_end (say_a_long_line, "toy plain - text -");
  g_assert_cmpuint (status, ==, 1);
  g_assert_nonnull (strstr (answer->str, "x\n!"));
  g_assert_true (g_str_has_suffix (answer->str, " it says more than an answer may hold\n.\n"));
  g_assert_null (strstr (answer->str, "more\n"));
  g_assert_cmpuint (strchr (answer->str, '\n') - answer->str, ==, SATCHEL_ADMIN_LINE_MAX + 1);
  end ();
  run_to_end (say_a_long_record, "toy plain - text -");
  g_assert_true (g_str_has_suffix (answer->str, " it says more than an answer may hold\n.\n"));
  end ();
}

#define LINE_BYTES 1000u

static gboolean
say_much (SatchelAdminCall *call, GError **error)
{
  g_autofree char *text = g_strnfill (LINE_BYTES - 2, 'y');
  for (guint i = 0; i < 1000; i++)
    if (!satchel_admin_print (call, "%s", text))
      return FALSE;
  return TRUE;
}

/* No more is under way than the window; what was taken makes room for as much. */
static void
test_window (void)
{
  begin ();
  body = say_much;
  start (8, "toy plain - text -");
  loop_until (answer->len >= SATCHEL_ADMIN_WINDOW);
  loop_settle ();
  g_assert_cmpuint (answer->len, <=, SATCHEL_ADMIN_WINDOW + LINE_BYTES);
  g_assert_cmpint (n_bodies, ==, 0);
  g_assert_false (satchel_admin_calls_room (9, 1000000)); /* another request */
  gsize before = answer->len;
  g_assert_true (satchel_admin_calls_room (8, 50000));
  loop_until (answer->len >= before + 49000);
  loop_settle ();
  g_assert_cmpuint (answer->len, <=, before + 50000 + LINE_BYTES);
  g_assert_true (satchel_admin_calls_room (8, G_MAXUINT64));
  while (n_final == 0)
    {
      g_main_context_iteration (NULL, FALSE);
      satchel_admin_calls_room (8, 100000);
    }
  g_assert_cmpuint (answer->len, ==, 1000 * LINE_BYTES + 2);
  g_assert_cmpuint (status, ==, 0);
  end ();
}

/* ---- ends ---- */

static gboolean
work_until_cancelled (SatchelAdminCall *call, GError **error)
{
  while (!satchel_admin_is_cancelled (call))
    g_usleep (1000);
  g_assert_false (satchel_admin_print (call, "too late"));
  return satchel_error_set (error, SATCHEL_ERROR_FAILED, "not done");
}

static gboolean
end_well_though_cancelled (SatchelAdminCall *call, GError **error)
{
  while (!satchel_admin_is_cancelled (call))
    g_usleep (1000);
  return TRUE;
}

static void
test_cancelled (void)
{
  begin ();
  body = work_until_cancelled;
  start (5, "toy plain - text -");
  g_assert_cmpuint (satchel_admin_calls_n_running (), ==, 1);
  g_assert_false (satchel_admin_calls_cancel (6));
  g_assert_true (satchel_admin_calls_cancel (5));
  loop_until (n_final == 1);
  assert_failed ("", SATCHEL_ERROR_CANCELLED, "cancelled");
  g_assert_false (satchel_admin_calls_cancel (5));

  /* What waits for room hears of it, too. */
  begin ();
  body = say_much;
  start (5, "toy plain - text -");
  loop_until (answer->len >= SATCHEL_ADMIN_WINDOW);
  g_assert_true (satchel_admin_calls_cancel (5));
  loop_until (n_final == 1);
  g_assert_true (g_str_has_suffix (answer->str, " cancelled\n.\n"));
  end ();

  begin ();
  body = work_until_cancelled;
  start (5, "toy plain - text -");
  satchel_admin_calls_stop ();
  satchel_admin_calls_cancel (5); /* the first reason stays */
  loop_until (n_final == 1);
  assert_failed ("", SATCHEL_ERROR_UNAVAILABLE, "the server stops");

  /* What was finished all the same was not cancelled. */
  begin ();
  body = end_well_though_cancelled;
  start (5, "toy plain - text -");
  satchel_admin_calls_cancel (5);
  loop_until (n_final == 1);
  g_assert_cmpstr (answer->str, ==, ".\n");
  g_assert_cmpuint (status, ==, 0);
  end ();
}

static void
test_time (void)
{
  set_time ("admin_time = \"100ms\";");
  run_to_end (work_until_cancelled, "toy plain - text -");
  assert_failed ("", SATCHEL_ERROR_TIMEOUT,
                 "it took too long, or nobody read what it said; see server.admin_time");
  set_time ("");
}

/* ---- several, and progress ---- */

static gboolean
wait_for_leave (SatchelAdminCall *call, GError **error)
{
  while (g_atomic_int_get (&may_end) == 0)
    g_usleep (1000);
  return TRUE;
}

static void
test_many (void)
{
  begin ();
  body = wait_for_leave;
  for (guint i = 0; i < 8; i++)
    start (10 + i, "toy plain - text -");
  g_assert_cmpuint (satchel_admin_calls_n_running (), ==, 8);
  start (20, "toy plain - text -");
  g_assert_cmpuint (n_final, ==, 1);
  g_assert_nonnull (strstr (answer->str, "8 admin commands are running already"));
  g_atomic_int_set (&may_end, 1);
  loop_until (n_final == 9);
  n_final = 1;
  end ();
}

static gboolean
tell_progress (SatchelAdminCall *call, GError **error)
{
  for (guint64 i = 1; i <= 50; i++)
    g_assert_true (satchel_admin_progress (call, i, 50, i == 50 ? "last\none" : "some"));
  return TRUE;
}

/* The first is told, those soon after it are not, and the last one is. */
static void
test_progress (void)
{
  run_to_end (tell_progress, "toy plain - text -");
  g_assert_true (g_str_has_prefix (answer->str, "%1 50 some\n"));
  g_assert_true (g_str_has_suffix (answer->str, "%50 50 last?one\n.\n"));
  g_auto (GStrv) lines = g_strsplit (answer->str, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), <, 30);
  end ();
}

static gboolean
tell_nothing (SatchelAdminCall *call, GError **error)
{
  return satchel_admin_progress (call, 1, 0, NULL);
}

static void
test_progress_without_words (void)
{
  run_to_end (tell_nothing, "toy plain - text -");
  g_assert_cmpstr (answer->str, ==, "%1 0 \n.\n");
  end ();
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  root = g_dir_make_tmp ("satchel-admin-XXXXXX", NULL);
  set_time ("");
  host = (SatchelAdminHost) { .loader = satchel_loader_new (SATCHEL_ROLE_MAIL, NULL),
                              .root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                              .group = group_of,
                              .acquire_store = note_acquire,
                              .reply = note_reply };
  g_assert_true (satchel_loader_add (host.loader, &toy, FALSE, &error));
  satchel_admin_calls_init (&host);
  g_test_add_func ("/admin/calls/answers", test_answers);
  g_test_add_func ("/admin/calls/failures", test_failures);
  g_test_add_func ("/admin/calls/refusals", test_refusals);
  g_test_add_func ("/admin/calls/users", test_users);
  g_test_add_func ("/admin/calls/long-lines", test_long_lines);
  g_test_add_func ("/admin/calls/window", test_window);
  g_test_add_func ("/admin/calls/cancelled", test_cancelled);
  g_test_add_func ("/admin/calls/time", test_time);
  g_test_add_func ("/admin/calls/many", test_many);
  g_test_add_func ("/admin/calls/progress", test_progress);
  g_test_add_func ("/admin/calls/progress-without-words", test_progress_without_words);
  int result = g_test_run ();
  satchel_loader_free (host.loader);
  close (host.root_fd);
  g_autofree char *domain = g_build_filename (root, "x", NULL);
  g_rmdir (domain);
  g_rmdir (root);
  g_free (acquired);
  g_clear_pointer (&server, satchel_config_set_free);
  g_free (root);
  return result;
}
