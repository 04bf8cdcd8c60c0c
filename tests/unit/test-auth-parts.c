/* SPDX-License-Identifier: MIT
 * The pure parts of the auth role: SASL machines, cache, tables, networks.  The clock
 * is a number.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"
#include "core/daemon/auth/check/auth_kept.h"
#include "core/daemon/auth/check/auth_lru.h"
#include "core/daemon/auth/check/auth_seal.h"
#include "core/runtime/login/auth_call_private.h"
#include "core/session/network.h"
#include "tests/lib/descriptors.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- SASL ---- */

static const SatchelLogin no_login = { .size = sizeof no_login };

static SatchelSaslResult
plain (const void *response, gsize len, SatchelSasl **ret_sasl)
{
  SatchelSasl *sasl = satchel_sasl_new (&satchel_sasl_plain, &no_login);
  SatchelSaslResult result = satchel_sasl_step (sasl, response, len);
  if (ret_sasl != NULL)
    {
      *ret_sasl = sasl;
      return result;
    }
  /* One message, never a second. */
  if (result == SATCHEL_SASL_PASSWORD)
    g_assert_cmpint (satchel_sasl_step (sasl, response, len), ==, SATCHEL_SASL_MALFORMED);
  satchel_sasl_free (sasl);
  return result;
}
#define PLAIN(text) plain (text, sizeof text - 1, NULL)

static void
test_plain (void)
{
  SatchelSasl *sasl;
  g_assert_cmpint (plain ("\0tim\0tanstaaftanstaaf", 21, &sasl), ==, SATCHEL_SASL_PASSWORD); /* RFC 4616 4 */
  g_assert_cmpstr (sasl->turn.user, ==, "tim");
  g_assert_cmpstr (sasl->turn.secret, ==, "tanstaaftanstaaf");
  g_assert_null (sasl->turn.authorisation);
  satchel_sasl_free (sasl);
  g_assert_cmpint (plain ("Ursel\0Kurt\0xipj3plmq", 20, &sasl), ==, SATCHEL_SASL_PASSWORD);
  g_assert_cmpstr (sasl->turn.authorisation, ==, "Ursel");
  satchel_sasl_free (sasl);

  g_assert_cmpint (PLAIN (""), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("tim"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0\0"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0tim"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0tim\0"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0\0pw"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0tim\0pw\0"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0tim\0p\0w"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0tim\0\377"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0\300\257\0pw"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\355\240\200\0tim\0pw"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (PLAIN ("\0t\303\266m\0p\303\266"), ==, SATCHEL_SASL_PASSWORD);
}

static void
test_plain_bounds (void)
{
  static const struct
  {
    gsize authorisation, user, password;
    SatchelSaslResult result;
  } cases[] = {
    { 255, 255, 1024, SATCHEL_SASL_PASSWORD }, { 256, 3, 2, SATCHEL_SASL_MALFORMED },
    { 0, 256, 2, SATCHEL_SASL_MALFORMED },     { 0, 3, 1025, SATCHEL_SASL_MALFORMED },
    { 0, 1, 1, SATCHEL_SASL_PASSWORD },        { 9000, 9000, 9000, SATCHEL_SASL_MALFORMED },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) message = g_byte_array_new ();
      const gsize lengths[] = { cases[i].authorisation, cases[i].user, cases[i].password };
      for (guint k = 0; k < 3; k++)
        {
          g_autofree char *part = g_strnfill (lengths[k], 'x');
          g_byte_array_append (message, (guint8 *) part, (guint) lengths[k] + (k < 2 ? 1 : 0));
        }
      g_assert_cmpint (plain (message->data, message->len, NULL), ==, cases[i].result);
    }
}

static void
test_plain_challenge (void)
{
  g_autoptr (SatchelSasl) sasl = satchel_sasl_new (&satchel_sasl_plain, &no_login);
  g_assert_cmpint (satchel_sasl_step (sasl, NULL, 0), ==, SATCHEL_SASL_CHALLENGE);
  g_assert_null (sasl->turn.challenge);
  g_assert_cmpint (satchel_sasl_step (sasl, NULL, 0), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (satchel_sasl_step (sasl, (const guint8 *) "\0a\0b", 4), ==, SATCHEL_SASL_MALFORMED);
}

static SatchelSaslResult
login_step (SatchelSasl *sasl, const char *response, const char *expected_challenge)
{
  SatchelSaslResult result =
      satchel_sasl_step (sasl, (const guint8 *) response, response != NULL ? strlen (response) : 0);
  if (result == SATCHEL_SASL_CHALLENGE)
    {
      gsize len;
      const char *challenge = g_bytes_get_data (sasl->turn.challenge, &len);
      g_assert_cmpmem (challenge, len, expected_challenge, strlen (expected_challenge));
    }
  return result;
}

static void
test_login (void)
{
  for (guint has_initial = 0; has_initial < 2; has_initial++)
    {
      g_autoptr (SatchelSasl) sasl = satchel_sasl_new (&satchel_sasl_login, &no_login);
      if (!has_initial)
        g_assert_cmpint (login_step (sasl, NULL, "Username:"), ==, SATCHEL_SASL_CHALLENGE);
      g_assert_cmpint (login_step (sasl, "tim", "Password:"), ==, SATCHEL_SASL_CHALLENGE);
      g_assert_cmpint (login_step (sasl, "tanstaaf \377", NULL), ==, SATCHEL_SASL_PASSWORD);
      g_assert_cmpstr (sasl->turn.user, ==, "tim");
      g_assert_cmpstr (sasl->turn.secret, ==, "tanstaaf \377");
      g_assert_cmpint (login_step (sasl, "more", NULL), ==, SATCHEL_SASL_MALFORMED);
    }
  static const char *const bad_users[] = { "", "\377" }, *const bad_passwords[] = { "", "a\rb", "a\nb" };
  for (guint i = 0; i < G_N_ELEMENTS (bad_users); i++)
    {
      g_autoptr (SatchelSasl) sasl = satchel_sasl_new (&satchel_sasl_login, &no_login);
      g_assert_cmpint (login_step (sasl, bad_users[i], NULL), ==, SATCHEL_SASL_MALFORMED);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad_passwords); i++)
    {
      g_autoptr (SatchelSasl) sasl = satchel_sasl_new (&satchel_sasl_login, &no_login);
      g_assert_cmpint (login_step (sasl, "tim", "Password:"), ==, SATCHEL_SASL_CHALLENGE);
      g_assert_cmpint (login_step (sasl, bad_passwords[i], NULL), ==, SATCHEL_SASL_MALFORMED);
    }
  g_autoptr (SatchelSasl) sasl = satchel_sasl_new (&satchel_sasl_login, &no_login);
  g_assert_cmpint (satchel_sasl_step (sasl, (const guint8 *) "t\0m", 3), ==, SATCHEL_SASL_MALFORMED);
}

/* ---- places ---- */

static void
test_place (void)
{
  char place[SATCHEL_PLACE_BYTES];
  g_assert_true (satchel_place_from_peer ("::ffff:192.0.2.1", place));
  g_assert_cmpstr (place, ==, "192.0.2.1");
  static const char *const bad[] = { "",        "localhost", "192.0.2",  "192.0.2.1/24",
                                     "local\n", "::1%lo",    "1.2.3.4 x" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (satchel_place_from_peer (bad[i], place));
}

/* ---- cache ---- */

static void
test_cache (void)
{
  g_autoptr (SatchelAuthCache) cache = satchel_auth_cache_new (NULL, NULL);
  g_autoptr (SatchelAuthCache) other_boot = satchel_auth_cache_new (NULL, NULL);
  guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES];
  GBytes *unlocked = NULL;
  satchel_auth_cache_key (cache, "a@x", "pw", "$v$1", "none", key);
  g_assert_false (satchel_auth_cache_find (cache, key, "pw", 0, &unlocked));
  satchel_auth_cache_add (cache, key, "pw", NULL, 1000);
  g_assert_true (satchel_auth_cache_find (cache, key, "pw", 999, &unlocked));

  static const char *const others[][4] = {
    { "b@x", "pw", "$v$1", "none" },                                  /* the same password of somebody else */
    { "a@x", "pW", "$v$1", "none" }, { "a@x", "pw", "$v$2", "none" }, /* changed */
    { "a@x", "pw", "$v$1", "totp" },                                  /* a second factor was switched on */
    { "a@xp", "w", "$v$1", "none" },                                  /* parts do not run into each other */
    { "a@x", "pw$v$", "1", "none" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      guint8 other[SATCHEL_AUTH_CACHE_KEY_BYTES];
      satchel_auth_cache_key (cache, others[i][0], others[i][1], others[i][2], others[i][3], other);
      g_assert_false (satchel_auth_cache_find (cache, other, "pw", 0, &unlocked));
    }
  guint8 elsewhere[SATCHEL_AUTH_CACHE_KEY_BYTES];
  satchel_auth_cache_key (other_boot, "a@x", "pw", "$v$1", "none", elsewhere);
  g_assert_cmpint (memcmp (key, elsewhere, sizeof key), !=, 0);
  g_assert_false (satchel_auth_cache_find (cache, key, "pw", 1000, &unlocked));
  g_assert_false (satchel_auth_cache_find (cache, key, "pw", 0, &unlocked)); /* forgotten with it */
}

/* A process that takes the memory over from one that was killed. */
static SatchelAuthCache *
next_process (gpointer area, guint64 generation, gint64 now_ms, SatchelKept **ret_kept)
{
  *ret_kept = satchel_kept_new (area, generation);
  SatchelAuthCache *cache = satchel_auth_cache_new (*ret_kept, NULL);
  satchel_auth_cache_load (cache, now_ms);
  return cache;
}

static gboolean
knows (SatchelAuthCache *cache, const char *user, gint64 now_ms, GBytes **ret_unlocked)
{
  guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES];
  satchel_auth_cache_key (cache, user, "pw", "$v$1", "none", digest);
  return satchel_auth_cache_find (cache, digest, "pw", now_ms, ret_unlocked);
}

static void
remember (SatchelAuthCache *cache, const char *user, GBytes *unlocked, gint64 until_ms)
{
  guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES];
  satchel_auth_cache_key (cache, user, "pw", "$v$1", "none", digest);
  satchel_auth_cache_add (cache, digest, "pw", unlocked, until_ms);
}

/* A login that was verified is known to the next process, with what it unlocked; one that was forgotten, is
 * over, or whose bytes are not what was written, is not, and the memory has neither secrets nor keys. */
static void
test_cache_kept (void)
{
  g_autofree guint8 *area = g_malloc0 (SATCHEL_REMEMBERED_BYTES);
  g_autoptr (GBytes) key = satchel_secret_new ("0123456789abcdef0123456789abcdef", 32);
  g_autoptr (GBytes) unlocked = NULL, nothing = NULL;
  g_autoptr (SatchelKept) kept = NULL, next_kept = NULL, last_kept = NULL, other_kept = NULL;
  g_autoptr (SatchelAuthCache) cache = next_process (area, 1, 0, &kept);
  remember (cache, "a@x", key, 1000);
  remember (cache, "b@x", NULL, 1000);
  remember (cache, "over@x", NULL, 10);
  remember (cache, "forgotten@x", NULL, 5);
  satchel_auth_cache_expire (cache, 5);
  g_assert_null (memmem (area, SATCHEL_REMEMBERED_BYTES, "0123456789", 10));
  g_assert_null (memmem (area, SATCHEL_REMEMBERED_BYTES, satchel_kept_key (kept), 32));

  g_autoptr (SatchelAuthCache) next = next_process (area, 1, 10, &next_kept);
  g_assert_cmpuint (satchel_auth_cache_count (next), ==, 2);
  g_assert_true (knows (next, "a@x", 10, &unlocked) && satchel_secret_equal (unlocked, key));
  g_assert_true (knows (next, "b@x", 10, &nothing));
  g_assert_false (knows (next, "b@x", 1000, &nothing)); /* and it is gone from the memory as well */

  for (gsize i = 0; i < SATCHEL_REMEMBERED_BYTES / 1024; i++) /* a bit in what a@x left, wherever that is */
    if (area[sizeof (guint64) * 6 + i] != 0)
      {
        area[sizeof (guint64) * 6 + i] ^= 1;
        break;
      }
  g_autoptr (SatchelAuthCache) last = next_process (area, 1, 10, &last_kept);
  g_assert_cmpuint (satchel_auth_cache_count (last), ==, 0);

  remember (last, "a@x", NULL, 1000);
  g_autoptr (SatchelAuthCache) other = next_process (area, 2, 10, &other_kept); /* another configuration */
  g_assert_cmpuint (satchel_auth_cache_count (other), ==, 0);
  remember (other, "a@x", NULL, 1000);
  satchel_kept_clear (other_kept, 2);
  g_autoptr (SatchelKept) after_kept = NULL;
  g_autoptr (SatchelAuthCache) after = next_process (area, 2, 10, &after_kept);
  g_assert_cmpuint (satchel_auth_cache_count (after), ==, 0);
}

/* More logins than the memory has room for are remembered by the process alone, and room that is free again
 * is used again. */
static void
test_cache_kept_full (void)
{
  g_autofree guint8 *area = g_malloc0 (SATCHEL_REMEMBERED_BYTES);
  g_autoptr (SatchelKept) kept = satchel_kept_new (area, 1);
  guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES] = { 1 };
  guint n = 0, slot = 0;
  g_autoptr (GBytes) large =
      g_bytes_new_take (g_malloc0 (SATCHEL_KEPT_SEALED_MAX + 1), SATCHEL_KEPT_SEALED_MAX + 1);
  satchel_kept_load (kept, 0, NULL, NULL);
  g_assert_cmpuint (satchel_kept_put (kept, digest, 10, large), ==, SATCHEL_KEPT_NONE);
  while (satchel_kept_put (kept, digest, 10, NULL) != SATCHEL_KEPT_NONE)
    slot = n++;
  g_assert_cmpuint (n, >, 20000);
  satchel_kept_drop (kept, slot);
  g_assert_cmpuint (satchel_kept_put (kept, digest, 10, NULL), ==, slot);
  satchel_kept_clear (kept, 1);
  g_assert_cmpuint (satchel_kept_put (kept, digest, 10, NULL), ==, 0);
}

/* ---- hashes ---- */

static GMutex hashing; /* held: hashes do not end */

static void
hash (gpointer data)
{
  g_mutex_lock (&hashing);
  g_mutex_unlock (&hashing);
}

static void
count_hash (gpointer data, gboolean ran)
{
  g_assert_true (ran);
  ++*(guint *) data;
}

static guint
run_two (SatchelHashPool *pool)
{
  guint n_done = 0;
  g_mutex_lock (&hashing);
  for (guint i = 0; i < 2; i++)
    satchel_hash_pool_submit (pool, "192.0.2.1", 1, 0, hash, count_hash, &n_done);
  guint n_running = satchel_hash_pool_n_running (pool);
  g_mutex_unlock (&hashing);
  while (n_done < 2)
    g_main_context_iteration (NULL, TRUE);
  return n_running;
}

/* Right after a login that needed no hash one place is left free; whoever waits for it gets it later. */
static void
test_pool_hurry (void)
{
  g_autoptr (SatchelHashPool) pool = satchel_hash_pool_new (1000, 2, 10, 10000);
  g_assert_cmpuint (run_two (pool), ==, 2);
  satchel_hash_pool_hurry (pool);
  g_assert_cmpuint (run_two (pool), ==, 1);
  g_autoptr (SatchelHashPool) alone = satchel_hash_pool_new (1000, 1, 10, 10000);
  satchel_hash_pool_hurry (alone);
  g_assert_cmpuint (run_two (alone), ==, 1);
}

/* What a login unlocked comes back with its secret only, and is nowhere in between. */
static void
test_cache_keys (void)
{
  static const char key_text[] = "0123456789abcdef0123456789abcdef";
  g_autoptr (SatchelAuthCache) cache = satchel_auth_cache_new (NULL, NULL);
  g_autoptr (GBytes) key = satchel_secret_new (key_text, strlen (key_text));
  g_autoptr (GBytes) unlocked = NULL;
  guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES];
  satchel_auth_cache_key (cache, "a@x", "pw", "$v$1", "none", digest);
  satchel_auth_cache_add (cache, digest, "pw", key, 1000);
  g_assert_true (satchel_auth_cache_find (cache, digest, "pw", 999, &unlocked));
  g_assert_true (unlocked != key && satchel_secret_equal (unlocked, key));
  g_clear_pointer (&unlocked, g_bytes_unref);
  g_assert_false (
      satchel_auth_cache_find (cache, digest, "pW", 999, &unlocked)); /* and whoever tried has it forgotten */
  g_assert_false (satchel_auth_cache_find (cache, digest, "pw", 999, &unlocked));
  satchel_auth_cache_add (cache, digest, "pw", key, 1000);
  satchel_auth_cache_expire (cache, 999);
  g_assert_cmpuint (satchel_auth_cache_count (cache), ==, 1);
  satchel_auth_cache_expire (cache, 1000);
  g_assert_cmpuint (satchel_auth_cache_count (cache), ==, 0);
  g_assert_null (unlocked);
  /* Sealed. */
  guint8 sealing[SATCHEL_SEAL_KEY_BYTES] = { 1 }, other[SATCHEL_SEAL_KEY_BYTES] = { 2 };
  g_autoptr (GBytes) sealed = satchel_seal (sealing, key), again = satchel_seal (sealing, key);
  gsize len;
  const guint8 *bytes = g_bytes_get_data (sealed, &len);
  g_assert_null (memmem (bytes, len, key_text, 8));
  g_assert_false (g_bytes_equal (sealed, again));
  g_assert_null (satchel_unseal (other, sealed));
  g_autofree guint8 *changed = g_memdup2 (bytes, len);
  changed[len / 2] ^= 1;
  g_autoptr (GBytes) broken = g_bytes_new_static (changed, len);
  g_assert_null (satchel_unseal (sealing, broken));
}

static void
test_lru (void)
{
  g_autoptr (SatchelLru) lru = satchel_lru_new (sizeof (guint32), 3);
  for (guint32 i = 0; i < 3; i++)
    *(guint32 *) satchel_lru_add (lru, &i, sizeof i) = i;
  guint32 zero = 0, one = 1, nine = 9;
  g_assert_cmpuint (*(guint32 *) satchel_lru_find (lru, &zero, sizeof zero), ==, 0);
  g_assert_cmpuint (*(guint32 *) satchel_lru_add (lru, &nine, sizeof nine), ==, 0);
  g_assert_cmpuint (satchel_lru_count (lru), ==, 3);
  g_assert_null (satchel_lru_find (lru, &one, sizeof one)); /* the least recently used */
  g_assert_nonnull (satchel_lru_find (lru, &zero, sizeof zero));
  satchel_lru_remove (lru, &zero, sizeof zero);
  g_assert_null (satchel_lru_find (lru, &zero, sizeof zero));
  satchel_lru_clear (lru);
  g_assert_cmpuint (satchel_lru_count (lru), ==, 0);
  g_assert_nonnull (satchel_lru_add (lru, &one, sizeof one));
}

/* ---- networks, owners ---- */

static void
test_networks (void)
{
  static const struct
  {
    const char *network, *peer;
    gboolean is_in;
  } cases[] = {
    { "192.0.2.0/24", "192.0.2.255", TRUE },
    { "192.0.2.0/24", "192.0.3.0", FALSE },
    { "192.0.2.77/31", "192.0.2.76", TRUE },
    { "192.0.2.1", "192.0.2.1", TRUE },
    { "192.0.2.1", "192.0.2.2", FALSE },
    { "0.0.0.0/0", "203.0.113.9", TRUE },
    { "0.0.0.0/0", "2001:db8::1", FALSE },
    { "::/0", "2001:db8::1", TRUE },
    { "2001:db8::/33", "2001:db8:7fff::1", TRUE },
    { "2001:db8::/33", "2001:db8:8000::1", FALSE },
    { "192.0.2.0/24", "::ffff:192.0.2.9", TRUE },
    { "::1", "::1", TRUE },
    { "192.0.2.0/24", "local", FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *const networks[] = { "203.0.113.77", cases[i].network, NULL };
      SatchelAddress peer;
      g_assert_true (satchel_address_parse (cases[i].peer, &peer));
      g_assert_cmpint (satchel_networks_contain (networks, &peer), ==, cases[i].is_in);
    }
  static const char *const bad[] = { "",       "/",      "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1",
                                     "::/129", "host/8", "192.0.2.0/8/8" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      SatchelNetwork network;
      g_assert_false (satchel_network_parse (bad[i], &network));
    }
}

/* The first text that is no network; none of none. */
static void
test_first_bad (void)
{
  static const char *const good[] = { "192.0.2.0/24", "local", "::1", NULL }, *const bad[] = { "192.0.2.0/24",
                                                                                               "192.0.2.0/33",
                                                                                               "host", NULL };
  g_assert_null (satchel_networks_first_bad (NULL));
  g_assert_null (satchel_networks_first_bad (good));
  g_assert_cmpstr (satchel_networks_first_bad (bad), ==, "192.0.2.0/33");
}

static void
test_loopback (void)
{
  static const struct
  {
    const char *address;
    gboolean is_loopback;
  } cases[] = { { "127.0.0.1", TRUE },
                { "127.255.255.254", TRUE },
                { "::1", TRUE },
                { "local", TRUE },
                { "::ffff:127.0.0.1", TRUE },
                { "128.0.0.1", FALSE },
                { "126.255.255.255", FALSE },
                { "::", FALSE },
                { "::2", FALSE },
                { "1::1", FALSE },
                { "::1:127.0.0.1", FALSE },
                { "7f00::1", FALSE } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SatchelAddress address;
      g_test_message ("%s", cases[i].address);
      g_assert_true (satchel_address_parse (cases[i].address, &address));
      g_assert_cmpint (satchel_address_is_loopback (&address), ==, cases[i].is_loopback);
    }
}

static void
load_secret (const char *dir, guint8 ret_derived[SATCHEL_DERIVED_BYTES])
{
  static const guint8 other[SATCHEL_DERIVED_BYTES] = { 1 };
  int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  satchel_auth_set_secret (other);
  satchel_auth_load_secret (fd);
  satchel_auth_derive ("test", "a", ret_derived);
  descriptors_assert_none_below (dir, fd);
  close (fd);
}

static gboolean
has_file (const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* The secret of the installation is made once, for the server's eyes only, and never replaced: not even one
 * that is not whole. */
static void
test_secret (void)
{
  g_autofree char *dir = g_dir_make_tmp ("satchel-secret-XXXXXX", NULL),
                  *path = g_build_filename (dir, "secret", NULL),
                  *half_made = g_build_filename (dir, "secret.new", NULL), *text = NULL;
  guint8 before[SATCHEL_DERIVED_BYTES], after[SATCHEL_DERIVED_BYTES], none[SATCHEL_DERIVED_BYTES];
  struct stat st;
  satchel_auth_load_secret (-1); /* no directory: nothing is made */
  g_assert_true (g_file_set_contents (half_made, "of a crash", -1, NULL));
  load_secret (dir, before);
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  g_assert_cmpint (st.st_size, ==, SATCHEL_DERIVED_BYTES);
  g_assert_false (has_file (dir, "secret.new"));
  load_secret (dir, after);
  g_assert_cmpmem (before, sizeof before, after, sizeof after);
  g_assert_true (g_file_set_contents (path, "short", -1, NULL));
  load_secret (dir, after);
  static const guint8 other[SATCHEL_DERIVED_BYTES] = { 1 };
  satchel_auth_set_secret (other);
  satchel_auth_derive ("test", "a", none);
  g_assert_cmpmem (after, sizeof after, none, sizeof none); /* that of before is in force */
  g_assert_true (memcmp (before, none, sizeof none) != 0);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "short");
  g_assert_cmpint (unlink (path), ==, 0);
  load_secret (dir, after);
  g_assert_true (memcmp (before, after, sizeof after) != 0); /* another one */
  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (rmdir (dir), ==, 0);
}

/* The file that says where users are cannot be opened: the message names it, and what follows from it. */
static void
test_placements_unreadable (void)
{
  g_autofree char *dir = g_dir_make_tmp ("satchel-placements-XXXXXX", NULL),
                  *path = g_build_filename (dir, "placements", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  const char *const none[] = { NULL };
  SatchelConfigSet *set = satchel_config_load (dir, dir, none, NULL, NULL, problems);
  g_assert_nonnull (set);
  int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  g_assert_null (satchel_placements_new (fd, 2, set, &error));
  g_assert_nonnull (error);
  g_assert_true (g_str_has_prefix (error->message, "where users are is not known: state_dir/auth/"));
  satchel_config_set_free (set);
  close (fd);
  g_assert_cmpint (rmdir (path), ==, 0);
  g_assert_cmpint (rmdir (dir), ==, 0);
}

static void
test_default_owner (void)
{
  /* Frozen: a user must not wander with a new build. */
  g_assert_cmpuint (satchel_placement_hash_slot ("u0001@bench", 2), ==,
                    satchel_placement_hash_slot ("u0001@bench", 2));
  guint n[4] = { 0 };
  for (guint i = 0; i < 4000; i++)
    {
      char user[32];
      g_snprintf (user, sizeof user, "u%04u@bench", i);
      n[satchel_placement_hash_slot (user, 4)]++;
    }
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (n[i], >, 800);
  g_assert_cmpuint (satchel_placement_hash_slot ("a", 256), ==, 0x8c); /* FNV-1a of "a": af63dc4c8601ec8c */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth/sasl/plain", test_plain);
  g_test_add_func ("/auth/sasl/plain-bounds", test_plain_bounds);
  g_test_add_func ("/auth/sasl/plain-challenge", test_plain_challenge);
  g_test_add_func ("/auth/sasl/login", test_login);
  g_test_add_func ("/auth/place", test_place);
  g_test_add_func ("/auth/cache/key", test_cache);
  g_test_add_func ("/auth/cache/unlocked", test_cache_keys);
  g_test_add_func ("/auth/hashes/hurry", test_pool_hurry);
  g_test_add_func ("/auth/cache/kept", test_cache_kept);
  g_test_add_func ("/auth/cache/full", test_cache_kept_full);
  g_test_add_func ("/auth/lru/order", test_lru);
  g_test_add_func ("/auth/network/contains", test_networks);
  g_test_add_func ("/auth/network/first-bad", test_first_bad);
  g_test_add_func ("/auth/network/loopback", test_loopback);
  g_test_add_func ("/auth/secret", test_secret);
  g_test_add_func ("/auth/owner/unreadable", test_placements_unreadable);
  g_test_add_func ("/auth/owner/default", test_default_owner);
  return g_test_run ();
}
