/* SPDX-License-Identifier: MIT
 * What other servers left, sound and damaged: UIDs, unique ids, subscriptions, folders; and folders that come
 * and go.
 */
#include "config.h"

#include "modules/maildir/driver.h"
#include "modules/maildir/names/folder_name.h"
#include "modules/maildir/settings.h"

#include "core/runtime/config/config_image.h"
#include "modules/maildir/tests/harness.h"
#include "tests/lib/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static guint32
uidvalidity_of (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return snapshot->state.uidvalidity;
}

static guint32
uidnext_of (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return snapshot->state.uidnext;
}

static void
put_mail (const Place *place, const char *dir, const char *name)
{
  g_autofree char *path = g_strdup_printf ("%s%scur/%s", dir, *dir != '\0' ? "/" : "", name);
  g_autofree char *text = g_strdup_printf ("Subject: %s\n\n%s\n", name, name);
  place_put (place, path, text);
  g_autofree char *new_dir = place_path (place, "%s%snew", dir, *dir != '\0' ? "/" : "");
  g_mkdir_with_parents (new_dir, 0700);
}

static char *
text_of (const Place *place, const char *relative)
{
  g_autofree char *path = place_path (place, "%s", relative);
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static void
use (Place *place, const char *settings)
{
  g_autoptr (GError) error = NULL;
  const SatchelConfigSet *set = keep (satchel_config_set_from_text ("maildir", md_schema, settings, &error));
  g_assert_no_error (error);
  place->section = satchel_config_set_group (set, "maildir");
  g_assert_true (md_settings_check (place->section, &error));
}

static char *
unique_id (SatchelMailbox *mailbox, guint32 uid)
{
  char *id = NULL;
  GError *error = NULL;
  g_assert_true (satchel_mailbox_unique_ids (mailbox, &uid, 1, &id, &error));
  return id;
}

#define NAME(n) "170000000" #n ".M1P1.host,S=10,W=12"

/* Sound, with everything that the form allows: fields, names with flags, lines out of order, CRLF. */
static void
test_list (void)
{
  Place place;
  place_make (&place);
  for (guint i = 1; i <= 3; i++)
    {
      g_autofree char *name = g_strdup_printf ("170000000%u.M1P1.host,S=10,W=12:2,S", i);
      put_mail (&place, "", name);
    }
  place_put (&place, "dovecot-uidlist",
             "3 V1234 N20 Gf9b7791ca26a076bab06000083ecc375\r\n"
             "9 W12 Pold-id S10 Gguid9 :" NAME (2) ":2,RS\r\n"
                                                   "5 P :" NAME (1) "\r\n"
                                                                    "17 :" NAME (3) "\r\n");
  place_open (&place);
  g_autoptr (SatchelMailbox) inbox = place_mailbox (&place, "INBOX");
  g_autofree char *now = describe (inbox);
  g_assert_cmpstr (now, ==, "5:1 9:1 17:1");
  g_assert_cmpuint (uidvalidity_of (inbox), ==, 1234);
  g_assert_cmpuint (uidnext_of (inbox), ==, 20);
  g_autofree char *saved = unique_id (inbox, 9), *base = unique_id (inbox, 5), *made = unique_id (inbox, 17);
  g_assert_cmpstr (saved, ==, "old-id");
  g_assert_cmpstr (base, ==, NAME (1));
  g_assert_cmpstr (made, ==, "00000011000004d2");
  GError *error = NULL;
  g_assert_cmpuint (append_text (inbox, "Subject: ours\r\n\r\n", 0, NULL, &error), ==, 20);
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  place_close (&place);
  /* For going back: in order, all of them, with the fields of others. */
  g_autofree char *list = text_of (&place, "dovecot-uidlist");
  g_auto (GStrv) lines = g_strsplit (list, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 6);
  g_assert_true (g_str_has_prefix (lines[0], "3 V1234 N")
                 && strstr (lines[0], "Gf9b7791ca26a076bab06000083ecc375") != NULL);
  g_assert_true (g_str_has_prefix (lines[1], "5 ") && g_str_has_prefix (lines[2], "9 ")
                 && g_str_has_prefix (lines[3], "17 "));
  g_assert_true (strstr (lines[2], " W12 Pold-id S10 Gguid9 :" NAME (2)) != NULL);
  g_assert_true (g_str_has_prefix (lines[4], "20 ") && strstr (lines[4], "U=1234.20") != NULL);
  place_remove (&place);
}

/* What no id may be is told as another one (RFC 1939 7); the other server finds that saved when people go
 * back. */
static void
test_long_ids (void)
{
  Place place;
  place_make (&place);
  use (
      &place,
      "pop3_uidl_format = \"%u.of-a-server-whose-names-are-too-long-to-be-told-as-they-are-to-anybody.%f\";");
  put_mail (&place, "", NAME (1) ":2,S");
  put_mail (&place, "", NAME (2) ":2,S");
  place_put (&place, "dovecot-uidlist", "3 V1234 N20\n5 Pkept G0123 :" NAME (1) "\n");
  place_open (&place);
  g_autoptr (SatchelMailbox) inbox = place_mailbox (&place, "INBOX");
  GError *error = NULL;
  g_assert_cmpuint (append_text (inbox, "Subject: ours\r\n\r\n", 0, NULL, &error), ==, 21);
  g_autofree char *kept = unique_id (inbox, 5), *foreign = unique_id (inbox, 20),
                  *ours = unique_id (inbox, 21);
  g_assert_cmpstr (kept, ==, "kept");
  g_assert_true (g_str_has_prefix (foreign, "satchel-") && g_str_has_prefix (ours, "satchel-"));
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  place_close (&place);
  g_autofree char *list = text_of (&place, "dovecot-uidlist");
  g_autofree char *foreign_field = g_strdup_printf (" P%s :", foreign),
                  *our_field = g_strdup_printf (" P%s :", ours);
  g_assert_nonnull (strstr (list, " Pkept G0123 :" NAME (1)));
  g_assert_nonnull (strstr (list, foreign_field));
  g_assert_nonnull (strstr (list, our_field));
  place_open (&place);
  g_autoptr (SatchelMailbox) again = place_mailbox (&place, "INBOX");
  g_autofree char *foreign_again = unique_id (again, 20), *ours_again = unique_id (again, 21);
  g_assert_cmpstr (foreign_again, ==, foreign);
  g_assert_cmpstr (ours_again, ==, ours);
  g_clear_pointer (&again, satchel_mailbox_unref);
  place_close (&place);
  place_remove (&place);
}

/* The id of a line whose file is gone does not keep it from the message that has it; of two messages with one
 * id the first has it. */
static void
test_ids_of_the_gone (void)
{
  Place place;
  place_make (&place);
  put_mail (&place, "", NAME (1) ":2,");
  put_mail (&place, "", NAME (2) ":2,");
  put_mail (&place, "", NAME (3) ":2,");
  place_put (&place, "dovecot-uidlist",
             "3 V1234 N20\n7 Pone :" NAME (1) "\n8 Ptwo :" NAME (2) "\n9 Ptwo :" NAME (3) "\n");
  place_open (&place);
  satchel_mailbox_unref (place_mailbox (&place, "INBOX"));
  place_close (&place);
  /* The other server was here, with mail that is gone again. */
  place_put (&place, "dovecot-uidlist",
             "3 V1234 N20\n5 Pone :" NAME (8) "\n6 Ptwo :" NAME (9) "\n7 Pone :" NAME (1) "\n8 Ptwo :" NAME (
                 2) "\n9 Ptwo :" NAME (3) "\n");
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autofree char *first = unique_id (inbox, 7), *second = unique_id (inbox, 8),
                  *third = unique_id (inbox, 9);
  g_assert_cmpstr (first, ==, "one");
  g_assert_cmpstr (second, ==, "two");
  g_assert_cmpstr (third, !=, "two");
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Each damage: no message is lost, no UID comes twice, what can be read of the list counts. */
static void
test_damage (void)
{
  static const struct
  {
    const char *list, *uids; /* uids: of those that keep theirs */
    guint32 uidvalidity;     /* 0: a new one */
  } cases[] = {
    { "", "", 0 },
    { "\n\n\n", "", 0 },
    { "3 V0 N5\n1 :" NAME (1) "\n", "", 0 },
    { "3 N5\n1 :" NAME (1) "\n", "", 0 },
    { "9 V7 N5\n1 :" NAME (1) "\n", "", 0 },
    { "3 V77 N9\n1 :" NAME (1) "\n2 :" NAME (2) "\n3 :17000", "1 2", 77 },
    { "3 V77 N9\n1 :" NAME (1) "\n\x01\xff garbage\n3 :" NAME (2) "\n", "1 3", 77 },
    { "3 V77 N9\n4 :" NAME (1) "\n4 :" NAME (2) "\n", "4", 77 },
    { "3 V77 N9\n4 :" NAME (1) "\n6 :" NAME (1) "\n", "6", 77 },
    { "3 V77 N9\n0 :" NAME (1) "\n-3 :" NAME (2) "\n", "", 77 },
    { "3 V77 N9\n4294967295 :" NAME (1) "\n2 :" NAME (2) "\n", "2", 77 },
    { "3 V77 N4294967295\n1 :" NAME (1) "\n", "", 0 },
    { "3 V99999999999 N5\n1 :" NAME (1) "\n", "", 0 },
    { "1 77 9\n1 " NAME (1) "\n2 " NAME (2) ":2,S\n", "1 2", 77 },
    { "3 V77 N9\n1 :../../x\n2 Pa b :" NAME (2) "\n", "", 77 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Place place;
      place_make (&place);
      put_mail (&place, "", NAME (1) ":2,S");
      put_mail (&place, "", NAME (2) ":2,");
      put_mail (&place, "", NAME (3) ":2,F");
      place_put (&place, "dovecot-uidlist", cases[i].list);
      for (guint round = 0; round < 2; round++) /* also once it is ours */
        {
          place_open (&place);
          g_autoptr (SatchelMailbox) inbox = place_mailbox (&place, "INBOX");
          g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
          g_test_message ("case %u: %s", i, cases[i].list);
          g_assert_cmpuint (snapshot->state.n_messages, ==, 3);
          if (cases[i].uidvalidity != 0)
            g_assert_cmpuint (snapshot->state.uidvalidity, ==, cases[i].uidvalidity);
          g_auto (GStrv) uids = g_strsplit (cases[i].uids, " ", -1);
          for (char **uid = uids; *uid != NULL; uid++)
            {
              guint32 index;
              g_assert_true (**uid == '\0'
                             || satchel_snapshot_find (snapshot, (guint32) atoi (*uid), &index));
            }
          g_clear_pointer (&inbox, satchel_mailbox_unref);
          place_close (&place);
        }
      place_remove (&place);
    }
}

/* Names that the Maildir's form does not forbid. */
static void
test_odd_names (void)
{
  static const char *const names[] = { "plain",   "-dash", "with space", "per%cent&amp", "1.\xe4\xf6.latin1",
                                       "a:1,old", "b:2,",  "c:2,SZ",     "d:2,Sab,x",    "e:2" };
  Place place;
  place_make (&place);
  g_autoptr (GString) list = g_string_new ("3 V50 N100\n");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      put_mail (&place, "", names[i]);
      g_string_append_printf (list, "%u :%s\n", 10 + i, names[i]);
    }
  place_put (&place, "dovecot-uidlist", list->str);
  place_open (&place);
  g_autoptr (SatchelMailbox) inbox = place_mailbox (&place, "INBOX");
  g_autofree char *now = describe (inbox);
  g_assert_cmpstr (now, ==, "10:0 11:0 12:0 13:0 14:0 15:0 16:0 17:1 18:1 19:0");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *text = message_text (inbox, 10 + i);
      g_assert_nonnull (text);
    }
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  place_remove (&place);
}

/* Links are not followed, wherever they are; the list behind one does not count. */
static void
test_links (void)
{
  Place place;
  place_make (&place);
  put_mail (&place, "", NAME (1) ":2,S");
  put_mail (&place, ".real", NAME (2) ":2,S");
  g_autofree char *outside = g_build_filename (place.root, "outside", NULL);
  g_assert_true (g_file_set_contents (outside, "3 V66 N9\n4 :" NAME (1) "\n", -1, NULL));
  g_autofree char *list = place_path (&place, "dovecot-uidlist"), *folder = place_path (&place, ".linked"),
                  *mail = place_path (&place, "cur/1.linked:2,");
  g_assert_cmpint (symlink (outside, list) | symlink (".real", folder) | symlink (outside, mail), ==, 0);
  place_open (&place);
  g_autoptr (SatchelMailbox) inbox = place_mailbox (&place, "INBOX");
  g_autofree char *now = describe (inbox);
  g_assert_cmpstr (now, ==, "1:1");
  g_autoptr (GError) error = NULL;
  g_assert_null (satchel_store_open_mailbox (place.store, "linked", &error));
  g_autofree char *after = NULL;
  g_assert_true (g_file_get_contents (outside, &after, NULL, NULL));
  g_assert_true (g_str_has_prefix (after, "3 V66"));
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  place_remove (&place);
}

static gboolean
is_subscribed (Place *place, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) infos = satchel_store_list (place->store, &error);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (strcmp (info->name, name) == 0)
        return info->is_subscribed;
    }
  return FALSE;
}

/* Both forms of Dovecot; written in the one that was there; taken in again when the other server changed it.
 */
static void
test_subscriptions (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_put (&place, "dovecot-uidvalidity", "");
  place_put (&place, "subscriptions", "V\t2\n\nINBOX\nA\tB c\nGel&APY-scht\n");
  place_open (&place);
  g_assert_true (is_subscribed (&place, "INBOX") && is_subscribed (&place, "A/B c")
                 && is_subscribed (&place, "Gel\xc3\xb6scht"));
  g_assert_true (satchel_store_subscribe (place.store, "x/y", TRUE, &error)
                 && satchel_store_subscribe (place.store, "INBOX", FALSE, &error));
  g_autofree char *written = text_of (&place, "subscriptions");
  g_assert_cmpstr (written, ==, "V\t2\n\nA\tB c\nGel&APY-scht\nx\ty\n");
  place_close (&place);
  place_put (&place, "subscriptions", "A.B c\nother.one\n");
  place_open (&place);
  g_assert_true (is_subscribed (&place, "other/one") && !is_subscribed (&place, "x/y"));
  g_assert_true (satchel_store_subscribe (place.store, "x/y", TRUE, &error));
  g_autofree char *old = text_of (&place, "subscriptions");
  g_assert_cmpstr (old, ==, "A.B c\nother.one\nx.y\n");
  place_remove (&place);
}

static gboolean
is_listed (Place *place, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) infos = satchel_store_list (place->store, &error);
  for (guint i = 0; i < infos->len; i++)
    if (strcmp (((SatchelMailboxInfo *) infos->pdata[i])->name, name) == 0)
      return ((SatchelMailboxInfo *) infos->pdata[i])->is_selectable;
  return FALSE;
}

static void
remove_folder (const Place *place, const char *dir)
{
  g_autofree char *path = place_path (place, "%s", dir);
  const char *argv[] = { "rm", "-rf", path, NULL };
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
}

/* Made, renamed and removed by another program, in both layouts, also while a mailbox is open. */
static void
come_and_go (Place *place, const char *first_dir, const char *second_dir)
{
  g_autoptr (GError) error = NULL;
  place_open (place);
  g_assert_false (is_listed (place, "A/b"));
  put_mail (place, first_dir, NAME (1) ":2,S");
  g_assert_true (is_listed (place, "A/b"));
  g_autoptr (SatchelMailbox) mailbox = place_mailbox (place, "A/b");
  g_autofree char *now = describe (mailbox);
  g_assert_cmpstr (now, ==, "1:1");
  g_autofree char *from = place_path (place, "%s", first_dir), *to = place_path (place, "%s", second_dir);
  g_assert_cmpint (rename (from, to), ==, 0);
  g_assert_true (!is_listed (place, "A/b") && is_listed (place, "A/c"));
  g_assert_true (satchel_mailbox_sync (mailbox, &error));
  g_assert_true (satchel_mailbox_is_deleted (mailbox));
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  mailbox = place_mailbox (place, "A/c");
  remove_folder (place, second_dir);
  g_assert_false (is_listed (place, "A/c"));
  g_assert_true (satchel_mailbox_sync (mailbox, &error));
  g_assert_true (satchel_mailbox_is_deleted (mailbox));
  g_assert_null (satchel_store_open_mailbox (place->store, "A/c", &error));
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
}

static void
test_come_and_go (void)
{
  Place place;
  place_make (&place);
  come_and_go (&place, ".A.b", ".A.c");
  place_remove (&place);
  place_make (&place);
  use (&place, "layout = \"fs\"; path = \"%d/%n\";");
  g_autofree char *parent = place_path (&place, "A");
  g_mkdir_with_parents (parent, 0700);
  come_and_go (&place, "A/b", "A/c");
  place_remove (&place);
}

static void
test_layouts (void)
{
  const MdLayout utf8 = MD_LAYOUT_UTF8, fs = MD_LAYOUT_FS;
  static const struct
  {
    const char *name, *plus, *fs, *utf8; /* NULL: cannot be */
  } names[] = {
    { "A/b", ".A.b", "A/b", ".A.b" },
    { "a.b/c", ".a&AC4-b.c", "a.b/c", NULL },
    { "Gel\xc3\xb6scht & weg", ".Gel&APY-scht &- weg", "Gel&APY-scht &- weg", ".Gel\xc3\xb6scht & weg" },
    { "INBOX/kid", ".INBOX.kid", "INBOX/kid", ".INBOX.kid" },
    { "x/cur", ".x.cur", NULL, ".x.cur" },
    { "INBOX", "", "", "" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *plus = md_folder_dir (MD_LAYOUT_PLUS, names[i].name, NULL),
                      *as_fs = md_folder_dir (fs, names[i].name, NULL),
                      *as_utf8 = md_folder_dir (utf8, names[i].name, NULL);
      g_assert_cmpstr (plus, ==, names[i].plus);
      g_assert_cmpstr (as_fs, ==, names[i].fs);
      g_assert_cmpstr (as_utf8, ==, names[i].utf8);
      g_autofree char *back = as_utf8 != NULL ? md_folder_name (utf8, as_utf8) : NULL,
                      *back_fs = as_fs != NULL ? md_folder_name (fs, as_fs) : NULL;
      g_assert_true (as_utf8 == NULL || g_strcmp0 (back, names[i].name) == 0);
      g_assert_true (as_fs == NULL || g_strcmp0 (back_fs, names[i].name) == 0);
    }
}

/* Templates that would mix users, leave the mail root, or make ids that are not unique are refused. */
static void
test_settings (void)
{
  static const struct
  {
    const char *text;
    gboolean is_good;
  } cases[] = {
    { "path = \"%d/%n/Maildir\";", TRUE },
    { "path = \"%u\";", TRUE },
    { "path = \"%n\";", FALSE },
    { "path = \"/var/mail/%u\";", FALSE },
    { "path = \"~/Maildir\";", FALSE },
    { "path = \"../%u\";", FALSE },
    { "path = \"%d//%n\";", FALSE },
    { "path = \"%h/x%u\";", FALSE },
    { "path = \"%u%\";", FALSE },
    { "control_path = \"control/%d\";", FALSE },
    { "pop3_uidl_format = \"%v.%u\";", TRUE },
    { "pop3_uidl_format = \"%f\";", TRUE },
    { "pop3_uidl_format = \"%v\";", FALSE },
    { "pop3_uidl_format = \"%m\";", FALSE },
    { "pop3_uidl_format = \"a %u\";", FALSE },
    { "pop3_uidl_format = \"%99u\";", FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      SatchelConfigSet *set = satchel_config_set_from_text ("maildir", md_schema, cases[i].text, &error);
      g_assert_no_error (error);
      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (md_settings_check (satchel_config_set_group (set, "maildir"), &error), ==,
                       cases[i].is_good);
      satchel_config_set_free (set);
    }
}

/* What `other_server` says counts, whatever lies there: its lists are kept, or none is. */
static void
test_other_server (void)
{
  static const struct
  {
    const char *settings;
    gboolean has_list, has_courier;
  } cases[] = { { "other_server = \"dovecot\";", TRUE, FALSE },
                { "other_server = \"courier\";", FALSE, TRUE },
                { "other_server = \"none\";", FALSE, FALSE },
                { "", FALSE, FALSE } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Place place;
      GError *error = NULL;
      place_make (&place);
      use (&place, cases[i].settings);
      place_open (&place);
      SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
      g_assert_cmpuint (append_text (inbox, "ours\r\n", 0, NULL, &error), ==, 1);
      satchel_mailbox_unref (inbox);
      place_close (&place);
      g_autofree char *list = place_path (&place, "dovecot-uidlist"),
                      *courier = place_path (&place, "courierimapuiddb");
      g_assert_cmpint (g_file_test (list, G_FILE_TEST_EXISTS), ==, cases[i].has_list);
      g_assert_cmpint (g_file_test (courier, G_FILE_TEST_EXISTS), ==, cases[i].has_courier);
      place_remove (&place);
    }
}

/* What the other server keeps elsewhere of a mailbox goes with it. */
static void
test_control_path (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  use (&place, "control_path = \"control/%u\"; other_server = \"dovecot\";");
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "A", 0, &error));
  SatchelMailbox *folder = place_mailbox (&place, "A");
  g_assert_cmpuint (append_text (folder, "ours\r\n", 0, NULL, &error), ==, 1);
  satchel_mailbox_unref (folder);
  g_autofree char *before = g_build_filename (place.root, "control/u@example.org/.A", NULL),
                  *after = g_build_filename (place.root, "control/u@example.org/.B", NULL);
  g_assert_true (g_file_test (before, G_FILE_TEST_IS_DIR));
  g_assert_true (satchel_store_rename (place.store, "A", "B", &error));
  g_assert_false (g_file_test (before, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (after, G_FILE_TEST_IS_DIR));
  g_assert_true (satchel_store_delete (place.store, "B", &error));
  g_assert_false (g_file_test (after, G_FILE_TEST_EXISTS));
  place_remove (&place);
}

static void
note_folder (const SatchelExamined *found, gpointer data)
{
  SatchelExamined *folder = data;
  g_assert_null (found->problem);
  if (g_strcmp0 (found->name, "A") == 0)
    *folder = *found;
}

/* UIDs of what came at once are in the order of the times in the names; a number that no clock shows is the
 * latest, a name without a number the earliest. */
static void
test_order_of_arrivals (void)
{
  Place place;
  static const char *const names[] = { "abc.host", "9.M1P1.host", "1700000001.M1P1.host",
                                       "1700000001.M2P1.host", "9999999999999999999999.host" };
  place_make (&place);
  for (guint i = G_N_ELEMENTS (names); i > 0; i--)
    put_mail (&place, "", names[i - 1]);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *text = message_text (inbox, i + 1),
                      *expected = g_strdup_printf ("Subject: %s\r\n\r\n%s\r\n", names[i], names[i]);
      g_assert_cmpstr (text, ==, expected);
    }
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* `satchel import` finds the UIDs that the other server keeps elsewhere, and leaves no file open. */
static void
test_control_path_examined (void)
{
  Place place;
  GError *error = NULL;
  SatchelExamined folder = { 0 };
  place_make (&place);
  use (&place, "control_path = \"control/%u\";");
  put_mail (&place, "", "1700000001.M1P1.host:2,");
  put_mail (&place, ".A", "1700000002.M2P1.host:2,");
  place_put (&place, "../../control/u@example.org/.A/dovecot-uidlist", "3 V77 N9\n5 :1700000002.M2P1.host\n");
  place_put (&place, "../../control/u@example.org/.A/dovecot-keywords", "0 red\n1 blue\n");
  const SatchelStorageIdentity identity = { .user = "u@example.org",
                                            .path = "example.org/u",
                                            .root_fd = place.root_fd };
  g_assert_true (md_examine (&identity, place.section, note_folder, &folder, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (folder.uidvalidity, ==, 77);
  g_assert_cmpuint (folder.n_messages, ==, 1);
  g_assert_cmpuint (folder.n_uids, ==, 1);
  g_assert_cmpuint (folder.n_keywords, ==, 2);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/takeover/list", test_list);
  g_test_add_func ("/maildir/takeover/long-ids", test_long_ids);
  g_test_add_func ("/maildir/takeover/ids-of-the-gone", test_ids_of_the_gone);
  g_test_add_func ("/maildir/takeover/damage", test_damage);
  g_test_add_func ("/maildir/takeover/odd-names", test_odd_names);
  g_test_add_func ("/maildir/takeover/links", test_links);
  g_test_add_func ("/maildir/takeover/subscriptions", test_subscriptions);
  g_test_add_func ("/maildir/takeover/come-and-go", test_come_and_go);
  g_test_add_func ("/maildir/takeover/other-server", test_other_server);
  g_test_add_func ("/maildir/takeover/control-path", test_control_path);
  g_test_add_func ("/maildir/takeover/order-of-arrivals", test_order_of_arrivals);
  g_test_add_func ("/maildir/takeover/control-path-examined", test_control_path_examined);
  g_test_add_func ("/maildir/takeover/layouts", test_layouts);
  g_test_add_func ("/maildir/takeover/settings", test_settings);
  return g_test_run ();
}
