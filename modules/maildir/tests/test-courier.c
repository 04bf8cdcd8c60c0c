/* SPDX-License-Identifier: MIT
 * A Maildir that Courier served: what is taken over from its files, and what it finds in them if it comes
 * back.
 */
#include "config.h"

#include "modules/maildir/driver.h"
#include "modules/maildir/settings.h"

#include "core/runtime/config/config_image.h"
#include "modules/maildir/tests/harness.h"
#include "tests/lib/keep.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define A "1700000001.M1P1.host"
#define B "1700000002.M2P1.host"
#define C "1700000003.M3P1.host"

static void
put_courier_files (Place *place)
{
  g_autoptr (GError) error = NULL;
  const SatchelConfigSet *set = keep (satchel_config_set_from_text ("maildir", md_schema, "", &error));
  g_assert_no_error (error);
  place->section = satchel_config_set_group (set, "maildir");
  place_put (place, "cur/" A ":2,S", "Subject: a\n\na\n");
  place_put (place, "cur/" B ":2,", "Subject: b\n\nb\n");
  place_put (place, "new/" C, "Subject: c\n\nc\n");
  place_put (place, "courierimapuiddb", "1 4321 30\n7 " A "\n9 " B "\n");
  place_put (place, "courierimapkeywords/:list", "red\n$Blue\n\n" A ":0\n" B ":0\n");
  place_put (place, "courierimapkeywords/.9." A, "red\n");
  place_put (place, "courierimapkeywords/.10." A, "red\n$Blue\n");
  place_put (place, "courierimapkeywords/.1." B, "red\n");
  place_put (place, "courierimapkeywords/" B, "$Blue\nGreen\n");
  place_put (place, "courierpop3dsizelist", "/3 5 99\n" A ":2,S 14 4:99:0\n" B ":2, 14 0:0:0\n");
  place_put (place, "courierimapsubscribed", "INBOX\nINBOX.Entw\xc3\xbcrfe\n");
  place_put (place, ".Entw\xc3\xbcrfe/cur/1700000004.M4P1.host:2,", "Subject: d\n\nd\n");
  place_put (place, ".Entw\xc3\xbcrfe/new/.keep", "");
}

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The keywords of a message, sorted, with a space after each. */
static char *
keywords_of (SatchelMailbox *mailbox, guint32 uid)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  guint32 index;
  guint row;
  g_assert_true (satchel_snapshot_find (snapshot, uid, &index));
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
  const SatchelKeywordSet set = satchel_chunk_keywords (chunk, row);
  for (guint i = 0; i < snapshot->n_keywords; i++)
    if (satchel_keyword_set_has (&set, i))
      g_ptr_array_add (names, snapshot->keywords[i]);
  g_ptr_array_sort (names, compare_texts);
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < names->len; i++)
    g_string_append_printf (text, "%s ", (const char *) names->pdata[i]);
  return g_string_free (text, FALSE);
}

static char *
unique_id_of (SatchelMailbox *mailbox, guint32 uid)
{
  char *id = NULL;
  g_autoptr (GError) error = NULL;
  g_assert_true (satchel_mailbox_unique_ids (mailbox, &uid, 1, &id, &error));
  return id;
}

static char *
text_of (const Place *place, const char *relative)
{
  g_autofree char *path = place_path (place, "%s", relative);
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static gboolean
exists (const Place *place, const char *relative)
{
  g_autofree char *path = place_path (place, "%s", relative);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
assert_taken_over (SatchelMailbox *inbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (snapshot->state.uidvalidity, ==, 4321);
  g_autofree char *a = keywords_of (inbox, 7), *b = keywords_of (inbox, 9), *c = keywords_of (inbox, 30);
  g_assert_cmpstr (a, ==, "$Blue red ");
  g_assert_cmpstr (b, ==, "$Blue Green "); /* as its newest change says */
  g_assert_cmpstr (c, ==, "");
  g_autofree char *id_a = unique_id_of (inbox, 7), *id_b = unique_id_of (inbox, 9),
                  *id_c = unique_id_of (inbox, 30);
  g_assert_cmpstr (id_a, ==, "UID4-99");
  g_assert_cmpstr (id_b, ==, B);
  g_assert_cmpstr (id_c, ==, "UID30-4321");
}

static void
test_taken_over (void)
{
  Place place;
  place_make (&place);
  put_courier_files (&place);
  for (int round = 0; round < 2; round++) /* also once it is ours */
    {
      place_open (&place);
      SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
      assert_taken_over (inbox);
      g_autofree char *now = describe (inbox);
      g_assert_cmpstr (now, ==, "7:1 9:0 30:0");
      satchel_mailbox_unref (inbox);
      SatchelMailbox *drafts = place_mailbox (&place, "Entw\xc3\xbcrfe");
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (drafts);
      g_assert_cmpuint (snapshot->state.n_messages, ==, 1);
      satchel_mailbox_unref (drafts);
      place_close (&place);
    }
  place_remove (&place);
}

/* Courier before 2018 wrote names in modified UTF-7, as the folders that it left show. */
static void
test_old_names (void)
{
  Place place;
  place_make (&place);
  put_courier_files (&place);
  g_autofree char *utf8 = place_path (&place, ".Entw\xc3\xbcrfe"),
                  *utf7 = place_path (&place, ".Entw&APw-rfe");
  g_assert_cmpint (rename (utf8, utf7), ==, 0);
  place_put (&place, "courierimapsubscribed", "INBOX\nINBOX.Entw&APw-rfe\n");
  place_open (&place);
  SatchelMailbox *drafts = place_mailbox (&place, "Entw\xc3\xbcrfe");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (drafts);
  g_assert_cmpuint (snapshot->state.n_messages, ==, 1);
  satchel_mailbox_unref (drafts);
  place_remove (&place);
}

/* Courier finds UIDs, keywords and unique ids as clients know them, and all messages in cur/, since it
 * numbers what is in new/ anew. */
static void
test_handed_back (void)
{
  Place place;
  static const char *const green[] = { "Green", NULL };
  g_autoptr (GError) error = NULL;
  place_make (&place);
  put_courier_files (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_assert_cmpuint (append_text (inbox, "Subject: ours\r\n\r\n", 0, NULL, &error), ==, 31);
  g_assert_true (change_flags (inbox, 30, 30, SATCHEL_FLAGS_ADD, 0, green, &error));
  g_assert_true (expunge (inbox, 9, 9, &error));
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *uids = text_of (&place, "courierimapuiddb");
  g_auto (GStrv) lines = g_strsplit (uids, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 5);
  g_assert_cmpstr (lines[0], ==, "1 4321 32");
  g_assert_cmpstr (lines[1], ==, "7 " A);
  g_assert_cmpstr (lines[2], ==, "30 " C);
  g_assert_true (g_str_has_prefix (lines[3], "31 ") && strstr (lines[3], "U=4321.31") != NULL);
  g_assert_cmpstr (lines[4], ==, "");
  g_autofree char *keywords = text_of (&place, "courierimapkeywords/:list");
  g_assert_cmpstr (keywords, ==, "red\n$Blue\nGreen\n\n" A ":0 1\n" C ":2\n");
  g_assert_false (exists (&place, "courierimapkeywords/" B));
  g_assert_false (exists (&place, "courierimapkeywords/.10." A));
  g_autofree char *ids = text_of (&place, "courierpop3dsizelist");
  g_assert_true (g_str_has_prefix (ids, "/3 5 99\n" A ":2,"));
  g_assert_nonnull (strstr (ids, " 4:99:0\n"));
  g_assert_null (strstr (ids, B));
  g_autoptr (GPtrArray) left = place_files (&place, "new");
  g_assert_cmpuint (left->len, ==, 0);
  place_remove (&place);
}

static void
describe_found (const SatchelExamined *found, gpointer data)
{
  g_autofree char *line =
      found->problem != NULL
          ? g_strdup_printf ("problem: %s", found->problem)
          : g_strdup_printf ("%s %s V%u messages=%u uids=%u ids=%u keywords=%u subscriptions=%u",
                             found->name != NULL ? found->name : "user",
                             found->origin != NULL ? found->origin : "-", found->uidvalidity,
                             found->n_messages, found->n_uids, found->n_unique_ids, found->n_keywords,
                             found->n_subscriptions);
  g_ptr_array_add (data, g_steal_pointer (&line));
}

/* `satchel import` says beforehand what will be taken over and what cannot be, and changes nothing. */
static void
test_examined (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  place_make (&place);
  put_courier_files (&place);
  g_autofree char *link = place_path (&place, ".link");
  g_assert_cmpint (symlink (".Entw\xc3\xbcrfe", link), ==, 0);
  place_put (&place, ".half/cur/.keep", "");
  const SatchelStorageIdentity identity = { .user = "u@example.org",
                                            .path = "example.org/u",
                                            .root_fd = place.root_fd };
  g_assert_true (md_exists (&identity, place.section));
  g_assert_true (md_examine (&identity, place.section, describe_found, found, &error));
  g_ptr_array_sort (found, compare_texts);
  g_assert_cmpuint (found->len, ==, 5);
  g_assert_cmpstr (found->pdata[0], ==,
                   "Entw\xc3\xbcrfe - V0 messages=1 uids=0 ids=0 keywords=0 subscriptions=0");
  g_assert_cmpstr (found->pdata[1], ==, "INBOX - V4321 messages=3 uids=2 ids=2 keywords=2 subscriptions=0");
  g_assert_true (g_str_has_prefix (found->pdata[2], "problem: .link is a link"));
  g_assert_cmpstr (found->pdata[4], ==, "user courier V0 messages=0 uids=0 ids=0 keywords=0 subscriptions=2");
  g_assert_true (g_str_has_prefix (found->pdata[3], "problem: cur, new or tmp is missing"));
  g_autoptr (GPtrArray) files = place_files (&place, "");
  for (guint i = 0; i < files->len; i++)
    g_assert_false (g_str_has_prefix (files->pdata[i], "satchel-"));
  const SatchelStorageIdentity nobody = { .user = "n@example.org",
                                          .path = "example.org/n",
                                          .root_fd = place.root_fd };
  g_assert_false (md_exists (&nobody, NULL));
  g_assert_false (md_examine (&nobody, NULL, describe_found, found, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  place_remove (&place);
}

static guint64
inode_of (const Place *place, const char *relative)
{
  g_autofree char *path = place_path (place, "%s", relative);
  struct stat st;
  g_assert_cmpint (stat (path, &st), ==, 0);
  return st.st_ino;
}

/* Courier's files are written when something changed, not each time that somebody looks. */
static void
test_unchanged (void)
{
  Place place;
  place_make (&place);
  put_courier_files (&place);
  guint64 inode = 0;
  for (int round = 0; round < 3; round++)
    {
      place_open (&place);
      satchel_mailbox_unref (place_mailbox (&place, "INBOX"));
      place_close (&place);
      g_assert_true (round < 2 || inode_of (&place, "courierimapuiddb") == inode);
      inode = inode_of (&place, "courierimapuiddb");
    }
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/courier/taken-over", test_taken_over);
  g_test_add_func ("/maildir/courier/old-names", test_old_names);
  g_test_add_func ("/maildir/courier/examined", test_examined);
  g_test_add_func ("/maildir/courier/unchanged", test_unchanged);
  g_test_add_func ("/maildir/courier/handed-back", test_handed_back);
  return g_test_run ();
}
