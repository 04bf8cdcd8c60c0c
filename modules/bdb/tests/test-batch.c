/* SPDX-License-Identifier: MIT
 * This program tests batches: what was put into one is in the table and what was removed is not, however much
 * it is, and whether or not it fits the buffers.
 */
#include "config.h"

#include "format/keys.h"
#include "modules/bdb/tests/place.h"
#include "volume/batch.h"

#include <string.h>

#define N_ENTRIES 3000u
#define LONG_ENTRY 1500u /* is longer than a buffer */
#define LONG_BYTES 40000u

typedef struct Change
{
  guint put_from, put_to;       /* entries that are put */
  guint remove_from, remove_to; /* entries that are removed */
  guint8 byte;                  /* what values are made of */
  gboolean is_undone;
} Change;

static void
make_key (BdbKey *key, guint number)
{
  bdb_key_begin (key, 7, BDB_KIND_MESSAGES);
  bdb_key_u32 (key, number);
}

static gsize
length_of (guint number)
{
  return number == LONG_ENTRY ? LONG_BYTES : number % 200;
}

static gboolean
write_change (BdbWrite *write, gpointer data, GError **error)
{
  const Change *change = data;
  static guint8 value[LONG_BYTES];
  memset (value, change->byte, sizeof value);
  g_autoptr (BdbBatch) batch = bdb_batch_new (write, BDB_RECORDS);
  BdbKey key;
  for (guint i = change->put_from; i < change->put_to; i++)
    {
      make_key (&key, i);
      if (!bdb_batch_put (batch, &key, value, length_of (i), error))
        return FALSE;
    }
  for (guint i = change->remove_from; i < change->remove_to; i++)
    {
      make_key (&key, i);
      if (!bdb_batch_remove (batch, &key, error))
        return FALSE;
    }
  return bdb_batch_end (batch, error)
         && (!change->is_undone || satchel_error_set (error, SATCHEL_ERROR_CANNOT, "it is to be undone"));
}

static void
make_change (Place *place, Change change)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = bdb_write (place->store.volume, BDB_LATER, write_change, &change, &error);
  g_assert_true (change.is_undone ? g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT) : ok);
}

/* Entry @number is there, made of @byte; 0: it is not there. */
static void
assert_entry (Place *place, guint number, guint8 byte)
{
  BdbKey key;
  gboolean is_found;
  GError *error = NULL;
  g_autoptr (GByteArray) value = g_byte_array_new ();
  make_key (&key, number);
  g_assert_true (bdb_get (place->store.volume, NULL, BDB_RECORDS, &key, value, &is_found, &error));
  g_assert_cmpint (is_found, ==, byte != 0);
  if (byte == 0)
    return;
  g_assert_cmpuint (value->len, ==, length_of (number));
  for (guint i = 0; i < value->len; i++)
    g_assert_cmpuint (value->data[i], ==, byte);
}

static void
assert_entries (Place *place, guint from, guint to, guint8 byte)
{
  for (guint i = from; i < to; i++)
    assert_entry (place, i, byte);
}

static void
test_batches (void)
{
  Place place = { 0 };
  set_up (&place);
  make_change (&place, (Change) { .put_to = N_ENTRIES, .byte = 1 });
  assert_entries (&place, 0, N_ENTRIES, 1);
  make_change (&place, (Change) { .put_to = 1000, .byte = 2, .remove_from = 1000, .remove_to = 2000 });
  assert_entries (&place, 0, 1000, 2);
  assert_entries (&place, 1000, 2000, 0);
  assert_entries (&place, 2000, N_ENTRIES, 1);
  make_change (&place, (Change) { .put_from = 500,
                                  .put_to = 1500,
                                  .byte = 3,
                                  .remove_from = 2000,
                                  .remove_to = N_ENTRIES,
                                  .is_undone = TRUE });
  assert_entries (&place, 0, 1000, 2);
  assert_entries (&place, 1000, 2000, 0);
  assert_entries (&place, 2000, N_ENTRIES, 1);
  make_change (&place, (Change) { 0 }); /* nothing */
  tear_down (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bdb/batches", test_batches);
  return g_test_run ();
}
