/* SPDX-License-Identifier: MIT
 * This program tests groups of messages with common metadata: each is found by the UIDs that are in it, and
 * goes with the last of its messages and not before.
 */
#include "config.h"

#include "message/group.h"
#include "modules/bdb/tests/place.h"

static gboolean
save_groups (BdbWrite *write, gpointer data, GError **error)
{
  Place *place = data;
  for (guint i = 0; i < 3; i++) /* UIDs 11 to 20, 21 to 30, 31 to 40 */
    {
      g_autoptr (GPtrArray) items = bdb_metadata_list_new ();
      g_autofree char *text = g_strdup_printf ("%u", i);
      bdb_metadata_list_add (items, "a", 1, text, 1);
      bdb_metadata_list_add (items, "b", 1, text, 1);
      if (!bdb_group_save (&place->store, write, &place->box, 11 + 10 * i, 20 + 10 * i, items, error))
        return FALSE;
    }
  return TRUE;
}

/* "0" to "2" for the group of each UID, "-" where there is none. */
static char *
groups_of (Place *place)
{
  static const guint32 uids[] = { 10, 11, 20, 21, 30, 31, 40, 41 };
  g_auto (BdbGroup) group = { 0 };
  GString *found = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (uids); i++)
    {
      GError *error = NULL;
      g_assert_true (bdb_group_find (&place->store, NULL, &place->box, uids[i], &group, &error));
      g_assert_true (group.items->len == 0 || group.items->len == 2);
      const SatchelMetadata *last = group.items->len > 0 ? group.items->pdata[1] : NULL;
      g_string_append_c (found, last != NULL ? *(const char *) g_bytes_get_data (last->value, NULL) : '-');
    }
  return g_string_free (found, FALSE);
}

static void
assert_groups (Place *place, const char *expected)
{
  g_autofree char *found = groups_of (place);
  g_assert_cmpstr (found, ==, expected);
}

typedef struct Removal
{
  Place *place;
  SatchelUidSet left;
  SatchelSnapshot *rest;
} Removal;

static gboolean
trim (BdbWrite *write, gpointer data, GError **error)
{
  const Removal *removal = data;
  return bdb_groups_trim (&removal->place->store, write, &removal->place->box, &removal->left, removal->rest,
                          error);
}

/* Messages @first to @last went, @rest is the only one that is there. */
static void
remove_messages (Place *place, guint32 first, guint32 last, guint32 rest)
{
  GError *error = NULL;
  const SatchelMailboxState state = { .uidnext = 100 };
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (NULL);
  const SatchelMessageRow row = { .uid = rest };
  satchel_snapshot_builder_append (builder, &row);
  Removal removal = { .place = place, .rest = satchel_snapshot_builder_finish (builder, &state) };
  satchel_uid_set_add (&removal.left, first, last);
  g_assert_true (bdb_write (place->store.volume, BDB_LATER, trim, &removal, &error));
  satchel_uid_set_clear (&removal.left);
  satchel_snapshot_unref (removal.rest);
}

static void
test_groups (void)
{
  Place place = { 0 };
  GError *error = NULL;
  set_up (&place);
  g_assert_true (bdb_write (place.store.volume, BDB_LATER, save_groups, &place, &error));
  assert_groups (&place, "-001122-");
  remove_messages (&place, 12, 12, 20); /* one of its messages is left */
  remove_messages (&place, 41, 60, 5);  /* UIDs of no group */
  assert_groups (&place, "-001122-");
  remove_messages (&place, 22, 35, 40);
  assert_groups (&place, "-00--22-");
  remove_messages (&place, 11, 11, 10);
  assert_groups (&place, "-----22-");
  remove_messages (&place, 1, 99, 41);
  assert_groups (&place, "--------");
  tear_down (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bdb/groups", test_groups);
  return g_test_run ();
}
