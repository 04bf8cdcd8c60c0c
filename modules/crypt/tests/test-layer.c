/* SPDX-License-Identifier: MIT
 * Module crypt: the layer over the driver `memory`, whose objects are linked in.  What lies below it is
 * looked at without it.
 */
#include "config.h"

#include "attributes.h"
#include "delivered.h"
#include "layer.h"

#include "core/storage/store/store_private.h"

#include <satchel/attributes.h>
#include <satchel/module.h>
#include <sodium.h>
#include <string.h>

#define USER "u@example.org"
#define MARK "Kranichflug"
#define MESSAGE "From: a@example.org\r\nSubject: " MARK "\r\n\r\n" MARK " in the text\r\n"
#define ATTRIBUTE "crypt.public="

static GBytes *secret;
static char *attributes; /* of the user, as SatchelPlace has them */
static char *path;

static SatchelAccess *
access_with (GBytes *key)
{
  return satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                .cause = SATCHEL_CAUSE_SESSION,
                                                .user = USER,
                                                .owner = USER,
                                                .key = key,
                                                .rights = SATCHEL_RIGHTS_ALL });
}

/* Opens the store, or (@levels 1) what is below the layer; @key is that of the access, or NULL. */
static SatchelStore *
try_open (guint n_levels, GBytes *key, const char *told, GError **error)
{
  const SatchelStoreLevel levels[] = { { "crypt", &crypt_layer, NULL },
                                       { "memory", satchel_module ()->provides[0].ops, NULL } };
  g_autoptr (SatchelAccess) access = access_with (key);
  SatchelStoreOpenOptions options = { .user = USER,
                                      .path = path,
                                      .root_fd = -1,
                                      .access = access,
                                      .attributes = told,
                                      .levels = levels + (2 - n_levels),
                                      .n_levels = n_levels };
  return satchel_store_open (&options, error);
}

static SatchelMailbox *
open_inbox (guint n_levels, GBytes *key, const char *told)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = try_open (n_levels, key, told, &error);
  g_assert_no_error (error);
  SatchelMailbox *inbox = satchel_store_open_mailbox (store, "INBOX", &error);
  g_assert_no_error (error);
  return inbox;
}

/* Adds a message; its UID, or 0 with @error. */
static guint32
try_append (SatchelMailbox *inbox, const char *text, GError **error)
{
  SatchelStore *store = satchel_mailbox_store (inbox);
  g_autoptr (SatchelStage) stage = satchel_stage_new (store, strlen (text), error);
  if (stage == NULL || !satchel_stage_write (stage, text, strlen (text), error)
      || !satchel_stage_finish (stage, error))
    return 0;
  /* Who stores it sees the attributes as they are. */
  gsize len;
  g_assert_nonnull (satchel_attributes_envelope (satchel_stage_attributes (stage), &len));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  const SatchelOperation *append =
      satchel_transaction_append (transaction, inbox, g_steal_pointer (&stage), 0, NULL, 1);
  return satchel_transaction_commit (transaction, error) ? g_array_index (append->ret_uids, guint32, 0) : 0;
}

static guint32
append (SatchelMailbox *inbox, const char *text)
{
  g_autoptr (GError) error = NULL;
  guint32 uid = try_append (inbox, text, &error);
  g_assert_no_error (error);
  return uid;
}

/* Returns the content; yours, or NULL with @error. */
static char *
read_text (SatchelMailbox *mailbox, guint32 uid, gsize *ret_len, GError **error)
{
  g_autoptr (SatchelStream) stream = satchel_mailbox_open_message (mailbox, uid, error);
  if (stream == NULL)
    return NULL;
  *ret_len = (gsize) satchel_stream_length (stream, NULL);
  char *text = g_malloc0 (*ret_len + 1);
  g_assert_cmpint (satchel_stream_read_at (stream, 0, text, *ret_len, NULL), ==, (gssize) *ret_len);
  return text;
}

static void
assert_text (SatchelMailbox *mailbox, guint32 uid, const char *text)
{
  gsize len;
  g_autoptr (GError) error = NULL;
  g_autofree char *read = read_text (mailbox, uid, &len, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (read, len, text, strlen (text));
}

static void
assert_locked (SatchelMailbox *mailbox, guint32 uid)
{
  gsize len;
  g_autoptr (GError) error = NULL;
  GBytes *found = NULL;
  SatchelErrorCode code = 0;
  g_assert_null (read_text (mailbox, uid, &len, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED);
  g_assert_null (satchel_mailbox_peek_message (mailbox, uid));
  g_assert_false (satchel_mailbox_attributes (mailbox, &uid, 1, &found, &code, NULL));
  g_assert_cmpint (code, ==, SATCHEL_ERROR_LOCKED);
}

/* Returns stored attributes, opened or as they lie there; yours. */
static GBytes *
attributes_at (SatchelMailbox *mailbox, guint level, guint32 uid)
{
  SatchelStoreCore *core = satchel_mailbox_store (mailbox)->core;
  GBytes *found = NULL;
  SatchelErrorCode code = 0;
  SatchelStorage *storage = level == 0 ? &core->client : &core->levels[0];
  g_assert_true (satchel_storage_get_attributes (storage, satchel_mailbox_store (mailbox)->access,
                                                 &mailbox->core->handle, &uid, 1, &found, &code, NULL));
  g_assert_nonnull (found);
  return found;
}

static gboolean
has_mark (const void *data, gsize len)
{
  for (gsize i = 0; i + strlen (MARK) <= len; i++)
    if (memcmp ((const char *) data + i, MARK, strlen (MARK)) == 0)
      return TRUE;
  return FALSE;
}

/* Says whether anything of the message can be read below the layer. */
static gboolean
is_clear_below (SatchelMailbox *below, guint32 uid)
{
  gsize len, attributes_len;
  g_autofree char *text = read_text (below, uid, &len, NULL);
  g_autoptr (GBytes) stored = attributes_at (below, 0, uid);
  const void *data = g_bytes_get_data (stored, &attributes_len);
  gboolean is_clear = has_mark (text, len);
  g_assert_cmpint (has_mark (data, attributes_len), ==, is_clear);
  return is_clear;
}

static void
begin (void)
{
  static guint n;
  g_free (path);
  path = g_strdup_printf ("example.org/crypt%u", ++n);
}

static guint64
size_of (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  guint at;
  return satchel_snapshot_at (snapshot, 0, &at)->size[at];
}

/* A delivery has no key; the user reads it, and nobody else. */
static void
test_delivery (void)
{
  begin ();
  g_autoptr (SatchelMailbox) delivery = open_inbox (2, NULL, attributes);
  guint32 uid = append (delivery, MESSAGE);
  assert_locked (delivery, uid);
  g_assert_cmpuint (size_of (delivery), ==, strlen (MESSAGE));
  g_clear_pointer (&delivery, satchel_mailbox_unref);
  g_autoptr (SatchelMailbox) owner = open_inbox (2, secret, attributes);
  assert_text (owner, uid, MESSAGE);
  g_autoptr (GBytes) found = attributes_at (owner, 0, uid);
  gsize len;
  const char *envelope = satchel_attributes_envelope (found, &len);
  g_assert_true (has_mark (envelope, len));
  g_clear_pointer (&owner, satchel_mailbox_unref);
  g_autoptr (SatchelMailbox) below = open_inbox (1, NULL, NULL);
  g_assert_false (is_clear_below (below, uid));
}

static void
test_session (void)
{
  begin ();
  g_autoptr (SatchelMailbox) owner = open_inbox (2, secret, attributes);
  guint32 uid = append (owner, MESSAGE);
  assert_text (owner, uid, MESSAGE);
  g_clear_pointer (&owner, satchel_mailbox_unref);
  g_autoptr (SatchelMailbox) below = open_inbox (1, NULL, NULL);
  g_assert_false (is_clear_below (below, uid));
}

/* What a delivery has sealed is sealed again when the user sees it, so that it is opened sooner. */
static void
test_again (void)
{
  begin ();
  g_autoptr (SatchelMailbox) owner = open_inbox (2, secret, attributes);
  g_autoptr (SatchelStore) without = satchel_store_with_access (
      satchel_mailbox_store (owner), satchel_mailbox_store (owner)->core->background);
  g_autoptr (SatchelMailbox) delivery = satchel_store_open_mailbox (without, "INBOX", NULL);
  guint32 uid = append (delivery, MESSAGE);
  g_autoptr (GBytes) first = attributes_at (owner, 1, uid);
  g_assert_true (crypt_attributes_is_sealed (first, NULL) && crypt_attributes_is_slow (first));
  g_autoptr (GBytes) clear = attributes_at (owner, 0, uid);
  g_autoptr (GBytes) then = attributes_at (owner, 1, uid);
  g_assert_true (crypt_attributes_is_sealed (then, NULL));
  g_assert_false (crypt_attributes_is_slow (then));
  g_autoptr (GBytes) same = attributes_at (owner, 0, uid);
  g_assert_true (g_bytes_equal (clear, same));
}

/* Mail of before stays as it is; a user without a ring has mail in clear. */
static void
test_earlier_mail (void)
{
  begin ();
  g_autoptr (SatchelMailbox) before = open_inbox (2, NULL, "");
  guint32 clear = append (before, MESSAGE), odd = append (before, "\x89SATCRY\nFrom: a\r\n\r\n");
  g_clear_pointer (&before, satchel_mailbox_unref);
  g_autoptr (SatchelMailbox) owner = open_inbox (2, NULL, attributes);
  guint32 sealed = append (owner, MESSAGE);
  assert_text (owner, clear, MESSAGE);
  assert_text (owner, odd, "\x89SATCRY\nFrom: a\r\n\r\n");
  assert_locked (owner, sealed);
  g_clear_pointer (&owner, satchel_mailbox_unref);
  g_autoptr (SatchelMailbox) below = open_inbox (1, NULL, NULL);
  g_assert_true (is_clear_below (below, clear));
}

/* Who comes without the user's attributes, such as an import, stores no mail in clear once it was sealed. */
static void
test_without_attributes (void)
{
  begin ();
  g_autoptr (SatchelMailbox) first = open_inbox (2, NULL, attributes);
  append (first, MESSAGE);
  g_clear_pointer (&first, satchel_mailbox_unref);
  g_autoptr (SatchelMailbox) later = open_inbox (2, NULL, NULL);
  guint32 uid = append (later, MESSAGE);
  assert_locked (later, uid);
  g_clear_pointer (&later, satchel_mailbox_unref);
  g_autoptr (SatchelMailbox) below = open_inbox (1, NULL, NULL);
  g_assert_false (is_clear_below (below, uid));
}

/* Writes beside the mail, as who may write the store can. */
static void
plant (const char *text)
{
  g_autoptr (SatchelMailbox) below = open_inbox (1, NULL, NULL);
  g_autoptr (GBytes) value = g_bytes_new (text, strlen (text));
  const SatchelBlob blob = { "public", value };
  g_assert_true (satchel_store_put_blobs (satchel_mailbox_store (below), "crypt", &blob, 1, NULL));
}

/* What lies beside the mail counts nothing against auth: neither that mail is in clear, nor another key.
 * Where auth has no ring of a user whose mail was sealed, nothing is stored. */
static void
test_planted (void)
{
  const char *const planted[] = {
    "off 9000000000000000000",
    "0900000000000000000000000000000000000000000000000000000000000000 9000000000000000000"
  };
  for (guint i = 0; i < G_N_ELEMENTS (planted); i++)
    {
      begin ();
      plant (planted[i]);
      g_autoptr (SatchelMailbox) owner = open_inbox (2, secret, attributes);
      guint32 uid = append (owner, MESSAGE);
      assert_text (owner, uid, MESSAGE); /* sealed for the key that the session has, or in clear */
      g_clear_pointer (&owner, satchel_mailbox_unref);
      g_autoptr (SatchelMailbox) below = open_inbox (1, NULL, NULL);
      g_assert_false (is_clear_below (below, uid));
      g_clear_pointer (&below, satchel_mailbox_unref);
      g_autoptr (GError) error = NULL;
      plant (planted[1]);
      g_autoptr (SatchelMailbox) lost = open_inbox (2, NULL, "");
      g_assert_cmpuint (try_append (lost, MESSAGE, &error), ==, 0);
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
    }
}

/* A key that cannot be used, or is not known, puts mail off, and never lets it lie in clear. */
static void
test_unknown (void)
{
  begin ();
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelMailbox) inbox = open_inbox (2, NULL, NULL);
  g_assert_cmpuint (try_append (inbox, MESSAGE, &error), ==, 0);
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
}

static void
test_damaged_attribute (void)
{
  begin ();
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelMailbox) inbox = open_inbox (2, NULL, ATTRIBUTE "abc\x1f");
  g_assert_cmpuint (try_append (inbox, MESSAGE, &error), ==, 0);
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
}

/* Copies share content and attributes. */
static void
test_copies (void)
{
  begin ();
  g_autoptr (SatchelMailbox) owner = open_inbox (2, secret, attributes);
  guint32 uid = append (owner, MESSAGE);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (satchel_mailbox_store (owner));
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, uid, uid);
  const SatchelOperation *copy = satchel_transaction_copy (transaction, owner, &uids, owner);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
  assert_text (owner, g_array_index (copy->ret_uids, guint32, 0), MESSAGE);
}

/* A key of something else, and of somebody else, opens nothing. */
static void
test_other_keys (void)
{
  begin ();
  g_autoptr (GBytes) word = satchel_secret_new ("word", 4);
  g_autoptr (GBytes) other = crypt_key_generate ();
  g_autoptr (SatchelMailbox) by_word = open_inbox (2, word, attributes);
  guint32 uid = append (by_word, MESSAGE);
  assert_locked (by_word, uid);
  g_clear_pointer (&by_word, satchel_mailbox_unref);
  g_autoptr (SatchelMailbox) by_other = open_inbox (2, other, attributes);
  assert_locked (by_other, uid);
}

/* Puts something else in the place of the attributes below the layer. */
static void
damage_attributes (SatchelMailbox *mailbox, guint32 uid)
{
  SatchelStoreCore *core = satchel_mailbox_store (mailbox)->core;
  const guint64 size = SATCHEL_SIZE_UNKNOWN;
  g_autoptr (GBytes) stored = attributes_at (mailbox, 1, uid);
  gsize len;
  const guint8 *data = g_bytes_get_data (stored, &len);
  g_autofree guint8 *copy = g_memdup2 (data, len);
  copy[len - 1] ^= 1;
  g_autoptr (GBytes) damaged = g_bytes_new (copy, len);
  satchel_store_begin_write (core);
  g_assert_true (satchel_storage_put_attributes (&core->levels[0], satchel_mailbox_store (mailbox)->access,
                                                 &mailbox->core->handle, &uid, 1, &damaged, &size, NULL));
  satchel_store_end_write (core);
}

/* Returns what the layer has of the attributes, or NULL; yours. */
static GBytes *
try_attributes (SatchelMailbox *mailbox, guint32 uid, SatchelErrorCode *ret_code)
{
  SatchelStore *store = satchel_mailbox_store (mailbox);
  GBytes *found = NULL;
  *ret_code = 0;
  g_assert_true (satchel_storage_get_attributes (&store->core->client, store->access, &mailbox->core->handle,
                                                 &uid, 1, &found, ret_code, NULL));
  return found;
}

/* The user goes and comes back, while @store stays open. */
static void
log_in_again (SatchelMailbox **owner, SatchelStore *store)
{
  g_autoptr (SatchelAccess) access = satchel_access_ref (satchel_mailbox_store (*owner)->access);
  g_clear_pointer (owner, satchel_mailbox_unref);
  g_autoptr (SatchelStore) again = satchel_store_with_access (store, access);
  *owner = satchel_store_open_mailbox (again, "INBOX", NULL);
  g_assert_nonnull (*owner);
}

/* Attributes that the user has opened are kept while he is there, for nobody else, and not beyond what
 * replaces them. */
static void
test_kept (void)
{
  begin ();
  SatchelErrorCode code;
  g_autoptr (SatchelMailbox) owner = open_inbox (2, secret, attributes);
  guint32 uids[] = { append (owner, MESSAGE), append (owner, MESSAGE) };
  g_autoptr (GBytes) clear = attributes_at (owner, 0, uids[0]);
  damage_attributes (owner, uids[0]);
  GBytes *both[2] = { NULL, NULL };
  SatchelErrorCode codes[2] = { SATCHEL_ERROR_IO, SATCHEL_ERROR_IO };
  g_assert_true (satchel_storage_get_attributes (&satchel_mailbox_store (owner)->core->client,
                                                 satchel_mailbox_store (owner)->access, &owner->core->handle,
                                                 uids, 2, both, codes, NULL));
  g_assert_true (codes[0] == 0 && codes[1] == 0 && g_bytes_equal (both[0], clear)
                 && g_bytes_equal (both[1], clear));
  g_bytes_unref (both[0]);
  g_bytes_unref (both[1]);
  g_autoptr (SatchelStore) without = satchel_store_with_access (
      satchel_mailbox_store (owner), satchel_mailbox_store (owner)->core->background);
  g_autoptr (SatchelMailbox) stranger = satchel_store_open_mailbox (without, "INBOX", NULL);
  g_assert_null (try_attributes (stranger, uids[1], &code));
  g_assert_cmpint (code, ==, SATCHEL_ERROR_LOCKED);
  g_autoptr (GBytes) other = crypt_key_generate ();
  g_autoptr (SatchelAccess) other_access = access_with (other);
  g_autoptr (SatchelStore) with_other = satchel_store_with_access (without, other_access);
  g_autoptr (SatchelMailbox) of_other = satchel_store_open_mailbox (with_other, "INBOX", NULL);
  g_assert_null (try_attributes (of_other, uids[1], &code));
  g_assert_cmpint (code, ==, SATCHEL_ERROR_LOCKED);
  log_in_again (&owner, without);
  g_assert_null (try_attributes (owner, uids[0], &code));
}

/* What is put in the place of kept attributes is what is read then. */
static void
test_kept_and_put (void)
{
  begin ();
  g_autoptr (SatchelMailbox) owner = open_inbox (2, secret, attributes);
  SatchelStore *store = satchel_mailbox_store (owner);
  guint32 uid = append (owner, MESSAGE);
  const guint64 size = SATCHEL_SIZE_UNKNOWN;
  g_autoptr (GBytes) kept = attributes_at (owner, 0, uid), other = g_bytes_new_static ("other", 5);
  satchel_store_begin_write (store->core);
  g_assert_true (satchel_storage_put_attributes (&store->core->client, store->access, &owner->core->handle,
                                                 &uid, 1, &other, &size, NULL));
  satchel_store_end_write (store->core);
  g_autoptr (GBytes) found = attributes_at (owner, 0, uid);
  g_assert_true (g_bytes_equal (found, other));
}

/* Says whether two messages lie in files with the same box, and what kind of box the first has. */
static gboolean
is_same_box (SatchelMailbox *below, guint32 one, guint32 two, CryptBoxed *ret_boxed)
{
  gsize len;
  g_autofree char *first = read_text (below, one, &len, NULL), *second = read_text (below, two, &len, NULL);
  *ret_boxed = (CryptBoxed) first[CRYPT_AT_BOXED];
  g_assert_true (memcmp (first + CRYPT_AT_MESSAGE_ID, second + CRYPT_AT_MESSAGE_ID, CRYPT_MESSAGE_ID_BYTES)
                     != 0
                 && memcmp (first + CRYPT_HEADER_BYTES, second + CRYPT_HEADER_BYTES, strlen (MESSAGE)) != 0);
  return memcmp (first + CRYPT_AT_BOX, second + CRYPT_AT_BOX, CRYPT_BOX_BYTES) == 0;
}

/* Messages of one session of the user share a box, those of the next one have another.  Deliveries, which do
 * not get the session's, share one until their keys are wiped. */
static void
test_boxes (void)
{
  begin ();
  CryptBoxed boxed;
  guint32 uids[6];
  crypt_delivered_life_ms = G_MAXUINT;
  g_autoptr (SatchelMailbox) owner = open_inbox (2, secret, attributes);
  uids[0] = append (owner, MESSAGE);
  uids[1] = append (owner, MESSAGE);
  g_autoptr (SatchelStore) without = satchel_store_with_access (
      satchel_mailbox_store (owner), satchel_mailbox_store (owner)->core->background);
  g_autoptr (SatchelMailbox) delivery = satchel_store_open_mailbox (without, "INBOX", NULL);
  uids[2] = append (delivery, MESSAGE);
  uids[3] = append (delivery, MESSAGE);
  crypt_delivered_forget ();
  g_assert_false (crypt_delivered_has_keys ());
  uids[4] = append (delivery, MESSAGE);
  log_in_again (&owner, without);
  uids[5] = append (owner, MESSAGE);
  for (guint i = 0; i < G_N_ELEMENTS (uids); i++)
    assert_text (owner, uids[i], MESSAGE);
  g_clear_pointer (&delivery, satchel_mailbox_unref);
  g_clear_pointer (&without, satchel_store_unref);
  g_clear_pointer (&owner, satchel_mailbox_unref);
  g_autoptr (SatchelMailbox) below = open_inbox (1, NULL, NULL);
  g_assert_true (is_same_box (below, uids[0], uids[1], &boxed));
  g_assert_cmpint (boxed, ==, CRYPT_BOX_OF_MANY);
  g_assert_false (is_same_box (below, uids[0], uids[5], &boxed));
  g_assert_false (is_same_box (below, uids[1], uids[2], &boxed));
  g_assert_true (is_same_box (below, uids[2], uids[3], &boxed));
  g_assert_cmpint (boxed, ==, CRYPT_BOX_OF_MANY);
  g_assert_false (is_same_box (below, uids[3], uids[4], &boxed));
  crypt_delivered_forget ();
}

static CryptKeys *
new_keys (void)
{
  g_autoptr (GBytes) key = crypt_key_generate ();
  return crypt_keys_new (key);
}

/* There are so many other users that a period forgets the boxes that it has made. */
static void
forget_boxes (void)
{
  CryptHeader header;
  CryptPublic half;
  guint8 bytes[CRYPT_KEY_BYTES] = { 9 }, key[CRYPT_KEY_BYTES];
  for (guint i = 0; i < 4096; i++)
    {
      randombytes_buf (bytes, sizeof bytes);
      crypt_public_set (&half, bytes);
      g_assert_true (crypt_delivered_make_header (&header, CRYPT_SUITE_AES, &half, key));
    }
}

/* The box of a user and the key in it are the same whenever they are made within a period, and others for
 * each user, whose nonce would be the same; the period ends without another delivery. */
static void
test_deliveries (void)
{
  CryptHeader headers[3];
  guint8 keys[3][CRYPT_KEY_BYTES], found[CRYPT_KEY_BYTES];
  CryptKeyBox boxes[3];
  crypt_delivered_life_ms = G_MAXUINT;
  CryptKeys *users[] = { new_keys (), new_keys () };
  for (guint i = 0; i < 3; i++)
    {
      const CryptKey *key = crypt_keys_first (users[i % 2]);
      if (i == 2)
        forget_boxes ();
      g_assert_true (crypt_delivered_make_header (&headers[i], CRYPT_SUITE_AES, &key->half, keys[i]));
      memcpy (boxes[i].bytes, headers[i].bytes + CRYPT_AT_BOX, CRYPT_BOX_BYTES);
      g_assert_true (crypt_header_open (&headers[i], key, found, NULL));
      g_assert_cmpmem (found, sizeof found, keys[i], CRYPT_KEY_BYTES);
    }
  g_assert_cmpmem (boxes[0].bytes, CRYPT_BOX_BYTES, boxes[2].bytes, CRYPT_BOX_BYTES);
  g_assert_true (memcmp (boxes[0].bytes, boxes[1].bytes, 32) == 0); /* the ephemeral half */
  g_assert_true (memcmp (boxes[0].bytes + 32, boxes[1].bytes + 32, CRYPT_BOX_BYTES - 32) != 0);
  g_assert_true (memcmp (keys[0], keys[2], CRYPT_KEY_BYTES) != 0);
  crypt_keys_unref (users[0]);
  crypt_keys_unref (users[1]);
  crypt_delivered_life_ms = 1;
  while (crypt_delivered_has_keys ())
    g_main_context_iteration (NULL, TRUE);
}

/* A machine without instructions for AES seals with ChaCha20, and reads what another one has sealed. */
static void
test_suites (void)
{
  begin ();
  static const CryptSuite suites[] = { CRYPT_SUITE_AES, CRYPT_SUITE_CHACHA };
  guint32 uids[2];
  g_autoptr (SatchelMailbox) owner = open_inbox (2, secret, attributes);
  for (guint i = 0; i < 2; i++)
    {
      crypt_suite_forced = suites[i];
      uids[i] = append (owner, MESSAGE);
    }
  g_clear_pointer (&owner, satchel_mailbox_unref);
  owner = open_inbox (2, secret, attributes);
  g_autoptr (SatchelMailbox) below = open_inbox (1, NULL, NULL);
  for (guint i = 0; i < 2; i++)
    {
      gsize len;
      g_autofree char *stored = read_text (below, uids[i], &len, NULL);
      g_assert_cmpint (stored[CRYPT_AT_SUITE], ==, suites[i]);
      assert_text (owner, uids[i], MESSAGE);
    }
  crypt_suite_forced = CRYPT_SUITE_PLAIN;
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*func) (void);
  } cases[] = {
    { "/crypt/layer/delivery", test_delivery },
    { "/crypt/layer/session", test_session },
    { "/crypt/layer/again", test_again },
    { "/crypt/layer/earlier-mail", test_earlier_mail },
    { "/crypt/layer/without-attributes", test_without_attributes },
    { "/crypt/layer/planted", test_planted },
    { "/crypt/layer/unknown", test_unknown },
    { "/crypt/layer/damaged-attribute", test_damaged_attribute },
    { "/crypt/layer/copies", test_copies },
    { "/crypt/layer/other-keys", test_other_keys },
    { "/crypt/layer/kept", test_kept },
    { "/crypt/layer/kept-and-put", test_kept_and_put },
    { "/crypt/layer/boxes", test_boxes },
    { "/crypt/layer/deliveries", test_deliveries },
    { "/crypt/layer/suites", test_suites },
  };
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (sodium_init (), >=, 0);
  secret = crypt_key_generate ();
  g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
  char digits[2 * CRYPT_KEY_BYTES + 1];
  sodium_bin2hex (digits, sizeof digits, crypt_keys_first (keys)->half.bytes, CRYPT_KEY_BYTES);
  attributes = g_strconcat (ATTRIBUTE, digits, "\x1f", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_func (cases[i].path, cases[i].func);
  int status = g_test_run ();
  g_bytes_unref (secret);
  g_free (attributes);
  g_free (path);
  return status;
}
