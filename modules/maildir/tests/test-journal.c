/* SPDX-License-Identifier: MIT
 * The journal that a crash left: its steps are done once, and only those that are whole; whatever else stands
 * in the file, nothing is done by it.
 */
#include "config.h"

#include "modules/maildir/commit/journal.h"
#include "modules/maildir/files/checksum.h"
#include "modules/maildir/tests/harness.h"

#include <string.h>
#include <sys/stat.h>

#define HEAD_BYTES 4096
#define A "1700000001.M1P1.host:2,"
#define B "1700000002.M2P1.host:2,"

/* The head of the file, as commit/journal.c has it. */
typedef struct Head
{
  char magic[8];
  guint32 version, least_reader;
  guint64 sequence;
  guint32 len, payload_crc;
  guint32 reserved, crc;
} Head;

static Head
make_head (const GByteArray *steps)
{
  Head head = {
    .magic = { 'S', 'A', 'T', 'J', 'R', 'N', 'A', 'L' }, .version = 2, .least_reader = 2, .sequence = 41
  };
  head.len = steps->len;
  head.payload_crc = md_crc32c (0, steps->data, steps->len);
  return head;
}

static void
put_journal (const Place *place, Head head, const GByteArray *steps)
{
  g_autofree char *path = place_path (place, "satchel-journal");
  g_autoptr (GByteArray) file = g_byte_array_new ();
  head.crc = md_crc32c (0, &head, G_STRUCT_OFFSET (Head, crc));
  g_byte_array_append (file, (const guint8 *) &head, sizeof head);
  g_byte_array_set_size (file, HEAD_BYTES);
  memset (file->data + sizeof head, 0, HEAD_BYTES - sizeof head);
  g_byte_array_append (file, steps->data, steps->len);
  g_assert_true (g_file_set_contents (path, (const char *) file->data, file->len, NULL));
}

/* @shared: so many bytes of the name are those of the step's first name. */
static void
add_path (GByteArray *steps, const char *dir, guint16 shared, const char *rest)
{
  const guint16 lengths[] = { (guint16) strlen (dir), shared, (guint16) strlen (rest) };
  g_byte_array_append (steps, (const guint8 *) lengths, sizeof lengths);
  g_byte_array_append (steps, (const guint8 *) dir, lengths[0]);
  g_byte_array_append (steps, (const guint8 *) rest, lengths[2]);
}

static void
add_step (GByteArray *steps, guint8 kind, const char *from_dir, const char *from, const char *to_dir,
          const char *to)
{
  g_byte_array_append (steps, &kind, 1);
  add_path (steps, from_dir, 0, from);
  add_path (steps, to_dir, 0, to);
}

/* The message A becomes read, and B is removed. */
static GByteArray *
usual_steps (void)
{
  GByteArray *steps = g_byte_array_new ();
  const guint8 rename = MD_STEP_RENAME;
  g_byte_array_append (steps, &rename, 1);
  add_path (steps, "cur", 0, A);
  add_path (steps, "cur", strlen (A), "S");
  add_step (steps, MD_STEP_UNLINK, "cur", B, "", "");
  return steps;
}

static void
put_mail (Place *place)
{
  place_make (place);
  place_put (place, "cur/" A, "Subject: a\n\na\n");
  place_put (place, "cur/" B, "Subject: b\n\nb\n");
  place_put (place, "new/.keep", "");
}

static char *
names_in (const Place *place, const char *dir)
{
  g_autoptr (GPtrArray) names = place_files (place, dir);
  g_ptr_array_add (names, NULL);
  return g_strjoinv (" ", (char **) names->pdata);
}

static void
expect_names (const Place *place, const char *dir, const char *expected)
{
  g_autofree char *names = names_in (place, dir);
  g_assert_cmpstr (names, ==, expected);
}

/* Opens the store, which does what the journal says. */
static void
check (Place *place, Head head, const GByteArray *steps, const char *expected)
{
  put_journal (place, head, steps);
  place_open (place);
  expect_names (place, "cur", expected);
  place_close (place);
}

static void
test_done_once (void)
{
  Place place;
  g_autoptr (GByteArray) steps = usual_steps ();
  put_mail (&place);
  check (&place, make_head (steps), steps, A "S");
  /* It is done: what the user does afterwards stays. */
  place_put (&place, "cur/" B, "Subject: b\n\nb\n");
  place_open (&place);
  expect_names (&place, "cur", A "S " B);
  place_remove (&place);
}

/* A step whose source is gone, or whose target is there, was done before. */
static void
test_half_done (void)
{
  Place place;
  g_autoptr (GByteArray) steps = g_byte_array_new (), link = g_byte_array_new ();
  put_mail (&place);
  place_put (&place, "tmp/x", "Subject: x\n\nx\n");
  add_step (steps, MD_STEP_RENAME, "cur", A, "cur", B);
  add_step (steps, MD_STEP_RENAME, "cur", "gone", "cur", "new");
  add_step (steps, MD_STEP_UNLINK, "cur", "gone", "", "");
  check (&place, make_head (steps), steps, A " " B);
  add_step (link, MD_STEP_LINK, "tmp", "x", "cur", "x");
  check (&place, make_head (link), link, A " " B " x");
  expect_names (&place, "tmp", "x");
  place_remove (&place);
}

/* Cut off anywhere: the steps before the cut are done, none is done by half. */
static void
test_cut (void)
{
  g_autoptr (GByteArray) whole = usual_steps (), first = g_byte_array_new ();
  const guint rename_bytes = 1 + 6 + 3 + strlen (A) + 6 + 3 + 1;
  for (guint len = 0; len < whole->len; len++)
    {
      Place place;
      g_autoptr (GByteArray) steps = g_byte_array_new ();
      g_byte_array_append (steps, whole->data, len);
      put_mail (&place);
      check (&place, make_head (steps), steps, len < rename_bytes ? A " " B : A "S " B);
      place_remove (&place);
    }
}

/* No step leads out of the user's directory, into another directory by a name, or is of an unknown kind. */
static void
test_odd_steps (void)
{
  static const struct
  {
    guint8 kind;
    const char *from_dir, *from, *to_dir, *to;
  } cases[] = { { MD_STEP_UNLINK, "..", "outside", "", "" },
                { MD_STEP_UNLINK, "", "../outside", "", "" },
                { MD_STEP_UNLINK, "cur", "../../outside", "", "" },
                { MD_STEP_RENAME, "cur", A, "..", "inside" },
                { MD_STEP_RENAME, "cur", A, "cur", "../../inside" },
                { MD_STEP_LINK, "..", "outside", "cur", "x" },
                { 0, "cur", A, "cur", "x" },
                { MD_STEP_RENAME_DIR + 1, "cur", A, "cur", "x" } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Place place;
      g_autoptr (GByteArray) steps = g_byte_array_new ();
      put_mail (&place);
      place_put (&place, "../outside", "x");
      add_step (steps, cases[i].kind, cases[i].from_dir, cases[i].from, cases[i].to_dir, cases[i].to);
      check (&place, make_head (steps), steps, A " " B);
      expect_names (&place, "..", "outside");
      place_remove (&place);
    }
}

static void
test_shared_too_long (void)
{
  Place place;
  g_autoptr (GByteArray) steps = g_byte_array_new ();
  const guint8 rename = MD_STEP_RENAME;
  put_mail (&place);
  g_byte_array_append (steps, &rename, 1);
  add_path (steps, "cur", 0, A);
  add_path (steps, "cur", strlen (A) + 1, "S");
  check (&place, make_head (steps), steps, A " " B);
  place_remove (&place);
}

/* What does not fit its sums, or is of another kind of file or of an older version, is not done. */
static void
test_odd_heads (void)
{
  g_autoptr (GByteArray) steps = usual_steps (), more = usual_steps ();
  g_byte_array_append (more, (const guint8 *) "x", 1);
  const Head good = make_head (steps);
  Head heads[] = { good, good, good, make_head (more) };
  heads[0].payload_crc++;
  heads[1].magic[0]++;
  heads[2].version = 1;
  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      Place place;
      put_mail (&place);
      check (&place, heads[i], steps, A " " B);
      place_remove (&place);
    }
}

static void
test_head_sum (void)
{
  Place place;
  g_autoptr (GByteArray) steps = usual_steps ();
  g_autofree char *text = NULL;
  gsize len;
  put_mail (&place);
  put_journal (&place, make_head (steps), steps);
  g_autofree char *path = place_path (&place, "satchel-journal");
  g_assert_true (g_file_get_contents (path, &text, &len, NULL));
  text[16]++; /* the sequence */
  g_assert_true (g_file_set_contents (path, text, (gssize) len, NULL));
  place_open (&place);
  expect_names (&place, "cur", A " " B);
  place_remove (&place);
}

/* A journal that only a newer version can read: the store stays closed, and its message says why. */
static void
test_newer (void)
{
  Place place;
  g_autoptr (GByteArray) steps = usual_steps ();
  g_autoptr (GError) error = NULL;
  Head head = make_head (steps);
  put_mail (&place);
  head.version = head.least_reader = 3;
  put_journal (&place, head, steps);
  g_assert_false (place_try_open (&place, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, "newer version"));
  expect_names (&place, "cur", A " " B);
  /* One that this version can read as well. */
  head.least_reader = 2;
  check (&place, head, steps, A "S");
  place_remove (&place);
}

static guint64
sequence_of (const Place *place)
{
  g_autofree char *path = place_path (place, "satchel-journal"), *text = NULL;
  Head head;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  memcpy (&head, text, sizeof head);
  return head.sequence;
}

/* Numbers go on behind those of the file. */
static void
test_sequence (void)
{
  Place place;
  g_autoptr (GByteArray) none = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  put_mail (&place);
  put_journal (&place, make_head (none), none);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_assert_true (change_flags (inbox, 1, 2, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, &error));
  g_assert_cmpuint (sequence_of (&place), ==, 42);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/journal/done-once", test_done_once);
  g_test_add_func ("/maildir/journal/half-done", test_half_done);
  g_test_add_func ("/maildir/journal/cut", test_cut);
  g_test_add_func ("/maildir/journal/odd-steps", test_odd_steps);
  g_test_add_func ("/maildir/journal/shared-too-long", test_shared_too_long);
  g_test_add_func ("/maildir/journal/odd-heads", test_odd_heads);
  g_test_add_func ("/maildir/journal/head-sum", test_head_sum);
  g_test_add_func ("/maildir/journal/newer", test_newer);
  g_test_add_func ("/maildir/journal/sequence", test_sequence);
  return g_test_run ();
}
