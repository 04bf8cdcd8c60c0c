/* SPDX-License-Identifier: MIT
 * Names that a stranger chose so that they collide in a fixed hash cost as much as any other.  Work is
 * counted, not timed: how often two strings are compared for a table.
 */
#include "config.h"

#include "modules/maildir/driver.h"
#include "modules/maildir/store/maildir_store.h"

#include "core/storage/store/store_private.h"
#include "modules/maildir/tests/harness.h"

#include <satchel/hash.h>
#include <string.h>

#define BITS 10u
#define NAMES (1u << BITS)

static guint64 n_compared;

/* In place of GLib's: every table of strings asks it. */
#undef g_str_equal
gboolean
g_str_equal (gconstpointer a, gconstpointer b)
{
  n_compared++;
  return strcmp (a, b) == 0;
}

/* "Az" and "BY" are one to h * 33 + c ("Az": 65 * 33 + 122), "Ez" and "FY" likewise: so are all words made of
 * as many. */
static char *
colliding_name (guint number, const char *const pairs[2])
{
  GString *name = g_string_new (NULL);
  for (guint bit = 0; bit < BITS; bit++)
    g_string_append (name, pairs[number >> bit & 1]);
  return g_string_free (name, FALSE);
}

static const char *const upper[2] = { "Az", "BY" }, *const lower[2] = { "az", "bY" };

static void
assert_linear (const char *what, guint n)
{
  g_test_message ("%s: %" G_GUINT64_FORMAT " comparisons of %u names", what, n_compared, n);
  g_assert_cmpuint (n_compared, <=, 4 * n);
  n_compared = 0;
}

static void
test_names (void)
{
  g_autofree char *one = colliding_name (1, upper), *other = colliding_name (NAMES - 2, upper);
  g_assert_cmpuint (g_str_hash (one), ==, g_str_hash (other)); /* what a stranger counts on */
  g_assert_cmpuint (satchel_string_hash (one), !=, satchel_string_hash (other));
}

static void
make_mailboxes (Place *place)
{
  g_autoptr (GString) subscriptions = g_string_new (NULL);
  for (guint i = 0; i < NAMES; i++)
    {
      g_autofree char *name = colliding_name (i, upper), *cur = place_path (place, ".%s/cur", name);
      g_assert_cmpint (g_mkdir_with_parents (cur, 0700), ==, 0);
      g_autofree char *subscribed = colliding_name (i, lower); /* of no mailbox */
      g_string_append_printf (subscriptions, "%s\n%s\n", name, subscribed);
    }
  place_put (place, "dovecot-uidlist", "3 V7 N1\n");
  place_put (place, "subscriptions", subscriptions->str);
}

static guint
list_length (Place *place)
{
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  SatchelStorage *driver = &place->store->core->levels[0];
  GError *error = NULL;
  driver->ops->list (driver, NULL, infos, &error);
  g_assert_no_error (error);
  return infos->len;
}

static void
test_list (void)
{
  Place place;
  place_make (&place);
  make_mailboxes (&place);
  n_compared = 0;
  place_open (&place); /* reads the subscriptions */
  assert_linear ("opening", 2 * NAMES);
  g_assert_cmpuint (list_length (&place), >=, 2 * NAMES);
  assert_linear ("LIST", 2 * NAMES);
  g_autofree char *name = colliding_name (7, upper), *other = colliding_name (7, lower);
  GError *error = NULL;
  satchel_store_subscribe (place.store, other, FALSE, &error);
  g_assert_no_error (error);
  assert_linear ("UNSUBSCRIBE", NAMES);
  satchel_store_rename (place.store, name, "Elsewhere", &error);
  g_assert_no_error (error);
  assert_linear ("RENAME", 2 * NAMES);
  place_remove (&place);
}

static void
test_special_use (void)
{
  Place place;
  place_make (&place);
  make_mailboxes (&place);
  place_open (&place);
  GError *error = NULL;
  MdStore *store = place.store->core->levels[0].self;
  for (guint i = 0; i < NAMES; i++)
    g_hash_table_insert (store->user->special_use, colliding_name (i, upper),
                         GUINT_TO_POINTER (SATCHEL_USE_ARCHIVE));
  n_compared = 0;
  g_assert_cmpuint (list_length (&place), >=, 2 * NAMES);
  assert_linear ("LIST with special use", 3 * NAMES);
  g_autofree char *name = colliding_name (3, upper);
  satchel_store_rename (place.store, name, "Elsewhere", &error); /* copies the table */
  g_assert_no_error (error);
  assert_linear ("RENAME with special use", 2 * NAMES);
  place_remove (&place);
}

/* Ids that another server gave for POP3. */
static void
test_unique_ids (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  g_autoptr (GString) list = g_string_new ("3 V7 N5000\n");
  for (guint i = 0; i < NAMES; i++)
    {
      g_autofree char *id = colliding_name (i, lower),
                      *file = g_strdup_printf ("cur/%u.x:2,", 1700000000 + i);
      place_put (&place, file, "Subject: x\n\n");
      g_string_append_printf (list, "%u P%s :%u.x\n", i + 1, id, 1700000000 + i);
    }
  place_put (&place, "dovecot-uidlist", list->str);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autofree guint32 *uids = g_new (guint32, NAMES);
  g_autofree char **ids = g_new0 (char *, NAMES);
  for (guint i = 0; i < NAMES; i++)
    uids[i] = i + 1;
  n_compared = 0;
  md_unique_ids (&place.store->core->levels[0], NULL, &inbox->core->handle, uids, NAMES, ids, &error);
  g_assert_no_error (error);
  assert_linear ("UIDL", NAMES);
  for (guint i = 0; i < NAMES; i++)
    {
      g_autofree char *id = colliding_name (i, lower);
      g_assert_cmpstr (ids[i], ==, id);
      g_free (ids[i]);
    }
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/collisions/names", test_names);
  g_test_add_func ("/maildir/collisions/list", test_list);
  g_test_add_func ("/maildir/collisions/special-use", test_special_use);
  g_test_add_func ("/maildir/collisions/unique-ids", test_unique_ids);
  return g_test_run ();
}
