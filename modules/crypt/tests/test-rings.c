/* SPDX-License-Identifier: MIT
 * Module crypt: slots and rings, their files, and the keyring as logins and other modules ask it.
 */
#include "copy.h"
#include "keyring.h"
#include "recovery.h"
#include "state.h"
#include "wanted.h"

#include "core/runtime/login/auth_call_private.h"
#include "tests/lib/rounds.h"

#include <satchel/scram.h>

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USER "anna@example.org"

static const CryptCost cheap = { CRYPT_COST_MEMORY_MIN, 1 };
static char *directory;

static CryptOpener
opener (CryptOpenerKind kind, const char *name, const char *variant, const char *secret)
{
  return (CryptOpener) {
    .kind = kind, .name = name, .variant = variant, .data = (const guint8 *) secret, .len = strlen (secret)
  };
}

static CryptOpener
password (const char *secret)
{
  return opener (CRYPT_BY_PASSWORD, "password", "", secret);
}

static CryptRing *
new_ring (GBytes *secret)
{
  g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
  return crypt_ring_new (USER, &crypt_keys_first (keys)->half);
}

static void
put (CryptRing *ring, GBytes *secret, CryptOpener by)
{
  CryptSlot slot;
  g_assert_true (crypt_slot_seal (&slot, &by, &cheap, &ring->half, secret, NULL));
  g_assert_true (crypt_ring_put (ring, &slot, NULL));
}

static void
assert_opens (const CryptRing *ring, CryptOpener by, GBytes *secret)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) opened = crypt_ring_unlock (ring, &by, &error);
  if (secret == NULL)
    g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  else
    g_assert_true (opened != NULL && satchel_secret_equal (opened, secret));
}

/* ---- keys ---- */

/* A public half that was computed before is found again, and never taken for that of another key. */
static void
test_halves (void)
{
  GBytes *secrets[3000];
  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++)
    secrets[i] = crypt_key_generate ();
  for (guint i = 0; i < 2 * G_N_ELEMENTS (secrets); i++)
    {
      guint8 half[CRYPT_KEY_BYTES];
      GBytes *secret = secrets[i / 2];
      g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
      g_assert_cmpint (crypto_scalarmult_base (half, g_bytes_get_data (secret, NULL)), ==, 0);
      g_assert_cmpmem (crypt_keys_first (keys)->half.bytes, CRYPT_KEY_BYTES, half, sizeof half);
    }
  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++)
    g_bytes_unref (secrets[i]);
}

/* ---- slots and rings ---- */

static void
test_slots (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = new_ring (secret);
  put (ring, secret, password ("right"));
  put (ring, secret, opener (CRYPT_BY_CLIENT, "password", "SCRAM-SHA-256", "key of a client"));
  put (ring, secret, opener (CRYPT_BY_APP, "app:1", "", "app password"));
  assert_opens (ring, password ("right"), secret);
  assert_opens (ring, password ("wrong"), NULL);
  assert_opens (ring, password (""), NULL);
  assert_opens (ring, opener (CRYPT_BY_CLIENT, "password", "SCRAM-SHA-256", "key of a client"), secret);
  assert_opens (ring, opener (CRYPT_BY_CLIENT, "password", "SCRAM-SHA-1", "key of a client"), NULL);
  assert_opens (ring, opener (CRYPT_BY_APP, "app:1", "", "app password"), secret);
  assert_opens (ring, opener (CRYPT_BY_APP, "app:2", "", "app password"), NULL);
}

/* A slot counts only under its own name, and in its own ring. */
static void
test_slots_are_bound (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (GBytes) other_secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = new_ring (secret);
  g_autoptr (CryptRing) other = new_ring (other_secret);
  put (ring, secret, opener (CRYPT_BY_APP, "app:1", "", "app password"));
  CryptSlot slot = g_array_index (ring->slots, CryptSlot, 0);
  g_assert_true (crypt_ring_put (other, &slot, NULL));
  assert_opens (other, opener (CRYPT_BY_APP, "app:1", "", "app password"), NULL);
  g_strlcpy (slot.name, "app:2", sizeof slot.name);
  g_assert_true (crypt_ring_put (ring, &slot, NULL));
  assert_opens (ring, opener (CRYPT_BY_APP, "app:2", "", "app password"), NULL);
}

static void
test_dropping (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = new_ring (secret);
  put (ring, secret, password ("right"));
  put (ring, secret, opener (CRYPT_BY_CLIENT, "password", "SCRAM-SHA-256", "key"));
  g_assert_false (crypt_ring_drop (ring, "password", &error)); /* nothing would be left */
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_clear_error (&error);
  g_assert_false (crypt_ring_drop (ring, "app:1", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  put (ring, secret, opener (CRYPT_BY_APP, "app:1", "", "app password"));
  g_assert_true (crypt_ring_drop (ring, "password", NULL));
  g_assert_cmpuint (ring->slots->len, ==, 1);
  for (guint i = ring->slots->len; i < CRYPT_SLOTS_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("app:more%u", i);
      put (ring, secret, opener (CRYPT_BY_APP, name, "", "x"));
    }
  CryptSlot slot;
  CryptOpener more = opener (CRYPT_BY_APP, "app:last", "", "x");
  g_assert_true (crypt_slot_seal (&slot, &more, &cheap, &ring->half, secret, NULL));
  g_clear_error (&error);
  g_assert_false (crypt_ring_put (ring, &slot, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT);
}

/* What is decided of a user's mail is read back, and told to the layer. */
static void
test_decisions (void)
{
  static const char *const words[] = { "sealing", "opening", "rekeying" };
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = new_ring (secret);
  put (ring, secret, password ("right"));
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      const guint64 before = ring->serial;
      CryptState state;
      crypt_ring_decide (ring, i == 1);
      ring->is_rekeying = i == 2;
      g_assert_cmpuint (ring->serial, >, before);
      g_autofree char *text = crypt_ring_to_text (ring);
      g_autofree char *line = g_strdup_printf ("since %" G_GUINT64_FORMAT " %s\n", ring->serial, words[i]);
      g_assert_nonnull (strstr (text, line));
      g_autoptr (CryptRing) read = crypt_ring_parse (text, strlen (text), NULL);
      g_assert_true (read->serial == ring->serial && read->is_opening == (i == 1)
                     && read->is_rekeying == (i == 2));
      g_autofree char *told =
          crypt_state_of_ring (&read->half, read->serial, read->is_opening, read->is_rekeying);
      g_assert_true (crypt_state_parse (told, &state));
      g_assert_true (state.is_known && state.serial == ring->serial && state.is_sealed == (i != 1)
                     && state.is_opening == (i == 1) && state.is_rekeying == (i == 2));
    }
}

/* What the blob may say; anything else is damage, and nothing means that nothing was ever said. */
static void
test_states (void)
{
  static const char *const bad[] = { "", "off", "off x", "off 1 opening", "00", "opening", "off 1 2 3" };
  CryptState state;
  g_assert_true (crypt_state_parse (NULL, &state));
  g_assert_false (state.is_known || state.is_sealed);
  g_assert_true (crypt_state_parse ("off 7", &state));
  g_assert_true (state.is_known && !state.is_sealed && !state.is_opening && state.serial == 7);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (crypt_state_parse (bad[i], &state));
}

/* A full ring as text, which is read back; any change of it is refused. */
static void
test_text (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = new_ring (secret);
  put (ring, secret, password ("right"));
  put (ring, secret, opener (CRYPT_BY_CLIENT, "password", "SCRAM-SHA-256", "key"));
  g_assert_true (crypt_ring_set_open (ring, secret, NULL));
  g_autofree char *text = crypt_ring_to_text (ring);
  gsize len = strlen (text);
  g_autoptr (CryptRing) read = crypt_ring_parse (text, len, NULL);
  g_autofree char *again = crypt_ring_to_text (read);
  g_assert_cmpstr (again, ==, text);
  assert_opens (read, password ("right"), secret);
  g_autoptr (GBytes) first = crypt_ring_unlock_first (read, NULL);
  g_assert_true (satchel_secret_equal (first, secret));
  for (gsize i = 0; i < len; i++)
    {
      text[i] ^= 1;
      g_assert_null (crypt_ring_parse (text, len, NULL));
      text[i] ^= 1;
      g_assert_null (crypt_ring_parse (text, i, NULL));
    }
}

static void
test_recovery_keys (void)
{
  char shown[CRYPT_RECOVERY_SHOWN + 1];
  CryptOpener made = crypt_recovery_make (shown), read = { 0 };
  g_assert_cmpuint (strlen (shown), ==, CRYPT_RECOVERY_SHOWN);
  g_autofree char *typed = g_ascii_strup (shown, -1);
  g_strdelimit (typed, "-", ' ');
  g_assert_true (crypt_recovery_read (typed, &read));
  g_assert_cmpmem (made.data, made.len, read.data, read.len);
  crypt_recovery_clear (&read);
  shown[3] = '1';
  g_assert_false (crypt_recovery_read (shown, &read));
  g_assert_false (crypt_recovery_read ("abcd", &read));
  g_assert_false (crypt_recovery_read ("", &read));
  g_autofree char *longer = g_strconcat (typed, "a", NULL);
  g_assert_false (crypt_recovery_read (longer, &read));
  crypt_recovery_clear (&made);
}

/* ---- files ---- */

static CryptRing *
stored_ring (GBytes *secret)
{
  CryptRing *ring = new_ring (secret);
  put (ring, secret, password ("right"));
  g_assert_true (crypt_rings_store (ring, NULL));
  return ring;
}

static void
test_files (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_assert_null (crypt_rings_load ("nobody@example.org", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_autoptr (CryptRing) ring = stored_ring (secret);
  g_autoptr (CryptRing) read = crypt_rings_load (USER, NULL);
  assert_opens (read, password ("right"), secret);
  g_autofree char *name = g_strnfill (240, 'x');
  g_free (ring->user);
  ring->user = g_strconcat (name, "@example.org", NULL);
  g_assert_true (crypt_rings_store (ring, NULL));
  g_autoptr (CryptRing) of_long_name = crypt_rings_load (ring->user, NULL);
  g_assert_nonnull (of_long_name);
}

/* A ring in the place of another user's, and a damaged one, are errors, and not users without a ring. */
static void
test_damaged_files (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = stored_ring (secret);
  g_autofree char *from = g_build_filename (directory, "rings", USER ".ring", NULL);
  g_autofree char *to = g_build_filename (directory, "rings", "bob@example.org.ring", NULL);
  g_autoptr (GPtrArray) attributes = g_ptr_array_new_with_free_func (g_free);
  g_assert_cmpint (g_rename (from, to), ==, 0);
  g_assert_null (crypt_rings_load ("bob@example.org", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  g_assert_true (g_file_set_contents (to, "satchel-ring 1\n", -1, NULL));
  g_clear_error (&error);
  g_assert_false (crypt_keyring.attributes ("bob@example.org", attributes, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  g_assert_cmpuint (attributes->len, ==, 0);
}

/* ---- keys of before, and other openers ---- */

/* Another key takes the place of the present one, twice.  What opened the first opens all of both again. */
static void
test_former (void)
{
  GBytes *secrets[3] = { NULL };
  g_autoptr (CryptRing) ring = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++)
    {
      secrets[i] = crypt_key_generate ();
      g_autoptr (CryptKeys) keys = crypt_keys_new (secrets[i]);
      if (i == 0)
        ring = new_ring (secrets[0]);
      else
        g_assert_true (crypt_ring_renew (ring, &crypt_keys_first (keys)->half, NULL));
      put (ring, secrets[i], password (i == 0 ? "first" : i == 1 ? "second" : "third"));
    }
  assert_opens (ring, password ("third"), secrets[2]);
  assert_opens (ring, password ("first"), NULL);
  assert_opens (ring->former->pdata[1], password ("first"), secrets[0]);
  g_autoptr (GBytes) alone = crypt_ring_all_of (ring, ring, secrets[2]);
  g_assert_cmpuint (g_bytes_get_size (alone), ==, CRYPT_KEY_BYTES);
  CryptRing middle = *ring; /* the second key gives the first, as after a recovery before the third came */
  middle.half = ((CryptRing *) ring->former->pdata[0])->half;
  g_assert_true (crypt_ring_link (&middle, ring->former->pdata[1], secrets[0], NULL));
  g_assert_true (crypt_ring_link (ring, ring->former->pdata[0], secrets[1], NULL));
  g_assert_true (crypt_ring_is_linked (ring, ring->former->pdata[1]));
  g_autofree char *text = crypt_ring_to_text (ring);
  g_autoptr (CryptRing) read = crypt_ring_parse (text, strlen (text), NULL);
  g_autofree char *again = crypt_ring_to_text (read);
  g_assert_cmpstr (again, ==, text);
  g_autoptr (GBytes) all = crypt_ring_all_of (read, read, secrets[2]);
  const guint8 *bytes = g_bytes_get_data (all, NULL);
  g_assert_cmpuint (g_bytes_get_size (all), ==, 3 * CRYPT_KEY_BYTES);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpmem (bytes + i * CRYPT_KEY_BYTES, CRYPT_KEY_BYTES, g_bytes_get_data (secrets[2 - i], NULL),
                     CRYPT_KEY_BYTES);
  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++)
    g_bytes_unref (secrets[i]);
}

/* A slot for a pair opens by its private half alone, and only in its place. */
static void
test_boxes (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (GBytes) private = crypt_key_generate ();
  g_autoptr (CryptRing) ring = new_ring (secret);
  g_autoptr (CryptKeys) pair = crypt_keys_new (private);
  const CryptPublic *half = &crypt_keys_first (pair)->half;
  g_assert_true (crypt_ring_put_box (ring, CRYPT_BY_ESCROW, half, secret, NULL));
  g_autoptr (GBytes) opened = crypt_ring_unbox (ring, CRYPT_BY_ESCROW, half, private, NULL);
  g_assert_true (opened != NULL && satchel_secret_equal (opened, secret));
  g_assert_null (crypt_ring_unbox (ring, CRYPT_BY_ESCROW, half, secret, NULL));
  g_assert_null (crypt_ring_unbox (ring, CRYPT_BY_KEY, half, private, NULL));
  g_assert_null (crypt_ring_unbox (ring, CRYPT_BY_ESCROW, &ring->half, private, NULL));
  g_array_index (ring->slots, CryptSlot, 0).variant[0] ^= 1;
  g_assert_null (crypt_ring_unbox (ring, CRYPT_BY_ESCROW, half, private, NULL));
}

/* Nothing in a copy opens it for somebody who made it up: neither a ring that waits for a login, nor a pair
 * that the next login with an app password would seal the key for. */
static void
test_copies (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = new_ring (secret);
  put (ring, secret, password ("right"));
  put (ring, secret, opener (CRYPT_BY_APP, "app:1", "", "app password"));
  CryptOpener planted = password ("of an attacker"), right = password ("right");
  g_assert_true (crypt_wanted_put (ring, &planted, &cheap, NULL));
  g_assert_true (crypt_wanted_give (ring, secret, NULL));
  g_assert_true (crypt_ring_set_open (ring, secret, NULL));
  g_autofree char *text = crypt_ring_to_text (ring);
  g_autoptr (CryptRing) copy = crypt_copy_parse (USER, text, strlen (text), NULL);
  g_assert_false (copy->is_open);
  g_assert_false (crypt_wanted_is_there (copy));
  g_assert_cmpuint (copy->slots->len, ==, 2);
  g_assert_null (crypt_copy_open (copy, &planted));
  g_autoptr (GBytes) opened = crypt_copy_open (copy, &right);
  g_assert_true (opened != NULL && satchel_secret_equal (opened, secret));
  g_assert_null (crypt_copy_parse ("bob@example.org", text, strlen (text), &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
  g_autoptr (GBytes) kept = crypt_copy_of (ring);
  gsize len;
  const char *lines = g_bytes_get_data (kept, &len);
  g_assert_null (g_strstr_len (lines, (gssize) len, "first"));
  g_assert_null (g_strstr_len (lines, (gssize) len, "wanted"));
}

/* A copy whose slots open to another key than it says is none of the user's. */
static void
test_false_copies (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (GBytes) other = crypt_key_generate ();
  g_autoptr (CryptRing) ring = new_ring (secret);
  CryptOpener right = password ("right");
  put (ring, other, password ("right"));
  g_assert_null (crypt_copy_open (ring, &right));
}

/* ---- the keyring ---- */

typedef struct Unlocked
{
  gboolean is_done, has_failed;
  GBytes *key;
} Unlocked;

static void
unlocked (SatchelCallAnswer *answer, gpointer data)
{
  Unlocked *result = data;
  result->is_done = TRUE;
  result->has_failed = answer->error != NULL;
  result->key = g_steal_pointer (&answer->key);
}

static SatchelKeyMaterial
material (SatchelKeySource source, const char *slot, const char *variant, const char *secret)
{
  return (SatchelKeyMaterial) { .size = sizeof (SatchelKeyMaterial),
                                .source = source,
                                .slot = slot,
                                .variant = variant,
                                .data = (const guint8 *) secret,
                                .len = strlen (secret) };
}

static SatchelKeyMaterial
of_password (const char *secret)
{
  return material (SATCHEL_KEY_SECRET, SATCHEL_CREDENTIAL_PASSWORD, "", secret);
}

static const SatchelCredential *credential; /* what the passdb says of who logs in, or NULL */

/* Returns what a login with @brought gets; yours, or NULL. */
static GBytes *
log_in (const char *user, SatchelKeyMaterial brought)
{
  Unlocked result = { 0 };
  const SatchelQuestion question = { .kind = SATCHEL_CALL_UNLOCK,
                                     .source = &crypt_keyring,
                                     .ask = crypt_keyring.unlock,
                                     .cancelled = crypt_keyring.cancelled,
                                     .user = user,
                                     .material = &brought,
                                     .credential = credential,
                                     .deadline_ms = g_get_monotonic_time () / 1000 + 3600000 };
  satchel_call_ask (&question, unlocked, &result);
  while (!result.is_done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (result.has_failed);
  return result.key;
}

static gboolean
gets_key (SatchelKeyMaterial brought, GBytes *secret)
{
  g_autoptr (GBytes) key = log_in (USER, brought);
  g_assert_true (key == NULL || satchel_secret_equal (key, secret));
  return key != NULL;
}

static void
test_logins (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = stored_ring (secret);
  g_assert_null (log_in ("nobody@example.org", of_password ("right")));
  g_assert_true (gets_key (of_password ("right"), secret));
  g_assert_false (gets_key (of_password ("another"), secret));
  g_assert_false (gets_key (material (SATCHEL_KEY_APP, "app:1", "", "right"), secret));
}

/* The first login with the password shuts the ring; an app password before it gets a slot as well. */
static void
test_first_login (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = new_ring (secret);
  g_assert_true (crypt_ring_set_open (ring, secret, NULL));
  g_assert_true (crypt_rings_store (ring, NULL));
  const SatchelKeyMaterial app = material (SATCHEL_KEY_APP, "app:1", "", "app password");
  g_assert_true (gets_key (app, secret));
  g_assert_true (gets_key (of_password ("right"), secret));
  g_autoptr (CryptRing) shut = crypt_rings_load (USER, NULL);
  g_assert_false (shut->is_open);
  g_assert_false (gets_key (of_password ("another"), secret));
  g_assert_true (gets_key (of_password ("right"), secret));
  g_assert_true (gets_key (app, secret));
}

static void
test_changes (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = stored_ring (secret);
  const SatchelKeyMaterial old = of_password ("right"), new = of_password ("newer"), none = of_password (""),
                           app = material (SATCHEL_KEY_APP, "app:1", "", "app password");
  g_assert_false (crypt_keyring.add_slot (USER, &none, &app, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_assert_true (crypt_keyring.add_slot (USER, &old, &app, NULL));
  g_assert_true (gets_key (app, secret));
  /* The new password may not be stored yet: both open the ring until it has been used. */
  g_assert_true (crypt_keyring.rewrap (USER, &old, &new, NULL));
  g_assert_true (gets_key (old, secret));
  g_assert_true (gets_key (new, secret));
  g_assert_false (gets_key (old, secret));
  g_assert_true (gets_key (app, secret));
  g_clear_error (&error);
  g_assert_false (crypt_keyring.rewrap (USER, &old, &old, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_assert_true (crypt_keyring.drop_slot (USER, "app:1", NULL));
  g_assert_true (crypt_keyring.drop_slot (USER, "app:1", NULL)); /* it is gone already */
  g_assert_false (gets_key (app, secret));
  g_clear_error (&error);
  g_assert_false (crypt_keyring.drop_slot (USER, "password", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_clear_error (&error);
  g_assert_false (crypt_keyring.drop_slot ("nobody@example.org", "app:1", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
}

/* A login with the password makes the slots for SCRAM, also after another password was set. */
static void
test_scram (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = stored_ring (secret);
  for (guint round = 0; round < 2; round++)
    {
      const char *word = round == 0 ? "right" : "newer";
      SatchelScramKeys keys;
      guint8 client_key[SATCHEL_SCRAM_KEY_MAX];
      g_assert_true (satchel_scram_keys_make (SATCHEL_SCRAM_SHA_256, word, NULL, 0, 4096, &keys, NULL));
      g_assert_false (satchel_scram_client_key (&keys, "wrong", client_key));
      g_assert_true (satchel_scram_client_key (&keys, word, client_key));
      g_autofree char *scram = satchel_scram_keys_format (&keys);
      SatchelCredential of_user = { .size = sizeof of_user, .user = (char *) USER, .scram = scram };
      const SatchelKeyMaterial by_scram = { .size = sizeof by_scram,
                                            .source = SATCHEL_KEY_CLIENT,
                                            .slot = SATCHEL_CREDENTIAL_PASSWORD,
                                            .variant = "SCRAM-SHA-256",
                                            .data = client_key,
                                            .len = satchel_scram_hash_bytes (SATCHEL_SCRAM_SHA_256) };
      credential = &of_user;
      g_assert_false (gets_key (by_scram, secret));
      g_assert_true (gets_key (of_password (word), secret));
      g_assert_true (gets_key (by_scram, secret));
      credential = NULL;
      const SatchelKeyMaterial old = of_password ("right"), new = of_password ("newer");
      g_assert_true (round == 1 || crypt_keyring.rewrap (USER, &old, &new, NULL));
    }
}

/* A password that was changed elsewhere gets the key from an app password, and then opens the ring by itself;
 * one that came in between does not. */
static void
test_carried_over (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = stored_ring (secret);
  const SatchelKeyMaterial old = of_password ("right"), new = of_password ("newer"),
                           other = of_password ("other"),
                           app = material (SATCHEL_KEY_APP, "app:1", "", "app password");
  g_assert_true (crypt_keyring.add_slot (USER, &old, &app, NULL));
  g_assert_false (gets_key (new, secret));
  crypt_site_set (&(CryptSite) { .cost = cheap });
  g_assert_true (gets_key (app, secret));
  g_assert_false (gets_key (new, secret)); /* the site does not want that */
  crypt_site_set (&(CryptSite) { .cost = cheap, .carries_over = TRUE });
  g_assert_true (gets_key (app, secret));
  g_assert_true (gets_key (new, secret));
  g_assert_true (gets_key (new, secret));
  g_assert_false (gets_key (old, secret));
  g_assert_true (gets_key (app, secret));    /* nothing for "right", whom the passdb let in once more */
  g_assert_false (gets_key (other, secret)); /* and its pair is not that of "other" */
  g_assert_true (gets_key (new, secret));
}

/* The administrator gives the user another key.  The password that counts next opens it; what opened the one
 * before is found again by an app password. */
static void
test_renewed (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = stored_ring (secret);
  const SatchelKeyMaterial old = of_password ("right"), new = of_password ("newer"), none = of_password (""),
                           app = material (SATCHEL_KEY_APP, "app:1", "", "app password");
  g_assert_true (crypt_keyring.add_slot (USER, &old, &app, NULL));
  g_assert_true (crypt_keyring.renew (USER, NULL));
  g_assert_true (crypt_keyring.rewrap (USER, &none, &new, NULL));
  g_autoptr (GBytes) keys = log_in (USER, new);
  g_assert_cmpuint (g_bytes_get_size (keys), ==, CRYPT_KEY_BYTES);
  g_assert_false (satchel_secret_equal (keys, secret));
  g_assert_true (gets_key (app, secret)); /* the former one alone */
  g_autoptr (GBytes) none_left = log_in (USER, old);
  g_assert_null (none_left);
  g_assert_false (crypt_keyring.renew ("nobody@example.org", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
}

static void
test_attributes (void)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptRing) ring = stored_ring (secret);
  g_autoptr (GPtrArray) attributes = g_ptr_array_new_with_free_func (g_free);
  char digits[2 * CRYPT_KEY_BYTES + 1];
  g_assert_true (crypt_keyring.attributes ("nobody@example.org", attributes, NULL));
  g_assert_cmpuint (attributes->len, ==, 0);
  g_assert_true (crypt_keyring.attributes (USER, attributes, NULL));
  g_assert_cmpuint (attributes->len, >=, 1);
  sodium_bin2hex (digits, sizeof digits, ring->half.bytes, CRYPT_KEY_BYTES);
  const char *value = strchr (attributes->pdata[0], '=');
  g_assert_true (value != NULL && g_str_has_prefix (value + 1, digits));
}

static void
assert_told (const CryptRing *ring)
{
  g_autoptr (GPtrArray) attributes = g_ptr_array_new_with_free_func (g_free);
  char digits[2 * CRYPT_KEY_BYTES + 1];
  g_assert_true (crypt_keyring.attributes (USER, attributes, NULL));
  if (ring == NULL)
    {
      g_assert_cmpuint (attributes->len, ==, 0);
      return;
    }
  sodium_bin2hex (digits, sizeof digits, ring->half.bytes, CRYPT_KEY_BYTES);
  const char *value = strchr (attributes->pdata[0], '=');
  g_assert_true (value != NULL && g_str_has_prefix (value + 1, digits));
}

/* Somebody writes into the file and gives it the time of before, as a restored backup might. */
static void
write_into (const CryptRing *ring)
{
  g_autofree char *text = crypt_ring_to_text (ring);
  g_autofree char *path = g_strdup_printf ("%s/rings/" USER ".ring", directory);
  struct stat before;
  FILE *file = fopen (path, "r+");
  g_assert_true (file != NULL && fstat (fileno (file), &before) == 0
                 && fwrite (text, strlen (text), 1, file) == 1);
  g_assert_cmpint (fclose (file), ==, 0);
  const struct timespec times[2] = { before.st_atim, before.st_mtim };
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

static void
test_stamps (void)
{
  const gint64 now_ns = g_get_real_time () * 1000, hour_ns = G_GINT64_CONSTANT (3600000000000);
  g_assert_false (crypt_ring_stamp_is_settled (&(CryptRingStamp) { .changed_ns = now_ns + hour_ns }));
  g_assert_true (crypt_ring_stamp_is_settled (&(CryptRingStamp) { .changed_ns = now_ns - hour_ns }));
}

static void
wait_until_settled (void)
{
  CryptRingStamp stamp;
  while (crypt_rings_stamp (USER, &stamp) == 0 && !crypt_ring_stamp_is_settled (&stamp))
    g_usleep (50000);
}

/* What a ring says is kept, and never longer than the ring says it. */
static void
test_kept_attributes (void)
{
  g_autoptr (GBytes) first = crypt_key_generate ();
  g_autoptr (GBytes) second = crypt_key_generate ();
  g_autoptr (CryptRing) other = stored_ring (second);
  g_autoptr (CryptRing) ring = stored_ring (first);
  /* It is so new that a change of it might not show. */
  for (guint i = 0; i < 20; i++)
    {
      assert_told (ring);
      write_into (other);
      assert_told (other);
      write_into (ring);
    }
  wait_until_settled ();
  assert_told (ring);
  write_into (other);
  assert_told (other);
  wait_until_settled ();
  assert_told (other);
  g_assert_true (crypt_rings_store (ring, NULL));
  assert_told (ring);
  wait_until_settled ();
  assert_told (ring);
  g_assert_true (crypt_rings_remove (ring, NULL));
  assert_told (NULL);
}

static void
remove_directory (void)
{
  g_autofree char *rings = g_build_filename (directory, "rings", NULL);
  GDir *open = g_dir_open (rings, 0, NULL);
  for (const char *name; open != NULL && (name = g_dir_read_name (open)) != NULL;)
    {
      g_autofree char *path = g_build_filename (rings, name, NULL);
      g_unlink (path);
    }
  g_clear_pointer (&open, g_dir_close);
  g_rmdir (rings);
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*func) (void);
  } cases[] = {
    { "/crypt/keys/halves", test_halves },
    { "/crypt/rings/slots", test_slots },
    { "/crypt/rings/slots-are-bound", test_slots_are_bound },
    { "/crypt/rings/dropping", test_dropping },
    { "/crypt/rings/text", test_text },
    { "/crypt/rings/decisions", test_decisions },
    { "/crypt/rings/states", test_states },
    { "/crypt/rings/recovery-keys", test_recovery_keys },
    { "/crypt/rings/files", test_files },
    { "/crypt/rings/damaged-files", test_damaged_files },
    { "/crypt/rings/logins", test_logins },
    { "/crypt/rings/first-login", test_first_login },
    { "/crypt/rings/changes", test_changes },
    { "/crypt/rings/scram", test_scram },
    { "/crypt/rings/former", test_former },
    { "/crypt/rings/copies", test_copies },
    { "/crypt/rings/false-copies", test_false_copies },
    { "/crypt/rings/boxes", test_boxes },
    { "/crypt/rings/carried-over", test_carried_over },
    { "/crypt/rings/renewed", test_renewed },
    { "/crypt/rings/attributes", test_attributes },
    { "/crypt/rings/stamps", test_stamps },
    { "/crypt/rings/kept-attributes", test_kept_attributes },
  };
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (sodium_init (), >=, 0);
  directory = g_dir_make_tmp ("satchel-test-XXXXXX", NULL);
  g_autofree char *rings = g_build_filename (directory, "rings", NULL);
  crypt_rings_set_path (rings);
  crypt_site_set (&(CryptSite) { .cost = cheap, .carries_over = TRUE });
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_func (cases[i].path, cases[i].func);
  int status = g_test_run ();
  remove_directory ();
  crypt_rings_set_path (NULL);
  return status;
}
