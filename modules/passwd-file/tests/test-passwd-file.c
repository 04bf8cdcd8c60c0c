/* SPDX-License-Identifier: MIT
 * Module passwd-file through its public tables: schemes, damage, rights, edits, re-reading,
 * upgrades.
 */
#include "core/runtime/config/config_image.h"
#include "core/runtime/log/log_private.h"
#include "core/base/user.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/module.h>
#include <string.h>

#include "tests/lib/auth-ask.h"

#include <satchel/scram.h>
#include <sys/stat.h>
#include <unistd.h>

/* "pw", as other programs store it: argon2(1), crypt(3) of libxcrypt. */
#define PW_ARGON2ID                                                                                          \
  "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$4fYLox2QlPew4kg1ik3+x6cVrmgv7pKr07neIZLZRU0"
#define PW_ARGON2ID_DEARER                                                                                   \
  "$argon2id$v=19$m=64,t=2,p=4$c2FsdHNhbHRzYWx0c2FsdA$a9mUOTu0o8IUybndc013gK30bSckxqAAziKAJ3tcw7k"
#define PW_SHA512                                                                                            \
  "$6$rounds=1000$saltsalt$nII71HJmawaDYdXrUHYtoWV/pe6ZN/"                                                   \
  "eQzrZXdKjhrcMU0onLRg6A5m38udZu.lA6f53rIQturF4FMx1X99KF/0"
#define PW_SHA512_DEFAULT                                                                                    \
  "$6$saltsalt$pauPrmdmG4BTE9h2HPmywiw152IFch6BJCEsaY6D.PLTfpV8sqvXwWdyfsgVgozkYH9B80bAip/08R2BPH2xk/"
#define PW_BCRYPT "$2b$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW"
#define PW_YESCRYPT "$y$j75$saltsaltsaltsalt..$LPbVecIMuxDoT.Mvjcm4J0FarRNUFEbAuUTo9BhwmD9"

static char *directory, *path;
static const SatchelModule *module;
static const SatchelPassdbOps *passdb;
static const SatchelUserdbOps *userdb;
static SatchelConfigSet *set;
static GString *logged;

static void
collect_log (SatchelLogLevel level, const char *area, const char *message)
{
  g_string_append_printf (logged, "%s\n", message);
}

static void
set_up (const char *settings)
{
  g_autoptr (GError) error = NULL;
  directory = g_dir_make_tmp ("satchel-passwd-XXXXXX", NULL);
  path = g_build_filename (directory, "passwd", NULL);
  g_autofree char *text = g_strdup_printf ("path = \"%s\"; memory = \"8K\"; passes = 1; %s", path, settings);
  set = satchel_config_set_from_text (module->name, module->schema, text, &error);
  g_assert_no_error (error);
  g_string_truncate (logged, 0);
  g_assert_true (module->configure (satchel_config_set_group (set, module->name), &error));
}

static void
tear_down (void)
{
  module->stop ();
  static const char *const names[] = { "passwd", "passwd.lock", "passwd.new" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = g_build_filename (directory, names[i], NULL);
      g_unlink (name);
    }
  g_assert_cmpint (g_rmdir (directory), ==, 0);
  g_free (directory);
  g_free (path);
  g_clear_pointer (&set, satchel_config_set_free);
}

static void
write_file (const char *text)
{
  g_assert_true (g_file_set_contents_full (path, text, (gssize) strlen (text), G_FILE_SET_CONTENTS_CONSISTENT,
                                           0600, NULL));
}

static char *
read_file (void)
{
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

/* "right", "upgrade", "wrong", "locked", "unknown", "error" */
static const char *
log_in (const char *user, const char *password)
{
  g_auto (SatchelCredential) credential = { .size = sizeof credential };
  g_autoptr (GError) error = NULL;
  if (!ask_look_up (passdb, user, &credential, &error))
    {
      g_assert_cmpint (ask_verify (passdb, NULL, password, NULL), !=, SATCHEL_VERIFY_RIGHT);
      return error != NULL ? "error" : "unknown";
    }
  switch (ask_verify (passdb, &credential, password, &error))
    {
    case SATCHEL_VERIFY_ERROR:
      return "error";
    case SATCHEL_VERIFY_WRONG:
      return "wrong";
    case SATCHEL_VERIFY_RIGHT:
      return credential.is_locked ? "locked" : "right";
    case SATCHEL_VERIFY_RIGHT_UPGRADE:
      return credential.is_locked ? "locked" : "upgrade";
    }
  return "?";
}

/* "found", "unknown", or "later". */
static const char *
find_address (const char *address)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) users = ask_texts (userdb, SATCHEL_CALL_RESOLVE, address, &error);
  if (users != NULL)
    g_assert_cmpstr (users[0], ==, address);
  return error != NULL ? "later" : users != NULL ? "found" : "unknown";
}

static void
test_admin (void)
{
  set_up ("");
  g_autoptr (GError) error = NULL;
  g_assert_true (passdb->add ("Alice@Example.org", "pw", &error));
  g_assert_no_error (error);
  g_assert_cmpstr (log_in ("alice@example.org", "pw"), ==, "right");
  g_assert_cmpstr (log_in ("alice@example.org", "Pw"), ==, "wrong");
  g_assert_cmpstr (log_in ("alice@example.org", ""), ==, "wrong");
  g_assert_cmpstr (log_in ("bob@example.org", "pw"), ==, "unknown");
  struct stat status;
  g_assert_cmpint (stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0600);

  g_assert_false (passdb->add ("alice@example.org", "x", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_ALREADYEXISTS);
  g_clear_error (&error);
  g_assert_true (passdb->add ("bob@example.org", NULL, &error)); /* no password: nobody gets in */
  g_assert_cmpstr (log_in ("bob@example.org", "pw"), ==, "wrong");
  g_assert_cmpstr (log_in ("bob@example.org", ""), ==, "wrong");
  g_assert_true (passdb->set_password ("bob@example.org", "new", &error));
  g_assert_cmpstr (log_in ("bob@example.org", "new"), ==, "right");
  g_assert_true (passdb->set_locked ("bob@example.org", TRUE, &error));
  g_assert_cmpstr (log_in ("bob@example.org", "new"), ==, "locked");
  g_assert_true (passdb->set_password ("bob@example.org", "newer", &error)); /* keeps the lock */
  g_assert_cmpstr (log_in ("bob@example.org", "newer"), ==, "locked");
  g_assert_true (passdb->set_locked ("bob@example.org", FALSE, &error));
  g_assert_cmpstr (log_in ("bob@example.org", "newer"), ==, "right");
  g_assert_true (userdb->has_domain ("example.org"));
  g_assert_false (userdb->has_domain ("example.com"));
  g_assert_cmpstr (find_address ("bob@example.org"), ==, "found");
  g_assert_true (passdb->remove ("bob@example.org", &error));
  g_assert_cmpstr (find_address ("bob@example.org"), ==, "unknown");
  g_assert_false (passdb->remove ("bob@example.org", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_clear_error (&error);
  static const char *const bad[] = { "a:b@c", "#a@b", "../x", "a/b@c", "a\nb@c" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (passdb->add (bad[i], "pw", &error));
      g_clear_error (&error);
    }
  g_assert_cmpstr (log_in ("alice@example.org", "pw"), ==, "right");
  tear_down ();
}

static void
expect_attributes (const char *user, const char *status, const char *expected)
{
  g_autoptr (GString) found = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) attributes = ask_texts (userdb, SATCHEL_CALL_ATTRIBUTES, user, &error);
  for (char **text = attributes; text != NULL && *text != NULL; text++)
    g_string_append_printf (found, "[%s]", *text);
  g_assert_cmpstr (error != NULL ? "later" : attributes != NULL ? "found" : "unknown", ==, status);
  g_assert_cmpstr (found->str, ==, expected);
}

/* Written by hand behind a line that `user add` made, and kept by each edit. */
static void
test_attributes (void)
{
  set_up ("");
  g_autoptr (GError) error = NULL;
  g_assert_true (passdb->add ("alice@example.org", "pw", &error));
  g_autofree char *text = read_file ();
  g_auto (GStrv) parts = g_strsplit (text, "\n#end", 2);
  g_autofree char *by_hand =
      g_strdup_printf ("%s:quota.storage=5G  x.url=a://b:1/\nbob@x:::::\n#end%s", parts[0], parts[1]);
  write_file (by_hand);
  expect_attributes ("alice@example.org", "found", "[quota.storage=5G][x.url=a://b:1/]");
  expect_attributes ("bob@x", "found", "");
  expect_attributes ("nobody@x", "unknown", "");
  g_assert_true (passdb->set_password ("alice@example.org", "new", &error));
  g_assert_true (passdb->set_locked ("alice@example.org", TRUE, &error));
  g_assert_true (passdb->set_locked ("alice@example.org", FALSE, &error));
  g_assert_cmpstr (log_in ("alice@example.org", "new"), ==, "right");
  expect_attributes ("alice@example.org", "found", "[quota.storage=5G][x.url=a://b:1/]");
  tear_down ();
}

static void
test_bad_attributes (void)
{
  static const char *const bad[] = { "quota.storage", "Quota=1", "=1", "a=\xff", "a=1 b" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      set_up ("");
      g_autofree char *text = g_strdup_printf ("alice@x:" PW_SHA512 "::::%s\n", bad[i]);
      write_file (text);
      expect_attributes ("alice@x", "later", "");
      g_assert_cmpstr (log_in ("alice@x", "pw"), ==, "error");
      /* A new password would take them away. */
      g_assert_false (passdb->set_password ("alice@x", "new", &error));
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
      g_autofree char *after = read_file ();
      g_assert_cmpstr (after, ==, text);
      tear_down ();
    }
  set_up ("");
  g_autoptr (GString) many = g_string_new ("alice@x:" PW_SHA512 "::::a=0");
  for (guint i = 1; i <= SATCHEL_USER_ATTRIBUTES_MAX; i++)
    {
      g_autofree char *line = g_strconcat (many->str, "\n", NULL);
      write_file (line);
      expect_attributes ("nobody@x", "unknown", "");
      g_assert_cmpstr (log_in ("alice@x", "pw"), ==, "upgrade");
      g_string_append_printf (many, " a%u=0", i);
    }
  g_string_append (many, "\n");
  write_file (many->str);
  expect_attributes ("alice@x", "later", "");
  tear_down ();
}

static void
test_schemes (void)
{
  set_up ("");
  write_file ("# made by hand\r\n\n"
              "Argon@X:" PW_ARGON2ID "\r\n"
              "dearer@x:{ARGON2ID}" PW_ARGON2ID_DEARER ":\n"
              "sha@x:" PW_SHA512 "::1700000000\n"
              "sha-default@x:{SHA512-CRYPT}" PW_SHA512_DEFAULT "::\n"
              "bcrypt@x:{BLF-CRYPT}" PW_BCRYPT ":\n"
              "yescrypt@x:" PW_YESCRYPT ":::\n"
              "shadow@x:!" PW_SHA512 "\n"
              "field@x:" PW_SHA512 ":locked\n"
              "none@x:\nstar@x:*\n");
  g_assert_cmpstr (log_in ("argon@x", "pw"), ==, "right");
  static const char *const old[] = { "dearer@x", "sha@x", "sha-default@x", "bcrypt@x", "yescrypt@x" };
  for (guint i = 0; i < G_N_ELEMENTS (old); i++)
    {
      g_assert_cmpstr (log_in (old[i], "pw"), ==, "upgrade");
      g_assert_cmpstr (log_in (old[i], "pW"), ==, "wrong");
      g_assert_cmpstr (log_in (old[i], ""), ==, "wrong");
    }
  g_assert_cmpstr (log_in ("shadow@x", "pw"), ==, "locked");
  g_assert_cmpstr (log_in ("field@x", "pw"), ==, "locked");
  g_assert_cmpstr (log_in ("none@x", ""), ==, "wrong");
  g_assert_cmpstr (log_in ("star@x", "*"), ==, "wrong");
  g_assert_cmpstr (logged->str, ==, "");
  tear_down ();
}

static void
test_bad_lines (void)
{
  set_up ("");
  write_file ("a@x:{PLAIN}pw\n"            /* 1: not allowed */
              "b@x:{SHA256}abcd\n"         /* 2 */
              "c@x:$6$saltsalt$tooshort\n" /* 3 */
              "d@x:$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$4fYLox2QlPew4kg1ik3+"
              "x6cVrmgv7pKr07neIZLZRU0\n"    /* 4 */
              "e@x:" PW_SHA512 ":disabled\n" /* 5 */
              "no colon here\n"              /* 6 */
              "f@x:" PW_SHA512 "::::more\n"  /* 7 */
              "twice@x:" PW_SHA512 "\n"
              "twice@x:" PW_ARGON2ID "\n" /* 9 */
              "good@x:" PW_ARGON2ID "\n"
              "bare:" PW_ARGON2ID "\n");
  g_assert_cmpstr (log_in ("good@x", "pw"), ==, "right");
  g_assert_cmpstr (log_in ("bare@example.org", "pw"), ==, "right");
  static const char *const bad[] = { "a@x", "b@x", "c@x", "d@x", "e@x", "f@x", "twice@x" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_cmpstr (log_in (bad[i], "pw"), ==, "error");
      g_assert_cmpstr (find_address (bad[i]), ==, "later");
    }
  for (guint line = 1; line <= 9; line++)
    {
      g_autofree char *where = g_strdup_printf ("%s:%u: ", path, line);
      if (line != 8)
        g_assert_nonnull (strstr (logged->str, where));
    }
  /* Line 6 may be anybody's: mail must not bounce. */
  g_assert_cmpstr (find_address ("stranger@x"), ==, "later");
  g_assert_cmpstr (log_in ("stranger@x", "pw"), ==, "unknown");
  /* An edit mends a bad line, and leaves the others alone. */
  g_assert_true (passdb->set_password ("c@x", "pw", NULL));
  g_assert_cmpstr (log_in ("c@x", "pw"), ==, "right");
  g_assert_true (passdb->set_password ("twice@x", "pw", NULL));
  g_assert_cmpstr (log_in ("twice@x", "pw"), ==, "right");
  g_autofree char *after = read_file ();
  g_assert_nonnull (strstr (after, "\nno colon here\n"));
  g_assert_nonnull (strstr (after, "a@x:{PLAIN}pw\n"));
  tear_down ();
}

static void
test_plain_allowed (void)
{
  set_up ("allow_plain = true; upgrade = false;");
  write_file ("a@x:{PLAIN}pw\nb@x:" PW_SHA512 "\n");
  g_assert_cmpstr (log_in ("a@x", "pw"), ==, "right");
  g_assert_cmpstr (log_in ("a@x", "pwd"), ==, "wrong");
  g_assert_cmpstr (log_in ("b@x", "pw"), ==, "right");
  tear_down ();
}

/* Whatever bit flips and wherever the file is cut off, nobody gets in with a wrong name or password. */
static void
test_damage (void)
{
  set_up ("upgrade = false;");
  g_assert_true (passdb->add ("al@x", "pw", NULL));
  g_assert_true (passdb->add ("bo@x", "other", NULL));
  g_assert_true (passdb->set_locked ("bo@x", TRUE, NULL));
  g_autofree char *whole = read_file ();
  gsize len = strlen (whole);
  for (gsize cut = 0; cut < len; cut++)
    {
      g_autofree char *text = g_strndup (whole, cut);
      write_file (text);
      const char *verdict = log_in ("al@x", "pw");
      g_assert_cmpstr (verdict, ==, "error");
      g_assert_cmpstr (find_address ("bo@x"), ==, "later");
    }
  for (gsize bit = 0; bit < len * 8; bit++)
    {
      g_autofree char *text = g_memdup2 (whole, len + 1);
      text[bit / 8] ^= (char) (1 << (bit % 8));
      if (text[bit / 8] == '\0')
        continue;
      write_file (text);
      g_assert_cmpstr (log_in ("bo@x", "other"), !=, "right");
      g_assert_cmpstr (log_in ("al@x", "other"), !=, "right");
      /* Nobody else may have come to be. */
      if (g_strcmp0 (log_in ("al@x", "pw"), "right") == 0)
        continue;
      g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
      for (char **line = lines; *line != NULL; line++)
        {
          g_autofree char *name = g_strndup (*line, strcspn (*line, ":"));
          g_autofree char *user = satchel_user_canonical (name, strlen (name), NULL);
          if (user != NULL)
            g_assert_cmpstr (log_in (user, "pw"), !=, "right");
        }
    }
  g_unlink (path);
  g_assert_cmpstr (log_in ("al@x", "pw"), ==, "error");
  g_assert_cmpstr (find_address ("al@x"), ==, "later");
  write_file (whole);
  g_assert_cmpstr (log_in ("al@x", "pw"), ==, "right");
  tear_down ();
}

static void
test_cut_off_is_not_edited (void)
{
  set_up ("");
  g_assert_true (passdb->add ("al@x", "pw", NULL));
  g_autofree char *whole = read_file ();
  *strstr (whole, "#end") = '\0';
  write_file (whole);
  g_autoptr (GError) error = NULL;
  g_assert_false (passdb->add ("new@x", "pw", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  g_autofree char *after = read_file ();
  g_assert_cmpstr (after, ==, whole);
  tear_down ();
}

/* A password file that others may read lets nobody in. */
static void
test_rights (void)
{
  set_up ("");
  write_file ("a@x:" PW_ARGON2ID "\n");
  static const mode_t bad[] = { 0640, 0604, 0620, 0601 };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_cmpint (g_chmod (path, bad[i]), ==, 0);
      g_string_truncate (logged, 0);
      g_assert_cmpstr (log_in ("a@x", "pw"), ==, "error");
      g_autofree char *advice = g_strdup_printf ("chmod 600 %s", path);
      g_assert_nonnull (strstr (logged->str, advice));
      g_autoptr (GError) error = NULL;
      g_assert_false (passdb->add ("b@x", "pw", &error));
      g_assert_nonnull (strstr (error->message, advice));
    }
  g_assert_cmpint (g_chmod (path, 0400), ==, 0);
  g_assert_cmpstr (log_in ("a@x", "pw"), ==, "right");
  /* An edit keeps the mode. */
  g_assert_true (passdb->add ("b@x", "pw", NULL));
  struct stat status;
  g_assert_cmpint (stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0400);
  g_unlink (path);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  g_assert_cmpstr (log_in ("a@x", "pw"), ==, "error"); /* and does not hang */
  tear_down ();
}

static void
test_change_is_seen (void)
{
  set_up ("");
  /* Same size, same moment: a write in place right after a read. */
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char *text = g_strdup_printf ("%c@x:" PW_ARGON2ID "\n", 'a' + (int) (i % 2));
      int fd = g_open (path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
      g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize) strlen (text));
      close (fd);
      g_assert_cmpstr (find_address (i % 2 ? "b@x" : "a@x"), ==, "found");
      g_assert_cmpstr (find_address (i % 2 ? "a@x" : "b@x"), ==, "unknown");
    }
  tear_down ();
}

static void
test_upgrade (void)
{
  set_up ("");
  write_file ("# keep me\na@x:" PW_SHA512 ":locked:1700000000\nb@x:" PW_BCRYPT "\n");
  g_auto (SatchelCredential) credential = { .size = sizeof credential };
  g_assert_true (ask_look_up (passdb, "a@x", &credential, NULL));
  g_assert_cmpint (ask_verify (passdb, &credential, "pw", NULL), ==, SATCHEL_VERIFY_RIGHT_UPGRADE);
  g_assert_true (ask_upgrade (passdb, &credential, "pw", NULL));
  g_autofree char *text = read_file ();
  g_assert_true (g_str_has_prefix (text, "# keep me\na@x:$argon2id$v=19$m=8,t=1,p=1$"));
  g_assert_nonnull (strstr (text, ":locked:1700000000:"));
  g_assert_nonnull (strstr (text, "b@x:" PW_BCRYPT "\n"));
  g_assert_cmpstr (log_in ("a@x", "pw"), ==, "locked");
  /* The password was changed between check and upgrade: the change wins. */
  g_auto (SatchelCredential) stale = { .size = sizeof stale };
  g_assert_true (ask_look_up (passdb, "b@x", &stale, NULL));
  g_assert_true (passdb->set_password ("b@x", "changed", NULL));
  g_autoptr (GError) error = NULL;
  g_assert_false (ask_upgrade (passdb, &stale, "pw", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED);
  g_assert_cmpstr (log_in ("b@x", "changed"), ==, "right");
  tear_down ();
}

/* The number of SCRAM-SHA-256 keys' iterations that a look-up gives; 0: there are no keys. */
static guint
scram_iterations (const char *user, SatchelScramHash hash)
{
  g_auto (SatchelCredential) credential = { .size = sizeof credential };
  SatchelScramKeys keys;
  g_assert_true (ask_look_up (passdb, user, &credential, NULL));
  return satchel_scram_keys_parse (credential.scram, hash, &keys) ? keys.iterations : 0;
}

/* Keys come with a password, go with it, and are added at a login; damage is seen. */
static void
test_scram_keys (void)
{
  set_up ("scram_iterations = 5000;");
  g_assert_true (passdb->add ("a@x", "pw", NULL));
  g_assert_cmpuint (scram_iterations ("a@x", SATCHEL_SCRAM_SHA_256), ==, 5000);
  g_assert_cmpuint (scram_iterations ("a@x", SATCHEL_SCRAM_SHA_1), ==, 0);
  g_assert_cmpstr (log_in ("a@x", "pw"), ==, "right");
  g_assert_cmpstr (log_in ("a@x", "Pw"), ==, "wrong");
  g_autofree char *text = read_file ();
  char *keys = strstr (text, " SCRAM-SHA-256$5000,");
  g_assert_nonnull (keys);
  keys[25] = keys[25] == 'A' ? 'B' : 'A'; /* of the salt; CHECK tells */
  write_file (text);
  g_assert_cmpstr (log_in ("a@x", "pw"), ==, "error");
  g_assert_true (passdb->set_password ("a@x", "new", NULL));
  g_assert_cmpuint (scram_iterations ("a@x", SATCHEL_SCRAM_SHA_256), ==, 5000);
  /* A lock keeps them. */
  g_assert_true (passdb->set_locked ("a@x", TRUE, NULL));
  g_assert_cmpuint (scram_iterations ("a@x", SATCHEL_SCRAM_SHA_256), ==, 5000);
  /* One who came with a hash only. */
  write_file ("b@x:" PW_ARGON2ID "\n");
  g_auto (SatchelCredential) credential = { .size = sizeof credential };
  g_assert_true (ask_look_up (passdb, "b@x", &credential, NULL));
  g_assert_cmpint (ask_verify (passdb, &credential, "no", NULL), ==, SATCHEL_VERIFY_WRONG);
  g_assert_cmpint (ask_verify (passdb, &credential, "pw", NULL), ==, SATCHEL_VERIFY_RIGHT_UPGRADE);
  g_assert_true (ask_upgrade (passdb, &credential, "pw", NULL));
  g_assert_cmpuint (scram_iterations ("b@x", SATCHEL_SCRAM_SHA_256), ==, 5000);
  g_assert_cmpstr (log_in ("b@x", "pw"), ==, "right");
  tear_down ();
  set_up ("");
  g_assert_true (passdb->add ("c@x", "pw", NULL));
  g_assert_cmpuint (scram_iterations ("c@x", SATCHEL_SCRAM_SHA_256), ==, 0);
  tear_down ();
  set_up ("scram_iterations = 4096; scram_sha1 = true;");
  g_assert_true (passdb->add ("d@x", "pw", NULL));
  g_assert_cmpuint (scram_iterations ("d@x", SATCHEL_SCRAM_SHA_256), ==, 4096);
  g_assert_cmpuint (scram_iterations ("d@x", SATCHEL_SCRAM_SHA_1), ==, 4096);
  tear_down ();
}

static guint64 noted_cost;

static void
note_cost (const char *place, guint64 cost_bytes, gint64 deadline_ms, SatchelJobFunc func,
           void (*done) (gpointer data, gboolean ran), gpointer data)
{
  noted_cost = cost_bytes;
  func (data);
  done (data, TRUE);
}

static void
test_dummy_price (void)
{
  set_up ("");
  write_file ("a@x:" PW_ARGON2ID_DEARER "\nb@x:" PW_ARGON2ID_DEARER "\nc@x:" PW_SHA512 "\n");
  g_assert_cmpstr (find_address ("a@x"), ==, "found");
  satchel_calls_set_worker (note_cost);
  g_assert_cmpint (ask_verify (passdb, NULL, "pw", NULL), ==, SATCHEL_VERIFY_WRONG);
  satchel_calls_set_worker (NULL);
  g_assert_cmpuint (noted_cost, ==, 65536); /* as of a@x, not the policy's 8 KiB */
  static const char *const samples[] = { PW_SHA512, PW_BCRYPT, PW_YESCRYPT, PW_ARGON2ID };
  for (guint i = 0; i < G_N_ELEMENTS (samples); i++)
    {
      g_autofree char *text = g_strdup_printf ("a@x:%s\n", samples[i]);
      write_file (text);
      g_assert_cmpstr (find_address ("a@x"), ==, "found");
      g_autoptr (GError) error = NULL;
      g_assert_cmpint (ask_verify (passdb, NULL, "pw", &error), ==,
                       SATCHEL_VERIFY_WRONG); /* a real hash, not an error */
      g_assert_no_error (error);
    }
  tear_down ();
}

static gpointer
add_many (gpointer data)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *user = g_strdup_printf ("u%u-%u@x", GPOINTER_TO_UINT (data), i);
      g_assert_true (passdb->add (user, "pw", NULL));
    }
  return NULL;
}

static void
count_entry (const SatchelUserEntry *entry, gpointer data)
{
  g_assert_cmpstr (entry->scheme, ==, "argon2id");
  g_assert_cmpint (entry->changed, >, 1700000000);
  ++*(guint *) data;
}

static void
test_parallel_edits (void)
{
  set_up ("");
  GThread *threads[4];
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("add", add_many, GUINT_TO_POINTER (i));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  guint n = 0;
  g_assert_true (passdb->list (count_entry, &n, NULL));
  g_assert_cmpuint (n, ==, 80);
  tear_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  logged = g_string_new (NULL);
  satchel_log_divert (collect_log);
  satchel_user_set_rules ("example.org", TRUE);
  module = satchel_module ();
  for (const SatchelProvides *provides = module->provides; provides->kind != 0; provides++)
    {
      if (provides->kind == SATCHEL_KIND_PASSDB)
        passdb = provides->ops;
      if (provides->kind == SATCHEL_KIND_USERDB)
        userdb = provides->ops;
    }
  g_test_add_func ("/auth/passwd-file/admin", test_admin);
  g_test_add_func ("/auth/passwd-file/attributes", test_attributes);
  g_test_add_func ("/auth/passwd-file/bad-attributes", test_bad_attributes);
  g_test_add_func ("/auth/passwd-file/schemes", test_schemes);
  g_test_add_func ("/auth/passwd-file/bad-lines", test_bad_lines);
  g_test_add_func ("/auth/passwd-file/plain-allowed", test_plain_allowed);
  g_test_add_func ("/auth/passwd-file/damage", test_damage);
  g_test_add_func ("/auth/passwd-file/cut-off-is-not-edited", test_cut_off_is_not_edited);
  g_test_add_func ("/auth/passwd-file/rights", test_rights);
  g_test_add_func ("/auth/passwd-file/change-is-seen", test_change_is_seen);
  g_test_add_func ("/auth/passwd-file/upgrade", test_upgrade);
  g_test_add_func ("/auth/passwd-file/scram-keys", test_scram_keys);
  g_test_add_func ("/auth/passwd-file/dummy-price", test_dummy_price);
  g_test_add_func ("/auth/passwd-file/parallel-edits", test_parallel_edits);
  int status = g_test_run ();
  g_string_free (logged, TRUE);
  return status;
}
