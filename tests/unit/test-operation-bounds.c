/* SPDX-License-Identifier: MIT
 * Values of operations at the edge of what they may be: the last good one is taken, the first bad one is
 * refused and nothing of the transaction is done.  Over the driver `memory`, whose objects are linked in.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/module.h>
#include <string.h>

static SatchelStore *store;
static SatchelMailbox *inbox;

static void
set_up (void)
{
  static guint n;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/bounds%u", ++n);
  SatchelStoreLevel level = { "memory", satchel_module ()->provides[0].ops, NULL };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = path, .root_fd = -1, .levels = &level, .n_levels = 1
  };
  store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  inbox = satchel_store_open_mailbox (store, "INBOX", &error);
  g_assert_no_error (error);
}

static void
take_down (void)
{
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  g_clear_pointer (&store, satchel_store_unref);
}

static guint
n_messages (void)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  return snapshot->state.n_messages;
}

typedef void (*Change) (SatchelOperation *append, gconstpointer value);

/* Is an APPEND taken, with that in it? */
static gboolean
is_taken (Change change, gconstpointer value, SatchelErrorCode code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  SatchelStage *stage = satchel_stage_new (store, 0, &error);
  g_assert_true (satchel_stage_write (stage, "x", 1, &error) && satchel_stage_finish (stage, &error));
  SatchelOperation *append = satchel_transaction_append (transaction, inbox, stage, 0, NULL, 1);
  guint before = n_messages ();
  change (append, value);
  gboolean ok = satchel_transaction_commit (transaction, &error);
  g_assert_cmpuint (n_messages (), ==, before + (ok ? 1 : 0));
  if (!ok)
    g_assert_error (error, SATCHEL_ERROR, (gint) code);
  return ok;
}

static void
set_unique_id (SatchelOperation *append, gconstpointer value)
{
  append->unique_id = g_strdup (value);
}

/* RFC 1939 7: one to 70 characters from 0x21 to 0x7E. */
static void
test_unique_id (void)
{
  set_up ();
  for (guint byte = 1; byte < 256; byte++)
    for (guint at = 0; at < 3; at++)
      {
        char id[4] = "abc";
        id[at] = (char) byte;
        gboolean is_good = byte >= 0x21 && byte <= 0x7e;
        g_autofree char *once = g_strdup_printf ("%s-%u-%u", id, byte, at);
        g_assert_cmpint (is_taken (set_unique_id, once, SATCHEL_ERROR_CANNOT), ==, is_good);
      }
  for (gsize len = 0; len < 73; len++)
    {
      g_autofree char *id = g_strnfill (len, 'x');
      g_assert_cmpint (is_taken (set_unique_id, id, SATCHEL_ERROR_CANNOT), ==, len >= 1 && len <= 70);
    }
  take_down ();
}

static void
set_modseq (SatchelOperation *append, gconstpointer value)
{
  append->modseq = *(const guint64 *) value;
}

/* RFC 7162 3.1: later changes need higher ones, below 2^63. */
static void
test_modseq (void)
{
  guint64 last = SATCHEL_IMPORT_MODSEQ_MAX, over = last + 1;
  set_up ();
  g_assert_false (is_taken (set_modseq, &over, SATCHEL_ERROR_CANNOT));
  g_assert_true (is_taken (set_modseq, &last, SATCHEL_ERROR_CANNOT));
  take_down ();
}

typedef struct Item
{
  gsize key_len, value_len;
} Item;

static void
set_item (SatchelOperation *append, gconstpointer data)
{
  const Item *item = data;
  g_autofree char *key = g_strnfill (item->key_len, 'k');
  g_autoptr (GBytes) value = g_bytes_new_take (g_strnfill (item->value_len, 'v'), item->value_len);
  satchel_operation_set_metadata (append, "before", value);
  satchel_operation_set_metadata (append, key, item->value_len > 0 ? value : NULL);
}

static void
test_metadata (void)
{
  static const Item good[] = {
    { 1, 1 }, { 1, 0 }, { SATCHEL_METADATA_KEY_BYTES, 1 }, { 1, SATCHEL_METADATA_BYTES }
  };
  static const Item bad[] = { { 0, 1 },
                              { SATCHEL_METADATA_KEY_BYTES + 1, 1 },
                              { 1, SATCHEL_METADATA_BYTES + 1 } };
  set_up ();
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (is_taken (set_item, &good[i], SATCHEL_ERROR_LIMIT));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (is_taken (set_item, &bad[i], SATCHEL_ERROR_LIMIT));
  take_down ();
}

static void
set_keyword (SatchelOperation *append, gconstpointer value)
{
  const char *const names[] = { "before", value, NULL };
  append->keywords = g_strdupv ((char **) names);
}

static void
set_n_keywords (SatchelOperation *append, gconstpointer value)
{
  guint n = *(const guint *) value;
  append->keywords = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    append->keywords[i] = g_strdup_printf ("k%u", i);
}

/* RFC 9051 9: a flag-keyword is an atom. */
static gboolean
is_atom_char (guint byte)
{
  return byte > 0x20 && byte < 0x7f && strchr ("(){%*\"\\]", (int) byte) == NULL;
}

static void
test_keywords (void)
{
  set_up ();
  for (guint byte = 1; byte < 256; byte++)
    for (guint at = 0; at < 3; at++)
      {
        char name[4] = "abc";
        name[at] = (char) byte;
        g_assert_cmpint (is_taken (set_keyword, name, SATCHEL_ERROR_INVALID), ==, is_atom_char (byte));
      }
  g_assert_false (is_taken (set_keyword, "", SATCHEL_ERROR_INVALID));
  for (gsize len = 1; len <= SATCHEL_KEYWORD_BYTES + 2; len++)
    {
      g_autofree char *name = g_strnfill (len, 'x');
      g_assert_cmpint (is_taken (set_keyword, name, SATCHEL_ERROR_LIMIT), ==, len <= SATCHEL_KEYWORD_BYTES);
    }
  take_down ();
  for (guint n = SATCHEL_KEYWORDS_MAX - 1; n <= SATCHEL_KEYWORDS_MAX + 1; n++)
    {
      set_up ();
      g_assert_cmpint (is_taken (set_n_keywords, &n, SATCHEL_ERROR_LIMIT), ==, n <= SATCHEL_KEYWORDS_MAX);
      take_down ();
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/operation-bounds/unique-id", test_unique_id);
  g_test_add_func ("/operation-bounds/modseq", test_modseq);
  g_test_add_func ("/operation-bounds/metadata", test_metadata);
  g_test_add_func ("/operation-bounds/keywords", test_keywords);
  return g_test_run ();
}
