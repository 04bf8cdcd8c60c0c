/* SPDX-License-Identifier: MIT
 * What modules keep with a user beside mail: by space and name, all or nothing, bounded, and there after a
 * restart.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

#define SPACE "some-module"

static void
put (Fixture *fixture, const char *space, const char *name, const char *text)
{
  g_autoptr (GBytes) value = text != NULL ? g_bytes_new (text, strlen (text)) : NULL;
  OK (satchel_store_put_blobs (fixture->store, space, &(SatchelBlob) { name, value }, 1, E));
}

/* NULL: there is none. */
static void
assert_blob (Fixture *fixture, const char *space, const char *name, const char *text)
{
  if (text == NULL)
    {
      FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_store_get_blob (fixture->store, space, name, E));
      return;
    }
  g_autoptr (GBytes) expected = g_bytes_new (text, strlen (text)), value = NULL;
  OK ((value = satchel_store_get_blob (fixture->store, space, name, E)) != NULL);
  g_assert_true (g_bytes_equal (value, expected));
}

static void
assert_names (Fixture *fixture, const char *space, const char *expected)
{
  g_auto (GStrv) names = NULL;
  OK ((names = satchel_store_list_blobs (fixture->store, space, E)) != NULL);
  g_autofree char *joined = g_strjoinv ("|", names);
  g_assert_cmpstr (joined, ==, expected);
}

static void
case_put (Fixture *fixture)
{
  assert_names (fixture, SPACE, "");
  assert_blob (fixture, SPACE, "a", NULL);
  put (fixture, SPACE, "b", "second");
  put (fixture, SPACE, "a", "first");
  put (fixture, SPACE, "with blank/\303\244", "");
  put (fixture, "another", "a", "of another");
  for (guint round = 0; round < 2; round++)
    {
      assert_names (fixture, SPACE, "a|b|with blank/\303\244");
      assert_blob (fixture, SPACE, "a", "first");
      assert_blob (fixture, SPACE, "b", "second");
      assert_blob (fixture, SPACE, "with blank/\303\244", "");
      assert_blob (fixture, "another", "a", "of another");
      assert_blob (fixture, "another", "b", NULL);
      fixture_reopen (fixture);
    }
  put (fixture, SPACE, "a", "anew");
  put (fixture, SPACE, "b", NULL);
  put (fixture, SPACE, "never there", NULL);
  for (guint round = 0; round < 2; round++)
    {
      assert_names (fixture, SPACE, "a|with blank/\303\244");
      assert_blob (fixture, SPACE, "a", "anew");
      assert_blob (fixture, SPACE, "b", NULL);
      assert_blob (fixture, "another", "a", "of another");
      fixture_reopen (fixture);
    }
  put (fixture, SPACE, "a", NULL);
  put (fixture, SPACE, "with blank/\303\244", NULL);
  assert_names (fixture, SPACE, "");
  fixture_reopen (fixture);
  assert_names (fixture, SPACE, "");
}

/* Several at once, in order; any byte. */
static void
case_together (Fixture *fixture)
{
  g_autoptr (GBytes) one = g_bytes_new ("\0\r\n\377", 4), other = g_bytes_new ("x", 1), value = NULL;
  put (fixture, SPACE, "old", "goes");
  const SatchelBlob changes[] = {
    { "new", other }, { "old", NULL }, { "new", one }, { "twice", other }, { "twice", NULL }
  };
  OK (satchel_store_put_blobs (fixture->store, SPACE, changes, G_N_ELEMENTS (changes), E));
  fixture_reopen (fixture);
  assert_names (fixture, SPACE, "new");
  OK ((value = satchel_store_get_blob (fixture->store, SPACE, "new", E)) != NULL);
  g_assert_true (g_bytes_equal (value, one));
  OK (satchel_store_put_blobs (fixture->store, SPACE, NULL, 0, E));
}

static void
case_names (Fixture *fixture)
{
  g_autofree char *longest = g_strnfill (SATCHEL_BLOB_NAME, 'n'),
                  *longer = g_strnfill (SATCHEL_BLOB_NAME + 1, 'n');
  g_autoptr (GBytes) value = g_bytes_new ("v", 1);
  const char *const bad[] = { "", "a\nb", "\377", "\302\205", longer };
  const char *const bad_spaces[] = { "", "..", "a/b", "A", "1a", longer };
  put (fixture, SPACE, longest, "v");
  put (fixture, SPACE, "..", "v");
  put (fixture, SPACE, "cur", "v");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      FAILS (SATCHEL_ERROR_INVALID,
             satchel_store_put_blobs (fixture->store, SPACE,
                                      (SatchelBlob[]) { { "good", value }, { bad[i], value } }, 2, E));
      FAILS (SATCHEL_ERROR_INVALID, satchel_store_get_blob (fixture->store, SPACE, bad[i], E));
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad_spaces); i++)
    {
      FAILS (SATCHEL_ERROR_INVALID,
             satchel_store_put_blobs (fixture->store, bad_spaces[i], &(SatchelBlob) { "a", value }, 1, E));
      FAILS (SATCHEL_ERROR_INVALID, satchel_store_list_blobs (fixture->store, bad_spaces[i], E));
    }
  g_autofree char *expected = g_strconcat ("..|cur|", longest, NULL);
  assert_names (fixture, SPACE, expected);
}

/* What does not fit changes nothing, with all that was to come together with it. */
static void
case_bounds (Fixture *fixture)
{
  g_autofree char *zeros = g_malloc0 (SATCHEL_BLOB_BYTES + 1);
  g_autoptr (GBytes) biggest = g_bytes_new (zeros, SATCHEL_BLOB_BYTES),
                     bigger = g_bytes_new (zeros, SATCHEL_BLOB_BYTES + 1), small = g_bytes_new ("s", 1);
  FAILS (SATCHEL_ERROR_LIMIT,
         satchel_store_put_blobs (fixture->store, SPACE,
                                  (SatchelBlob[]) { { "small", small }, { "a", bigger } }, 2, E));
  assert_names (fixture, SPACE, "");
  const guint n_biggest = SATCHEL_BLOBS_BYTES / SATCHEL_BLOB_BYTES;
  for (guint i = 0; i < n_biggest; i++)
    {
      g_autofree char *name = g_strdup_printf ("big%u", i);
      OK (satchel_store_put_blobs (fixture->store, SPACE, &(SatchelBlob) { name, biggest }, 1, E));
    }
  FAILS (SATCHEL_ERROR_LIMIT,
         satchel_store_put_blobs (fixture->store, SPACE,
                                  (SatchelBlob[]) { { "small", small }, { "big0", biggest } }, 2, E));
  assert_blob (fixture, SPACE, "small", NULL);
  /* What is removed in the same call makes room; another space has its own. */
  OK (satchel_store_put_blobs (fixture->store, SPACE,
                               (SatchelBlob[]) { { "small", small }, { "big0", NULL } }, 2, E));
  OK (satchel_store_put_blobs (fixture->store, "another", &(SatchelBlob) { "big", biggest }, 1, E));
  SatchelBlob many[SATCHEL_BLOBS_MAX];
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < SATCHEL_BLOBS_MAX; i++)
    {
      g_ptr_array_add (names, g_strdup_printf ("many%u", i));
      many[i] = (SatchelBlob) { names->pdata[i], small };
    }
  OK (satchel_store_put_blobs (fixture->store, "many", many, SATCHEL_BLOBS_MAX, E));
  FAILS (SATCHEL_ERROR_LIMIT,
         satchel_store_put_blobs (fixture->store, "many", &(SatchelBlob) { "one more", small }, 1, E));
  fixture_reopen (fixture);
  assert_blob (fixture, "many", "many255", "s");
  assert_blob (fixture, SPACE, "small", "s");
}

/* They are no mail: no mailbox shows them, and none that comes or goes touches them. */
static void
case_beside_mail (Fixture *fixture)
{
  g_autoptr (GPtrArray) before = NULL, after = NULL;
  OK ((before = satchel_store_list (fixture->store, E)) != NULL);
  put (fixture, SPACE, "a", "first");
  fixture_reopen (fixture);
  OK ((after = satchel_store_list (fixture->store, E)) != NULL);
  g_assert_cmpuint (before->len, ==, after->len);
  OK (satchel_store_create (fixture->store, SPACE, 0, E));
  OK (satchel_store_rename (fixture->store, "INBOX", "old", E));
  OK (satchel_store_delete (fixture->store, SPACE, E));
  assert_blob (fixture, SPACE, "a", "first");
}

/* An exporter finds every space, also one of a module that is not there any more; but none that is empty. */
static void
case_spaces (Fixture *fixture)
{
  const SatchelStoreLevel *driver = &fixture->backend->levels[fixture->backend->n_levels - 1];
  g_autoptr (GPtrArray) spaces = g_ptr_array_new_with_free_func (g_free);
  if (!SATCHEL_HAS (driver->ops, list_spaces))
    {
      g_test_skip ("the driver does not list the spaces of blobs");
      return;
    }
  put (fixture, SPACE, "a", "first");
  put (fixture, SPACE, "a", "second");
  put (fixture, "another", "a", "first");
  put (fixture, "emptied", "a", "first");
  put (fixture, "emptied", "a", NULL);
  fixture_reopen (fixture);
  OK (driver->ops->list_spaces (satchel_store_level (fixture->store, driver->ops),
                                satchel_store_access (fixture->store), spaces, E));
  g_assert_cmpuint (spaces->len, ==, 2);
  g_assert_true (g_ptr_array_find_with_equal_func (spaces, SPACE, g_str_equal, NULL));
  g_assert_true (g_ptr_array_find_with_equal_func (spaces, "another", g_str_equal, NULL));
}

const ConformanceCase conformance_blobs[] = { { "put", case_put },
                                              { "together", case_together },
                                              { "names", case_names },
                                              { "bounds", case_bounds },
                                              { "beside-mail", case_beside_mail },
                                              { "spaces", case_spaces },
                                              { NULL, NULL } };
