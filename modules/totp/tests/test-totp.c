/* SPDX-License-Identifier: MIT
 * Module totp: codes against the RFCs and against oathtool; strings that end in codes; seals and records.
 */
#include "record.h"
#include "totp.h"

#include <satchel/module.h>
#include <satchel/record_log.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define USER "anna@example.org"
#define HOME "192.0.2.1"
#define AWAY "198.51.100.7"

const SatchelModule *satchel_module (void);

/* ---- codes ---- */

static void
assert_code (TotpAlgorithm algorithm, const char *secret, guint64 counter, guint digits, const char *right)
{
  char code[TOTP_DIGITS_MAX + 1];
  g_assert_true (totp_code_at (algorithm, (const guint8 *) secret, strlen (secret), counter, digits, code));
  g_assert_cmpstr (code, ==, right);
}

/* RFC 4226 Appendix D */
static void
test_hotp (void)
{
  static const char *const right[] = { "755224", "287082", "359152", "969429", "338314",
                                       "254676", "287922", "162583", "399871", "520489" };
  for (guint i = 0; i < G_N_ELEMENTS (right); i++)
    assert_code (TOTP_SHA1, "12345678901234567890", i, 6, right[i]);
}

/* RFC 6238 Appendix B; its secrets are as long as the hash (erratum 2866). */
static void
test_totp (void)
{
  static const char *const secrets[] = { "12345678901234567890", "12345678901234567890123456789012",
                                         "1234567890123456789012345678901234567890123456789012345678901234" };
  static const struct
  {
    guint64 time_s;
    const char *right[3];
  } rows[] = {
    { 59, { "94287082", "46119246", "90693936" } },
    { 1111111109, { "07081804", "68084774", "25091201" } },
    { 1111111111, { "14050471", "67062674", "99943326" } },
    { 1234567890, { "89005924", "91819424", "93441116" } },
    { 2000000000, { "69279037", "90698825", "38618901" } },
    { 20000000000, { "65353130", "77737706", "47863826" } },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (guint j = 0; j < 3; j++)
      assert_code ((TotpAlgorithm) j, secrets[j], rows[i].time_s / TOTP_STEP_S, 8, rows[i].right[j]);
}

static void
test_base32 (void)
{
  /* RFC 4648 10, without padding. */
  static const char *const rows[][2] = { { "", "" },
                                         { "f", "MY" },
                                         { "fo", "MZXQ" },
                                         { "foo", "MZXW6" },
                                         { "foob", "MZXW6YQ" },
                                         { "fooba", "MZXW6YTB" },
                                         { "foobar", "MZXW6YTBOI" } };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = totp_base32 ((const guint8 *) rows[i][0], strlen (rows[i][0]));
      g_assert_cmpstr (text, ==, rows[i][1]);
    }
}

/* oathtool computes the codes of many steps in one call: 100 secrets, 100 steps each from a random time. */
static void
test_oathtool (void)
{
  g_autofree char *program = g_find_program_in_path ("oathtool");
  if (program == NULL)
    {
      g_test_fail_printf ("oathtool is missing; tools/lib/deps.sh names the packages of tests");
      return;
    }
  for (guint i = 0; i < 100; i++)
    {
      guint8 secret[TOTP_SECRET_BYTES];
      randombytes_buf (secret, sizeof secret);
      g_autofree char *text = totp_base32 (secret, sizeof secret), *output = NULL;
      guint64 time_s = (((guint64) randombytes_random () << 2) | randombytes_uniform (4)) % 16000000000u;
      g_autofree char *now = g_strdup_printf ("@%" G_GUINT64_FORMAT, time_s);
      TotpAlgorithm algorithm = (TotpAlgorithm) (i % 3);
      guint digits = i % 2 == 0 ? 6 : 8;
      g_autofree char *kind = g_strdup_printf ("--totp=%s", totp_algorithm_name (algorithm));
      g_autofree char *length = g_strdup_printf ("--digits=%u", digits);
      const char *argv[] = { program, kind, length, "-w", "99", "-N", now, "-b", text, NULL };
      g_autoptr (GError) error = NULL;
      int status;
      g_spawn_sync (NULL, (char **) argv, NULL, 0, NULL, NULL, &output, NULL, &status, &error);
      g_assert_no_error (error);
      g_assert_cmpint (status, ==, 0);
      g_auto (GStrv) lines = g_strsplit (g_strchomp (output), "\n", -1);
      g_assert_cmpuint (g_strv_length (lines), ==, 100);
      for (guint j = 0; j < 100; j++)
        {
          char code[TOTP_DIGITS_MAX + 1];
          totp_code_at (algorithm, secret, sizeof secret, time_s / TOTP_STEP_S + j, digits, code);
          g_assert_cmpstr (code, ==, lines[j]);
        }
    }
}

/* ---- strings ---- */

static void
assert_split (const char *typed, guint digits, const char *password, const char *right)
{
  char code[TOTP_DIGITS_MAX + 1];
  gsize len = 0;
  gboolean is_split = totp_split_code (typed, digits, &len, code);
  g_assert_cmpint (is_split, ==, password != NULL);
  if (!is_split)
    return;
  g_autofree char *found = g_strndup (typed, len);
  g_assert_cmpstr (found, ==, password);
  g_assert_cmpstr (code, ==, right);
}

static void
test_split (void)
{
  assert_split ("pw123456", 6, "pw", "123456");
  assert_split ("pw 123456", 6, "pw", "123456");
  assert_split ("pw,123456", 6, "pw", "123456");
  assert_split ("pw:123456", 6, "pw", "123456");
  assert_split ("pw,,123456", 6, "pw,", "123456");
  assert_split ("pw 123 456", 6, "pw", "123456");
  assert_split ("pw9876 123456", 6, "pw9876", "123456");
  assert_split ("pw9876123456", 6, "pw9876", "123456");
  assert_split ("654321123456", 6, "654321", "123456");
  assert_split ("pw12345678", 8, "pw", "12345678");
  assert_split ("pw 1234 5678", 8, "pw", "12345678");
  assert_split ("123456", 6, NULL, NULL);
  assert_split (" 123456", 6, NULL, NULL);
  assert_split ("pw12345", 6, NULL, NULL);
  assert_split ("pw1234 56", 6, NULL, NULL);
  assert_split ("pw123456 ", 6, NULL, NULL);
  assert_split ("", 6, NULL, NULL);
}

static void
test_split_recovery (void)
{
  static const char *const typed[] = { "pwABCDEFGHIJKLMN23", "pw abcd-efgh-ijkl-mn23",
                                       "pw:ABCD EFGH IJKL MN23" };
  char code[TOTP_RECOVERY_CHARS + 1];
  gsize len;
  for (guint i = 0; i < G_N_ELEMENTS (typed); i++)
    {
      g_assert_true (totp_split_recovery (typed[i], &len, code));
      g_assert_cmpuint (len, ==, 2);
      g_assert_cmpstr (code, ==, "ABCDEFGHIJKLMN23");
    }
  g_assert_false (totp_split_recovery ("ABCDEFGHIJKLMN23", &len, code));
  g_assert_false (totp_split_recovery ("pwABCDEFGHIJKLMN21", &len, code));
  g_assert_false (totp_split_recovery ("pwABCDE-FGHIJKLMN23", &len, code));
}

/* ---- seals ---- */

static void
test_seal (void)
{
  g_autoptr (TotpKeys) keys = totp_keys_new (KEY, NULL), others = totp_keys_new (KEY "x", NULL);
  g_autofree char *sealed = totp_seal (keys, USER, (const guint8 *) "twenty secret bytes!", 20);
  guint8 secret[TOTP_SECRET_BYTES_MAX];
  gsize len;
  g_assert_true (totp_unseal (keys, USER, sealed, secret, &len, NULL));
  g_assert_cmpmem (secret, len, "twenty secret bytes!", 20);
  g_assert_false (totp_unseal (keys, "otto@example.org", sealed, secret, &len, NULL));
  g_assert_false (totp_unseal (others, USER, sealed, secret, &len, NULL));
  for (gsize i = 0; sealed[i] != '\0'; i++)
    {
      g_autofree char *damaged = g_strdup (sealed);
      damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
      g_assert_false (totp_unseal (keys, USER, damaged, secret, &len, NULL));
    }
  g_autoptr (GError) error = NULL;
  g_assert_null (totp_keys_new ("too short", &error));
  g_assert_nonnull (strstr (error->message, "openssl rand"));
}

static void
test_hash_key (void)
{
  g_autoptr (TotpKeys) old = totp_keys_new (KEY, NULL), keys = totp_keys_new (KEY "new", NULL),
                       again = totp_keys_new (KEY "new", NULL), third = totp_keys_new (KEY "3", NULL);
  guint8 before[TOTP_HASH_BYTES], after[TOTP_HASH_BYTES];
  totp_hash (old, "string", USER, "pw123456", before);
  totp_hash (keys, "string", USER, "pw123456", after);
  g_assert_cmpint (memcmp (before, after, sizeof before), !=, 0);
  totp_keys_share_hashes (keys, old);
  g_autofree char *sealed = totp_keys_seal_hashes (keys);
  g_assert_true (totp_keys_have_sealed (again, sealed));
  g_assert_false (totp_keys_have_sealed (old, sealed));
  g_assert_false (totp_keys_unseal_hashes (third, sealed, NULL));
  g_assert_true (totp_keys_unseal_hashes (again, sealed, NULL));
  totp_hash (again, "string", USER, "pw123456", after);
  g_assert_cmpmem (before, sizeof before, after, sizeof after);
  sealed[strlen (sealed) - 3] ^= 1;
  g_assert_false (totp_keys_unseal_hashes (again, sealed, NULL));
}

static void
test_records (void)
{
  static const char *const broken[] = { "",
                                        "u",
                                        "u USER",
                                        "u =a SHA1",
                                        "g =a",
                                        "g =a 1",
                                        "q =a 1",
                                        "uu =a",
                                        "m =",
                                        "m =a k:x",
                                        "m = k:x y",
                                        "u =a SHA9 6 1 1 0 - - - 0 k:x",
                                        "u =a SHA1 9 1 1 0 - - - 0 k:x",
                                        "u =a SHA1 6 1 1 0 x - - 0 k:x",
                                        "u =a SHA1 6 1 1 0 - zz - 0 k:x",
                                        "u =%00 SHA1 6 1 1 0 - - - 0 k:x" };
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_auto (TotpRecord) record = { 0 };
      g_assert_false (totp_record_parse (broken[i], &record));
    }
  /* The longest: it must fit a record. */
  g_autoptr (GString) name = g_string_new (NULL);
  while (name->len < 254)
    g_string_append (name, "\u00e4");
  g_autoptr (TotpUser) user = totp_user_new (name->str);
  g_autoptr (TotpKeys) keys = totp_keys_new (KEY, NULL);
  user->digits = 8;
  user->sealed = totp_seal (keys, user->name, (const guint8 *) KEY, TOTP_SECRET_BYTES);
  for (guint i = 0; i < TOTP_USED_MAX; i++)
    totp_user_use (user, 60000000 + i);
  for (guint i = 0; i < TOTP_WRONG_MAX; i++)
    user->wrong_s[user->n_wrong++] = 1800000000 + i;
  for (; user->n_recovery < TOTP_RECOVERY_CODES; user->n_recovery++)
    memset (user->recovery[user->n_recovery], (int) user->n_recovery, TOTP_HASH_BYTES);
  g_autofree char *line = totp_record_of_user (user);
  g_auto (TotpRecord) record = { 0 };
  g_assert_true (totp_record_parse (line, &record));
  g_autofree char *again = totp_record_of_user (record.user);
  g_assert_cmpstr (line, ==, again);
  g_assert_cmpuint (strlen (line), <, SATCHEL_RECORD_BYTES_MAX);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (sodium_init (), >=, 0);
  g_test_add_func ("/totp/codes/hotp", test_hotp);
  g_test_add_func ("/totp/codes/totp", test_totp);
  g_test_add_func ("/totp/codes/base32", test_base32);
  g_test_add_func ("/totp/codes/oathtool", test_oathtool);
  g_test_add_func ("/totp/strings/code", test_split);
  g_test_add_func ("/totp/strings/recovery", test_split_recovery);
  g_test_add_func ("/totp/seal", test_seal);
  g_test_add_func ("/totp/records", test_records);
  g_test_add_func ("/totp/hash-key", test_hash_key);
  return g_test_run ();
}
