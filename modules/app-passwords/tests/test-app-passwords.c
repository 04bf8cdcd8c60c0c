/* SPDX-License-Identifier: MIT
 * This program tests module app-passwords: texts, records, the state after ends of the process, and the
 * factor through its public table.
 */
#include "app_passwords.h"
#include "record.h"

#include "core/runtime/login/auth_call_private.h"
#include "core/runtime/config/config_image.h"
#include "core/runtime/log/log_private.h"
#include "tests/lib/loop.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/module.h>
#include <satchel/record_log.h>
#include <string.h>
#include <unistd.h>

#define USER "anna@example.org"
#define HOME "192.0.2.1"
#define AWAY "198.51.100.7"

const SatchelModule *satchel_module (void);

static struct
{
  char *directory, *path;
  SatchelConfigSet *set;
  GString *told, *ended;
  char *credential, *scopes; /* what the last answer said */
} rig;

static void
note_line (SatchelLogLevel level, const char *area, const char *text)
{
  g_string_append_printf (rig.told, "%s\n", text);
}

static void
note_end (const char *user, const char *credential)
{
  g_string_append_printf (rig.ended, "%s %s\n", user, credential);
}

static void
set_installation (guint8 first)
{
  guint8 bytes[SATCHEL_DERIVED_BYTES] = { first, 2, 3 };
  satchel_auth_set_secret (bytes);
}

static void
begin (void)
{
  const SatchelModule *module = satchel_module ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strdup_printf ("enabled = true; path = \"%s\";", rig.path);
  rig.set = satchel_config_set_from_text (module->name, module->schema, text, &error);
  g_assert_no_error (error);
  g_assert_true (module->configure (satchel_config_set_group (rig.set, module->name), &error));
  g_assert_true (module->start (SATCHEL_ROLE_AUTH, &error));
}

static void
end (void)
{
  satchel_module ()->stop ();
  g_clear_pointer (&rig.set, satchel_config_set_free);
}

static void
restart (void)
{
  end ();
  begin ();
}

static void
set_up (void)
{
  rig.told = g_string_new (NULL);
  rig.ended = g_string_new (NULL);
  satchel_log_divert (note_line);
  satchel_auth_set_end_credential (note_end);
  set_installation (1);
  rig.directory = g_dir_make_tmp ("satchel-app-XXXXXX", NULL);
  rig.path = g_build_filename (rig.directory, "app", NULL);
  begin ();
}

static void
tear_down (void)
{
  static const char *const names[] = { "app", "app.mark", "app.new" };
  end ();
  loop_settle ();
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = g_build_filename (rig.directory, names[i], NULL);
      g_unlink (name);
    }
  g_assert_cmpint (g_rmdir (rig.directory), ==, 0);
  g_free (rig.directory);
  g_free (rig.path);
  g_string_free (rig.told, TRUE);
  g_string_free (rig.ended, TRUE);
  g_clear_pointer (&rig.credential, g_free);
  g_clear_pointer (&rig.scopes, g_free);
  satchel_auth_set_end_credential (NULL);
  satchel_log_divert (NULL);
}

static void
take (SatchelCallAnswer *answer, gpointer data)
{
  *(SatchelCallAnswer *) data = *answer;
  *answer = (SatchelCallAnswer) { 0 };
}

static SatchelFactorVerdict
ask (const char *user, const char *service, const char *peer, const char *typed)
{
  const SatchelLogin login = { .size = sizeof login,
                               .user = user,
                               .service = service,
                               .listener = "",
                               .peer = peer,
                               .network = peer,
                               .mechanism = "PLAIN",
                               .client_id = "Thunder\xff"
                                            "bird" };
  SatchelCredential credential = { .size = sizeof credential,
                                   .user = (char *) user,
                                   .verifier = (char *) "v" };
  SatchelCallAnswer answer = { 0 };
  char *shared = typed != NULL ? satchel_shared_secret_new (typed, strlen (typed)) : NULL;
  SatchelLogin *copy = satchel_login_new (&login);
  const SatchelQuestion question = { .kind = SATCHEL_CALL_EXAMINE,
                                     .source = &app_factor,
                                     .ask = app_factor.examine,
                                     .login = copy,
                                     .user = user,
                                     .credential = &credential,
                                     .secret = shared };
  satchel_call_ask (&question, take, &answer);
  satchel_login_unref (copy);
  satchel_shared_secret_unref (shared);
  g_free (rig.credential);
  g_free (rig.scopes);
  rig.credential = answer.credential_id;
  rig.scopes = answer.scopes;
  SatchelFactorVerdict verdict = answer.error != NULL ? SATCHEL_FACTOR_UNAVAILABLE : answer.judgement.verdict;
  /* What opens keys is the bare secret, however it was typed. */
  g_assert_cmpuint (answer.key_secret != NULL ? strlen (answer.key_secret) : 0, ==,
                    verdict == SATCHEL_FACTOR_ACCEPTED ? APP_SECRET_CHARS : 0);
  satchel_shared_secret_unref (answer.key_secret);
  g_clear_error (&answer.error);
  return verdict;
}

/* Adds an app password, and returns its text, which the caller frees. */
static char *
add (const char *user, const char *label, guint services, const char *networks, gint64 expires_s)
{
  char secret[APP_SECRET_CHARS + 1];
  AppPassword *password = app_password_new ();
  g_assert_true (app_secret_make (secret, NULL) && app_random_text (password->id, APP_ID_CHARS, NULL));
  g_assert_true (app_secret_hash (user, secret, password->hash));
  g_free (password->label);
  password->label = g_strdup (label);
  password->services = services;
  g_strfreev (password->networks);
  password->networks = g_strsplit (networks, ",", -1);
  password->created_s = app_now_s ();
  password->expires_s = expires_s;
  app_state_add (app_module.state, user, password);
  g_assert_true (app_state_commit (app_module.state, NULL));
  return g_strdup (secret);
}

/* ---- texts ---- */

static void
test_texts (void)
{
  char made[APP_SECRET_CHARS + 1], other[APP_SECRET_CHARS + 1], read[APP_SECRET_CHARS + 1];
  char shown[APP_SHOWN_CHARS + 1];
  for (guint i = 0; i < 1000; i++)
    {
      g_assert_true (app_secret_make (made, NULL) && app_secret_make (other, NULL));
      g_assert_cmpuint (strlen (made), ==, 26);
      g_assert_cmpuint (strspn (made, "0123456789abcdefghjkmnpqrstvwxyz"), ==, 26);
      g_assert_cmpstr (made, !=, other);
      app_secret_show (made, shown);
      g_assert_true (app_secret_read (shown, read));
      g_assert_cmpstr (read, ==, made);
      g_autofree char *upper = g_ascii_strup (made, -1);
      g_assert_true (app_secret_read (upper, read));
      g_assert_cmpstr (read, ==, made);
    }
  app_secret_show ("abcdefghjkmnpqrstvwxyz2345", shown);
  g_assert_cmpstr (shown, ==, "abcde-fghjk-mnpqr-stvwx-yz2345");
  g_assert_true (app_secret_read (" O1lI-abcd efgh jkmn pqrs tvwx 23 ", read));
  g_assert_cmpstr (read, ==, "0111abcdefghjkmnpqrstvwx23");
}

static void
test_no_texts (void)
{
  static const char *const rows[] = { "",
                                      "-",
                                      "abcdefghjkmnpqrstvwxyz234",   /* 25 characters */
                                      "abcdefghjkmnpqrstvwxyz23456", /* 27 characters */
                                      "abcdefghjkmnpqrstvwxyz234u",  /* 'u' is no digit */
                                      "abcdefghjkmnpqrstvwxyz234.",
                                      "abcdefghjkmnpqrstvwxyz23\xc3\xa4",
                                      "long phrases of letters they are", /* 27 letters */
                                      "ol ol ol ol ol ol ol ol ol ol ol ol ol",
                                      "horse battery staple come back" };
  char read[APP_SECRET_CHARS + 1];
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_false (app_secret_read (rows[i], read));
  g_autofree char *long_text = g_strnfill (100000, '-');
  g_assert_false (app_secret_read (long_text, read));
}

static void
test_hashes (void)
{
  guint8 a[APP_HASH_BYTES], b[APP_HASH_BYTES];
  set_installation (1);
  g_assert_true (app_secret_hash (USER, "x", a) && app_secret_hash (USER, "x", b));
  g_assert_true (app_hash_equal (a, b));
  for (guint bit = 0; bit < 8 * APP_HASH_BYTES; bit++)
    {
      b[bit / 8] ^= (guint8) (1u << bit % 8);
      g_assert_false (app_hash_equal (a, b));
      b[bit / 8] ^= (guint8) (1u << bit % 8);
    }
  g_assert_true (app_secret_hash ("bob@example.org", "x", b));
  g_assert_false (app_hash_equal (a, b));
}

/* ---- the factor ---- */

static void
test_login (void)
{
  set_up ();
  g_autofree char *phone = add (USER, "Phone", APP_SERVICE_ALL, "", 0);
  g_autofree char *laptop = add (USER, "Laptop", APP_SERVICE_ALL, "", 0);
  g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_ACCEPTED);
  g_autofree char *id = app_password_name (app_state_find (app_module.state, USER, "Phone"));
  g_assert_cmpstr (rig.credential, ==, id);
  g_assert_cmpstr (rig.scopes, ==, "imap pop3 smtp");
  g_assert_cmpint (ask (USER, "pop3", AWAY, laptop), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpstr (rig.credential, !=, id);
  g_assert_cmpint (ask (USER, "imap", HOME, "pw"), ==, SATCHEL_FACTOR_NOT_MINE);
  g_assert_cmpint (ask (USER, "imap", HOME, NULL), ==, SATCHEL_FACTOR_NOT_MINE);
  g_assert_cmpint (ask ("bob@example.org", "imap", HOME, phone), ==, SATCHEL_FACTOR_NOT_MINE);
  phone[3] = phone[3] == '7' ? '8' : '7';
  g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_NOT_MINE);
  g_assert_cmpint (ask (USER, "sieve", HOME, laptop), ==, SATCHEL_FACTOR_OUT_OF_SCOPE);
  tear_down ();
}

static void
test_scopes (void)
{
  set_up ();
  g_autofree char *one =
      add (USER, "a", APP_SERVICE_IMAP | APP_SERVICE_SMTP, "192.0.2.0/24,2001:db8::/32", 0);
  g_autofree char *over = add (USER, "b", APP_SERVICE_ALL, "", app_now_s () - 1);
  g_autofree char *soon = add (USER, "c", APP_SERVICE_ALL, "", app_now_s () + 1000);
  g_assert_cmpint (ask (USER, "imap", HOME, one), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpstr (rig.scopes, ==, "imap smtp");
  g_assert_cmpint (ask (USER, "smtp", "2001:db8::7", one), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (ask (USER, "pop3", HOME, one), ==, SATCHEL_FACTOR_OUT_OF_SCOPE);
  g_assert_cmpint (ask (USER, "imap", AWAY, one), ==, SATCHEL_FACTOR_OUT_OF_SCOPE);
  g_assert_cmpint (ask (USER, "imap", "local", one), ==, SATCHEL_FACTOR_OUT_OF_SCOPE);
  g_assert_cmpint (ask (USER, "imap", HOME, over), ==, SATCHEL_FACTOR_OUT_OF_SCOPE);
  g_assert_cmpint (ask (USER, "imap", HOME, soon), ==, SATCHEL_FACTOR_ACCEPTED);
  AppPassword *password = app_state_find (app_module.state, USER, "b");
  g_assert_cmpint (password->used_s, ==, 0); /* a login that is refused is no use */
  tear_down ();
}

/* After an orderly end the file has the last uses, and a restart changes nothing else. */
static void
test_restart (void)
{
  set_up ();
  g_autofree char *phone = add (USER, "a = \"b\", % \xc3\xa4", APP_SERVICE_POP3, "192.0.2.1", 0);
  g_autofree char *other = add (USER, "other", APP_SERVICE_ALL, "", 0);
  guint n;
  g_assert_cmpint (ask (USER, "pop3", HOME, phone), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_true (app_revoke (USER, "other", &n, NULL));
  g_assert_cmpuint (n, ==, 1);
  restart ();
  AppPassword *password = app_state_find (app_module.state, USER, "a = \"b\", % \xc3\xa4");
  g_assert_nonnull (password);
  g_assert_cmpstr (password->peer, ==, HOME);
  g_assert_cmpstr (password->service, ==, "pop3");
  g_assert_cmpstr (password->client, ==,
                   "Thunder\xef\xbf\xbd"
                   "bird");
  g_assert_cmpint (password->used_s, >, 0);
  g_assert_cmpint (ask (USER, "pop3", HOME, phone), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (ask (USER, "pop3", AWAY, phone), ==, SATCHEL_FACTOR_OUT_OF_SCOPE);
  g_assert_cmpint (ask (USER, "pop3", HOME, other), ==, SATCHEL_FACTOR_NOT_MINE);
  g_assert_cmpint (app_state_passwords (app_module.state, USER)->len, ==, 1);
  tear_down ();
}

static void
test_client_named (void)
{
  set_up ();
  g_autofree char *phone = add (USER, "Phone", APP_SERVICE_ALL, "", 0);
  g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_ACCEPTED);
  app_factor.client_named (USER, rig.credential, "");
  AppPassword *password = app_state_find (app_module.state, USER, "Phone");
  g_assert_cmpstr (password->client, !=, "");
  g_autofree char *long_name = g_strnfill (255, 'x');
  app_factor.client_named (USER, rig.credential, long_name);
  g_assert_cmpuint (strlen (password->client), ==, APP_CLIENT_BYTES_MAX);
  app_factor.client_named ("bob@example.org", rig.credential, "Bob");
  app_factor.client_named (USER, "grant:1", "Bob");
  g_assert_cmpstr (password->client, !=, "Bob");
  tear_down ();
}

static void
note_entry (const SatchelCredentialEntry *entry, gpointer data)
{
  g_string_append_printf (data, "%s %s %s|", entry->label, entry->network, entry->peer);
}

static void
test_list_and_end (void)
{
  set_up ();
  g_autoptr (GString) seen = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *phone = add (USER, "Phone", APP_SERVICE_ALL, "", 0);
  g_autofree char *laptop = add (USER, "Laptop", APP_SERVICE_ALL, "192.0.2.0/24", 0);
  g_assert_cmpint (ask (USER, "imap", HOME, laptop), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_true (app_factor.list_credentials (USER, note_entry, seen, NULL));
  g_assert_true (app_factor.list_credentials ("bob@example.org", note_entry, seen, NULL));
  g_assert_cmpstr (seen->str, ==, "Phone  |Laptop 192.0.2.0/24 " HOME "|");
  g_autofree char *id = g_strdup (rig.credential);
  g_assert_false (app_factor.end_credential (USER, "grant:1", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_clear_error (&error);
  g_assert_false (app_factor.end_credential ("bob@example.org", id, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_assert_true (app_factor.end_credential (USER, id, NULL));
  loop_settle ();
  g_autofree char *line = g_strdup_printf (USER " %s\n", id);
  g_assert_cmpstr (rig.ended->str, ==, line);
  g_assert_cmpint (ask (USER, "imap", HOME, laptop), ==, SATCHEL_FACTOR_NOT_MINE);
  g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_ACCEPTED);
  tear_down ();
}

/* ---- the file ---- */

static void
set_content (const char *content, gsize len)
{
  end ();
  if (content == NULL)
    g_assert_cmpint (g_unlink (rig.path), ==, 0);
  else
    g_assert_true (g_file_set_contents (rig.path, content, (gssize) len, NULL));
  g_string_truncate (rig.told, 0);
  begin ();
}

/* If the file is damaged, cut or missing, no app password works, passwords do, and the log says so.  With the
 * old file everything is as before. */
static void
test_damage (void)
{
  set_up ();
  g_autofree char *phone = add (USER, "Phone", APP_SERVICE_ALL, "", 0), *content = NULL;
  g_autofree char *other = add (USER, "Other", APP_SERVICE_ALL, "", 0);
  gsize len;
  end ();
  g_assert_true (g_file_get_contents (rig.path, &content, &len, NULL));
  begin ();
  for (gsize at = 0; at < len; at++)
    {
      content[at] ^= 1;
      set_content (content, len);
      g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_UNAVAILABLE);
      g_assert_cmpint (ask (USER, "imap", HOME, "pw"), ==, SATCHEL_FACTOR_NOT_MINE);
      g_assert_nonnull (strstr (rig.told->str, "no app password works: "));
      content[at] ^= 1;
    }
  for (gsize cut = 0; cut < len; cut++)
    {
      set_content (content, cut);
      g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_UNAVAILABLE);
    }
  set_content (NULL, 0);
  g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_UNAVAILABLE);
  g_assert_nonnull (strstr (rig.told->str, "was removed; restore it"));
  set_content (content, len);
  g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (ask (USER, "imap", HOME, other), ==, SATCHEL_FACTOR_ACCEPTED);
  tear_down ();
}

/* With another secret of the installation no hash would fit, which is logged, and nothing is written. */
static void
test_another_installation (void)
{
  set_up ();
  g_autofree char *phone = add (USER, "Phone", APP_SERVICE_ALL, "", 0);
  end ();
  set_installation (9);
  begin ();
  g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_UNAVAILABLE);
  g_assert_nonnull (strstr (rig.told->str, "made with another secret of the installation"));
  end ();
  set_installation (1);
  begin ();
  g_assert_cmpint (ask (USER, "imap", HOME, phone), ==, SATCHEL_FACTOR_ACCEPTED);
  tear_down ();
}

/* On a full disk, a password that could not be stored does not exist, and one that was revoked stays so. */
static void
test_no_disk (void)
{
  set_up ();
  g_autoptr (GError) error = NULL;
  g_autofree char *in_the_way = g_strconcat (rig.path, ".new", NULL);
  g_assert_cmpint (g_mkdir (in_the_way, 0700), ==, 0);
  AppPassword *password = app_password_new ();
  g_strlcpy (password->id, "abcdefgh", sizeof password->id);
  app_state_add (app_module.state, USER, password);
  g_assert_false (app_state_commit (app_module.state, &error));
  app_state_remove (app_module.state, USER, password);
  g_assert_cmpint (g_rmdir (in_the_way), ==, 0);
  restart ();
  g_assert_null (app_state_passwords (app_module.state, USER));
  tear_down ();
}

static void
test_records (void)
{
  static const char *const broken[] = {
    "",
    "k",
    "k 00",
    "p =a",
    "d =a",
    "d =a ABCDEFGH",
    "d =a abcdefg",
    "q =a abcdefgh",
    "p =a abcdefgh 1 1 1 1",
    "p =a abcdefgh 0 1 0 0 "
    "0000000000000000000000000000000000000000000000000000000000000000 = =x = = =",
    "p =a abcdefgh 8 1 0 0 "
    "0000000000000000000000000000000000000000000000000000000000000000 = =x = = =",
    "p =a abcdefgh 1 1 0 0 "
    "000000000000000000000000000000000000000000000000000000000000000g = =x = = =",
    "p =a abcdefgh 1 1 0 0 "
    "0000000000000000000000000000000000000000000000000000000000000000 = x = = =",
    "p =a abcdefgh 1 -1 0 0 "
    "0000000000000000000000000000000000000000000000000000000000000000 = =x = = ="
  };
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_auto (AppRecord) record = { 0 };
      g_assert_false (app_record_parse (broken[i], &record));
    }
  /* The longest password must fit a record. */
  g_autoptr (AppPassword) password = app_password_new ();
  g_autoptr (GString) name = g_string_new (NULL), label = g_string_new (NULL), networks = g_string_new (NULL);
  while (name->len < 254)
    g_string_append (name, "\u00e4");
  while (label->len < APP_LABEL_BYTES_MAX)
    g_string_append (label, "\u00e4");
  for (guint i = 0; i < APP_NETWORKS_MAX; i++)
    g_string_append_printf (networks, "%s2001:db8:1111:2222:3333:4444:5555:%04x/128", i > 0 ? "," : "", i);
  g_strlcpy (password->id, "abcdefgh", sizeof password->id);
  g_free (password->label);
  password->label = g_strdup (label->str);
  g_free (password->client);
  password->client = g_strdup (label->str);
  g_free (password->peer);
  password->peer = g_strdup ("2001:db8:1111:2222:3333:4444:5555:6666");
  g_strfreev (password->networks);
  password->networks = g_strsplit (networks->str, ",", -1);
  password->services = APP_SERVICE_ALL;
  password->created_s = password->expires_s = password->used_s = G_MAXINT64;
  g_autofree char *line = app_record_of_password (name->str, password);
  g_auto (AppRecord) record = { 0 };
  g_assert_true (app_record_parse (line, &record));
  g_assert_cmpstr (record.user, ==, name->str);
  g_autofree char *again = app_record_of_password (record.user, record.password);
  g_assert_cmpstr (line, ==, again);
  g_assert_cmpuint (strlen (line), <, SATCHEL_RECORD_BYTES_MAX);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/app-passwords/texts", test_texts);
  g_test_add_func ("/app-passwords/no-texts", test_no_texts);
  g_test_add_func ("/app-passwords/hashes", test_hashes);
  g_test_add_func ("/app-passwords/records", test_records);
  g_test_add_func ("/app-passwords/login", test_login);
  g_test_add_func ("/app-passwords/scopes", test_scopes);
  g_test_add_func ("/app-passwords/restart", test_restart);
  g_test_add_func ("/app-passwords/client-named", test_client_named);
  g_test_add_func ("/app-passwords/list-and-end", test_list_and_end);
  g_test_add_func ("/app-passwords/damage", test_damage);
  g_test_add_func ("/app-passwords/another-installation", test_another_installation);
  g_test_add_func ("/app-passwords/no-disk", test_no_disk);
  return g_test_run ();
}
