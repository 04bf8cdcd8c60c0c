/* SPDX-License-Identifier: MIT
 * The file of records: what is acknowledged is there after any crash, and nothing that was damaged counts.
 */
#include "config.h"

#include <satchel/record_log.h>

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <satchel/log.h>

#include "core/runtime/log/log_private.h"

static struct
{
  char *directory, *path;
  int root_fd;
  GPtrArray *read; /* records that the last open found */
  GPtrArray *live; /* what a new file is made of */
  GString *told;
} rig;

static void
note_line (SatchelLogLevel level, const char *area, const char *text)
{
  g_string_append_printf (rig.told, "%s\n", text);
}

static void
note_record (const char *record, gpointer data)
{
  g_ptr_array_add (rig.read, g_strdup (record));
}

static void
dump (SatchelRecordFunc emit, gpointer emit_data, gpointer data)
{
  for (guint i = 0; i < rig.live->len; i++)
    emit (rig.live->pdata[i], emit_data);
}

static SatchelRecordLog *
try_open (GError **error)
{
  g_ptr_array_set_size (rig.read, 0);
  return satchel_record_log_open (rig.root_fd, "log", "test-records", 0, note_record, dump, NULL, error);
}

static SatchelRecordLog *
open_guarded (GError **error)
{
  g_ptr_array_set_size (rig.read, 0);
  return satchel_record_log_open (rig.root_fd, "log", "test-records",
                                  SATCHEL_RECORD_LOG_WHOLE | SATCHEL_RECORD_LOG_GUARDED, note_record, dump,
                                  NULL, error);
}

static SatchelRecordLog *
open_log (void)
{
  g_autoptr (GError) error = NULL;
  SatchelRecordLog *log = try_open (&error);
  g_assert_no_error (error);
  return log;
}

static void
set_up (void)
{
  rig.directory = g_dir_make_tmp ("satchel-records-XXXXXX", NULL);
  rig.path = g_build_filename (rig.directory, "log", NULL);
  rig.root_fd = open (rig.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  rig.read = g_ptr_array_new_with_free_func (g_free);
  rig.live = g_ptr_array_new_with_free_func (g_free);
  rig.told = g_string_new (NULL);
  satchel_log_divert (note_line);
}

static void
tear_down (void)
{
  satchel_log_divert (NULL);
  static const char *const names[] = { "log", "log.new", "log.damaged" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    unlinkat (rig.root_fd, names[i], 0);
  close (rig.root_fd);
  g_assert_cmpint (g_rmdir (rig.directory), ==, 0);
  g_free (rig.directory);
  g_free (rig.path);
  g_ptr_array_unref (rig.read);
  g_ptr_array_unref (rig.live);
  g_string_free (rig.told, TRUE);
}

static gboolean
add (SatchelRecordLog *log, const char *record, GError **error)
{
  g_ptr_array_add (rig.live, g_strdup (record));
  satchel_record_log_add (log, record);
  return satchel_record_log_sync (log, rig.live->len, error);
}

static void
add_numbered (SatchelRecordLog *log, guint from, guint to)
{
  for (guint i = from; i < to; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *record = g_strdup_printf ("record\t%u\twith a text of some length", i);
      add (log, record, &error);
      g_assert_no_error (error);
    }
}

/* Are the records that were read those with the numbers 0 to @n - 1? */
static gboolean
has_first (guint n)
{
  for (guint i = 0; i < rig.read->len; i++)
    {
      g_autofree char *record = g_strdup_printf ("record\t%u\twith a text of some length", i);
      if (strcmp (rig.read->pdata[i], record) != 0)
        return FALSE;
    }
  return rig.read->len == n;
}

static void
read_file (char **text, gsize *len)
{
  g_assert_true (g_file_get_contents (rig.path, text, len, NULL));
}

static void
write_file (const char *text, gsize len)
{
  int fd = open (rig.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  g_assert_cmpint (write (fd, text, len), ==, (gssize) len);
  close (fd);
}

static void
test_there_and_back (void)
{
  set_up ();
  SatchelRecordLog *log = open_log ();
  struct stat st;
  g_assert_cmpint (stat (rig.path, &st), <, 0); /* nothing is written while there is nothing to say */
  add_numbered (log, 0, 5);
  satchel_record_log_free (log);
  g_assert_cmpint (stat (rig.path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  log = open_log ();
  g_assert_true (has_first (5));
  ino_t inode = st.st_ino;
  add_numbered (log, 5, 9);
  satchel_record_log_free (log);
  g_assert_cmpint (stat (rig.path, &st), ==, 0);
  g_assert_true (st.st_ino == inode); /* it grows; it is not written anew for each change */
  log = open_log ();
  g_assert_true (has_first (9));
  satchel_record_log_free (log);
  /* What was added and not synced is not there. */
  log = open_log ();
  satchel_record_log_add (log, "record\t9\twith a text of some length");
  satchel_record_log_free (log);
  log = open_log ();
  g_assert_true (has_first (9));
  satchel_record_log_free (log);
  g_assert_cmpstr (rig.told->str, ==, "");
  tear_down ();
}

/* A crash leaves any part of what was being written. */
static void
test_torn (void)
{
  set_up ();
  SatchelRecordLog *log = open_log ();
  add_numbered (log, 0, 4);
  satchel_record_log_free (log);
  g_autofree char *text = NULL;
  gsize len;
  read_file (&text, &len);
  gsize header = (gsize) (strchr (text, '\n') - text) + 1;
  for (gsize cut = 0; cut < len; cut++)
    {
      g_autoptr (GError) error = NULL;
      guint whole = 0;
      for (gsize i = header; i < cut; i++)
        whole += text[i] == '\n';
      write_file (text, cut);
      g_ptr_array_set_size (rig.live, 0);
      log = try_open (&error);
      if (cut < header) /* it was made with its header: this is no crash of ours */
        {
          g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
          continue;
        }
      g_assert_no_error (error);
      g_assert_true (has_first (whole));
      /* It goes on behind the last whole one. */
      add_numbered (log, whole, whole + 1);
      satchel_record_log_free (log);
      log = open_log ();
      g_assert_true (has_first (whole + 1));
      satchel_record_log_free (log);
    }
  tear_down ();
}

/* Whichever bit of a record is wrong: that record does not count, all others do. */
static void
test_damaged (void)
{
  set_up ();
  SatchelRecordLog *log = open_log ();
  add_numbered (log, 0, 3);
  satchel_record_log_free (log);
  g_autofree char *text = NULL;
  gsize len;
  read_file (&text, &len);
  gsize header = (gsize) (strchr (text, '\n') - text) + 1;
  for (gsize at = 0; at < len; at++)
    for (guint bit = 0; bit < 8; bit++)
      {
        g_autoptr (GError) error = NULL;
        g_autofree char *damaged = g_memdup2 (text, len);
        damaged[at] = (char) ((guchar) damaged[at] ^ (1u << bit));
        write_file (damaged, len);
        g_string_truncate (rig.told, 0);
        log = try_open (&error);
        if (at < header)
          {
            if (log != NULL) /* letters of the checksum in upper case are no damage */
              g_assert_true (bit == 5 && has_first (3));
            satchel_record_log_free (log);
            continue;
          }
        g_assert_no_error (error);
        g_assert_cmpuint (rig.read->len, <=, 3);
        for (guint i = 0; i < rig.read->len; i++)
          g_assert_true (g_strcmp0 (strrchr (rig.read->pdata[i], '\t'), "\twith a text of some length") == 0);
        gboolean is_case = bit == 5 && g_ascii_isxdigit (text[at]);
        if (!is_case)
          {
            g_assert_cmpuint (rig.read->len, >=, 1); /* a lost line end takes the next one along */
            g_assert_cmpuint (rig.read->len, <, 3);
            g_assert_cmpuint (rig.told->len, >, 0);
          }
        satchel_record_log_free (log);
      }
  tear_down ();
}

/* What must not be forgotten: any damage before the end is an error. */
static void
test_whole (void)
{
  set_up ();
  SatchelRecordLog *log = open_log ();
  add_numbered (log, 0, 4);
  satchel_record_log_free (log);
  g_autofree char *text = NULL;
  gsize len;
  read_file (&text, &len);
  text[len / 2] ^= 1;
  write_file (text, len);
  g_autoptr (GError) error = NULL;
  g_assert_null (satchel_record_log_open (rig.root_fd, "log", "test-records", SATCHEL_RECORD_LOG_WHOLE,
                                          note_record, dump, NULL, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  text[len / 2] ^= 1; /* a torn end is no damage */
  write_file (text, len - 1);
  log = satchel_record_log_open (rig.root_fd, "log", "test-records", SATCHEL_RECORD_LOG_WHOLE, note_record,
                                 dump, NULL, NULL);
  g_assert_nonnull (log);
  satchel_record_log_free (log);
  tear_down ();
}

/* Of a damaged file the admin has a copy, and the next change writes a good one. */
/* A file that is guarded cannot lose records by being cut or removed; a new one in its place may be shorter.
 */
static void
test_guarded (void)
{
  set_up ();
  g_autoptr (GError) error = NULL;
  g_autofree char *mark = g_strconcat (rig.path, ".mark", NULL), *content = NULL;
  gsize len;
  for (guint i = 0; i < 3; i++)
    {
      SatchelRecordLog *log = open_guarded (&error);
      g_assert_no_error (error);
      g_ptr_array_add (rig.live, g_strdup_printf ("record %u", i));
      satchel_record_log_add (log, rig.live->pdata[i]);
      g_assert_true (satchel_record_log_sync (log, i + 1, NULL));
      satchel_record_log_free (log);
    }
  g_assert_true (g_file_get_contents (rig.path, &content, &len, NULL));
  for (gsize cut = 0; cut < len; cut++)
    {
      g_assert_true (g_file_set_contents (rig.path, content, (gssize) cut, NULL));
      g_assert_null (open_guarded (&error));
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
      g_clear_error (&error);
    }
  g_assert_cmpint (g_unlink (rig.path), ==, 0);
  g_assert_null (open_guarded (&error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  g_clear_error (&error);
  /* Of a crash behind the write and before the mark. */
  g_autofree char *longer = g_strconcat (content, "torn", NULL);
  g_assert_true (g_file_set_contents (rig.path, longer, -1, NULL));
  SatchelRecordLog *log = open_guarded (&error);
  g_assert_no_error (error);
  /* Many records, of which one counts: the file becomes shorter, and stays guarded. */
  g_ptr_array_set_size (rig.live, 1);
  for (guint i = 0; i < 3000; i++)
    satchel_record_log_add (log, "record 0");
  g_assert_true (satchel_record_log_sync (log, 1, NULL));
  satchel_record_log_free (log);
  log = open_guarded (&error);
  g_assert_no_error (error);
  g_assert_cmpuint (rig.read->len, ==, 1);
  satchel_record_log_free (log);
  g_assert_true (g_file_set_contents (mark, "12x", -1, NULL));
  g_assert_null (open_guarded (&error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (mark, "", -1, NULL)); /* as it was before it had a length */
  log = open_guarded (&error);
  g_assert_no_error (error);
  satchel_record_log_free (log);
  g_assert_cmpint (g_unlink (mark), ==, 0);
  tear_down ();
}

static void
test_damage_is_kept (void)
{
  set_up ();
  SatchelRecordLog *log = open_log ();
  add_numbered (log, 0, 3);
  satchel_record_log_free (log);
  g_autofree char *text = NULL, *kept = NULL, *kept_path = g_strconcat (rig.path, ".damaged", NULL);
  gsize len, kept_len;
  read_file (&text, &len);
  *strstr (text, "record\t1") = 'R';
  write_file (text, len);
  log = open_log ();
  g_assert_cmpuint (rig.read->len, ==, 2);
  g_assert_nonnull (strstr (rig.told->str, "1 records are damaged"));
  g_assert_true (g_file_get_contents (kept_path, &kept, &kept_len, NULL));
  g_assert_cmpmem (kept, kept_len, text, len);
  g_ptr_array_set_size (rig.live, 0);
  add_numbered (log, 0, 1);
  satchel_record_log_free (log);
  g_string_truncate (rig.told, 0);
  log = open_log ();
  g_assert_true (has_first (1));
  g_assert_cmpstr (rig.told->str, ==, "");
  satchel_record_log_free (log);
  tear_down ();
}

static void
test_foreign (void)
{
  static const struct
  {
    const char *text;
    SatchelErrorCode code;
  } files[] = {
    { "", SATCHEL_ERROR_CORRUPT },
    { "alice@example.org 1\n", SATCHEL_ERROR_CORRUPT },
    { "5d9a1c5e other-records 1 1\n", SATCHEL_ERROR_CORRUPT },
  };
  set_up ();
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GError) error = NULL;
      write_file (files[i].text, strlen (files[i].text));
      g_assert_null (try_open (&error));
      g_assert_error (error, SATCHEL_ERROR, (int) files[i].code);
    }
  /* Of a newer program. */
  unlink (rig.path);
  g_autoptr (GError) error = NULL;
  SatchelRecordLog *log =
      satchel_record_log_open (rig.root_fd, "log", "test-records 2 2", 0, note_record, dump, NULL, &error);
  g_assert_true (add (log, "x", &error));
  satchel_record_log_free (log);
  g_assert_null (try_open (&error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
  tear_down ();
}

/* The file does not grow for ever, and a crash in between loses nothing. */
static void
test_compaction (void)
{
  g_autoptr (GError) error = NULL;
  set_up ();
  SatchelRecordLog *log = open_log ();
  guint most = 0;
  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *record = g_strdup_printf ("user %u at %u", i % 10, i);
      if (i % 10 == 0)
        g_ptr_array_set_size (rig.live, 0);
      add (log, record, &error);
      g_assert_no_error (error);
      most = MAX (most, satchel_record_log_n_records (log));
    }
  g_assert_cmpuint (most, <=, 2100);
  satchel_record_log_free (log);
  log = open_log ();
  g_assert_cmpstr (rig.read->pdata[rig.read->len - 1], ==, "user 9 at 9999");
  satchel_record_log_free (log);
  /* A new file that was never finished is none. */
  g_autofree char *text = NULL, *new_path = g_strconcat (rig.path, ".new", NULL);
  gsize len;
  guint n = rig.read->len;
  read_file (&text, &len);
  g_assert_true (g_file_set_contents (new_path, text, (gssize) len / 2, NULL));
  log = open_log ();
  g_assert_cmpuint (rig.read->len, ==, n);
  add (log, "one more", &error);
  g_assert_no_error (error);
  satchel_record_log_free (log);
  log = open_log ();
  g_assert_cmpuint (rig.read->len, ==, n + 1);
  satchel_record_log_free (log);
  tear_down ();
}

/* A full disk: nothing is acknowledged; once there is room, a new file has what counts. */
static void
test_full (void)
{
  set_up ();
  g_autoptr (GError) error = NULL;
  SatchelRecordLog *log = open_log ();
  add_numbered (log, 0, 3);
  struct stat st;
  g_assert_cmpint (stat (rig.path, &st), ==, 0);
  struct rlimit old, small;
  getrlimit (RLIMIT_FSIZE, &old);
  small = old;
  small.rlim_cur = (rlim_t) st.st_size + 10; /* a part of the record fits */
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (add (log, "record\t3\twith a text of some length", &error));
  g_assert_nonnull (error);
  g_ptr_array_set_size (rig.live, 3);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  add_numbered (log, 3, 5);
  satchel_record_log_free (log);
  log = open_log ();
  g_assert_true (has_first (5));
  g_assert_cmpstr (rig.told->str, ==, "");
  satchel_record_log_free (log);
  tear_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  signal (SIGXFSZ, SIG_IGN);
  g_test_add_func ("/record-log/there-and-back", test_there_and_back);
  g_test_add_func ("/record-log/torn", test_torn);
  g_test_add_func ("/record-log/damaged", test_damaged);
  g_test_add_func ("/record-log/whole", test_whole);
  g_test_add_func ("/record-log/guarded", test_guarded);
  g_test_add_func ("/record-log/damage-is-kept", test_damage_is_kept);
  g_test_add_func ("/record-log/foreign", test_foreign);
  g_test_add_func ("/record-log/compaction", test_compaction);
  g_test_add_func ("/record-log/full", test_full);
  return g_test_run ();
}
